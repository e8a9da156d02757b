//! Commands for developers. `cargo xtask help` lists them; see CONTRIBUTING.md.

mod cargo;
mod cluster;
mod commands;
mod content;
mod daemon;
mod environment;
mod image;
mod mirror;
mod packages;
mod places;
mod release;
mod runner;
mod stage;
mod step;
mod surroundings;
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
    /// Play a short night on a real cluster with a fake card.
    Demo(commands::demo::Options),
    /// Measure the provider, in release, against the same API calls sent raw and against doing nothing;
    /// or the gate, with --gate.
    Bench(commands::bench::Options),
    /// Build the cluster and the pinned tools, what of them is missing.
    Tools,
    /// A real Kubernetes on this machine.
    Cluster {
        #[command(subcommand)]
        action: commands::cluster::Action,
    },
    /// Make container images of our programs without a Docker daemon.
    Image,
    /// Formatting, lints, generated files, and what may be depended on.
    Check,
    /// Render the registry's pages from the provider's schema.
    Docs(commands::docs::Options),
    /// Take the pictures of a review's page in docs/pictures with Chromium.
    Pictures,
    /// Archives of the programs, as people and registries take them.
    Release(commands::release::Options),
    /// Play years of a card with our gates and with the shell gate, and write docs/simulation.md.
    Simulate,
    /// Every test: tools, build, unit tests, then end-to-end tests against the cluster.
    Test(commands::test::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = Places::find().and_then(|places| match &arguments.command {
        Task::Demo(options) => commands::demo::run(&places, options),
        Task::Bench(options) => commands::bench::run(&places, options),
        Task::Tools => commands::tools::run(&places),
        Task::Cluster { action } => commands::cluster::run(&places, action),
        Task::Image => commands::image::run(&places),
        Task::Check => commands::check::run(&places),
        Task::Docs(options) => commands::docs::run(&places, options),
        Task::Pictures => commands::pictures::run(&places),
        Task::Release(options) => commands::release::run(&places, options),
        Task::Simulate => commands::simulate::run(&places),
        Task::Test(options) => commands::test::run(&places, options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause:#}");
            ExitCode::FAILURE
        }
    }
}
