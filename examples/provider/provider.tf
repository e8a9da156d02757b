terraform {
  required_providers {
    gpu = {
      source  = "gpu-tenancy/gpu"
      version = "~> 0.1"
    }
  }
}

# Reads KUBE_CONFIG_PATH, KUBE_CTX and their kin where nothing is said, as the
# kubernetes provider does.
provider "gpu" {
  config_path    = "~/.kube/config"
  config_context = "gpu-cluster"
}
