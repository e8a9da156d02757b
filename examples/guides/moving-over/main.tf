terraform {
  required_providers {
    gpu = {
      source  = "gpu-tenancy/gpu"
      version = "~> 0.1"
    }
  }
}

provider "gpu" {
  agent_image = "registry.example.org/gpu-tenancy/gpu-agent:0.1.0"
}

resource "gpu_card" "t4" {
  name   = "gpu-1-0"
  node   = "gpu-1"
  index  = 0
  source = { dcgm = "http://nvidia-dcgm-exporter.gpu-operator:9400/metrics" }
}

resource "gpu_vram_floor" "chatterbox" {
  card     = gpu_card.t4.id
  tenant   = "tts/chatterbox-tts"
  peak     = "4GiB"
  headroom = "2GiB"
}

resource "gpu_windowed_service" "chatterbox" {
  namespace  = "tts"
  name       = "chatterbox-tts"
  vram_floor = gpu_vram_floor.chatterbox.id
  image      = "registry.example.org/chatterbox-tts:915ae289"
  port       = 8004
  service    = { port = 8000 }

  # The objects of the stack by hand that have the names of ours.
  adopt = ["Deployment/chatterbox-tts", "Service/chatterbox-tts"]

  windows = {
    night = { start = "02:00", end = "06:00", time_zone = "Europe/London" }
  }

  # The claim with the weights stays the one that it is.
  storage = { existing_claim = "chatterbox-models", mount_path = "/data" }

  config = {
    "/app/config.yaml" = <<-EOT
      server:
        port: 8004
      model:
        repo_id: chatterbox-multilingual
    EOT
  }

  env = {
    HF_HOME  = "/data/hf_cache"
    TTS_BF16 = "off"
  }
}
