//! The judgement of a gate: what to do now, and why.

mod draft;
mod drain;
mod hand;
mod hold;
mod pauses;
mod prefetch;
mod rule;
mod say;
pub(crate) mod seen;
mod shortage;
mod sleep;
#[cfg(test)]
mod tests;
mod wake;
mod wish;

use std::time::Duration;

use jiff::Timestamp;

pub use hand::{Override, parse as parse_override};
pub use rule::Rule;
pub use seen::used_by_resident;

use draft::{Draft, Verdict};
use seen::Seen;
use wish::Wish;

use crate::declared::Declared;
use crate::gate::{GateConfig, ScaleTarget};
use crate::ledger::{Ledger, Status};
use crate::observation::{Observation, Trigger, Unknown};
use crate::window::Schedule;

pub(crate) use say::free_and_owed;
pub(crate) use wake::{headroom, unreadable_floor};
pub(crate) use wish::{Open, open_until};

/// Everything a decision rests on.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The API server's time, from the `Date` of its last answer.
    pub now: Timestamp,
    /// Which CronJob fired.
    pub trigger: Trigger,
    /// What the gate is told of its own tenant.
    pub gate: GateConfig,
    /// The card and every floor on it, or why they could not be read. Without
    /// them nobody is admitted; whoever is in holds for the bounded time and
    /// goes when his time is over.
    pub declared: Result<Declared, Unknown>,
    /// The ledger as it was read, or why it could not be. Without it a tenant
    /// outside its time is put to sleep, and nothing else is done.
    pub ledger: Result<Ledger, Unknown>,
    /// What was seen.
    pub observation: Observation,
}

/// What to do, and why. The agent acts in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The rule that decided.
    pub rule: Rule,
    /// Why, as one sentence with the figures, for a person at 3 a.m.
    pub reason: String,
    /// First: write this ledger with the resourceVersion that was read, unless
    /// its data is the same. On 409 drop the decision; observe and decide again.
    pub ledger: Ledger,
    /// Second: call the model server's unload, and go on whatever it answers.
    pub unload: bool,
    /// Third: set the tenant's replicas.
    pub scale: Option<u32>,
    /// Fourth: set the replicas of Option B targets.
    pub pauses: Vec<(ScaleTarget, u32)>,
    /// Fifth: tell people, by Events on the tenant's Deployment.
    pub events: Vec<Event>,
    /// What was written into the ledger for this tenant. `None` when the
    /// tenant's own key cannot be read and is therefore left alone.
    pub status: Option<Status>,
    /// Last: observe and decide again after this time, within the same tick if
    /// it may last as long. Nothing breaks when it does not: the next tick finds
    /// everything it needs in the ledger. `None`: the tick is over.
    pub again_in: Option<Duration>,
}

/// Something to tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whether it is bad news.
    pub kind: EventKind,
    /// The machine's word for it, in CamelCase.
    pub reason: String,
    /// The sentence, at most 1,024 bytes.
    pub note: String,
}

/// An Event's type, in Kubernetes' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum EventKind {
    Normal,
    Warning,
}

/// Decides what one tenant's gate does now. Every tick is the whole decision,
/// whichever CronJob fired it, so a tick that was missed is made good by the next.
///
#[doc = include_str!("../../../docs/rules.md")]
///
/// Whose turn it is to yield follows from the ledger alone, so every gate finds
/// the same tenant and only that tenant's own gate acts. While it drains the
/// shortage is not judged; then the card is observed anew, and perhaps the next
/// one yields.
pub fn decide(input: &Situation) -> Decision {
    let nothing = Ledger::default();
    let as_read = input.ledger.as_ref().unwrap_or(&nothing);
    let believed = as_read.believed(input.now);
    let seen = Seen::of(input, &believed, as_read);
    let mut draft = Draft::of(&seen);
    if seen.gate.schedule == Schedule::Always {
        // It had windows once, and may have paused somebody for one of them.
        pauses::give_back(&seen, &mut draft, |_| true);
        let reason = "It is always awake; no gate decides for it.";
        return draft.finish(&seen, false, Verdict::new(Rule::AlwaysAwake, reason));
    }
    let key = seen.me.key();
    match &input.ledger {
        Err(unknown) => {
            let what = format!("The ledger of its card cannot be read: {}", unknown.reason);
            return unreadable(&seen, draft, &what);
        }
        Ok(ledger) => {
            if let Some(why) = ledger.unreadable.get(&key) {
                let what = format!(
                    "The ledger's key {key} cannot be read ({why}), so it is not admitted; correct or delete the key"
                );
                return unreadable(&seen, draft, &what);
            }
        }
    }
    let verdict = judge(&seen, &mut draft);
    let verdict = prefetch::told(&seen, &mut draft, verdict);
    // A job made by hand from the window's CronJob is answered aloud.
    let asked = input.trigger == Trigger::Up && verdict.rule == Rule::OutsideWindow;
    draft.finish(&seen, asked, verdict)
}

fn judge(seen: &Seen, draft: &mut Draft) -> Verdict {
    hand::notice_annotation(seen, draft);
    let hand = hand::notice_replicas(seen, draft);
    let draining = drain::watch(seen, draft);
    let shortage = shortage::judge(seen, draft);
    let wish = wish::wish(seen, draft, hand);
    if let Wish::Wake(wake) = &wish {
        draft.entry.until = wake.until;
        pauses::keep(seen, draft);
        pauses::give_back(seen, draft, |one| !seen.gate.pauses.contains(&one.target));
    }
    match (draining, wish) {
        (Some(draining), Wish::Sleep(..)) if draining.rule == Rule::MemoryMissing => {
            // Residents do not wait for memory that does not come. Those that wait for somebody else are no news.
            pauses::restore(seen, draft).filter(|_| !draft.pauses.is_empty()).unwrap_or(draining)
        }
        (Some(draining), _) => draining,
        (None, Wish::Sleep(rule, reason)) => sleep::judge(seen, draft, rule, reason),
        (None, Wish::Wake(_)) if draft.entry.state.is_admitted() => {
            hold::judge(seen, draft, shortage.as_ref())
        }
        (None, Wish::Wake(wake)) => wake::judge(seen, draft, &wake),
    }
}

/// Rule 2. Without its entry a gate does not know whom it paused nor what it
/// holds, so it writes nothing; going to sleep is safe all the same.
fn unreadable(seen: &Seen, mut draft: Draft, what: &str) -> Decision {
    let mut reason = format!("{what}.");
    let wish = wish::wish(seen, &mut draft, hand::Hand::Still);
    let running = seen.observation.replicas() > 0;
    let scale = (running && matches!(wish, Wish::Sleep(..))).then_some(0);
    if let (Some(_), Wish::Sleep(_, sleep)) = (scale, &wish) {
        reason = format!("{reason} It is scaled to 0: {sleep}");
    }
    draft.event(EventKind::Warning, "LedgerUnreadable", reason.clone());
    Decision {
        rule: Rule::LedgerUnreadable,
        reason,
        ledger: seen.as_read.clone(),
        unload: false,
        scale,
        pauses: Vec::new(),
        events: draft.events.into_iter().map(|news| news.event).collect(),
        status: None,
        again_in: None,
    }
}
