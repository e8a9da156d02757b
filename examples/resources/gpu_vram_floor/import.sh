terraform import gpu_vram_floor.chatterbox tts/chatterbox-tts
