//! `cargo xtask simulate`: years of a card, with our gates and with the shell gate, as a page.

use std::process::Command;

use anyhow::Result;

use crate::cargo;
use crate::places::{Places, Profile};
use crate::step;

/// The page, from the root of the repository.
const PAGE: &str = "docs/simulation.md";

/// Builds the simulator, and nothing else, in release, plays the worlds of the page and writes it.
///
/// # Errors
/// When the simulator cannot be built or the page not be written.
pub(crate) fn run(places: &Places) -> Result<()> {
    // Not the whole workspace: the simulator shares nothing with the API's clients.
    step::visible(&mut cargo::command(
        places,
        &["build", "--locked", "--release", "--package", "simulator"],
    ))?;
    let mut simulate = Command::new(places.built("simulate", Profile::Release));
    step::visible(simulate.args(["page", PAGE]).current_dir(&places.repository))
}
