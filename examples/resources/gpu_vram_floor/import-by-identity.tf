import {
  to = gpu_vram_floor.chatterbox
  identity = {
    tenant = "tts/chatterbox-tts"
  }
}
