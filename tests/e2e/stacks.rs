//! Generated stacks as people use them: `gpu-stacks generate`, then terragrunt with each CLI.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use e2e::terraform::printed;
use e2e::{Binary, Kubectl, Scratch, Surroundings};

/// A live repository in a folder of its own.
struct Live {
    folder: tempfile::TempDir,
    binary: Binary,
}

impl Live {
    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().context("a file in no folder")?)?;
        Ok(std::fs::write(path, text)?)
    }

    fn stacks(&self, verb: &str) -> Result<Output> {
        Ok(Command::new(&Surroundings::get().stacks).arg(verb).arg(self.folder.path()).output()?)
    }

    /// `terragrunt run --all` of this, which must end with 0.
    fn terragrunt(&self, arguments: &[&str]) -> Result<String> {
        let surroundings = Surroundings::get();
        let output = Command::new(surroundings.tool("terragrunt"))
            .current_dir(self.folder.path())
            .args(["run", "--all", "--non-interactive", "--no-color", "--parallelism", "2", "--"])
            .args(arguments)
            .args(["-no-color", "-input=false"])
            .env("TG_TF_PATH", surroundings.tool(self.binary.name()))
            .env("TG_NO_AUTO_PROVIDER_CACHE_DIR", "true")
            .env("TG_STRICT_MODE", "true")
            .env("TF_CLI_CONFIG_FILE", &surroundings.cli_config)
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .context("start terragrunt")?;
        let said = printed(&output);
        ensure!(output.status.success(), "terragrunt {arguments:?} with {}: {said}", self.binary.name());
        Ok(said)
    }
}

/// The catalogue's names, as its files have them, each with the card where it can have one: on CPU a tenant runs
/// at once and always, and asks for more cores than a test machine has.
fn servers() -> Result<Vec<(String, &'static str)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generator/catalogue");
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let mut found = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a name that is no text")?;
        let text = std::fs::read_to_string(path)?;
        let devices = text.lines().find(|line| line.starts_with("devices:")).context("no devices")?;
        found.push((name.to_owned(), if devices.contains("gpu") { "gpu" } else { "cpu" }));
    }
    found.sort();
    ensure!(!found.is_empty(), "{} is empty", folder.display());
    Ok(found)
}

/// Every server of the catalogue as a tenant that sleeps for hours to come, with the fake model's image in place
/// of its own, which no test machine can pull.
fn every_server_lives(binary: Binary) -> Result<()> {
    let scratch = Scratch::reserve("catalogue");
    let namespace = scratch.namespace.as_str();
    let servers = servers()?;
    let live = Live { folder: tempfile::tempdir()?, binary };
    live.write(
        "fleet.yaml",
        &format!(
            "cards:\n  card-{namespace}:\n    node: gpu-1\n    index: 0\n    model: A100-80\n    reserved: 600MiB\n    \
             source: {{ dcgm: \"http://dcgm.example.org:9400/metrics\" }}\n\
             defaults:\n  headroom: 2GiB\n  time_zone: UTC\n  agent_image: gpu-tenancy.local/gpu-agent:dev\n\
             provider:\n  config_path: {}\n",
            Surroundings::get().kubeconfig.display()
        ),
    )?;
    let (start, end) = (e2e::example::in_minutes(360), e2e::example::in_minutes(600));
    for (server, device) in &servers {
        live.write(
            &format!("tenants/{server}.yaml"),
            &format!(
                "namespace: {namespace}\nserver: {server}\ndevice: {device}\ncard: card-{namespace}\npeak: 4GiB\n\
                 image: gpu-tenancy.local/fake-model:dev\nwindows: {{ night: {{ start: \"{start}\", end: \"{end}\" }} }}\n"
            ),
        )?;
    }
    let generated = live.stacks("generate")?;
    ensure!(generated.status.success(), "{}", printed(&generated));
    live.terragrunt(&["apply", "-auto-approve"])?;
    for (server, _) in servers.iter().filter(|(_, device)| *device == "gpu") {
        ensure!(Kubectl.replicas(namespace, server)? == 0, "{server} is awake outside its window");
    }
    live.terragrunt(&["plan", "-detailed-exitcode"])?;
    let checked = live.stacks("check")?;
    ensure!(checked.status.success(), "after an apply `check` says: {}", printed(&checked));
    live.terragrunt(&["destroy", "-auto-approve"])?;
    let left = Kubectl.names(namespace, "deployments,services,cronjobs")?;
    ensure!(left.is_empty(), "{left:?} are left");
    Ok(())
}

#[test]
fn every_server_of_the_catalogue_is_applied_by_terraform() -> Result<()> {
    every_server_lives(Binary::Terraform)
}

#[test]
fn every_server_of_the_catalogue_is_applied_by_tofu() -> Result<()> {
    every_server_lives(Binary::Tofu)
}
