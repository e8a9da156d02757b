resource "gpu_vram_floor" "chatterbox" {
  card     = gpu_card.t4.id
  tenant   = "tts/chatterbox-tts"
  peak     = "4GiB" # a guess until it is measured
  headroom = "2GiB"
}
