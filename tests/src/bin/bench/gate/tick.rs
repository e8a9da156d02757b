//! One tick: its own time, its calls, its memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Example, FakeCard, Kubectl, Scratch, Surroundings, Workspace, wait};
use serde_json::Value;
use tempfile::TempDir;

use super::{Figure, spread};
use crate::watch::Watch;

/// How many ticks of a kind.
const TICKS: usize = 20;
/// How many admissions: each is followed by a night that ends.
const ADMISSIONS: usize = 5;

/// What a tick said of itself, and how long its process lived beside what it waited on purpose.
struct Cost {
    rule: String,
    said: String,
    own_ms: f64,
    process_ms: f64,
    api_calls: u64,
}

pub(super) fn measure() -> Result<Vec<Figure>> {
    let scratch = Scratch::reserve("bench-tick");
    let card = FakeCard::t4()?;
    // No node is so called: a pod is asked for and never runs, and the tick is the same.
    let example =
        Example::in_window(&scratch, &card).with("  node_selector = { \"example.org/rack\" = \"none\" }");
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    suspend_cron_jobs(&scratch.namespace)?;
    let gate = Gate::of(&scratch.namespace, &example.name)?;

    // By its whole path: gates of the cluster's pods run on this machine too.
    let watch = Watch::start(&Surroundings::get().agent.to_string_lossy());
    let admissions = (0..ADMISSIONS).map(|_| gate.admission()).collect::<Result<Vec<_>>>()?;
    let asleep = (0..TICKS).map(|_| gate.tick(0)).collect::<Result<Vec<_>>>()?;
    let peak_kib = watch.stop();
    workspace.destroy()?;
    for cost in &asleep {
        ensure!(cost.rule == "switched_off", "a tick that should do nothing came to {}", cost.rule);
    }
    Ok(vec![
        Figure::new("one tick that changes nothing, own time", own(&asleep), "300 ms"),
        Figure::new("the same, from its process's start to its end", process(&asleep), ""),
        Figure::new("the same, calls to the API server", calls(&asleep), ""),
        Figure::new("one tick that admits, own time", own(&admissions), "300 ms"),
        Figure::new("the same, from its process's start to its end", process(&admissions), ""),
        Figure::new("the same, calls to the API server", calls(&admissions), ""),
        #[allow(clippy::cast_precision_loss, reason = "KiB of a process")]
        Figure::new("a tick's peak memory", format!("{:.1} MiB", peak_kib as f64 / 1024.0), "20 MiB"),
    ])
}

fn own(costs: &[Cost]) -> String {
    spread(costs.iter().map(|cost| cost.own_ms).collect(), "ms", 0)
}

fn process(costs: &[Cost]) -> String {
    spread(costs.iter().map(|cost| cost.process_ms).collect(), "ms", 0)
}

fn calls(costs: &[Cost]) -> String {
    let most = costs.iter().map(|cost| cost.api_calls).max().unwrap_or(0);
    let fewest = costs.iter().map(|cost| cost.api_calls).min().unwrap_or(0);
    if most == fewest { most.to_string() } else { format!("{fewest} to {most}") }
}

/// No tick but those that are measured.
pub(super) fn suspend_cron_jobs(namespace: &str) -> Result<()> {
    for job in Kubectl.names(namespace, "cronjobs")? {
        let patch = r#"{"spec":{"suspend":true}}"#;
        Kubectl.run(&["-n", namespace, "patch", &job, "--type=merge", "-p", patch])?;
    }
    Ok(())
}

/// A tenant's gate as a process of this machine.
struct Gate<'a> {
    namespace: &'a str,
    tenant: &'a str,
    _folder: TempDir,
    config: PathBuf,
}

impl<'a> Gate<'a> {
    fn of(namespace: &'a str, tenant: &'a str) -> Result<Self> {
        let object = Kubectl.get(namespace, "configmap", &format!("{tenant}-gate"))?;
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("gate.json");
        std::fs::write(&config, object["data"]["gate.json"].as_str().context("no gate.json")?)?;
        Ok(Self { namespace, tenant, _folder: folder, config })
    }

    /// One tick that admits, and what it takes until the tenant sleeps again.
    fn admission(&self) -> Result<Cost> {
        self.annotate("auto")?;
        let cost = self.tick(0)?;
        // The Deployment's controller may write between the look and the scale call; then the tick looks again.
        ensure!(cost.said.contains("(admitted)"), "a tick that should admit says {}", cost.said);
        self.annotate("off")?;
        wait::until("the tenant sleeps again", Duration::from_secs(60), || {
            let cost = self.tick(10)?;
            ensure!(cost.rule == "switched_off", "{}", cost.rule);
            Ok((Kubectl.replicas(self.namespace, self.tenant)? == 0).then_some(()))
        })?;
        Ok(cost)
    }

    fn annotate(&self, value: &str) -> Result<()> {
        let annotation = format!("gpu-tenancy.dev/gate={value}");
        let asked = ["-n", self.namespace, "annotate", "--overwrite", "deployment", self.tenant, &annotation];
        Kubectl.run(&asked).map(drop)
    }

    /// One tick that stays for so long while something is under way; with 0 it is one decision.
    fn tick(&self, stays_s: u64) -> Result<Cost> {
        let started = Instant::now();
        let output = agent(&["gate", "--trigger", "guard", "--max-duration", &stays_s.to_string()])
            .arg("--config")
            .arg::<&Path>(&self.config)
            .output()
            .context("start gpu-agent")?;
        let lived_ms = started.elapsed().as_secs_f64() * 1000.0;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a tick failed: {said}");
        let line = said.lines().find(|line| line.starts_with("{\"tick\"")).context("a tick says no cost")?;
        let tick = serde_json::from_str::<Value>(line)?["tick"].clone();
        let figure =
            |name: &str| tick[name].as_f64().with_context(|| format!("a tick says no {name}: {tick}"));
        Ok(Cost {
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            rule: tick["name"].as_str().unwrap_or_default().to_owned(),
            own_ms: figure("own_ms")?,
            process_ms: lived_ms - figure("waited_ms")?,
            api_calls: tick["api_calls"].as_u64().unwrap_or(0),
        })
    }
}

/// The agent with the run's kubeconfig.
pub(super) fn agent(arguments: &[&str]) -> Command {
    let surroundings = Surroundings::get();
    let mut command = Command::new(&surroundings.agent);
    command.args(arguments).arg("--kubeconfig").arg(&surroundings.kubeconfig);
    command
}
