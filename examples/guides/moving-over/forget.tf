removed {
  from = kubernetes_namespace.tts
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_persistent_volume_claim.models
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_config_map.chatterbox_config
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_deployment.chatterbox
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_service.chatterbox
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_service_account.window
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_role.window
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_role_binding.window
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_cron_job_v1.window_up
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_cron_job_v1.vram_guard
  lifecycle { destroy = false }
}

removed {
  from = kubernetes_cron_job_v1.window_down
  lifecycle { destroy = false }
}
