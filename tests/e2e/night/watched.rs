//! A card with a watcher: a pod that looks every few seconds and takes the gates' turns.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Kubectl, wait};
use serde_json::Value;

use super::{DEPLOYMENT, Night, asleep, awake, needs_pods};

const SYSTEM: &str = "gpu-tenancy";

#[test]
fn a_watcher_admits_yields_and_admits_again_without_a_tick() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("watched", |mut example| {
        example.watch = true;
        example.with("  guard_interval = \"30m\"")
    })?;
    night.suspend_cron_jobs(true)?;
    let namespace = night.namespace();
    let pod = watches(&night)?;

    awake(namespace, DEPLOYMENT)?;
    night.told_by(&pod, &["Admitted"])?;

    // 414 MiB would be left of the 512 that are the critical line.
    let grown = Instant::now();
    night.card.resident("llama", 10_400)?;
    asleep(namespace, DEPLOYMENT)?;
    note(&format!("from a metric below the critical line to the scale call: {:.1?}", grown.elapsed()));
    night.sleeps()?;
    night.told_by(&pod, &["CriticalYield", "Below the critical line"])?;
    let page = page(&pod)?;
    let card = &night.card.name;
    let tenant = format!("card=\"{card}\",namespace=\"{namespace}\",tenant=\"{DEPLOYMENT}\"");
    for line in [
        format!("gpu_tenancy_watcher_leads{{card=\"{card}\"}} 1.0"),
        format!("gpu_tenancy_watcher_sample_up{{card=\"{card}\"}} 1.0"),
        format!("gpu_tenancy_gate_decisions_total{{{tenant},rule=\"admitted\"}} 1"),
        format!("gpu_tenancy_gate_yields_total{{{tenant},rule=\"critical_yield\"}} 1"),
        format!("gpu_tenancy_gate_state{{{tenant},state=\"asleep\"}} 1.0"),
    ] {
        ensure!(page.contains(&line), "{line} is not in\n{page}");
    }

    night.card.resident("llama", 4096)?;
    awake(namespace, DEPLOYMENT)?;
    let jobs = Kubectl.names(namespace, "jobs")?;
    ensure!(jobs.is_empty(), "a tick was fired, so nobody knows who acted: {jobs:?}");
    night.workspace.plan_is_empty()?;
    night.end()
}

/// Waits until the card's watcher is ready and holds the Lease; its pod's name.
fn watches(night: &Night) -> Result<String> {
    let card = &night.card.name;
    let deployment = format!("watcher-{card}");
    awake(SYSTEM, &deployment)?;
    wait::until("the watcher holds the Lease", Duration::from_secs(60), || {
        let lease = Kubectl.get(SYSTEM, "lease", &format!("card.{card}.watcher"))?["spec"].clone();
        let holder = lease["holderIdentity"].as_str().unwrap_or_default().to_owned();
        ensure!(holder.starts_with(&deployment), "{lease}");
        Ok(Some(holder))
    })
}

/// The watcher's metrics, from its pod.
fn page(pod: &str) -> Result<String> {
    let status: Value = Kubectl.get(SYSTEM, "pod", pod)?["status"].clone();
    let address = status["podIP"].as_str().with_context(|| format!("{pod} has no address: {status}"))?;
    Ok(ureq::get(&format!("http://{address}:9402/metrics")).call()?.body_mut().read_to_string()?)
}

/// Says something although the test passes.
fn note(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "watcher: {text}");
}
