# When the gate of a tenant with this window is asked.
output "ticks" {
  value = provider::gpu::cron({
    night = { start = "02:00", end = "06:00", days = null, time_zone = "Europe/London" }
  })
}
