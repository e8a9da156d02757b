resource "gpu_card" "t4" {
  name   = "gpu-1-0"
  node   = "gpu-1"
  index  = 0
  memory = "15360MiB"
  source = { dcgm = "http://dcgm-exporter.gpu-operator:9400/metrics" }

  residents = {
    llama = {
      namespace = "llama-cpp"
      peak      = "9GiB"
      protected = true
    }
  }
}
