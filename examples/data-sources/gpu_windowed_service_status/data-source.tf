data "gpu_windowed_service_status" "chatterbox" {
  tenant = gpu_vram_floor.chatterbox.id
}

output "why" {
  value = data.gpu_windowed_service_status.chatterbox.reason
}
