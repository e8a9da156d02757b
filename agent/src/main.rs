//! `gpu-agent`: see the library's documentation and `gpu-agent help`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    gpu_agent::cli::run(gpu_agent::cli::Cli::parse())
}
