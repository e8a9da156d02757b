//! Real terraform and real tofu, in a folder of their own.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Kubectl, Surroundings};

/// Which CLI runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// HashiCorp's.
    Terraform,
    /// OpenTofu.
    Tofu,
}

impl Binary {
    /// Both, for tests that both must pass.
    pub const BOTH: [Binary; 2] = [Binary::Terraform, Binary::Tofu];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Binary::Terraform => "terraform",
            Binary::Tofu => "tofu",
        }
    }
}

/// One folder with a configuration and its local state.
#[derive(Debug)]
pub struct Workspace {
    folder: TempDir,
    binary: Binary,
    /// What stands above every configuration: the requirement and the provider block.
    head: String,
    /// The kubeconfig of `KUBE_CONFIG_PATH`, unless the provider block says where the cluster is.
    kubeconfig: Option<String>,
    /// Where providers are installed from.
    cli_config: PathBuf,
}

/// The version of `hashicorp/kubernetes` among the tools.
const KUBERNETES: &str = "1.13.4";

fn head(connection: &str) -> String {
    format!(
        r#"
terraform {{
  required_providers {{
    gpu = {{
      source = "gpu-tenancy/gpu"
    }}
  }}
}}

provider "gpu" {{
  agent_image = "gpu-tenancy.local/gpu-agent:dev"
{connection}
}}
"#
    )
}

impl Workspace {
    /// A folder with `configuration` and our provider, initialised.
    ///
    /// # Errors
    /// When `init` fails.
    pub fn new(binary: Binary, configuration: &str) -> Result<Self> {
        let kubeconfig = Surroundings::get().kubeconfig.to_string_lossy().into_owned();
        Self::begin(binary, head(""), Some(kubeconfig), configuration)
    }

    /// The same with `connection` in the provider block, and no kubeconfig in the environment.
    ///
    /// # Errors
    /// As [`Workspace::new`].
    pub fn connected_by(binary: Binary, connection: &str, configuration: &str) -> Result<Self> {
        Self::begin(binary, head(connection), None, configuration)
    }

    /// The same for a configuration that has its own provider block.
    ///
    /// # Errors
    /// As [`Workspace::new`].
    pub fn whole(binary: Binary, configuration: &str) -> Result<Self> {
        let kubeconfig = Surroundings::get().kubeconfig.to_string_lossy().into_owned();
        Self::begin(binary, String::new(), Some(kubeconfig), configuration)
    }

    fn begin(binary: Binary, head: String, kubeconfig: Option<String>, configuration: &str) -> Result<Self> {
        keep_system_namespace()?;
        let cli_config = Surroundings::get().cli_config.clone();
        let workspace = Self { folder: tempfile::tempdir()?, binary, head, kubeconfig, cli_config };
        workspace.write(configuration)?;
        workspace.ok(&["init", "-input=false"])?;
        Ok(workspace)
    }

    /// A folder with a configuration of `hashicorp/kubernetes` alone, initialised.
    ///
    /// # Errors
    /// When it cannot be laid out, or `init` fails.
    pub fn of_kubernetes(binary: Binary, configuration: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mirror = folder.path().join("mirror");
        let platform = if std::env::consts::ARCH == "aarch64" { "linux_arm64" } else { "linux_amd64" };
        for registry in ["registry.terraform.io", "registry.opentofu.org"] {
            let place = mirror.join(registry).join("hashicorp/kubernetes").join(KUBERNETES).join(platform);
            std::fs::create_dir_all(&place)?;
            let program = std::fs::canonicalize(Surroundings::get().tool("terraform-provider-kubernetes"))?;
            symlink(program, place.join(format!("terraform-provider-kubernetes_v{KUBERNETES}")))?;
        }
        let cli_config = folder.path().join("cli.tfrc");
        let mirror = mirror.display();
        let text =
            format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{mirror}\"\n  }}\n}}\n");
        std::fs::write(&cli_config, text)?;
        let workspace = Self { folder, binary, head: String::new(), kubeconfig: None, cli_config };
        workspace.write(configuration)?;
        workspace.ok(&["init", "-input=false"])?;
        Ok(workspace)
    }

    /// The same workspace against a cluster that cannot be reached.
    pub fn without_cluster(mut self) -> Result<Self> {
        let path = self.folder.path().join("nowhere.kubeconfig");
        std::fs::write(&path, NOWHERE)?;
        self.kubeconfig = Some(path.to_string_lossy().into_owned());
        Ok(self)
    }

    /// Another kubeconfig from now on.
    pub fn with_kubeconfig(mut self, path: &Path) -> Self {
        self.kubeconfig = Some(path.to_string_lossy().into_owned());
        self
    }

    /// Replaces the configuration.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, configuration: &str) -> Result<()> {
        Ok(std::fs::write(self.path().join("main.tf"), format!("{}{configuration}", self.head))?)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let surroundings = Surroundings::get();
        let mut command = Command::new(surroundings.tool(self.binary.name()));
        command
            .current_dir(self.path())
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", &self.cli_config)
            .envs(self.kubeconfig.iter().map(|path| ("KUBE_CONFIG_PATH", path)))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs the CLI, whatever it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments).output().with_context(|| format!("start {}", self.binary.name()))
    }

    /// Starts the CLI and lets it run.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().with_context(|| format!("start {}", self.binary.name()))
    }

    /// Runs the CLI, which must succeed, and returns everything it printed.
    ///
    /// # Errors
    /// When it does not exit with 0, with everything it printed.
    pub fn ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let text = printed(&output);
        ensure!(output.status.success(), "{} {}: {text}", self.binary.name(), arguments.join(" "));
        Ok(text)
    }

    /// Runs the CLI, which must fail, and returns everything it printed, lines joined.
    ///
    /// # Errors
    /// When it exits with 0.
    pub fn fails(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let text = printed(&output);
        ensure!(
            !output.status.success(),
            "{} {} should fail: {text}",
            self.binary.name(),
            arguments.join(" ")
        );
        Ok(unwrapped(&text))
    }

    /// Applies the configuration.
    ///
    /// # Errors
    /// As [`Workspace::ok`].
    pub fn apply(&self) -> Result<String> {
        self.ok(&["apply", "-auto-approve", "-input=false", "-no-color"])
    }

    /// Destroys what the state holds.
    ///
    /// # Errors
    /// As [`Workspace::ok`].
    pub fn destroy(&self) -> Result<String> {
        self.ok(&["destroy", "-auto-approve", "-input=false", "-no-color"])
    }

    /// Plans and returns the text, with runs of spaces as one: both CLIs pad
    /// names to the longest of their block.
    ///
    /// # Errors
    /// As [`Workspace::ok`].
    pub fn plan(&self) -> Result<String> {
        let text = self.ok(&["plan", "-input=false", "-no-color"])?;
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// Runs the CLI, which must succeed, and answers how many API calls the provider logs that it made.
    ///
    /// # Errors
    /// As [`Workspace::ok`].
    pub fn api_calls(&self, arguments: &[&str]) -> Result<usize> {
        let log = self.path().join("provider.log");
        let mut command = self.command(arguments);
        command.args(["-input=false", "-no-color"]).env("TF_LOG_PROVIDER", "DEBUG").env("TF_LOG_PATH", &log);
        let output = command.output().with_context(|| format!("start {}", self.binary.name()))?;
        ensure!(output.status.success(), "{}: {}", arguments.join(" "), printed(&output));
        let calls = std::fs::read_to_string(&log)?.lines().filter(|line| line.contains("api call")).count();
        std::fs::remove_file(&log)?;
        Ok(calls)
    }

    /// Plans, which must change nothing.
    ///
    /// # Errors
    /// With the plan when it would change something.
    pub fn plan_is_empty(&self) -> Result<()> {
        let output = self.run(&["plan", "-input=false", "-no-color", "-detailed-exitcode"])?;
        ensure!(output.status.code() == Some(0), "the plan is not empty: {}", printed(&output));
        Ok(())
    }

    /// The plan as JSON.
    ///
    /// # Errors
    /// As [`Workspace::ok`].
    pub fn plan_json(&self) -> Result<Value> {
        self.ok(&["plan", "-input=false", "-no-color", "-out=saved.tfplan"])?;
        Ok(serde_json::from_slice(&self.run(&["show", "-json", "saved.tfplan"])?.stdout)?)
    }
}

/// Makes the cards' namespace by hand, once. One that a card's apply made goes
/// with the last card, and tests that run beside each other share it: the last
/// of one would take the ground from under the first of the next.
fn keep_system_namespace() -> Result<()> {
    static MADE: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gpu-tenancy"}});
    let made = MADE.get_or_init(|| Kubectl.apply(&namespace).map_err(|why| format!("{why:#}")));
    made.clone().map_err(anyhow::Error::msg)
}

/// Standard output and standard error, one after the other.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A diagnostic's text without its frame and its line breaks, so that a test
/// need not know how wide the CLI wraps.
pub fn unwrapped(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches(['│', '╷', '╵', ' ']).trim());
    lines.collect::<Vec<_>>().join(" ")
}

/// A kubeconfig whose server nobody listens on.
const NOWHERE: &str = r#"
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: nobody, user: {token: none}}]
"#;
