import {
  to = gpu_exporter.this
  identity = {
    name = "gpu-exporter"
  }
}
