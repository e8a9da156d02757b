//! Parts of the cluster fail. No other test would survive it, so these run after all others, one by one.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::card::NODE;
use e2e::{Binary, Example, FakeCard, Kubectl, Scratch, Stopped, Surroundings, Workspace, terraform, wait};
use serde_json::Value;

use super::{DEPLOYMENT, Night, PATIENCE, awake, cronjob, entry, needs_pods, pod, tick};

const OTHER: &str = "whisper";

#[test]
#[ignore = "it stops the API server; `cargo xtask test` runs it after all others"]
fn an_api_server_that_restarts_in_mid_admission_loses_and_doubles_nothing() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("restart");
    let namespace = scratch.namespace.as_str();
    let card = FakeCard::t4()?;
    let mut one = Example::in_window(&scratch, &card).loads(&card, 9216).with("  guard_interval = \"1m\"");
    one.more = one.more.replace("\"--load-seconds\", \"5\"", "\"--load-seconds\", \"20\"");
    one.peak = "9GiB".to_owned();
    let mut two = one.clone();
    two.name = OTHER.to_owned();
    let hcl =
        [one.card_hcl(), one.tenant_hcl("one", "gpu_card.t4.id"), two.tenant_hcl("two", "gpu_card.t4.id")];
    let workspace = Workspace::new(Binary::Terraform, &hcl.concat())?;
    workspace.apply()?;
    for tenant in [DEPLOYMENT, OTHER] {
        Kubectl.start_job(namespace, &cronjob(namespace, tenant, "guard")?)?;
    }
    let first = wait::until("one of the two is on its way", PATIENCE, || {
        for tenant in [DEPLOYMENT, OTHER] {
            let entry = entry(&card.name, namespace, tenant)?.unwrap_or_default();
            if entry["state"] == "reserved" || entry["state"] == "loading" {
                return Ok(Some(tenant));
            }
        }
        Ok(None)
    })?;
    let away = Stopped::stop("kube-apiserver")?;
    let answer = Kubectl.run(&["--request-timeout=5s", "get", "--raw", "/readyz"]);
    ensure!(answer.is_err(), "the API server is stopped and answers");
    // Longer than the ticks' patience with one call.
    std::thread::sleep(Duration::from_secs(20));
    away.start()?;

    awake(namespace, first)?;
    let known = wait::until("the ledger has it awake", PATIENCE, || {
        let entry = entry(&card.name, namespace, first)?.context("no entry")?;
        ensure!(entry["state"] == "awake", "{entry}");
        Ok(Some(entry["pod"]["name"].clone()))
    })?;
    let pods = pods(namespace)?;
    ensure!(
        pods.len() == 1 && pods[0]["metadata"]["name"] == known,
        "{known} is not the only one: {pods:#?}"
    );
    let second = if first == DEPLOYMENT { OTHER } else { DEPLOYMENT };
    let said = tick(namespace, second)?;
    ensure!(said.contains("MiB short"), "{said}");
    ensure!(Kubectl.replicas(namespace, second)? == 0, "both were admitted: {said}");
    card.never_refused()?;
    workspace.plan_is_empty()?;
    workspace.destroy().map(drop)
}

#[test]
#[ignore = "it stops the kubelet; `cargo xtask test` runs it after all others"]
fn a_node_that_goes_away_admits_nobody_and_has_its_tenant_when_it_is_back() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("node", |mut example| {
        example.more = example.more.replace("unknown_hold = \"30s\"", "unknown_hold = \"20m\"");
        example
    })?;
    let namespace = night.namespace();
    night.wake()?;
    let before = pod(namespace)?["metadata"]["uid"].clone();

    let away = Stopped::stop("kubelet")?;
    node_is("Unknown")?;
    // Not before, when a CronJob of its own could still have woken it.
    let mut two = night.example.clone();
    two.name = OTHER.to_owned();
    night.workspace.write(&format!("{}{}", night.example.hcl(), two.tenant_hcl("two", "gpu_card.t4.id")))?;
    night.workspace.apply()?;
    // The exporter's pod is on that node and is served no longer, as nothing of the node is.
    let blind = "The card's memory is not known";
    let said = wait::until("the exporter is out of reach", PATIENCE, || {
        let said = tick_from_outside(namespace, OTHER)?;
        ensure!(said.contains(blind) && said.contains("Nobody is admitted"), "{said}");
        Ok(Some(said))
    })?;
    ensure!(Kubectl.replicas(namespace, OTHER)? == 0, "admitted on a guess: {said}");
    let said = tick_from_outside(namespace, DEPLOYMENT)?;
    ensure!(said.contains(blind) && said.contains("It holds for"), "{said}");
    ensure!(night.replicas()? == 1, "sent away because nobody could look: {said}");
    away.start()?;
    node_is("True")?;

    awake(namespace, DEPLOYMENT)?;
    let said = night.tick()?;
    let entry = night.entry()?.context("no entry")?;
    let now = pod(namespace)?["metadata"]["uid"].clone();
    ensure!(entry["state"] == "awake" && entry["pod"]["uid"] == now, "{said}{entry}");
    ensure!(now == before, "its pod was replaced although it was away for less than it tolerates");
    let said = tick(namespace, OTHER)?;
    awake(namespace, OTHER).with_context(|| format!("the tick said: {said}"))?;
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450 - 2 * 4096, "{state:?}");
    night.end()
}

/// Waits until the node's condition `Ready` has this status.
fn node_is(status: &str) -> Result<()> {
    wait::until(&format!("the node's readiness is {status}"), PATIENCE, || {
        let conditions = Kubectl.get("", "node", NODE)?["status"]["conditions"].clone();
        let ready =
            conditions.as_array().and_then(|all| all.iter().find(|one| one["type"] == "Ready").cloned());
        let ready = ready.context("no such condition")?;
        ensure!(ready["status"] == status, "{ready}");
        Ok(Some(()))
    })
}

/// One tick of a tenant's gate in a process of this machine, for want of a node that runs its pod.
fn tick_from_outside(namespace: &str, tenant: &str) -> Result<String> {
    let config = Kubectl.get(namespace, "configmap", &format!("{tenant}-gate"))?["data"]["gate.json"].clone();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("gate.json");
    std::fs::write(&file, config.as_str().context("no gate.json")?)?;
    let surroundings = Surroundings::get();
    let output = Command::new(&surroundings.agent)
        .args(["gate", "--trigger", "guard", "--max-duration", "1", "--config"])
        .arg(&file)
        .arg("--kubeconfig")
        .arg(&surroundings.kubeconfig)
        .output()
        .context("start gpu-agent")?;
    let said = terraform::printed(&output);
    ensure!(output.status.success(), "the tick failed: {said}");
    Ok(said)
}

/// The pods of all tenants in a namespace, without those of their gates.
fn pods(namespace: &str) -> Result<Vec<Value>> {
    let label = format!("app.kubernetes.io/name in ({DEPLOYMENT},{OTHER})");
    let text = Kubectl.run(&["-n", namespace, "get", "pods", "-l", &label, "-o", "json"])?;
    let list: Value = serde_json::from_str(&text)?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}
