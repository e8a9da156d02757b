output "memory" {
  value = provider::gpu::quantity(6442450944) # 6Gi
}
