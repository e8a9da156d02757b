//! `cargo xtask bench`: how long the provider takes, in release, as ratios.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::cargo;
use crate::image;
use crate::places::{Places, Profile};
use crate::step;
use crate::surroundings::Surroundings;
use crate::toolbox;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many tenants, once for each number; 1, 10 and 100 when none is given.
    tenants: Vec<u16>,
}

/// Builds the provider in release and measures it on the cluster.
///
/// # Errors
/// When something cannot be built or brought up, or a measured step fails.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let tools = toolbox::user_tools(places)?;
    cargo::build(places, &["terraform-provider-gpu"], Profile::Release)?;
    // These only surround what is measured.
    cargo::build(places, &[image::PROGRAMS.as_slice(), &["bench"]].concat(), Profile::Dev)?;
    let surroundings = Surroundings::prepare(places, &tools, Profile::Release, false)?;
    let measured = step::visible(
        Command::new(places.built("bench", Profile::Dev))
            .args(options.tenants.iter().map(u16::to_string))
            .envs(surroundings.variables())
            .current_dir(&places.repository),
    );
    surroundings.release(places)?;
    measured
}
