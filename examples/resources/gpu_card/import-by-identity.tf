import {
  to = gpu_card.t4
  identity = {
    name = "gpu-1-0"
  }
}
