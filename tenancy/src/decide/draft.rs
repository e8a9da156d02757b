//! A decision in the making: the tenant's own entry and what is to be done.

use std::time::Duration;

use super::seen::{Seen, unattributed};
use super::{Decision, Event, EventKind, Rule, say};
use crate::arithmetic::Balance;
use crate::defaults::{BACKOFF_LIMIT_S, CLOCK_SKEW_LIMIT_S, LOOK_AGAIN_S, REPEAT_EVENT_S};
use crate::gate::ScaleTarget;
use crate::ledger::{CardMemory, Drain, Entry, State, Status, Yield};
use crate::quantity::Mib;

/// The longest note that the API server takes.
const NOTE_LIMIT: usize = 1024;

/// The rule that decided, and why.
pub(super) struct Verdict {
    pub(super) rule: Rule,
    pub(super) reason: String,
}

impl Verdict {
    pub(super) fn new(rule: Rule, reason: impl Into<String>) -> Self {
        Self { rule, reason: reason.into() }
    }
}

/// What the rules write to.
pub(super) struct Draft {
    pub(super) entry: Entry,
    pub(super) card: CardMemory,
    pub(super) unload: bool,
    pub(super) scale: Option<u32>,
    pub(super) pauses: Vec<(ScaleTarget, u32)>,
    pub(super) events: Vec<News>,
    pub(super) again_in: Option<Duration>,
    /// The sum that the verdict rests on, for the status.
    pub(super) balance: Option<Balance>,
}

impl Draft {
    pub(super) fn of(seen: &Seen) -> Self {
        Self {
            entry: seen.ledger.entry(seen.me),
            card: seen.ledger.card.clone(),
            unload: false,
            scale: None,
            pauses: Vec::new(),
            events: Vec::new(),
            again_in: None,
            balance: None,
        }
    }

    /// Tells people of a change.
    pub(super) fn event(&mut self, kind: EventKind, reason: &str, note: impl Into<String>) {
        self.event_about("", kind, reason, note);
    }

    /// Tells people of a change to something besides the tenant.
    pub(super) fn event_about(
        &mut self,
        about: &str,
        kind: EventKind,
        reason: &str,
        note: impl Into<String>,
    ) {
        let note = say::cut(&note.into(), NOTE_LIMIT).to_owned();
        let key = if about.is_empty() { reason.to_owned() } else { format!("{reason} {about}") };
        self.events.push(News { key, always: false, event: Event { kind, reason: reason.to_owned(), note } });
    }

    /// The Events that are told: of each reason and thing at most one within
    /// [`REPEAT_EVENT_S`]. Writes down when.
    fn told(&mut self, seen: &Seen) -> Vec<Event> {
        self.entry.told.retain(|_, at| seen.since(*at) < REPEAT_EVENT_S);
        let told = &mut self.entry.told;
        let news = std::mem::take(&mut self.events).into_iter();
        news.filter(|news| {
            let is_due = news.always || !told.contains_key(&news.key);
            if is_due {
                told.insert(news.key.clone(), seen.now);
            }
            is_due
        })
        .map(|news| news.event)
        .collect()
    }

    /// Looks again soon, in the same tick.
    pub(super) fn look_again(&mut self) {
        self.again_in = Some(Duration::from_secs(u64::from(LOOK_AGAIN_S)));
    }

    /// Sets the tenant's replicas and remembers that it was us.
    pub(super) fn set_replicas(&mut self, seen: &Seen, replicas: u32) {
        let found = seen.observation.replicas();
        self.scale = (found != replicas).then_some(replicas);
        self.entry.replicas_set = Some(replicas);
        self.entry.replicas_confirmed = found == replicas;
    }

    /// Sends the tenant away: unload, scale to 0, and drain until its memory was
    /// seen to return.
    pub(super) fn put_down(&mut self, seen: &Seen, cause: Rule) {
        let free = seen.free();
        let known = seen.held_by_me();
        let held = known.or_else(|| self.taken_since_admission(free));
        self.unload = seen.gate.unload.is_some() && seen.live_pods().any(|pod| pod.ready);
        self.entry.drain = Some(Drain {
            free_mib: free,
            held_mib: held,
            estimated: known.is_none() && held.is_some(),
            unattributed_mib: seen.sample.as_ref().ok().and_then(|sample| unattributed(sample)),
            unloads: self.unload,
            cause,
            reported: false,
        });
        self.entry.awake_since = None;
        self.entry.starting_since = None;
        self.entry.empty_since = None;
        self.entry.enter(State::Draining, seen.now);
        self.set_replicas(seen, 0);
        self.look_again();
    }

    /// What is less free than at its admission, as an estimate of what an awake
    /// tenant holds. One that loads may hold anything, so nothing is expected of it.
    fn taken_since_admission(&self, free: Option<Mib>) -> Option<Mib> {
        let admission = self.entry.admission.filter(|_| self.entry.state == State::Awake)?;
        Some(Mib(admission.free_mib?.0.saturating_sub(free?.0).min(admission.peak_mib.0)))
    }

    /// Sends the tenant away for a while, because the card or the tenant itself
    /// is in trouble.
    pub(super) fn yield_now(&mut self, seen: &Seen, rule: Rule) {
        self.put_down(seen, rule);
        let mut pause = seen.gate.timing.backoff_s;
        if rule.is_failed_start() {
            let doublings = self.entry.failures.min(16);
            self.entry.failures = self.entry.failures.saturating_add(1);
            pause = pause.saturating_mul(1 << doublings).min(BACKOFF_LIMIT_S.max(pause));
        }
        self.entry.backoff_until = Some(later(seen.now, pause));
        self.card.short_since = None;
        self.card.last_yield =
            Some(Yield { tenant: seen.me.clone(), at: seen.now, rule, free_mib: seen.free() });
    }

    /// Lets go of the entry's room: the tenant sleeps.
    pub(super) fn release(&mut self, seen: &Seen) {
        self.entry.enter(State::Asleep, seen.now);
        self.entry.admission = None;
        self.entry.pod = None;
        self.entry.restarts_seen = 0;
        (self.entry.crashes, self.entry.lost_pods) = (0, 0);
        self.entry.drain = None;
        self.entry.until = None;
    }

    /// The decision: the verdict written into the ledger, and told where people
    /// have not been told lately.
    pub(super) fn finish(mut self, seen: &Seen, always_tell: bool, verdict: Verdict) -> Decision {
        let rule = verdict.rule;
        // The scheduler's words may be long, and the ledger is read by people.
        let reason = say::cut(&verdict.reason, NOTE_LIMIT).to_owned();
        let before = self.entry.status.take();
        let told_at = before.as_ref().filter(|status| status.rule == rule).and_then(|status| status.told_at);
        let due = match rule.voice() {
            Voice::Quiet => false,
            Voice::OnChange => before.as_ref().is_none_or(|status| status.rule != rule),
            Voice::Repeated => true,
        };
        let word = format!("{rule:?}");
        if due || always_tell {
            let kind = if rule.is_trouble() { EventKind::Warning } else { EventKind::Normal };
            let event = Event { kind, reason: word.clone(), note: reason.clone() };
            self.events.push(News { key: word.clone(), always: always_tell, event });
        }
        let events = self.told(seen);
        let tell = events.iter().any(|event| event.reason == word);
        let skew = seen.observation.clock_skew_s;
        let status = Status {
            rule,
            reason: reason.clone(),
            at: seen.now,
            free_mib: seen.free(),
            owed_mib: self.balance.map(|balance| balance.owed_mib),
            overrun_seconds: self.overrun(seen),
            clock_skew_s: (skew.saturating_abs() > CLOCK_SKEW_LIMIT_S).then_some(skew),
            told_at: if tell { Some(seen.now) } else { told_at },
            looks_every_s: Some(seen.gate.looks_every_s(seen.now)),
        };
        let interval_s = seen.gate.timing.guard_interval_s;
        self.entry.tally.count(rule, seen.now, before.as_ref(), interval_s);
        self.entry.status = Some(status.clone());
        let mut ledger = seen.as_read.clone();
        ledger.set(seen.me.clone(), self.entry);
        ledger.card = self.card;
        Decision {
            rule,
            reason,
            ledger,
            unload: self.unload,
            scale: self.scale,
            pauses: self.pauses,
            events,
            status: Some(status),
            again_in: self.again_in,
        }
    }

    /// How long it runs beyond its time.
    fn overrun(&self, seen: &Seen) -> Option<i64> {
        let until = self.entry.until.filter(|_| self.entry.state != State::Asleep)?;
        Some(seen.since(until)).filter(|seconds| *seconds > 0)
    }
}

/// An Event that may be told.
pub(super) struct News {
    /// Its reason and what it is about.
    key: String,
    /// Told however lately people heard the same.
    always: bool,
    pub(super) event: Event,
}

/// How often people hear of a rule.
pub(super) enum Voice {
    /// Never: it is the ordinary course of things, or the change is told by itself.
    Quiet,
    /// When it begins to hold.
    OnChange,
    /// When it begins to hold, and again at each guard tick.
    Repeated,
}

/// `now` and some seconds; the end of time where that does not exist.
pub(super) fn later(now: jiff::Timestamp, seconds: u32) -> jiff::Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(jiff::Timestamp::MAX)
}
