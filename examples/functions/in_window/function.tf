output "chatterbox_may_be_awake" {
  value = provider::gpu::in_window(gpu_windowed_service.chatterbox.windows, plantimestamp())
}
