terraform import gpu_windowed_service.chatterbox tts/chatterbox-tts
