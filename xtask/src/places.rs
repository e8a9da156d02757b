//! Where things are: the repository, the cache, the cargo target folder, the cluster's home.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::environment;

/// The folders that the commands work in.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The root of the repository.
    pub(crate) repository: PathBuf,
    /// Where built tools are kept, keyed by content.
    pub(crate) cache: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// Where the cluster keeps its data, sockets and logs. Outside the repository, because there is one
    /// cluster per machine however many checkouts there are, and because a socket's path may not be longer
    /// than 107 bytes.
    pub(crate) cluster_home: PathBuf,
}

impl Places {
    /// Finds the folders from the environment and from where this program was built.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let repository =
            manifest.parent().context("xtask lies at the root of the file system")?.to_path_buf();
        let cache = absolute(environment::CACHE)?.unwrap_or_else(|| repository.join(".cache"));
        // By its real path: checkouts that share a cache by a link share its programs, and a component of the
        // cluster is restarted when its program is another.
        let cache = cache.canonicalize().unwrap_or(cache);
        let target = absolute("CARGO_TARGET_DIR")?.unwrap_or_else(|| repository.join("target"));
        let cluster_home = match absolute(environment::CLUSTER_HOME)? {
            Some(home) => home,
            None => default_cluster_home()?,
        };
        Ok(Self { repository, cache, target, cluster_home })
    }

    /// Where cargo puts a binary of that name.
    pub(crate) fn built(&self, name: &str, profile: Profile) -> PathBuf {
        match profile {
            Profile::Dev => self.target.join("debug").join(name),
            Profile::Release => self.target.join("release").join(name),
        }
    }
}

/// How a binary was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast to build; what is tested.
    Dev,
    /// Fast to run; what is measured.
    Release,
}

fn absolute(variable: &str) -> Result<Option<PathBuf>> {
    match env::var_os(variable) {
        Some(value) if !value.is_empty() => {
            let path = PathBuf::from(value);
            let path = std::path::absolute(&path)
                .with_context(|| format!("{variable} holds {}, which is not a path", path.display()))?;
            Ok(Some(path))
        }
        _ => Ok(None),
    }
}

fn default_cluster_home() -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/gpu-tenancy-cluster"));
    }
    let home = env::var_os("HOME").context("HOME is not set; set GPU_TENANCY_CLUSTER_HOME to a folder")?;
    Ok(PathBuf::from(home).join(".local/state/gpu-tenancy-cluster"))
}
