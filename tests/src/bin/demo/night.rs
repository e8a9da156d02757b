//! A short night at real speed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{FakeCard, Kubectl, wait};

use crate::live::Live;
use crate::screen;

const NAMESPACE: &str = "tts";
const TENANT: &str = "chatterbox-tts";
/// What llama holds at first, in MiB.
const LLAMA: u64 = 4096;
/// What llama wants in the night, in MiB: 1,598 stay free, 450 less than the headroom.
const LLAMA_AWAKE: u64 = 9216;

/// The card of the demo, with a resident on it.
pub(crate) fn card() -> Result<FakeCard> {
    screen::step("A fake card (an allocator, not a GPU): a T4 that the driver keeps 450 MiB of");
    let card = FakeCard::t4()?;
    card.resident("llama", LLAMA)?;
    screen::bar(&card.state()?);
    Ok(card)
}

/// Plays it: admitted, answering, yielding, admitted again, closed.
pub(crate) fn play(_live: &Live, card: &FakeCard) -> Result<()> {
    screen::step("Applied, and asleep: apply never wakes a card");
    ensure!(Kubectl.replicas(NAMESPACE, TENANT)? == 0, "apply woke the tenant");
    show(card, 0)?;

    screen::step("The window opens: the gate looks at the card and admits");
    awake(300)?;
    show(card, 1)?;
    let service = Kubectl.get(NAMESPACE, "service", TENANT)?;
    let address = service["spec"]["clusterIP"].as_str().context("the Service has no address")?;
    let url = format!("http://{address}:8000/health");
    let mut health = ureq::get(&url).call().with_context(|| format!("GET {url}"))?;
    screen::evidence(
        "service",
        &format!("GET :8000/health -> {} {}", health.status(), health.body_mut().read_to_string()?.trim()),
    );

    screen::step("llama wakes and takes 5,120 MiB more: the card is short, the tenant yields");
    card.resident("llama", LLAMA_AWAKE)?;
    screen::bar(&card.state()?);
    sleeps(180)?;
    show(card, 1)?;

    screen::step("llama lets go again: after its pause the tenant is admitted once more");
    card.resident("llama", LLAMA)?;
    awake(240)?;
    show(card, 1)?;

    screen::step("The window closes");
    sleeps(480)?;
    show(card, 1)?;
    card.never_refused()?;
    screen::evidence("refused", "no allocation was refused all night");
    Ok(())
}

fn awake(seconds: u64) -> Result<()> {
    wait::until("the tenant is awake", Duration::from_secs(seconds), || {
        let status = Kubectl.get(NAMESPACE, "deployment", TENANT)?["status"].clone();
        ensure!(status["readyReplicas"] == 1, "{status}");
        Ok(Some(()))
    })
}

fn sleeps(seconds: u64) -> Result<()> {
    wait::until("the tenant sleeps", Duration::from_secs(seconds), || {
        let status = Kubectl.get(NAMESPACE, "deployment", TENANT)?["status"].clone();
        ensure!(status["replicas"].is_null() && Kubectl.replicas(NAMESPACE, TENANT)? == 0, "{status}");
        Ok(Some(()))
    })
}

/// Replicas, the last Events and the card.
fn show(card: &FakeCard, events: usize) -> Result<()> {
    let replicas = Kubectl.replicas(NAMESPACE, TENANT)?;
    screen::evidence("replicas", &replicas.to_string());
    let notes = Kubectl.event_notes(NAMESPACE, TENANT)?;
    let from = notes.len().saturating_sub(events.max(1));
    for note in notes.get(from..).unwrap_or_default() {
        screen::evidence("event", note);
    }
    screen::bar(&card.state()?);
    Ok(())
}
