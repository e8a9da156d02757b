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
    agent: PathBuf,
    /// The fake model's image by its content; `:dev` where pods do not run.
    model_image: String,
    /// This program, where the cluster is ours.
    xtask: Option<PathBuf>,
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
        // By its place and not as the file that runs, which a build of the workspace may have replaced meanwhile.
        let xtask = places.built("xtask", Profile::Dev);
        let mut prepared = Self {
            cluster,
            was_up,
            tools: tools.to_path_buf(),
            mirror,
            stacks: places.built("gpu-stacks", Profile::Dev),
            agent: places.built("gpu-agent", Profile::Dev),
            model_image: "gpu-tenancy.local/fake-model:dev".to_owned(),
            xtask: (!users).then_some(xtask),
        };
        match commands::image::import_ours(places, &prepared.cluster) {
            Ok(images) => {
                let by_content = images.into_iter().map(|image| image.names[1].clone());
                let mut of_model =
                    by_content.filter(|name| name.starts_with("gpu-tenancy.local/fake-model:"));
                prepared.model_image = of_model.next().unwrap_or(prepared.model_image);
                Ok(prepared)
            }
            Err(cause) => {
                prepared.release(places)?;
                Err(cause)
            }
        }
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
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let path = |path: &Path| path.as_os_str().to_owned();
        let mut variables = vec![
            (environment::KUBECONFIG, path(&self.cluster.kubeconfig)),
            (environment::TOOLS, path(&self.tools)),
            (environment::PROVIDER_DIR, path(&self.mirror.folder)),
            (environment::PODS, self.cluster.no_pods.is_none().to_string().into()),
            (environment::STACKS_BIN, path(&self.stacks)),
            (environment::AGENT_BIN, path(&self.agent)),
            (environment::MODEL_IMAGE, (&self.model_image).into()),
        ];
        variables.extend(self.xtask.iter().map(|program| (environment::XTASK_BIN, path(program))));
        variables
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
