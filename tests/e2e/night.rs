//! Short nights at real speed: pods that really run, CronJobs that really fire.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Example, FakeCard, Kubectl, Scratch, Surroundings, Workspace, wait};

const DEPLOYMENT: &str = "chatterbox-tts";

/// A tenant is awake: its pod is ready.
fn awake(namespace: &str, deployment: &str) -> Result<()> {
    wait::until(&format!("{deployment} is ready"), Duration::from_secs(180), || {
        let status = Kubectl.get(namespace, "deployment", deployment)?["status"].clone();
        ensure!(status["readyReplicas"] == 1, "{status}");
        Ok(Some(()))
    })
}

fn asleep(namespace: &str, deployment: &str) -> Result<()> {
    wait::until(&format!("{deployment} sleeps"), Duration::from_secs(180), || {
        let replicas = Kubectl.replicas(namespace, deployment)?;
        ensure!(replicas == 0, "{replicas} replicas");
        Ok(Some(()))
    })
}

fn guard(namespace: &str) -> Result<String> {
    let jobs = Kubectl.names(namespace, "cronjobs")?;
    let guard = jobs.iter().find(|job| job.contains("guard")).context("no guard CronJob")?;
    Ok(guard.trim_start_matches("cronjob.batch/").to_owned())
}

fn needs_pods() -> bool {
    if !Surroundings::get().pods {
        eprintln!("not run: this cluster has no node that runs pods");
    }
    Surroundings::get().pods
}

#[test]
fn a_tenant_is_admitted_answers_yields_and_is_admitted_again() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("night");
    let namespace = scratch.namespace.as_str();
    let card = FakeCard::t4()?;
    card.resident("llama", 4096)?;
    let example = Example::in_window(&scratch, &card).loads(&card, 4096).with("  guard_interval = \"1m\"");
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    ensure!(Kubectl.replicas(namespace, DEPLOYMENT)? == 0, "apply woke the tenant");

    awake(namespace, DEPLOYMENT)?;
    let state = card.state()?;
    ensure!(state.free_mib == 15360 - 450 - 4096 - 4096, "{state:?}");
    workspace.plan_is_empty()?;
    workspace.apply()?;
    ensure!(Kubectl.replicas(namespace, DEPLOYMENT)? == 1, "an apply put a working tenant to sleep");
    let mounts = Kubectl.run(&[
        "-n",
        namespace,
        "get",
        "pods",
        "-l",
        "app.kubernetes.io/name=chatterbox-tts",
        "-o",
        "json",
    ])?;
    let pods: serde_json::Value = serde_json::from_str(&mounts)?;
    let server = &pods["items"][0]["spec"]["containers"][0];
    ensure!(
        !server["volumeMounts"].to_string().contains("serviceaccount"),
        "the server has a token: {server}"
    );

    card.resident("llama", 9216)?;
    asleep(namespace, DEPLOYMENT)?;
    let notes = Kubectl.event_notes(namespace, DEPLOYMENT)?;
    ensure!(notes.iter().any(|note| note.contains("MiB")), "no event gives figures: {notes:?}");
    card.resident("llama", 4096)?;
    card.never_refused()?;
    workspace.destroy().map(drop)
}

#[test]
fn two_tenants_whose_windows_open_together_never_both_pass() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("together");
    let namespace = scratch.namespace.as_str();
    let card = FakeCard::t4()?;
    let mut one = Example::in_window(&scratch, &card).loads(&card, 9216).with("  guard_interval = \"1m\"");
    one.peak = "9GiB".to_owned();
    let mut two = one.clone();
    two.name = "whisper".to_owned();
    let hcl = format!(
        "{}{}{}",
        one.card_hcl(),
        one.tenant_hcl("one", "gpu_card.t4.id"),
        two.tenant_hcl("two", "gpu_card.t4.id")
    );
    let workspace = Workspace::new(Binary::Terraform, &hcl)?;
    workspace.apply()?;
    let ready = wait::until("one of the two is ready", Duration::from_secs(180), || {
        for name in [DEPLOYMENT, "whisper"] {
            if Kubectl.get(namespace, "deployment", name)?["status"]["readyReplicas"] == 1 {
                return Ok(Some(name));
            }
        }
        Ok(None)
    })?;
    let other = if ready == DEPLOYMENT { "whisper" } else { DEPLOYMENT };
    let notes = wait::until("the other says why not", Duration::from_secs(120), || {
        let notes = Kubectl.event_notes(namespace, other)?;
        Ok(notes.iter().any(|note| note.contains("MiB short")).then_some(notes))
    })?;
    ensure!(Kubectl.replicas(namespace, other)? == 0, "both were admitted: {notes:?}");
    card.never_refused()?;
    workspace.destroy().map(drop)
}

#[test]
fn a_pod_deleted_at_noon_waits_in_admit() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("noon");
    let namespace = scratch.namespace.as_str();
    let card = FakeCard::t4()?;
    let mut example = Example::asleep(&scratch, &card.name, &card.dcgm());
    example = example.loads(&card, 4096);
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    // A pod that starts without being asked, as after a reboot.
    Kubectl.run(&["-n", namespace, "scale", "deployment", DEPLOYMENT, "--replicas=1"])?;
    wait::until("the pod waits in admit", Duration::from_secs(120), || {
        let text = Kubectl.run(&[
            "-n",
            namespace,
            "get",
            "pods",
            "-l",
            "app.kubernetes.io/name=chatterbox-tts",
            "-o",
            "json",
        ])?;
        let pods: serde_json::Value = serde_json::from_str(&text)?;
        let admit = &pods["items"][0]["status"]["initContainerStatuses"][0];
        ensure!(admit["state"]["running"].is_object(), "{}", pods["items"][0]["status"]);
        Ok(Some(()))
    })?;
    let state = card.state()?;
    ensure!(state.free_mib == 15360 - 450, "it took memory outside its window: {state:?}");
    let said = Kubectl.fire(namespace, &guard(namespace)?)?;
    ensure!(Kubectl.replicas(namespace, DEPLOYMENT)? == 0, "the next tick left it running: {said}");
    workspace.destroy().map(drop)
}
