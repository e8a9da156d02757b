//! What people said to the gate: by the annotation, and by scaling themselves.

use jiff::{SignedDuration, Timestamp};

use super::draft::{Draft, later};
use super::seen::Seen;
use super::{EventKind, Rule};
use crate::defaults::OVERRIDE_LIMIT_S;
use crate::gate::OVERRIDE_ANNOTATION;
use crate::ledger::{OverrideSeen, State};

/// What the annotation [`OVERRIDE_ANNOTATION`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Override {
    /// The schedule decides.
    Auto,
    /// Asleep.
    Off,
    /// Awake until then, if the card has room.
    AwakeUntil(Timestamp),
}

/// Whether the tenant was scaled up by a hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// No.
    Still,
    /// Found running where the gate had put it to sleep.
    Started,
}

/// Reads the annotation as it is said at `now`.
///
/// # Errors
/// Why it is no override, as a clause: it is none of the three, or its time is more than 24 hours away.
pub fn parse(text: &str, now: Timestamp) -> Result<Override, String> {
    match text.trim() {
        "auto" => Ok(Override::Auto),
        "off" => Ok(Override::Off),
        other => {
            let time = other
                .strip_prefix("awake-until=")
                .ok_or("it is none of auto, off and awake-until=TIME".to_owned())?;
            let until: Timestamp = time.parse().map_err(|_| {
                "its time is not in RFC 3339, such as awake-until=2026-11-21T12:00:00Z".to_owned()
            })?;
            let latest =
                now.checked_add(SignedDuration::from_secs(OVERRIDE_LIMIT_S)).unwrap_or(Timestamp::MAX);
            if until > latest {
                return Err("its time is more than 24 hours away".to_owned());
            }
            Ok(Override::AwakeUntil(until))
        }
    }
}

/// The override in force. One that was refused when it was first seen stays
/// refused: a time too far away does not become legal by waiting.
pub(super) fn override_in_force(seen: &Seen, draft: &Draft) -> Override {
    let text = seen.observation.override_annotation();
    let accepted = draft.entry.override_seen.as_ref().is_none_or(|seen| seen.accepted);
    text.filter(|_| accepted).and_then(|text| parse(text, seen.now).ok()).unwrap_or(Override::Auto)
}

/// Takes note of a new annotation. Whoever writes one has spoken last, so a
/// hold by hand ends.
pub(super) fn notice_annotation(seen: &Seen, draft: &mut Draft) {
    let text = seen.observation.override_annotation();
    if text == draft.entry.override_seen.as_ref().map(|seen| seen.text.as_str()) {
        return;
    }
    let Some(text) = text else {
        draft.entry.override_seen = None;
        return;
    };
    let parsed = parse(text, seen.now);
    if let Err(why) = &parsed {
        let note = format!(
            "The annotation {OVERRIDE_ANNOTATION}={text:?} counts as auto: {why}. Write auto, off, or \
             awake-until= and a time at most 24 hours away."
        );
        draft.event(EventKind::Warning, "OverrideRefused", note);
    } else {
        draft.entry.held_by_hand_until = None;
    }
    draft.entry.override_seen = Some(OverrideSeen { text: text.to_owned(), accepted: parsed.is_ok() });
}

/// Compares the replicas with those that the gate set. A Deployment that does
/// not exist has none, and nobody scaled it.
pub(super) fn notice_replicas(seen: &Seen, draft: &mut Draft) -> Hand {
    let Some(deployment) = &seen.observation.deployment else { return Hand::Still };
    let found = deployment.replicas;
    if let Some(until) = draft.entry.held_by_hand_until {
        // Never beyond the next window, whatever the clock was when it was written.
        draft.entry.held_by_hand_until = (until > seen.now).then(|| until.min(hold_until(seen)));
    }
    let uid = &deployment.uid;
    if draft.entry.deployment_uid.replace(uid.clone()).is_some_and(|known| known != *uid) {
        draft.entry.replicas_confirmed = false;
    }
    let running = found > 0;
    let set = draft.entry.replicas_set;
    match (draft.entry.state, set) {
        (State::Draining, _) => Hand::Still,
        (State::Asleep, None) if !running => {
            // A Deployment is born at 0, which is as good as set by us.
            draft.entry.replicas_set = Some(0);
            draft.entry.replicas_confirmed = true;
            Hand::Still
        }
        (State::Asleep, Some(_)) if running && draft.entry.held_by_hand_until.is_some() => {
            draft.entry.held_by_hand_until = None;
            draft.entry.replicas_set = None;
            draft.event(
                EventKind::Normal,
                "HoldLifted",
                "It was scaled up by hand, which ends the hold by hand; the card decides whether it may stay.",
            );
            Hand::Still
        }
        (State::Asleep, Some(_)) if running => Hand::Started,
        (state, Some(1..)) if state.is_admitted() && !running && was_closed(seen, draft) => {
            // By its own gate, which could not write that down.
            draft.put_down(seen, Rule::OutsideWindow);
            Hand::Still
        }
        (state, Some(1..)) if state.is_admitted() && !running && draft.entry.replicas_confirmed => {
            draft.entry.held_by_hand_until = Some(hold_until(seen));
            Hand::Still
        }
        (_, Some(set)) => {
            draft.entry.replicas_confirmed |= set == found;
            Hand::Still
        }
        (_, None) => Hand::Still,
    }
}

/// Whether it should sleep anyway since it was last seen running.
fn was_closed(seen: &Seen, draft: &Draft) -> bool {
    seen.gate.suspend
        || draft.entry.until.is_some_and(|until| until <= seen.now)
        || override_in_force(seen, draft) == Override::Off
}

/// Until the next window; a tenant without windows is held for a day.
fn hold_until(seen: &Seen) -> Timestamp {
    let next = seen.gate.schedule.next_after(seen.now).map(|(_, interval)| interval.opens);
    next.unwrap_or_else(|| later(seen.now, u32::try_from(OVERRIDE_LIMIT_S).unwrap_or(u32::MAX)))
}
