//! What a release consists of: programs that run on any Linux, in archives that both registries take.

mod compile;
mod dns;
mod pack;
mod program;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::places::Places;
use crate::step;
use crate::toolbox;

pub(crate) use pack::Files;

/// Our version: that of the workspace, which this program shares.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The programs of a release.
pub(crate) const PROVIDER: &str = "terraform-provider-gpu";
const GENERATOR: &str = "gpu-stacks";
const AGENT: &str = "gpu-agent";

/// Processors that there are releases for, as Go and the registries name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// x86-64.
    Amd64,
    /// aarch64.
    Arm64,
}

impl Arch {
    /// That of this machine.
    pub(crate) fn here() -> Option<Self> {
        Self::value_variants().iter().copied().find(|arch| arch.rust() == std::env::consts::ARCH)
    }

    fn rust(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64",
            Arch::Arm64 => "aarch64",
        }
    }

    fn target(self) -> String {
        format!("{}-unknown-linux-gnu", self.rust())
    }

    /// The platform in the names of archives.
    pub(crate) fn platform(self) -> String {
        format!("linux_{}", if self == Arch::Amd64 { "amd64" } else { "arm64" })
    }
}

/// Builds the programs and looks at what came out; answers with the folder where each lies under its name.
///
/// # Errors
/// When something to build with is missing, a program does not compile, or one of them is bound to this machine.
pub(crate) fn build(places: &Places, arch: Arch) -> Result<PathBuf> {
    let folder = places.target.join("release-programs").join(arch.platform());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    compile::check_target(arch)?;
    let free = compile::build(places, arch, compile::Linkage::Static, &[PROVIDER, GENERATOR], &folder)?;
    // It loads the driver's library at run time, which a static program cannot do.
    let bound = compile::build(places, arch, compile::Linkage::Dynamic, &[AGENT], &folder)?;
    for path in free.iter().chain(&bound) {
        program::without_paths(path, &compile::places_of(places)?)?;
    }
    for path in &free {
        program::needs_no_loader(path)?;
    }
    for path in &bound {
        step::say(format!(
            "{} needs a C library of at least {}",
            path.display(),
            program::oldest_libc(path)?
        ));
    }
    Ok(folder)
}

/// Installs the provider from its archives with both CLIs, and where that can be done starts it and the generator
/// in root folders that have nothing but them, to see that the one finds the cluster's name in the DNS there and
/// the other checks our live repository.
///
/// # Errors
/// When a CLI does not take the archive, or one of the programs does not do its work.
pub(crate) fn try_out(places: &Places, files: &Files, programs: &Path) -> Result<()> {
    let tools = toolbox::user_tools(places)?;
    trial::install(&tools, files)?;
    trial::in_an_empty_root(&tools, programs, &places.repository.join("stacks"))
}
