terraform import gpu_card.t4 gpu-1-0
