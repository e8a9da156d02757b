resource "gpu_windowed_service" "chatterbox" {
  namespace  = "tts"
  name       = "chatterbox-tts"
  vram_floor = gpu_vram_floor.chatterbox.id
  image      = "registry.example.org/chatterbox-tts:915ae289"
  port       = 8004
  service    = { port = 8000 }

  windows = {
    night = {
      start     = "02:00"
      end       = "06:00"
      time_zone = "Europe/London"
    }
  }

  storage = {
    size       = "20Gi"
    mount_path = "/data"
    nfs        = { server = "nfs.example.org", path = "/srv/nfs-ssd/chatterbox" }
  }

  # The weights are there before the first night.
  prefetch = {
    command = ["hf", "download", "ResembleAI/chatterbox"]
    env     = { HF_HOME = "/data/hf_cache" }
  }

  env = {
    TTS_BF16 = "off" # a T4 has no bf16
    HF_HOME  = "/data/hf_cache"
  }
}

# Awake whenever its queue holds work and the card has room, at any hour.
resource "gpu_windowed_service" "images" {
  namespace  = "images"
  name       = "comfyui"
  vram_floor = gpu_vram_floor.images.id
  image      = "registry.example.org/comfyui:0.3"
  port       = 8188
  service    = { port = 8188 }

  on_demand = true
  demand = {
    http = {
      url       = "http://jobs.images:8000/queue"
      json_path = "$['running', 'pending']" # two lists of jobs
    }
    idle_after = "15m"
  }
}
