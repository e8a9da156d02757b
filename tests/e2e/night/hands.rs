//! People win, visibly: what is scaled, annotated, deleted or fired by hand.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Kubectl, wait};
use serde_json::Value;

use super::{DEPLOYMENT, Night, at_noon, awake, cronjob, needs_pods, pod};

pub(super) fn annotate(namespace: &str, value: &str) -> Result<()> {
    let annotation = format!("gpu-tenancy.dev/gate={value}");
    Kubectl
        .run(&["-n", namespace, "annotate", "--overwrite", "deployment", DEPLOYMENT, &annotation])
        .map(drop)
}

/// What the annotation says to wake the tenant for so many hours.
fn awake_for(hours: i64) -> String {
    awake_until(jiff::SignedDuration::from_hours(hours))
}

fn awake_until(from_now: jiff::SignedDuration) -> String {
    let until = jiff::Timestamp::now() + from_now;
    format!("awake-until={}", until.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

#[test]
fn a_hand_that_scales_to_0_in_the_window_is_obeyed_and_told() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("by-hand", |example| example)?;
    let scale = |replicas: &str| {
        Kubectl.run(&["-n", night.namespace(), "scale", "deployment", DEPLOYMENT, replicas]).map(drop)
    };
    night.wake()?;
    scale("--replicas=0")?;
    night.tick_sleeps("scaled to 0 by hand")?;
    night.told(&["HeldByHand", "held asleep until"])?;
    // The card is free and the window open: the hand alone keeps it asleep.
    night.tick_sleeps("scaled to 0 by hand")?;
    night.workspace.plan_is_empty()?;

    // Who scaled it down may scale it up; the card is asked all the same.
    scale("--replicas=1")?;
    night.wake()?;
    night.told(&["HoldLifted"])?;
    night.end()
}

#[test]
fn an_annotation_wakes_at_noon_and_sends_to_sleep() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("annotate", |example| at_noon(&example))?;
    let namespace = night.namespace();
    annotate(namespace, &awake_for(1))?;
    night.wake()?;
    night.workspace.plan_is_empty()?;
    // Whoever needs it for shorter says so, and nobody has to come back to end it.
    annotate(namespace, &awake_until(jiff::SignedDuration::from_secs(5)))?;
    std::thread::sleep(Duration::from_secs(6));
    night.tick_sleeps("No window is open")?;
    annotate(namespace, &awake_for(1))?;
    night.wake()?;
    annotate(namespace, "off")?;
    night.tick_sleeps("gpu-tenancy.dev/gate=off keeps it asleep")?;
    night.told(&["SwitchedOff"])?;
    annotate(namespace, &awake_for(25))?;
    night.tick_sleeps("No window is open")?;
    night.told(&["OverrideRefused", "24 hours"])?;
    night.end()
}

#[test]
fn a_job_made_by_hand_at_noon_says_why_it_does_nothing() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("by-job", |example| at_noon(&example))?;
    let namespace = night.namespace();
    let said = Kubectl.fire(namespace, &cronjob(namespace, DEPLOYMENT, "up")?)?;
    for words in ["No window is open: window night opens", "annotate gpu-tenancy.dev/gate=awake-until="] {
        ensure!(said.contains(words), "it does not say {words:?}: {said}");
    }
    ensure!(night.replicas()? == 0, "it was woken at noon: {said}");
    night.told(&["OutsideWindow", "window night opens"])?;
    // Asked again, it answers again, and not to the log alone.
    Kubectl.fire(namespace, &cronjob(namespace, DEPLOYMENT, "up")?)?;
    let notes = Kubectl.event_notes(namespace, DEPLOYMENT)?;
    let told = notes.iter().filter(|note| note.starts_with("OutsideWindow")).count();
    ensure!(told >= 2, "{notes:?}");
    night.end()
}

#[test]
fn a_deleted_pod_is_admitted_anew_before_its_successor_loads() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("delete", |mut example| {
        // No gate judges the shortage while the test looks at the pods.
        example.more = example.more.replace("shortage_grace = \"10s\"", "shortage_grace = \"10m\"");
        example
    })?;
    let namespace = night.namespace();
    night.wake()?;
    let old = pod(namespace)?["metadata"]["name"].as_str().context("no name")?.to_owned();
    // The card fills up: the successor may not take what its predecessor had.
    night.card.resident("llama", 9216)?;
    Kubectl.run(&["-n", namespace, "delete", "pod", &old, "--wait=false"])?;
    let waiting = wait::until("the successor waits in admit", Duration::from_secs(60), || {
        let next = pod(namespace)?;
        let (name, log) = successor(namespace, &next, &old)?;
        ensure!(log.contains("MiB short"), "{name} says {log:?}");
        Ok(Some(name))
    })?;
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450 - 9216, "the successor loads all the same: {state:?}");
    night.card.resident("llama", 4096)?;
    awake(namespace, DEPLOYMENT)?;
    let said = night.tick()?;
    let entry = night.entry()?.context("no entry")?;
    ensure!(entry["state"] == "awake" && entry["pod"]["name"] == waiting.as_str(), "{said}{entry}");
    night.told(&["PodAdmitted"])?;
    night.end()
}

/// The pod that took the old one's place, and what its `admit` printed.
fn successor(namespace: &str, next: &Value, old: &str) -> Result<(String, String)> {
    let name = next["metadata"]["name"].as_str().context("no name")?.to_owned();
    ensure!(name != old, "{old} is still there");
    let log = Kubectl.run(&["-n", namespace, "logs", &name, "-c", "admit"])?;
    Ok((name, log))
}
