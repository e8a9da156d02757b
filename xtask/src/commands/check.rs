//! `cargo xtask check`: everything that needs no cluster and runs no test.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::places::Places;
use crate::step;

/// The cargo-deny that is installed where none of this version is in the cache.
const DENY_VERSION: &str = "0.20.2";

/// Formatting, lints, generated files, and what may be depended on.
///
/// # Errors
/// At the first of them that is not clean.
pub(crate) fn run(places: &Places) -> Result<()> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&places.repository);
        step::say(format!("== {}", step::shown(&command)));
        step::visible(&mut command)
    };
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])?;
    cargo(&["run", "--quiet", "--locked", "--package", "gpu-stacks", "--", "check", "--diff", "stacks"])?;
    deny(places)
}

/// Advisories are left out: their database lies on a server that a build must not depend on.
fn deny(places: &Places) -> Result<()> {
    let program = cargo_deny(places)?;
    step::say("== cargo deny check bans licenses sources");
    step::visible(
        Command::new(program)
            .args(["--workspace", "check", "bans", "licenses", "sources"])
            .current_dir(&places.repository),
    )
}

fn cargo_deny(places: &Places) -> Result<PathBuf> {
    let root = places.cache.join("tools").join(format!("cargo-deny-{DENY_VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !program.exists() {
        // Not optimised: it runs for a second, and optimising it takes minutes.
        step::long(
            &format!("installing cargo-deny {DENY_VERSION} (once)"),
            &root.join("install.log"),
            Command::new("cargo")
                .args(["install", "--locked", "--debug", "cargo-deny", "--version", DENY_VERSION, "--root"])
                .arg(&root)
                .env_remove("CARGO_TARGET_DIR"),
        )?;
    }
    Ok(program)
}
