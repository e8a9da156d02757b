output "claimed_bytes" {
  value = provider::gpu::bytes("6GiB")
}
