resource "gpu_exporter" "this" {
  name          = "gpu-exporter"
  runtime_class = "nvidia"

  service_monitor = {
    labels = { release = "kube-prometheus-stack" }
  }
}

resource "gpu_card" "t4" {
  name   = "gpu-1-0"
  node   = "gpu-1"
  index  = 0
  source = { exporter = gpu_exporter.this.url }
}
