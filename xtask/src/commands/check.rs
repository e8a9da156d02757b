//! `cargo xtask check`: everything that needs no cluster and runs no test.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo;
use crate::places::{Places, Profile};
use crate::step;

/// The cargo-deny that is installed where none of this version is in the cache.
const DENY_VERSION: &str = "0.20.2";

/// Formatting, lints, the libraries' pages, generated files, and what may be depended on.
///
/// # Errors
/// At the first of them that is not clean.
pub(crate) fn run(places: &Places) -> Result<()> {
    shown(cargo::command(places, &["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
    shown(cargo::command(places, &clippy))?;
    // The crates that are libraries; what the others say stands in their help texts, which are no Markdown.
    let mut pages =
        cargo::command(places, &["doc", "-p", "tfplugin-rs", "-p", "gpu-tenancy", "--no-deps", "--locked"]);
    // A link that leads nowhere would be only a warning.
    pages.env("RUSTDOCFLAGS", "--deny warnings");
    shown(pages)?;
    cargo::build(places, &["gpu-stacks"], Profile::Dev)?;
    let mut stacks = Command::new(places.built("gpu-stacks", Profile::Dev));
    stacks.args(["check", "--diff", "stacks"]).current_dir(&places.repository);
    shown(stacks)?;
    deny(places)
}

/// Advisories are left out: their database lies on a server that a build must not depend on.
fn deny(places: &Places) -> Result<()> {
    let program = cargo_deny(places)?;
    let mut deny = Command::new(program);
    deny.args(["--workspace", "check", "bans", "licenses", "sources"]).current_dir(&places.repository);
    shown(deny)
}

/// Runs a check with its command line above its output.
fn shown(mut command: Command) -> Result<()> {
    step::say(format!("== {}", step::shown(&command)));
    step::visible(&mut command)
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
