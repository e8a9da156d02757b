//! What the tenant should be doing by schedule, people and demand, whatever the
//! card says.

use jiff::Timestamp;

use super::draft::{Draft, later};
use super::hand::{self, Hand, Override};
use super::seen::Seen;
use super::{Rule, say};
use crate::defaults::{IDLE_AFTER_S, MIN_AWAKE_S};
use crate::gate::OVERRIDE_ANNOTATION;
use crate::ledger::State;
use crate::observation::Demand;
use crate::window::Schedule;

/// Asleep or awake.
pub(super) enum Wish {
    /// It should sleep, by this rule and for this reason.
    Sleep(Rule, String),
    /// It may be awake.
    Wake(Wake),
}

/// The bounds of being awake.
pub(super) struct Wake {
    /// When it must end; on demand there is no such time.
    pub(super) until: Option<Timestamp>,
    /// A person asks for it, so neither demand nor a late hour counts.
    pub(super) by_hand: bool,
}

/// Rules 5 to 11.
pub(super) fn wish(seen: &Seen, draft: &mut Draft, hand: Hand) -> Wish {
    let in_force = hand::override_in_force(seen, draft);
    if seen.gate.suspend {
        return Wish::Sleep(Rule::Suspended, "The tenant is suspended.".to_owned());
    }
    if seen.observation.deployment.is_none() {
        let reason = "Its Deployment does not exist. Apply its `gpu_windowed_service` again.".to_owned();
        return Wish::Sleep(Rule::NoDeployment, reason);
    }
    if in_force == Override::Off {
        let reason = format!("The annotation {OVERRIDE_ANNOTATION}=off keeps it asleep.");
        return Wish::Sleep(Rule::SwitchedOff, reason);
    }
    if let Some(until) = draft.entry.held_by_hand_until {
        let reason = format!(
            "It was scaled to 0 by hand and is held asleep until {}; scale it to 1 or annotate \
             {OVERRIDE_ANNOTATION}=auto to end that.",
            say::clock(seen.gate, until)
        );
        return Wish::Sleep(Rule::HeldByHand, reason);
    }
    if hand == Hand::Started {
        let reason = format!(
            "It was scaled up by hand while the gate had it asleep; to wake it annotate \
             {OVERRIDE_ANNOTATION}=awake-until= and a time."
        );
        return Wish::Sleep(Rule::StartedByHand, reason);
    }
    if let Override::AwakeUntil(until) = in_force
        && until > seen.now
    {
        return Wish::Wake(Wake { until: Some(until), by_hand: true });
    }
    match open_until(&seen.gate.schedule, seen.now) {
        Open::Closed => Wish::Sleep(Rule::OutsideWindow, outside(seen)),
        Open::Until(closes) => by_demand(seen, draft, closes),
    }
}

/// Whether the schedule lets a tenant be awake.
pub(crate) enum Open {
    /// No window is open.
    Closed,
    /// Until then; `None` where the schedule has no end.
    Until(Option<Timestamp>),
}

/// Reads the schedule. Windows that follow one another without a gap are one:
/// nobody is put to sleep to be woken in the same minute.
pub(crate) fn open_until(schedule: &Schedule, now: Timestamp) -> Open {
    let mut closes = match schedule {
        Schedule::Windows(_) => match schedule.open_at(now) {
            Some((_, interval)) => interval.closes,
            None => return Open::Closed,
        },
        Schedule::OnDemand | Schedule::Always => return Open::Until(None),
    };
    // Windows that cover the week have no end; a fortnight of them is enough to know.
    for _ in 0..14 {
        match schedule.open_at(closes) {
            Some((_, interval)) => closes = interval.closes,
            None => break,
        }
    }
    Open::Until(Some(closes))
}

fn outside(seen: &Seen) -> String {
    let next = match seen.gate.schedule.next_after(seen.now) {
        Some((name, interval)) => {
            format!("window {name} opens {}", say::clock(seen.gate, interval.opens))
        }
        None => "no window opens within nine days".to_owned(),
    };
    format!(
        "No window is open: {next}. To wake it before, annotate {OVERRIDE_ANNOTATION}=awake-until= and a time."
    )
}

/// Without work for long enough, and awake for long enough: asleep. Time in which
/// demand is not known counts neither as empty nor as work: a source that fails now
/// and then keeps no idle tenant awake, and one that fails for hours puts none to sleep.
fn by_demand(seen: &Seen, draft: &mut Draft, until: Option<Timestamp>) -> Wish {
    let wake = Wish::Wake(Wake { until, by_hand: false });
    match seen.observation.demand {
        Demand::No if draft.entry.state == State::Awake => {}
        Demand::Unknown(_) | Demand::NotAsked if draft.entry.state == State::Awake => {
            let before = draft.entry.status.as_ref().map_or(seen.now, |status| status.at);
            let unknown_s = u32::try_from(seen.since(before)).unwrap_or(0);
            draft.entry.empty_since =
                draft.entry.empty_since.map(|since| later(since, unknown_s).min(seen.now));
            return wake;
        }
        _ => {
            draft.entry.empty_since = None;
            return wake;
        }
    }
    let empty = seen.since(*draft.entry.empty_since.get_or_insert(seen.now));
    let awake = draft.entry.awake_since.map_or(0, |awake| seen.since(awake));
    let idle_after = seen.gate.demand.as_ref().map_or(IDLE_AFTER_S, |probe| probe.idle_after_s);
    if empty >= i64::from(idle_after) && awake >= i64::from(MIN_AWAKE_S) {
        let reason = format!("There has been no work for {}.", say::span(empty));
        return Wish::Sleep(Rule::Idle, reason);
    }
    wake
}
