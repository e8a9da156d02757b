//! `cargo xtask bench`: how long the provider takes, in release, as ratios; or what the gate or
//! the generator costs.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::cargo;
use crate::environment;
use crate::image;
use crate::places::{Places, Profile};
use crate::step;
use crate::surroundings::Surroundings;
use crate::toolbox;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many tenants, once for each number; when none is given 1, 10 and 100, the plan of 1,000, and the
    /// stacks of `--fleet`. From 200 on the state is kept by a server.
    tenants: Vec<u16>,
    /// Give each tenant a stack of its own and measure `terragrunt run --all` alone; 20 and 100 when no number
    /// is given.
    #[arg(long, conflicts_with_all = ["gate", "stacks"])]
    fleet: bool,
    /// Measure the gate and the watcher instead: a tick's time, memory and calls, the image, the reaction.
    #[arg(long, conflicts_with_all = ["tenants", "stacks"])]
    gate: bool,
    /// Measure the generator instead, with a thousand tenants: generate, check, fit, review.
    #[arg(long, conflicts_with = "tenants")]
    stacks: bool,
}

/// Builds the provider in release and measures it on the cluster.
///
/// # Errors
/// When something cannot be built or brought up, or a measured step fails.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let tools = toolbox::user_tools(places)?;
    if options.gate {
        return gate(places, &tools);
    }
    if options.stacks {
        return stacks(places, &tools);
    }
    cargo::build(places, &["terraform-provider-gpu"], Profile::Release)?;
    // These only surround what is measured.
    let around = ["bench", "gpu-stacks"];
    cargo::build(places, &[image::PROGRAMS.as_slice(), &around].concat(), Profile::Dev)?;
    let surroundings = Surroundings::prepare(places, &tools, Profile::Release, false)?;
    let measured = step::visible(
        Command::new(places.built("bench", Profile::Dev))
            .args(options.fleet.then_some("fleet"))
            .args(options.tenants.iter().map(u16::to_string))
            .envs(surroundings.variables())
            .current_dir(&places.repository),
    );
    surroundings.release(places)?;
    measured
}

fn gate(places: &Places, tools: &Path) -> Result<()> {
    cargo::build(places, &["gpu-agent"], Profile::Release)?;
    let around = ["terraform-provider-gpu", "gpu-stacks", "bench"];
    cargo::build(places, &[image::PROGRAMS.as_slice(), &around].concat(), Profile::Dev)?;
    let agent = places.built("gpu-agent", Profile::Release);
    let bytes = image::size(&agent)?;
    let surroundings = Surroundings::prepare(places, tools, Profile::Dev, false)?;
    let measured = step::visible(
        Command::new(places.built("bench", Profile::Dev))
            .args(["gate", &bytes.to_string()])
            .envs(surroundings.variables())
            .env(environment::AGENT_BIN, &agent)
            .current_dir(&places.repository),
    );
    surroundings.release(places)?;
    measured
}

fn stacks(places: &Places, tools: &Path) -> Result<()> {
    cargo::build(places, &["gpu-stacks"], Profile::Release)?;
    cargo::build(places, &["bench"], Profile::Dev)?;
    step::visible(
        Command::new(places.built("bench", Profile::Dev))
            .arg("stacks")
            .args([places.built("gpu-stacks", Profile::Release), tools.join("terragrunt")])
            .current_dir(&places.repository),
    )
}
