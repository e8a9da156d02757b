//! Option B: a resident that makes room for the window has its replicas back after it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{FakeCard, Kubectl, Scratch, wait};
use serde_json::json;

use super::{Night, PATIENCE, needs_pods};

const RESIDENT: &str = "llama";

/// Two pods of another team that hold 4,608 MiB each, in a namespace of their own.
fn resident(scratch: &Scratch, card: &FakeCard) -> Result<()> {
    let namespace = scratch.namespace.as_str();
    let field =
        |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let labels = json!({"app": RESIDENT});
    Kubectl.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))?;
    Kubectl.apply(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": RESIDENT, "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "server", "image": "gpu-tenancy.local/fake-model:dev", "imagePullPolicy": "Never",
                    "args": ["--card-url", card.base(), "--card", card.name, "--load-mib", "4608"],
                    "env": [field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace")],
                }]},
            },
        },
    }))?;
    holds_its_memory(scratch, card)
}

fn holds_its_memory(scratch: &Scratch, card: &FakeCard) -> Result<()> {
    wait::until("the resident runs", PATIENCE, || {
        let replicas = Kubectl.replicas(&scratch.namespace, RESIDENT)?;
        ensure!(replicas == 2, "{replicas} replicas");
        let state = card.state()?;
        let of_it = state.holders.iter().filter(|holder| holder.owner.namespace == scratch.namespace);
        let held: u64 = of_it.map(|holder| holder.mib).sum();
        ensure!(held == 9216, "it holds {held} MiB");
        Ok(Some(()))
    })
}

/// A tenant for which the resident makes room; awake. The resident starts
/// before the tenant does, on a card that then has no room for both.
fn paused(purpose: &str, end: String) -> Result<(Night, Scratch)> {
    let other = Scratch::reserve(&format!("{purpose}-resident"));
    // The Role for its scale is made beside it, so its namespace comes first.
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other.namespace}});
    Kubectl.apply(&namespace)?;
    let night = Night::begin(purpose, |mut example| {
        example.window.1 = end;
        example.with(&format!("  pauses = [\"{}/{RESIDENT}\"]", other.namespace))
    })?;
    resident(&other, &night.card)?;
    night.wake()?;
    ensure!(Kubectl.replicas(&other.namespace, RESIDENT)? == 0, "the resident was not asked for its room");
    let entry = night.entry()?.context("no entry")?;
    ensure!(entry["paused"][0]["replicas"] == 2, "the ledger does not say what it had: {entry}");
    night.told(&["Pausing", &format!("{}/{RESIDENT}", other.namespace)])?;
    night.workspace.plan_is_empty()?;
    Ok((night, other))
}

#[test]
fn a_resident_makes_room_and_is_restored_when_the_window_closes() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let (night, other) = paused("option-b", super::in_seconds(130))?;
    // Nobody fires the tick that closes the window: the CronJob does.
    night.sleeps()?;
    holds_its_memory(&other, &night.card)?;
    wait::until("the restoring is told", Duration::from_secs(60), || {
        night.told(&["Restored", "has its 2 replicas again"]).map(Some)
    })?;
    night.end()
}

#[test]
fn a_resident_is_restored_by_suspend() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let (night, other) = paused("option-b-suspend", e2e::example::in_minutes(240))?;
    night.workspace.write(&night.example.with("  suspend = true").hcl())?;
    night.workspace.apply()?;
    ensure!(night.replicas()? == 0, "suspend left it running");
    holds_its_memory(&other, &night.card)?;
    ensure!(night.entry()?.is_none(), "its place on the card is not released: {:?}", night.entry()?);
    night.end()
}
