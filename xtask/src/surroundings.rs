//! What the end-to-end tests, the demo and the bench stand on: a cluster with our images, the tools, and the
//! provider laid out for installation.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cluster::{self, Cluster};
use crate::commands;
use crate::environment;
use crate::mirror;
use crate::places::{Places, Profile};

/// Everything that they are told through the environment.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Whether the cluster was there before; then it is not ours to take down.
    pub(crate) was_up: bool,
    tools: PathBuf,
    mirror: mirror::Mirror,
    stacks: PathBuf,
}

impl Surroundings {
    /// Brings up the cluster, brings our images into it, and lays out the provider. The programs must be built.
    ///
    /// # Errors
    /// When any of that fails.
    pub(crate) fn prepare(places: &Places, tools: &Path, provider: Profile, users: bool) -> Result<Self> {
        let mirror = mirror::lay_out(places, provider)?;
        let (cluster, was_up) = match users {
            true => (of_the_user(places)?, true),
            false => {
                let was_up = cluster::running(places)?.is_some();
                (cluster::up(places)?.0, was_up)
            }
        };
        let prepared = Self {
            cluster,
            was_up,
            tools: tools.to_path_buf(),
            mirror,
            stacks: places.built("gpu-stacks", Profile::Dev),
        };
        if let Err(cause) = commands::image::import_ours(places, &prepared.cluster) {
            prepared.release(places)?;
            return Err(cause);
        }
        Ok(prepared)
    }

    /// Takes the cluster down, unless it was there before.
    ///
    /// # Errors
    /// When something of it resists.
    pub(crate) fn release(&self, places: &Places) -> Result<()> {
        if !self.was_up {
            cluster::down(places)?;
        }
        Ok(())
    }

    /// The environment variables; [`environment`] says what each is.
    pub(crate) fn variables(&self) -> [(&'static str, OsString); 5] {
        let path = |path: &Path| path.as_os_str().to_owned();
        [
            (environment::KUBECONFIG, path(&self.cluster.kubeconfig)),
            (environment::TOOLS, path(&self.tools)),
            (environment::PROVIDER_DIR, path(&self.mirror.folder)),
            (environment::PODS, self.cluster.no_pods.is_none().to_string().into()),
            (environment::STACKS_BIN, path(&self.stacks)),
        ]
    }
}

/// Our images are not where the user's nodes look for images, so nothing may count on pods of ours there.
fn of_the_user(places: &Places) -> Result<Cluster> {
    Ok(Cluster {
        kubeconfig: commands::cluster::of_the_user(places)?,
        no_pods: Some("the images of this build are not in your cluster".to_owned()),
        containerd: None,
    })
}
