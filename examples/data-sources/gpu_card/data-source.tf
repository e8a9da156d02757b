# A card that another stack declares.
data "gpu_card" "t4" {
  name = "gpu-1-0"
}

output "claimed_mib" {
  value = sum(concat([0], [for tenant in data.gpu_card.t4.tenants : tenant.peak_mib]))
}
