resource "gpu_vram_floor" "chatterbox" {
  card     = gpu_card.t4.id
  tenant   = "tts/chatterbox-tts"
  peak     = "4GiB" # a guess until it is measured
  headroom = "2GiB"
}

# Once it has worked for a while, let the peak be read instead of guessed.
resource "gpu_vram_floor" "whisper" {
  card     = gpu_card.t4.id
  tenant   = "stt/whisper"
  headroom = "2GiB"
  measured = {
    prometheus = "monitoring/prometheus-operated:9090"
    guess      = "3GiB"
    image      = local.whisper_image
    model      = "large-v3"
  }
}
