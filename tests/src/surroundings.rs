//! Where the real parts are, as `cargo xtask test` says it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::Binary;

/// What a test run was given.
#[derive(Debug)]
pub struct Surroundings {
    /// Kubeconfig of an administrator of the cluster.
    pub kubeconfig: PathBuf,
    /// Folder with `terraform`, `tofu`, `terragrunt` and `kubectl`.
    pub tools: PathBuf,
    /// CLI configuration that points both CLIs at a filesystem mirror with our provider.
    pub cli_config: PathBuf,
    /// The `gpu-stacks` binary.
    pub stacks: PathBuf,
    /// The `gpu-agent` binary.
    pub agent: PathBuf,
    /// The fake model's image under another name than `:dev`.
    pub model_image: String,
    /// What stops and starts parts of the cluster, where it is ours.
    pub xtask: Option<PathBuf>,
    /// Whether the cluster has a node that runs pods.
    pub pods: bool,
}

impl Surroundings {
    /// The surroundings of this run.
    ///
    /// # Panics
    /// When a variable is missing: nothing below could mean anything.
    #[allow(clippy::panic, reason = "a test without its surroundings must fail")]
    pub fn get() -> &'static Self {
        static FOUND: OnceLock<Surroundings> = OnceLock::new();
        FOUND.get_or_init(|| Self::read().unwrap_or_else(|why| panic!("{why:#}")))
    }

    fn read() -> Result<Self> {
        let path = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).with_context(|| {
                format!("{name} is not set. Run the end-to-end tests with `cargo xtask test`, which starts a cluster and sets it.")
            })
        };
        Ok(Self {
            kubeconfig: path("GPU_TENANCY_KUBECONFIG")?,
            tools: path("GPU_TENANCY_TOOLS")?,
            cli_config: path("GPU_TENANCY_PROVIDER_DIR")?.with_file_name("cli.tfrc"),
            stacks: path("GPU_TENANCY_STACKS_BIN")?,
            agent: path("GPU_TENANCY_AGENT_BIN")?,
            model_image: path("GPU_TENANCY_MODEL_IMAGE")?.to_string_lossy().into_owned(),
            xtask: std::env::var_os("GPU_TENANCY_XTASK_BIN").map(PathBuf::from),
            pods: path("GPU_TENANCY_PODS")?.as_os_str() == "true",
        })
    }

    /// A program of the tools folder.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.tools.join(name)
    }

    /// A tool in a folder of a live repository, with what terragrunt and the CLIs are to know. Strict: what
    /// terragrunt deprecates is an error. At home there is no kubeconfig, whoever runs this.
    pub fn in_live(&self, tool: &str, folder: &Path, binary: Binary) -> Command {
        let mut path = self.tools.clone().into_os_string();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let mut command = Command::new(self.tool(tool));
        command
            .current_dir(folder)
            .env("HOME", folder)
            .env("PATH", path)
            .env("TG_TF_PATH", self.tool(binary.name()))
            .env("TG_NO_AUTO_PROVIDER_CACHE_DIR", "true")
            .env("TG_STRICT_MODE", "true")
            .env("TG_NO_COLOR", "true")
            .env("TG_NON_INTERACTIVE", "true")
            .env("TF_CLI_CONFIG_FILE", &self.cli_config)
            .env("CHECKPOINT_DISABLE", "1");
        command
    }

    /// `terragrunt run --all` in a live repository, with `options` of its own and then what every
    /// stack's CLI is told.
    pub fn run_all(&self, live: &Path, binary: Binary, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.in_live("terragrunt", live, binary);
        command
            .args(["run", "--all"])
            .args(options)
            .arg("--")
            .args(arguments)
            .args(["-no-color", "-input=false"]);
        command
    }
}
