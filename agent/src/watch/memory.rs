//! What a watcher remembers of a tenant between two of its turns.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tenancy::decide::{Decision, Rule, Situation, decide};
use tenancy::declared::Declared;
use tenancy::defaults::REPEAT_EVENT_S;
use tenancy::ledger::{Ledger, State};
use tenancy::names::TenantId;
use tenancy::observation::{Sample, Unknown};

use crate::gate::Turn;

/// The last turn of a tenant's gate.
#[derive(Debug)]
pub(super) struct Memory {
    at: Instant,
    last: Option<Last>,
    /// When people were last told that the ledger cannot be read, which no ledger remembers.
    pub(super) unreadable_told: Option<Timestamp>,
    /// How often in a row there was no turn.
    absent: u32,
}

#[derive(Debug)]
struct Last {
    situation: Situation,
    rule: Rule,
    /// More is under way, so the next look is a turn whatever the card says.
    goes_on: bool,
}

impl Memory {
    /// Of a tenant whose gate took its turn; `told` is when people were told before it that the ledger
    /// cannot be read.
    pub(super) fn of(turn: Turn, told: Option<Timestamp>) -> Self {
        let goes_on = is_deed(&turn.decision, &turn.situation.gate.tenant) || turn.failed.is_some();
        let now = turn.situation.now;
        let told = told.filter(|told| now.duration_since(*told).as_secs() < REPEAT_EVENT_S);
        let says_so = turn.decision.rule == Rule::LedgerUnreadable;
        let unreadable_told = told.or(says_so.then_some(now));
        let last = Last { rule: turn.decision.rule, situation: turn.situation, goes_on };
        Self { at: Instant::now(), last: Some(last), unreadable_told, absent: 0 }
    }

    /// Of a tenant whose gate could not take its turn; `before` is what was known of it.
    pub(super) fn absent(before: Option<Self>) -> Self {
        let (absent, unreadable_told) = before.map_or((0, None), |it| (it.absent, it.unreadable_told));
        Self { at: Instant::now(), last: None, unreadable_told, absent: absent.saturating_add(1) }
    }

    /// Whether its turn has come without anything new. A tenant's floor is often entered moments before
    /// the tenant, so the first tries are `interval` apart, and then twice as long each.
    pub(super) fn is_due(&self, interval: Duration, rest: Duration) -> bool {
        let waits = match self.absent {
            0 => rest,
            times => interval.saturating_mul(1 << (times - 1).min(16)).min(rest),
        };
        self.at.elapsed() >= waits || self.last.as_ref().is_some_and(|last| last.goes_on)
    }

    /// Whether the gate would do or say anything new, were everything of the
    /// tenant as it was and the card as it is now. Nothing is done on this
    /// answer but to look properly. What cannot be read just now, `None`, is for
    /// the gate as its last turn had it.
    pub(super) fn has_to_act(
        &self,
        declared: Option<&Declared>,
        ledger: Option<&Ledger>,
        device: Result<Sample, Unknown>,
        now: Timestamp,
    ) -> bool {
        let Some(last) = &self.last else { return false };
        let mut situation = Situation { now, ..last.situation.clone() };
        if let Some(declared) = declared {
            situation.declared = Ok(declared.clone());
        }
        if let Some(ledger) = ledger {
            situation.ledger = Ok(ledger.clone());
        }
        situation.observation.device = device;
        let decision = decide(&situation);
        decision.rule != last.rule || is_deed(&decision, &situation.gate.tenant)
    }
}

/// Whether a decision does anything, or asks for another turn at once. A gate looks again while the card of an
/// awake tenant is not known; a watcher has looked at the card itself by then, and knows when it is known again.
fn is_deed(decision: &Decision, tenant: &TenantId) -> bool {
    let is_awake = || decision.ledger.get(tenant).is_some_and(|entry| entry.state == State::Awake);
    let only_looks = decision.rule == Rule::BlindHold && is_awake();
    let goes_on = decision.again_in.is_some() && !only_looks;
    decision.unload || decision.scale.is_some() || !decision.pauses.is_empty() || goes_on
}
