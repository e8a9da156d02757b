import {
  to = gpu_windowed_service.chatterbox
  identity = {
    namespace = "tts"
    name      = "chatterbox-tts"
  }
}
