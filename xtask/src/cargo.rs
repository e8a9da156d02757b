//! Building with cargo, always with the features of the whole workspace.
//!
//! Cargo unites the features of the packages that are asked for together, so `--package` with one of them
//! would compile many dependencies a second time, with fewer features than the tests' build gave them.

use std::process::Command;

use anyhow::Result;

use crate::places::{Places, Profile};
use crate::step;

/// A cargo command in the repository.
pub(crate) fn command(places: &Places, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(&places.repository);
    command
}

/// Builds binaries of the workspace by name, with cargo's own progress shown.
///
/// # Errors
/// When one does not compile.
pub(crate) fn build(places: &Places, binaries: &[&str], profile: Profile) -> Result<()> {
    let mut build = command(places, &["build", "--workspace", "--locked"]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    for binary in binaries {
        build.args(["--bin", binary]);
    }
    step::visible(&mut build)
}
