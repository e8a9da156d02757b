//! What goes wrong at night: a source that dies, a server that crashes.

use anyhow::{Context, Result, ensure};
use e2e::{Kubectl, wait};
use fake_card::wire::Fault;

use super::hands::annotate;
use super::{DEPLOYMENT, Night, PATIENCE, asleep, awake, entry, needs_pods, pod, tick};

#[test]
fn unknown_is_not_zero_when_the_source_dies() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("unknown", |example| example)?;
    let namespace = night.namespace();
    night.wake()?;
    let mut two = night.example.clone();
    two.name = "whisper".to_owned();
    let both = format!("{}{}", night.example.hcl(), two.tenant_hcl("two", "gpu_card.t4.id"));
    night.workspace.write(&both)?;
    night.workspace.apply()?;

    // An exporter whose collector died answers 200 and says nothing.
    night.card.fault(Fault::Empty200)?;
    let said = tick(namespace, "whisper")?;
    ensure!(said.contains("memory is not known") && said.contains("Nobody is admitted"), "{said}");
    ensure!(Kubectl.replicas(namespace, "whisper")? == 0, "admitted on a guess: {said}");

    // Its own tick looks again and again: it holds as long as it may, yields, and waits for memory that nobody
    // can see.
    std::thread::scope(|scope| {
        let ticking = scope.spawn(|| night.tick());
        let held = wait::until("it holds", PATIENCE, || {
            night.told(&["BlindHold", "memory is not known", "It holds for"])?;
            ensure!(night.replicas()? == 1, "a working tenant was sent away at once");
            Ok(Some(()))
        });
        let yielded = wait::until("it yields", PATIENCE, || {
            night.told(&["BlindYield", "has not been known for"])?;
            asleep(namespace, DEPLOYMENT).map(Some)
        });
        let seen = night.card.fault(Fault::None);
        let said = ticking.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the tick panicked")))?;
        held.and(yielded).and(seen).with_context(|| format!("the tick said: {said}"))
    })?;
    night.sleeps()?;

    let said = tick(namespace, "whisper")?;
    awake(namespace, "whisper").map_err(|why| why.context(said))?;
    let entry = entry(&night.card.name, namespace, "whisper")?;
    ensure!(entry.as_ref().is_some_and(|entry| entry["state"] == "awake"), "{entry:?}");
    night.end()
}

#[test]
fn three_crashes_in_a_row_yield_and_back_off() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("crash", |mut example| {
        example.more = example.more.replace("\"--port\"", "\"--crash-after-s\", \"2\", \"--port\"");
        example.more = example.more.replace("backoff = \"15s\"", "backoff = \"10m\"");
        example
    })?;
    night.tick_sleeps("crashed 3 times in a row. It yields and backs off")?;
    night.told(&["CrashLoop"])?;
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450, "a crash left memory behind: {state:?}");
    night.tick_sleeps("It backs off for")?;
    night.told(&["BackingOff"])?;
    night.end()
}

#[test]
fn a_pod_that_finds_no_node_is_released_with_the_schedulers_words() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("pending", |mut example| {
        example.more = example.more.replace("unknown_hold =", "pending_limit = \"10s\", unknown_hold =");
        example.with("  node_selector = { \"example.org/rack\" = \"nowhere\" }")
    })?;
    night.tick_sleeps("found no node")?;
    night.told(&[
        "PodPending",
        "didn't match Pod's node affinity/selector",
        "It is released and backs off",
    ])?;
    night.end()
}

#[test]
fn a_server_that_runs_and_never_becomes_ready_yields_at_the_cap() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("never-ready", |mut example| {
        example.more = example.more.replace("unknown_hold =", "loading_limit = \"20s\", unknown_hold =");
        example.more = example.more.replace("backoff = \"15s\"", "backoff = \"10m\"");
        example.set("readiness_probe", r#"{ http = { path = "/no-such-page" }, period = "2s" }"#)
    })?;
    night.tick_sleeps("It is not ready after")?;
    night.told(&["LoadingLimit", "It yields and backs off"])?;
    night.told(&["MemoryReturned", "14,910 MiB are free"])?;
    night.tick_sleeps("It backs off for")?;
    night.end()
}

#[test]
fn the_unload_call_frees_memory_before_the_pod_is_told_to_go() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("unload", |mut example| {
        // It would hold its memory for half a minute after it was told to go.
        example.more = example.more.replace("\"--port\"", "\"--grace-s\", \"30\", \"--port\"");
        example.with("  unload = { path = \"/api/unload\" }")
    })?;
    let namespace = night.namespace();
    night.wake()?;
    annotate(namespace, "off")?;
    std::thread::scope(|scope| {
        let ticking = scope.spawn(|| night.tick());
        let freed = wait::until("the memory is free while the pod still goes", PATIENCE, || {
            let state = night.card.state()?;
            ensure!(state.free_mib == 15360 - 450, "{state:?}");
            let pod = pod(namespace)?["metadata"].clone();
            ensure!(pod["deletionTimestamp"].is_string(), "{pod}");
            Ok(Some(()))
        });
        let said = ticking.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the tick panicked")))?;
        freed.with_context(|| format!("the tick said: {said}"))
    })?;
    night.sleeps()?;
    night.end()
}
