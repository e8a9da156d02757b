//! Memory that is taken in the middle of a load, and memory that does not come back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Kubectl, wait};

use super::hands::annotate;
use super::{DEPLOYMENT, Night, PATIENCE, awake, needs_pods, service, tick};

#[test]
fn while_a_tenant_loads_a_shortage_waits_and_below_the_critical_line_it_yields_at_once() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    // It has its memory and goes on loading.
    let night = Night::begin("critical", |example| {
        example.set("readiness_probe", r#"{ http = { path = "/no-such-page" }, period = "2s" }"#)
    })?;
    std::thread::scope(|scope| {
        let ticking = scope.spawn(|| night.tick());
        let waited = shortage_waits(&night);
        // 314 MiB are left of the 512 that are the critical line.
        let grown = waited.and_then(|()| night.card.resident("llama", 10_500));
        let said = ticking.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the tick panicked")))?;
        grown.with_context(|| format!("the tick said: {said}"))
    })?;
    night.sleeps()?;
    night.told(&["CriticalYield", "Below the critical line", "2,048 MiB must stay free"])?;
    night.end()
}

/// A card that is 734 MiB short does not put out who loads, also beyond the grace.
fn shortage_waits(night: &Night) -> Result<()> {
    wait::until("it has loaded and is not ready", PATIENCE, || {
        let (entry, free_mib) = (night.entry()?.context("no entry")?, night.card.state()?.free_mib);
        ensure!(entry["state"] == "loading" && free_mib == 15360 - 450 - 4096, "{free_mib}, {entry}");
        Ok(Some(()))
    })?;
    night.card.resident("llama", 9500)?;
    wait::until("the shortage is told", PATIENCE, || {
        night.told(&["ShortHold", "734 MiB short", "may finish before it is judged"]).map(Some)
    })?;
    // The grace is 10 s, and a look follows in 5.
    std::thread::sleep(Duration::from_secs(16));
    ensure!(night.replicas()? == 1, "it was put out while it loads");
    Ok(())
}

#[test]
fn a_tenant_that_outgrows_its_peak_yields_and_is_told_by_how_much() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("outgrows", |example| example)?;
    night.card.resident("llama", 4096)?;
    night.wake()?;
    let said = night.tick()?;
    ensure!(night.replicas()? == 1, "it yields before it grew: {said}");
    // A voice cache, say: 9,216 MiB where 4,096 were promised.
    let grow = format!("{}/order/grow", service(night.namespace())?);
    ureq::post(&grow).send_json(serde_json::json!({"mib": 5120}))?;
    night.tick_sleeps("450 MiB short")?;
    night.told(&["ShortYield", "450 MiB short", "1,598 MiB", "2,048 MiB"])?;
    night.told(&["ShortYield", "holds 9,216 MiB", "5,120 MiB more than its peak"])?;
    night.told(&["MemoryReturned", "10,814 MiB are free"])?;
    night.end()
}

#[test]
fn memory_that_does_not_come_back_is_promised_to_nobody() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("leak", |example| {
        let more = example.more.replace(
            "{ name = \"server\", env = [",
            "{ name = \"server\", env = [\n    { name = \"LEAVES_LEAK\", value = \"true\" },",
        );
        e2e::Example { more, ..example }
    })?;
    let namespace = night.namespace();
    night.wake()?;
    let mut two = night.example.clone();
    two.name = "whisper".to_owned();
    night.workspace.write(&format!("{}{}", night.example.hcl(), two.tenant_hcl("two", "gpu_card.t4.id")))?;
    night.workspace.apply()?;
    annotate(namespace, "off")?;
    std::thread::scope(|scope| {
        let ticking = scope.spawn(|| night.tick());
        let neighbour = stays_promised(&night);
        let cleared = night.card.clear_leaks();
        let said = ticking.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the tick panicked")))?;
        neighbour.and(cleared).with_context(|| format!("the tick said: {said}"))
    })?;
    night.sleeps()?;
    night.told(&["MemoryReturned", "14,910 MiB are free"])?;
    let said = tick(namespace, "whisper")?;
    awake(namespace, "whisper").map_err(|why| why.context(said))?;
    night.end()
}

/// The pod is gone, its memory is not: the neighbour must see the tenant draining.
fn stays_promised(night: &Night) -> Result<()> {
    let namespace = night.namespace();
    let label = format!("app.kubernetes.io/name={DEPLOYMENT}");
    wait::until("the pod is gone", PATIENCE, || {
        let pods = Kubectl.run(&["-n", namespace, "get", "pods", "-l", &label, "-o", "name"])?;
        ensure!(pods.is_empty(), "{pods}");
        Ok(Some(()))
    })?;
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450 - 4096, "nothing leaked: {state:?}");
    // Longer than the gate's next look.
    std::thread::sleep(Duration::from_secs(7));
    let entry = night.entry()?.context("no entry")?;
    ensure!(entry["state"] == "draining", "{entry}");
    Kubectl.run(&[
        "-n",
        namespace,
        "create",
        "job",
        "neighbour",
        "--from",
        &format!("cronjob/{}", super::cronjob(namespace, "whisper", "guard")?),
    ])?;
    wait::until("the neighbour says why it waits", PATIENCE, || {
        let notes = Kubectl.event_notes(namespace, "whisper")?;
        ensure!(
            notes.iter().any(|note| note.starts_with("WaitForMemory") && note.contains(DEPLOYMENT)),
            "{notes:?}"
        );
        Ok(Some(()))
    })?;
    ensure!(Kubectl.replicas(namespace, "whisper")? == 0, "it was admitted on memory that is not back");
    Ok(())
}
