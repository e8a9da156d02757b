//! The check inside the pod: an init container that lets the model server start
//! only when the card has room for it now, whoever started the pod.

use jiff::Timestamp;

use crate::arithmetic::{Claim, admission};
use crate::decide::seen::{self, Books};
use crate::decide::{Open, Override, free_and_owed, headroom, open_until, parse_override, unreadable_floor};
use crate::declared::Declared;
use crate::gate::{GateConfig, OVERRIDE_ANNOTATION};
use crate::ledger::{Entry, Ledger, PodRef, State};
use crate::observation::{PodSeen, Sample, Unknown};
use crate::window::Schedule;

/// Everything the check rests on.
#[derive(Debug, Clone)]
pub struct AdmitSituation {
    /// The API server's time.
    pub now: Timestamp,
    /// What the gate is told of the tenant.
    pub gate: GateConfig,
    /// The card and every floor on it.
    pub declared: Declared,
    /// The ledger as it was read.
    pub ledger: Ledger,
    /// The pod that asks: this one.
    pub pod: PodRef,
    /// Every pod of the tenant's Deployment, or why they could not be listed.
    pub pods: Result<Vec<PodSeen>, Unknown>,
    /// The value of [`crate::gate::OVERRIDE_ANNOTATION`] on the Deployment, if it is there.
    pub override_annotation: Option<String>,
    /// The card's own figures from one scrape, or why there are none.
    pub device: Result<Sample, Unknown>,
}

/// The answer to a pod that wants to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Write this ledger by compare-and-swap; when that succeeded, exit 0. On
    /// 409 observe and ask again.
    Go {
        /// The ledger with the pod as loading.
        ledger: Box<Ledger>,
        /// Why, as one sentence.
        reason: String,
    },
    /// Write nothing, sleep some seconds, observe and ask again.
    Wait {
        /// Why, as one sentence.
        reason: String,
    },
}

/// Whether the pod may start now. Having been admitted once admits nobody: a
/// pod that a reboot, an eviction or a crash started asks like any other.
///
/// | when | answer |
/// |-|-|
/// | the tenant is always awake | go |
/// | suspended, switched off, or no window open and no `awake-until=` | wait; the gate scales to 0 |
/// | the ledger has it asleep or draining, or its key cannot be read | wait for the gate |
/// | another pod of the tenant may hold memory, or they cannot be listed | wait until it is gone |
/// | another tenant drains | wait for its memory |
/// | no floor, no fresh sample, or any key of the ledger or the declared object cannot be read | wait |
/// | `free - owed - peak < H` | wait |
/// | otherwise | go, and the pod is entered as loading |
///
/// The sum is the one of the gate. Room is kept for a tenant that the ledger has
/// as reserved, so others cannot have taken it; a resident may.
pub fn admit_pod(input: &AdmitSituation) -> Admission {
    if input.gate.schedule == Schedule::Always {
        let reason = "The tenant is always awake.".to_owned();
        return Admission::Go { ledger: Box::new(input.ledger.clone()), reason };
    }
    match weigh(input) {
        Ok(reason) => Admission::Go { ledger: Box::new(entered(input)), reason },
        Err(reason) => Admission::Wait { reason },
    }
}

/// Why it may start, or why not.
fn weigh(input: &AdmitSituation) -> Result<String, String> {
    is_its_time(input)?;
    let me = &input.gate.tenant;
    if let Some((key, why)) = input.ledger.unreadable.first_key_value() {
        return Err(format!("The ledger's key {key} cannot be read ({why}); correct or delete the key."));
    }
    let mine = input.ledger.entry(me);
    if !mine.state.is_admitted() {
        return Err(format!("The ledger has {me} as {}; its gate has not admitted it.", mine.state));
    }
    beside_no_other(input, &mine)?;
    let device = seen::fresh(&input.device, &input.declared.card, input.now);
    let believed = input.ledger.believed(input.now);
    let books = Books {
        declared: Some(&input.declared),
        ledger: &believed,
        sample: device.as_ref().ok().copied(),
        now: input.now,
        guard_interval_s: input.gate.timing.guard_interval_s,
    };
    if let Some((tenant, entry)) = books.somebody_draining(me) {
        let since = entry.since.strftime("%H:%M:%S UTC");
        return Err(format!("{tenant} was told to go at {since} and its memory has not returned yet."));
    }
    if let Some(unreadable) = unreadable_floor(&input.declared) {
        return Err(unreadable);
    }
    let Some(floor) = input.declared.floors.get(me) else {
        return Err(format!(
            "The declared object of card {} has no floor of {me}.",
            input.declared.card.name
        ));
    };
    let sample = device.map_err(|why| format!("The card's memory is not known: {why}."))?;
    let claims = books.claims_beside(me, &mine);
    let balance = admission(sample.free_mib, &claims, floor.peak_mib, headroom(&claims, floor));
    let figures = format!(
        "{}, it may take {} and {} must stay free.",
        free_and_owed(&balance, &claims, Claim::owed_when_admitting),
        balance.peak_mib,
        balance.headroom_mib
    );
    match balance.short_by() {
        Some(by) => Err(format!("{by} short: {figures}")),
        None => Ok(figures),
    }
}

/// The tenant has room for one pod. Another that was admitted holds memory until
/// it is gone, and one that the ledger has in is about to take it.
fn beside_no_other(input: &AdmitSituation, mine: &Entry) -> Result<(), String> {
    let pods =
        input.pods.as_ref().map_err(|why| format!("The tenant's pods are not known: {}.", why.reason))?;
    let is_entered = |pod: &PodSeen| {
        mine.state != State::Reserved && mine.pod.as_ref().is_some_and(|known| known.uid == pod.uid)
    };
    let others = pods.iter().filter(|pod| pod.is_live() && pod.uid != input.pod.uid);
    match others.into_iter().find(|pod| pod.admitted || is_entered(pod)) {
        Some(other) => Err(format!("Pod {} of the same tenant is not gone yet.", other.name)),
        None => Ok(()),
    }
}

/// Whether people and schedule let it be awake.
fn is_its_time(input: &AdmitSituation) -> Result<(), String> {
    if input.gate.suspend {
        return Err("The tenant is suspended.".to_owned());
    }
    let accepted = input.ledger.entry(&input.gate.tenant).override_seen.is_none_or(|seen| seen.accepted);
    let text = input.override_annotation.as_deref().filter(|_| accepted);
    match text.and_then(|text| parse_override(text, input.now).ok()).unwrap_or(Override::Auto) {
        Override::Off => Err(format!("The annotation {OVERRIDE_ANNOTATION}=off keeps it asleep.")),
        Override::AwakeUntil(until) if until > input.now => Ok(()),
        Override::AwakeUntil(_) | Override::Auto => match open_until(&input.gate.schedule, input.now) {
            Open::Until(_) => Ok(()),
            Open::Closed => Err("No window is open.".to_owned()),
        },
    }
}

/// The ledger with the pod as the one that loads.
fn entered(input: &AdmitSituation) -> Ledger {
    let mut ledger = input.ledger.clone();
    let mut entry: Entry = ledger.entry(&input.gate.tenant);
    entry.enter(State::Loading, input.now);
    entry.starting_since.get_or_insert(input.now);
    entry.awake_since = None;
    if entry.pod.as_ref() != Some(&input.pod) {
        entry.restarts_seen = 0;
        entry.pod = Some(input.pod.clone());
    }
    ledger.set(input.gate.tenant.clone(), entry);
    ledger
}
