//! `cargo xtask demo`: a short night played on a real cluster with a fake card.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cargo;
use crate::cluster;
use crate::image;
use crate::places::{Places, Profile};
use crate::step;
use crate::surroundings::Surroundings;
use crate::toolbox;

/// What to do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Take away what the demo left: the cluster and its folder.
    #[arg(long)]
    down: bool,
}

/// Plays the night, or removes what is left of it.
///
/// # Errors
/// When something cannot be brought up, or the night does not go as it should.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let folder = folder(places);
    if options.down {
        cluster::down(places)?;
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        step::say("nothing of the demo is left; built tools stay in the cache");
        return Ok(());
    }
    let tools = toolbox::user_tools(places)?;
    let binaries = [image::PROGRAMS.as_slice(), &["terraform-provider-gpu", "gpu-stacks", "demo"]].concat();
    cargo::build(places, &binaries, Profile::Dev)?;
    let surroundings = Surroundings::prepare(places, &tools, Profile::Dev, false)?;
    if let Some(reason) = &surroundings.cluster.no_pods {
        bail!("the night needs pods, and they cannot run here: {reason}");
    }
    step::visible(
        Command::new(places.built("demo", Profile::Dev))
            .arg(&folder)
            .envs(surroundings.variables())
            .current_dir(&places.repository),
    )
}

/// Where the demo's live repository lies, for the reader to look at afterwards.
fn folder(places: &Places) -> PathBuf {
    places.target.join("demo")
}
