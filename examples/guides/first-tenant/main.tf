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

# Tells what the card has free and what each pod holds.
resource "gpu_exporter" "this" {
  name          = "gpu-exporter"
  runtime_class = "nvidia" # with NVIDIA's GPU operator; leave it out where NVIDIA's runtime is the nodes' default
}

resource "gpu_card" "t4" {
  name   = "gpu-1-0"
  node   = "gpu-1"
  index  = 0
  source = { exporter = gpu_exporter.this.url }
}

resource "gpu_vram_floor" "narrator" {
  card     = gpu_card.t4.id
  tenant   = "tts/narrator"
  peak     = "7GiB" # a guess until the first night was measured
  headroom = "1GiB"
}

resource "gpu_windowed_service" "narrator" {
  namespace  = "tts"
  name       = "narrator"
  vram_floor = gpu_vram_floor.narrator.id
  image      = "ghcr.io/devnen/chatterbox-tts-server:main-nvidia"
  port       = 8004
  service    = { port = 8000 }

  windows = {
    night = { start = "02:00", end = "06:00", time_zone = "Europe/London" }
  }

  # The card's node, whose taint the pod bears. On another node it would be sent away.
  node_selector = { "kubernetes.io/hostname" = gpu_card.t4.node }
  tolerations   = [{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }]

  # Synthesis blocks this server for minutes; a probe that asks it something would kill it.
  startup_probe   = { tcp = {}, failure_threshold = 60 }
  readiness_probe = { tcp = {} }
  liveness_probe  = { tcp = {}, period = "30s", timeout = "5s" }

  storage = { size = "20Gi", mount_path = "/data" }
  env     = { HF_HOME = "/data/hf_cache" }
}
