//! A peak that is measured instead of guessed, and a claim that is filled before the first night.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::terraform::printed;
use e2e::{Kubectl, Surroundings, wait};

use super::{DEPLOYMENT, Night, PATIENCE, asleep, at_noon, needs_pods};
use crate::account::none_has_a_token;

#[test]
fn a_tenant_is_measured_alone_by_way_of_its_own_gate() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    // At noon: only the measurement wakes it.
    let night = Night::begin("measured", |mut example| {
        example.window = (e2e::example::in_minutes(360), e2e::example::in_minutes(600));
        example
    })?;
    let measure = || {
        let surroundings = Surroundings::get();
        Command::new(&surroundings.agent)
            .args(["measure", "--tenant", &format!("{}/{DEPLOYMENT}", night.namespace())])
            .args(["--request", r#"POST /order/grow {"mib": 452}"#, "--rounds", "2", "--interval", "1"])
            .arg("--kubeconfig")
            .arg(&surroundings.kubeconfig)
            .output()
            .context("start gpu-agent measure")
    };
    let measured = measure()?;
    let said = printed(&measured);
    ensure!(measured.status.success(), "{said}");
    // 4,096 MiB that it loads, and twice what each request adds.
    ensure!(said.contains("5,000 MiB") || said.contains("5000"), "{said}");
    ensure!(said.contains("measured = {"), "nothing to paste: {said}");
    asleep(night.namespace(), DEPLOYMENT)?;
    wait::until("its memory is back", PATIENCE, || {
        let state = night.card.state()?;
        let held = state.holders.iter().any(|holder| holder.owner.pod.starts_with(DEPLOYMENT));
        ensure!(!held, "{state:?}");
        Ok(Some(()))
    })?;
    night.card.resident("llama", 11_000)?;
    let refused = measure()?;
    let said = printed(&refused);
    ensure!(!refused.status.success() && said.contains("MiB short"), "a full card: {said}");
    ensure!(night.replicas()? == 0, "it was woken on a full card");
    night.end()
}

#[test]
fn a_claim_is_filled_while_its_tenant_sleeps() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let prefetch = |text: &str| {
        format!(
            "  prefetch = {{ image = \"gpu-tenancy.local/busybox:dev\", command = [\"sh\", \"-c\", \"echo {text} >> /data/weights; cat /data/weights\"] }}"
        )
    };
    let night = Night::begin("prefetch", |example| at_noon(&example).with(&prefetch("small")))?;
    let namespace = night.namespace();
    let done = || -> Result<String> {
        wait::until("the claim is filled", PATIENCE, || {
            let jobs = Kubectl.names(namespace, "jobs")?;
            let job = jobs.iter().find(|job| job.contains("prefetch")).context("no Job")?;
            let status = Kubectl.run(&["-n", namespace, "get", job, "-o", "jsonpath={.status.succeeded}"])?;
            ensure!(status == "1", "{job}: {status}");
            Ok(Some(job.clone()))
        })
    };
    let first = done()?;
    none_has_a_token(namespace, &format!("job-name={}", first.trim_start_matches("job.batch/")))?;
    ensure!(night.replicas()? == 0, "the tenant was woken by it");
    night.workspace.plan_is_empty()?;

    night.workspace.write(&night.example.hcl().replace("echo small", "echo large"))?;
    night.workspace.apply()?;
    let second = wait::until("the Job is another", PATIENCE, || {
        let jobs = Kubectl.names(namespace, "jobs")?;
        ensure!(!jobs.contains(&first), "the Job before is still there: {jobs:?}");
        done().map(Some)
    })?;
    let said = Kubectl.run(&["-n", namespace, "logs", &second])?;
    ensure!(said == "small\nlarge\n", "it is another claim: {said:?}");
    night.workspace.plan_is_empty()?;

    night.workspace.write(&night.example.hcl().replace("echo small", "exit 3; echo"))?;
    night.workspace.apply()?;
    // Between two tries there are ten seconds and more; while one is under way it is that which is told.
    wait::until("a try that failed is told", PATIENCE, || {
        night.tick()?;
        night.told(&["PrefetchFailed", "exit status 3"]).map(Some)
    })?;
    let status = night.entry()?.context("no entry")?["status"]["reason"].clone();
    let words = ["The last try to fill its claim failed", "Its claim is being filled"];
    ensure!(words.iter().any(|words| status.as_str().is_some_and(|it| it.contains(words))), "{status}");
    night.end()
}
