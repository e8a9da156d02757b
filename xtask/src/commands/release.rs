//! `cargo xtask release`: the files that people and registries take.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::places::Places;
use crate::release::{self, Arch, Files};
use crate::step;

/// What to make, and of what.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The processor to build for; this machine's unless given.
    #[arg(long)]
    arch: Option<Arch>,
    /// Pack the programs of this folder, built elsewhere, instead of building.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Sign the sums with this key of gpg's.
    #[arg(long, value_name = "KEY")]
    sign: Option<String>,
    /// Where the files go; archives of other processors that are there are kept.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Builds, packs, tries what was packed, and signs it where a key is given. Prints the files.
///
/// # Errors
/// When one of these fails; then nothing is signed.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let here = Arch::here();
    let arch =
        options.arch.or(here).context("there are releases for amd64 and arm64, and this is neither")?;
    let programs = match &options.binaries {
        Some(folder) => folder.clone(),
        None => release::build(places, arch)?,
    };
    let out = options.out.clone().unwrap_or_else(|| places.target.join("release-files"));
    let licence = places.repository.join("LICENSE");
    let files = Files::pack(&programs, &licence, &arch.platform(), &out)?;
    if Some(arch) == here {
        release::try_out(places, &files, &programs)?;
    } else {
        step::say(format!("not tried: programs for {} do not run here", arch.platform()));
    }
    if let Some(key) = &options.sign {
        files.sign(key)?;
    }
    for name in files.names()? {
        println!("{name}");
    }
    Ok(())
}
