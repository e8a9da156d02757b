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
  memory = "15360MiB"
  source = { exporter = gpu_exporter.this.url }

  # Another team's process. It may always grow back to 2 GiB, whoever is awake.
  residents = {
    immich = { namespace = "immich", pod_prefix = "immich-machine-learning", peak = "2GiB", protected = true }
  }
}

locals {
  tenants = {
    transcriber = {
      image   = "ghcr.io/speaches-ai/speaches:latest-cuda"
      port    = 8000
      peak    = "3GiB"
      windows = null # always awake
    }
    narrator = {
      image   = "ghcr.io/devnen/chatterbox-tts-server:main-nvidia"
      port    = 8004
      peak    = "7GiB"
      windows = { night = { start = "02:00", end = "06:00", time_zone = "Europe/London" } }
    }
    writer = {
      image   = "ghcr.io/ggml-org/llama.cpp:server-cuda"
      port    = 8080
      peak    = "7GiB"
      windows = { day = { start = "08:00", end = "18:00", days = ["mon", "tue", "wed", "thu", "fri"], time_zone = "Europe/London" } }
    }
  }
}

resource "gpu_vram_floor" "tenant" {
  for_each = local.tenants

  card     = gpu_card.t4.id
  tenant   = "models/${each.key}"
  peak     = each.value.peak
  headroom = "1GiB"
  always   = each.value.windows == null
}

resource "gpu_windowed_service" "tenant" {
  for_each = local.tenants

  namespace  = "models"
  name       = each.key
  vram_floor = gpu_vram_floor.tenant[each.key].id
  image      = each.value.image
  port       = each.value.port
  service    = { port = 80 }
  windows    = each.value.windows
  always     = each.value.windows == null ? true : null

  # The card's node, whose taint the pod bears. On another node it would be sent away.
  node_selector = { "kubernetes.io/hostname" = gpu_card.t4.node }
  tolerations   = [{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }]
}
