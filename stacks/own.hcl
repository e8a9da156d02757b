# Yours. gpu-stacks wrote this file once and never reads, changes or removes it.
#
# Every stack includes it beside root.hcl, so what terragrunt can say of all stacks goes here: hooks, arguments, retries.
# An attribute or block that a stack's own terragrunt.hcl has wins over one from here.
#
# terraform {
#   extra_arguments "patience" {
#     commands  = get_terraform_commands_that_need_locking()
#     arguments = ["-lock-timeout=5m"]
#   }
# }
#
# errors {
#   retry "api_server_restarts" {
#     retryable_errors   = [".*connection refused.*"]
#     max_attempts       = 3
#     sleep_interval_sec = 10
#   }
# }
