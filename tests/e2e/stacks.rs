//! Generated stacks as people use them: gpu-stacks, then terragrunt with each CLI.

mod begin;
mod committed;
mod whole;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use e2e::terraform::printed;
use e2e::{Binary, Kubectl, Scratch, Surroundings};
use serde_json::Value;

use crate::night::needs_pods;

/// A live repository in a folder of its own.
struct Live {
    folder: tempfile::TempDir,
    binary: Binary,
    /// What terragrunt and the CLI find in their environment besides.
    environment: Vec<(&'static str, &'static str)>,
}

impl Live {
    fn new(binary: Binary) -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, binary, environment: Vec::new() })
    }

    /// What people wrote in a live repository that is part of ours, or all of it where that is generated too.
    fn copied(binary: Binary, from: &str) -> Result<Self> {
        let live = Self::new(binary)?;
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(from);
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(from.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else {
                    std::fs::create_dir_all(live.path().join(&folder))?;
                    std::fs::copy(entry.path(), live.path().join(path))?;
                }
            }
        }
        Ok(live)
    }

    /// The same folder for the other CLI, without what the first one chose and fetched for itself.
    fn with(mut self, binary: Binary) -> Result<Self> {
        self.binary = binary;
        for entry in std::fs::read_dir(self.path())? {
            let folder = entry?.path();
            let (cache, lock) = (folder.join(".terragrunt-cache"), folder.join(".terraform.lock.hcl"));
            if cache.exists() {
                std::fs::remove_dir_all(cache)?;
            }
            if lock.exists() {
                std::fs::remove_file(lock)?;
            }
        }
        Ok(self)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().context("a file in no folder")?)?;
        Ok(std::fs::write(path, text)?)
    }

    fn read(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.path().join(path)).with_context(|| format!("read {path}"))
    }

    /// Runs gpu-stacks in the repository, whatever it answers.
    fn stacks(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&Surroundings::get().stacks);
        command.args(arguments).current_dir(self.path()).output().context("start gpu-stacks")
    }

    /// Runs gpu-stacks, which must end with 0, and returns what it printed for programs to read.
    fn stacks_ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.stacks(arguments)?;
        ensure!(output.status.success(), "gpu-stacks {arguments:?}: {}", printed(&output));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// `terragrunt run --all` of this, as many at once as `parallel`, whatever it answers.
    fn run_all(&self, parallel: u8, options: &[&str], arguments: &[&str]) -> Result<Output> {
        let parallel = parallel.to_string();
        let options = [&["--parallelism", &parallel], options].concat();
        let mut command = Surroundings::get().run_all(self.path(), self.binary, &options, arguments);
        command.envs(self.environment.iter().copied()).output().context("start terragrunt")
    }

    /// A tool in one of the folders, whatever it answers.
    fn tool(&self, tool: &str, folder: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = Surroundings::get().in_live(tool, &self.path().join(folder), self.binary);
        command.envs(self.environment.iter().copied());
        command.args(arguments).output().with_context(|| format!("start {tool}"))
    }

    /// What somebody types in one of the folders, as it was told; it must end with 0.
    fn typed(&self, folder: &str, words: &str) -> Result<()> {
        let output = self.tool("/bin/sh", folder, &["-c", words])?;
        ensure!(output.status.success(), "{words:?} in {folder:?}: {}", printed(&output));
        Ok(())
    }

    /// A tool in the repository that must end with 0.
    fn finds_nothing(&self, tool: &str, arguments: &[&str]) -> Result<()> {
        let output = self.tool(tool, "", arguments)?;
        ensure!(output.status.success(), "{tool} {arguments:?}: {}", printed(&output));
        Ok(())
    }

    /// What the tools themselves hold against the files. Only a stack that was planned has all that it refers to.
    fn tools_find_nothing(&self) -> Result<()> {
        self.finds_nothing("terraform", &["fmt", "-check", "-recursive"])?;
        self.finds_nothing("terragrunt", &["hcl", "fmt", "--check"])?;
        self.finds_nothing("terragrunt", &["hcl", "validate"])
    }

    /// `terragrunt run --all` of this, which must end with 0.
    fn terragrunt(&self, parallel: u8, arguments: &[&str]) -> Result<String> {
        let output = self.run_all(parallel, &[], arguments)?;
        let said = printed(&output);
        ensure!(output.status.success(), "terragrunt {arguments:?} with {}: {said}", self.binary.name());
        Ok(said)
    }
}

/// The catalogue's servers and the devices that each runs on, as its files say. Without pods nobody can wait for
/// one on the CPU.
fn servers() -> Result<Vec<(String, Vec<&'static str>)>> {
    let here = if needs_pods() { &["gpu", "cpu"][..] } else { &["gpu"] };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generator/catalogue");
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let mut found = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a name that is no text")?;
        let text = std::fs::read_to_string(path)?;
        let said = text.lines().find(|line| line.starts_with("devices:")).context("no devices")?;
        let devices = here.iter().copied().filter(|device| said.contains(device)).collect();
        found.push((name.to_owned(), devices));
    }
    found.sort();
    ensure!(!found.is_empty(), "{} is empty", folder.display());
    Ok(found)
}

/// A fleet of one card, of a model that computes in every precision.
fn fleet(card: &str) -> String {
    format!(
        "cards:\n  {card}:\n    node: gpu-1\n    index: 0\n    model: A100-80\n    reserved: 600MiB\n    \
         source: {{ dcgm: \"http://dcgm.example.org:9400/metrics\" }}\n\
         defaults:\n  headroom: 2GiB\n  time_zone: UTC\n  agent_image: gpu-tenancy.local/gpu-agent:dev\n\
         provider:\n  config_path: {}\n",
        Surroundings::get().kubeconfig.display()
    )
}

/// Lets the fake model stand where a tenant's server would: its image, which the test machine has, in place of
/// one that it cannot pull, its arguments, and less of the machine than a real server wants. The ports, probes,
/// volumes and files stay what they were.
fn let_the_fake_stand_in(live: &Live, file: &str) -> Result<()> {
    let explained: Value = serde_json::from_str(&live.stacks_ok(&["explain", file, "--format", "json"])?)?;
    let values = explained["values"].as_array().context("explain gives no values")?;
    let port = values.iter().find(|value| value["key"] == "port").context("no port")?;
    let port = port["value"].as_str().context("a port that is no text")?;
    let own = live.read(file)?;
    let replaced = ["args:", "image:"];
    let kept = own.lines().filter(|line| !replaced.iter().any(|key| line.starts_with(key)));
    let text = kept.map(|line| format!("{line}\n")).collect::<String>()
        + &format!(
            "image: gpu-tenancy.local/fake-model:dev\nargs: [--port, \"{port}\", --load-seconds, \"0\"]\n\
             requests: {{ cpu: 10m, memory: 16Mi }}\n"
        );
    live.write(file, &text)
}

/// Every server of the catalogue on every device that it runs on. On the card it sleeps for hours to come; on the
/// CPU it runs at once and always, so the apply waits until its probes are content.
fn every_server_lives(binary: Binary) -> Result<()> {
    e2e::say(&format!(
        "the catalogue with {}: the fake model's image stands in for every server's",
        binary.name()
    ));
    let scratch = Scratch::reserve("catalogue");
    let namespace = scratch.namespace.as_str();
    let servers = servers()?;
    let live = Live::new(binary)?;
    let card = format!("card-{namespace}");
    live.write("fleet.yaml", &fleet(&card))?;
    let (start, end) = (e2e::example::in_minutes(360), e2e::example::in_minutes(600));
    for (server, devices) in &servers {
        for device in devices {
            let file = format!("tenants/{server}-{device}.yaml");
            let text = format!(
                "namespace: {namespace}\nserver: {server}\ndevice: {device}\ncard: {card}\npeak: 4GiB\n\
                 windows: {{ night: {{ start: \"{start}\", end: \"{end}\" }} }}\n"
            );
            live.write(&file, &text)?;
        }
    }
    for (server, devices) in &servers {
        for device in devices {
            let_the_fake_stand_in(&live, &format!("tenants/{server}-{device}.yaml"))?;
        }
    }
    live.stacks_ok(&["generate"])?;
    live.terragrunt(4, &["apply", "-auto-approve"])?;
    for (server, devices) in &servers {
        for device in devices {
            let tenant = format!("{server}-{device}");
            let status = &Kubectl.get(namespace, "deployment", &tenant)?["status"];
            let ready = status["readyReplicas"].as_u64().unwrap_or(0);
            let wanted = u64::from(*device == "cpu");
            ensure!(ready == wanted, "{tenant} has {ready} ready pods and not {wanted}: {status}");
        }
    }
    live.terragrunt(4, &["plan", "-detailed-exitcode"])?;
    live.stacks_ok(&["check"]).context("after an apply")?;
    live.terragrunt(4, &["destroy", "-auto-approve"])?;
    let left = Kubectl.names(namespace, "deployments,services,cronjobs")?;
    ensure!(left.is_empty(), "{left:?} are left");
    Ok(())
}

#[test]
fn every_server_of_the_catalogue_is_applied_by_terraform_with_the_fake_model_s_image() -> Result<()> {
    every_server_lives(Binary::Terraform)
}

#[test]
fn every_server_of_the_catalogue_is_applied_by_tofu_with_the_fake_model_s_image() -> Result<()> {
    every_server_lives(Binary::Tofu)
}
