//! Commands for developers. `cargo xtask help` lists them; see CONTRIBUTING.md.

mod cluster;
mod commands;
mod content;
mod daemon;
mod environment;
mod image;
mod packages;
mod places;
mod step;
mod toolbox;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::places::Places;

/// Commands for developers of GPU tenancy.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the cluster and the pinned tools, what of them is missing.
    Tools,
    /// A real Kubernetes on this machine.
    Cluster {
        #[command(subcommand)]
        action: commands::cluster::Action,
    },
    /// Make container images of our programs without a Docker daemon.
    Image,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = Places::find().and_then(|places| match &arguments.command {
        Task::Tools => commands::tools::run(&places),
        Task::Cluster { action } => commands::cluster::run(&places, action),
        Task::Image => commands::image::run(&places),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause:#}");
            ExitCode::FAILURE
        }
    }
}
