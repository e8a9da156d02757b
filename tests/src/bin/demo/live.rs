//! The live repository of the demo: two files that a person would write, and
//! what gpu-stacks and terragrunt make of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::example::in_minutes;
use e2e::{Binary, FakeCard, Surroundings};

use crate::screen;

/// Minutes from now until the demo's window opens. The gate needs a minute's
/// turn to fire, and the stacks take less than one to apply.
const OPENS_IN: i64 = 2;
/// How long the window is, in minutes: wake, yield, wake again, close.
const LENGTH: i64 = 7;

/// The demo's own live repository.
pub(crate) struct Live {
    folder: PathBuf,
}

impl Live {
    /// Writes fleet.yaml and one tenant file, over those of an earlier demo.
    pub(crate) fn write(folder: &Path, card: &FakeCard) -> Result<Self> {
        let live = Self { folder: folder.to_path_buf() };
        screen::step("Two files, written by a person");
        fs::create_dir_all(folder.join("tenants"))?;
        let kubeconfig = Surroundings::get().kubeconfig.display().to_string();
        let fleet = format!(
            "backend:\n  local: {{}}\nprovider:\n  config_path: {kubeconfig}\ndefaults:\n  agent_image: gpu-tenancy.local/gpu-agent:dev\n\
             cards:\n  gpu-1-0:\n    node: gpu-1\n    index: 0\n    memory: 15360MiB\n    source:\n      dcgm: \"{}\"\n\
             \x20   residents:\n      llama: {{ namespace: llm, peak: 9GiB }}\n",
            card.dcgm()
        );
        let (start, end) = (in_minutes(OPENS_IN), in_minutes(OPENS_IN + LENGTH));
        let tenant = format!(
            r#"namespace: tts
name: chatterbox-tts
card: gpu-1-0
peak: 4GiB
headroom: 2GiB
image: gpu-tenancy.local/fake-model:dev
args: [--card-url, "{base}", --card, {name}, --load-mib, "4096", --load-seconds, "8", --port, "8004"]
port: 8004
service: {{ port: 8000 }}
windows:
  night: {{ start: "{start}", end: "{end}", time_zone: UTC }}
guard_interval: 1m
timing: {{ start_estimate: 15s, useful_minimum: 30s, shortage_grace: 10s, backoff: 45s }}
config:
  /app/config.yaml: |
    server:
      port: 8004
env: {{ TTS_BF16: "off" }}
pod_patch:
  containers:
    - name: server
      env:
        - {{ name: POD_NAME, valueFrom: {{ fieldRef: {{ fieldPath: metadata.name }} }} }}
        - {{ name: POD_NAMESPACE, valueFrom: {{ fieldRef: {{ fieldPath: metadata.namespace }} }} }}
"#,
            base = card.base(),
            name = card.name
        );
        fs::write(folder.join("fleet.yaml"), fleet).context("write fleet.yaml")?;
        fs::write(live.tenant_file(), tenant).context("write the tenant file")?;
        screen::evidence("fleet", &folder.join("fleet.yaml").display().to_string());
        screen::evidence("tenant", &live.tenant_file().display().to_string());
        screen::evidence("window", &format!("{start} to {end} UTC, a guard each minute"));
        Ok(live)
    }

    /// The file of the demo's tenant.
    pub(crate) fn tenant_file(&self) -> PathBuf {
        self.folder.join("tenants/chatterbox.yaml")
    }

    /// `gpu-stacks generate`.
    pub(crate) fn generate(&self) -> Result<()> {
        screen::step("gpu-stacks generate");
        let mut command = Command::new(&Surroundings::get().stacks);
        let shown = answer(command.arg("generate").arg(&self.folder))?;
        screen::evidence("wrote", shown.trim());
        Ok(())
    }

    /// `terragrunt run --all plan`.
    pub(crate) fn plan(&self) -> Result<()> {
        screen::step("terragrunt run --all plan, before anything exists in the cluster");
        let shown = self.terragrunt(&["plan"])?;
        screen::evidence("plan", &said(&shown, "Plan:"));
        let fields = shown.lines().filter(|line| line.contains("\"spec.")).count();
        screen::evidence(
            "objects",
            &format!("{fields} fields of Kubernetes objects are shown, one line each"),
        );
        Ok(())
    }

    /// `terragrunt run --all apply`.
    pub(crate) fn apply(&self) -> Result<()> {
        screen::step("terragrunt run --all apply");
        let shown = self.terragrunt(&["apply", "-auto-approve"])?;
        screen::evidence("apply", &said(&shown, "Apply complete"));
        Ok(())
    }

    fn terragrunt(&self, arguments: &[&str]) -> Result<String> {
        let one_by_one = ["--parallelism", "1"];
        let surroundings = Surroundings::get();
        answer(&mut surroundings.run_all(&self.folder, Binary::Terraform, &one_by_one, arguments))
    }
}

/// The lines that contain `what`, each as `stack: text` without terragrunt's time and stream.
fn said(shown: &str, what: &str) -> String {
    let lines = shown.lines().filter(|line| line.contains(what)).map(|line| {
        let stack =
            line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(stack, _)| stack);
        let text = line.split_once("terraform: ").map_or(line, |(_, text)| text);
        format!("{stack:<12}{text}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs a program and returns both its streams.
fn answer(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("start {program}"))?;
    let shown = e2e::terraform::printed(&output);
    ensure!(output.status.success(), "{program} failed:\n{shown}");
    Ok(shown)
}
