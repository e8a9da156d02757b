# The objects of by-hand.yaml as a stack by hand has them, as far as this provider's version knows them: its
# CronJobs are batch/v1beta1, which no API server serves any more, and it takes an account only together with a
# token that no API server makes any more. It has no word for a GPU's limit either.
provider "kubernetes" {
  config_path = "KUBECONFIG"
}

resource "kubernetes_namespace" "tts" {
  metadata {
    name   = "tts"
    labels = { tier = "gpu" }
  }
}

resource "kubernetes_persistent_volume_claim" "models" {
  metadata {
    name      = "chatterbox-models"
    namespace = "tts"
  }
  spec {
    access_modes = ["ReadWriteOnce"]
    resources {
      requests = { storage = "1Gi" }
    }
  }
  wait_until_bound = false
}

resource "kubernetes_config_map" "chatterbox_config" {
  metadata {
    name      = "chatterbox-config"
    namespace = "tts"
  }
  data = {
    "config.yaml" = "server:\n  port: 8004\nmodel:\n  repo_id: chatterbox-multilingual\n"
  }
}

resource "kubernetes_deployment" "chatterbox" {
  metadata {
    name      = "chatterbox-tts"
    namespace = "tts"
  }
  spec {
    replicas = 0
    strategy {
      type = "Recreate"
    }
    selector {
      match_labels = { app = "chatterbox-tts" }
    }
    template {
      metadata {
        labels = { app = "chatterbox-tts" }
      }
      spec {
        container {
          name  = "chatterbox"
          image = "registry.example.org/chatterbox-tts:915ae289"
        }
      }
    }
  }
  wait_for_rollout = false
}

resource "kubernetes_service" "chatterbox" {
  metadata {
    name      = "chatterbox-tts"
    namespace = "tts"
  }
  spec {
    selector = { app = "chatterbox-tts" }
    port {
      name        = "http"
      port        = 8000
      target_port = 8004
    }
  }
}

resource "kubernetes_role" "window" {
  metadata {
    name      = "chatterbox-window"
    namespace = "tts"
  }
  rule {
    api_groups = ["apps"]
    resources  = ["deployments", "deployments/scale"]
    verbs      = ["get", "patch", "update"]
  }
}

resource "kubernetes_role_binding" "window" {
  metadata {
    name      = "chatterbox-window"
    namespace = "tts"
  }
  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Role"
    name      = "chatterbox-window"
  }
  subject {
    kind      = "ServiceAccount"
    name      = "chatterbox-window"
    namespace = "tts"
  }
}
