terraform import gpu_exporter.this gpu-exporter
