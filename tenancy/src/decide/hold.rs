//! The tenant is in and may be: rules 13 to 23.

use super::draft::{Draft, Verdict};
use super::seen::Seen;
use super::shortage::Shortage;
use super::{EventKind, Rule, say};
use crate::defaults::{ATTRIBUTION_TOLERANCE_MIB, CRASH_LIMIT};
use crate::ledger::{PodRef, State, Status};
use crate::quantity::Mib;

/// Brings the entry up to date with its pod, then finds a reason to yield, or none.
pub(super) fn judge(seen: &Seen, draft: &mut Draft, shortage: Option<&Shortage>) -> Verdict {
    keep_one_replica(seen, draft);
    if seen.pods_unknown().is_none() {
        follow_pod(seen, draft);
    }
    let leave = blind_yield(seen, draft)
        .or_else(|| critical_yield(seen, draft, shortage))
        .or_else(|| wrong_card(seen))
        .or_else(|| crash_loop(draft))
        .or_else(|| pod_pending(seen, draft))
        .or_else(|| loading_limit(seen, draft))
        .or_else(|| short_yield(seen, draft, shortage));
    if let Some(verdict) = leave {
        draft.yield_now(seen, verdict.rule);
        return verdict;
    }
    blind_hold(seen, draft).or_else(|| short_hold(seen, draft, shortage)).unwrap_or_else(|| hold(seen, draft))
}

/// The card was asked for one replica.
fn keep_one_replica(seen: &Seen, draft: &mut Draft) {
    let found = seen.observation.replicas();
    if found > 1 {
        let note =
            format!("It was scaled to {found} by hand; the card has room for one, so it is set back to 1.");
        draft.event(EventKind::Warning, "OneReplica", note);
    }
    if found != 1 {
        draft.set_replicas(seen, 1);
    }
}

/// Reserved, loading, awake: as far as the pod has come. A pod that took the
/// place of another is reserved for, and admits itself.
fn follow_pod(seen: &Seen, draft: &mut Draft) {
    let entry = &mut draft.entry;
    let pod = seen.pod();
    if entry.pod.as_ref().is_some_and(|known| pod.is_none_or(|pod| pod.uid != known.uid)) {
        if entry.state != State::Awake {
            // It was evicted or deleted before it was ready: as good as a crash.
            entry.crashes = entry.crashes.saturating_add(1);
            entry.lost_pods = entry.lost_pods.saturating_add(1);
        }
        entry.pod = None;
        entry.restarts_seen = 0;
        if pod.is_none_or(|pod| !pod.admitted) {
            start_over(seen, draft);
        }
    }
    let Some(pod) = pod else {
        if draft.entry.state != State::Reserved {
            // An entry that names no pod, as one that people wrote may be.
            start_over(seen, draft);
        }
        return;
    };
    let entry = &mut draft.entry;
    entry.pod.get_or_insert_with(|| PodRef { name: pod.name.clone(), uid: pod.uid.clone() });
    let crashed = pod.restarts.saturating_sub(entry.restarts_seen);
    entry.restarts_seen = pod.restarts;
    entry.crashes = entry.crashes.saturating_add(crashed);
    let settled = i64::from(seen.gate.timing.backoff_s);
    if crashed > 0 && entry.state == State::Awake {
        entry.enter(State::Loading, seen.now);
        entry.starting_since = Some(seen.now);
        entry.awake_since = None;
    } else if entry.awake_since.is_some_and(|since| seen.since(since) >= settled) {
        (entry.crashes, entry.lost_pods) = (0, 0);
        entry.failures = 0;
    }
    if pod.admitted && entry.state == State::Reserved {
        entry.enter(State::Loading, seen.now);
    }
    if pod.ready && crashed == 0 && seen.sample.is_ok() && entry.state != State::Awake {
        entry.enter(State::Awake, seen.now);
        entry.starting_since = None;
        entry.awake_since = Some(seen.now);
        let free = seen.free().map_or(String::new(), |free| format!(" {free} are free."));
        draft.event(EventKind::Normal, "Awake", format!("Pod {} is ready.{free}", pod.name));
    }
}

/// Its pod was replaced or is gone: room is kept, and counts as asked for now.
fn start_over(seen: &Seen, draft: &mut Draft) {
    let entry = &mut draft.entry;
    entry.enter(State::Reserved, seen.now);
    entry.starting_since = Some(seen.now);
    entry.awake_since = None;
    if let Some(admission) = &mut entry.admission {
        admission.at = seen.now;
        admission.free_mib = seen.free();
    }
}

fn blind_yield(seen: &Seen, draft: &Draft) -> Option<Verdict> {
    let why = seen.sample.as_ref().err()?;
    let blind = seen.since(draft.entry.unknown_since?);
    let limit = i64::from(seen.gate.timing.unknown_hold_s);
    // Where nobody looked for longer than that and a tick, the card may have been known meanwhile. The next look tells.
    let lately = limit.saturating_add(i64::from(seen.gate.timing.guard_interval_s));
    let watched = |last: &Status| last.rule.is_blind() && seen.since(last.at) <= lately;
    (blind > limit && draft.entry.status.as_ref().is_some_and(watched)).then(|| {
        let reason =
            format!("The card's memory has not been known for {}: {why}. It yields.", say::span(blind));
        Verdict::new(Rule::BlindYield, reason)
    })
}

fn critical_yield(seen: &Seen, draft: &Draft, shortage: Option<&Shortage>) -> Option<Verdict> {
    let shortage = shortage.filter(|shortage| shortage.critical && shortage.victim == *seen.me)?;
    let grown = outgrown(seen, draft);
    let reason = format!("Below the critical line, {}.{grown} It yields at once.", shortage.figures);
    Some(Verdict::new(Rule::CriticalYield, reason))
}

/// The scheduler or the device plugin gave the pod another card than the gate
/// looked at. Nobody reckoned with it there.
fn wrong_card(seen: &Seen) -> Option<Verdict> {
    let why = seen.on_another_card()?;
    Some(Verdict::new(Rule::WrongCard, format!("{}. It yields and backs off.", say::capital(&why))))
}

fn crash_loop(draft: &Draft) -> Option<Verdict> {
    let crashes = draft.entry.crashes;
    (crashes >= CRASH_LIMIT).then(|| {
        let what = match draft.entry.lost_pods {
            0 => format!("The model server crashed {crashes} times in a row"),
            lost => format!(
                "{crashes} times in a row the model server crashed or its pod was gone before it was ready \
                 ({lost} of them gone; the namespace's Events may say who evicted them)"
            ),
        };
        Verdict::new(Rule::CrashLoop, format!("{what}. It yields and backs off."))
    })
}

fn pod_pending(seen: &Seen, draft: &Draft) -> Option<Verdict> {
    let limit = i64::from(seen.gate.timing.pending_limit_s);
    let (since, why) = match seen.pod() {
        Some(pod) if pod.node.is_some() => return None,
        Some(pod) => {
            let why = pod.waiting.as_deref().unwrap_or("the scheduler gave no reason");
            (pod.created, format!("Pod {} found no node: {}", pod.name, why.trim_end_matches('.')))
        }
        None if seen.pods_unknown().is_some() => return None,
        None => (draft.entry.starting_since?, "No pod was made for it".to_owned()),
    };
    let waited = seen.since(since);
    (waited > limit).then(|| {
        let reason = format!("{why}, for {}. It is released and backs off.", say::span(waited));
        Verdict::new(Rule::PodPending, reason)
    })
}

fn loading_limit(seen: &Seen, draft: &Draft) -> Option<Verdict> {
    if seen.pod().is_some_and(|pod| pod.ready) {
        // It restarted and was ready again before this tick, which takes it in at its next look.
        return None;
    }
    let taken = seen.since(draft.entry.starting_since?);
    (taken > i64::from(seen.gate.timing.loading_limit_s)).then(|| {
        let waiting = seen.pod().and_then(|pod| pod.waiting.as_deref());
        let why = waiting.map_or(String::new(), |why| format!(" ({})", why.trim_end_matches('.')));
        let reason = format!("It is not ready after {}{why}. It yields and backs off.", say::span(taken));
        Verdict::new(Rule::LoadingLimit, reason)
    })
}

fn short_yield(seen: &Seen, draft: &Draft, shortage: Option<&Shortage>) -> Option<Verdict> {
    let shortage = shortage.filter(|shortage| {
        shortage.victim == *seen.me
            && shortage.victim_state == State::Awake
            && shortage.lasted_s >= i64::from(seen.gate.timing.shortage_grace_s)
    })?;
    let grown = outgrown(seen, draft);
    let reason = format!("For {}, {}.{grown} It yields.", say::span(shortage.lasted_s), shortage.figures);
    Some(Verdict::new(Rule::ShortYield, reason))
}

/// That the shortage is the tenant's own doing, as a sentence: its peak is
/// wrong, and it would yield again and again.
fn outgrown(seen: &Seen, draft: &Draft) -> String {
    let promised = draft.entry.admission.map(|admission| admission.peak_mib);
    let peak = seen.floor.map(|floor| floor.peak_mib).max(promised);
    let (Some(peak), Some(held)) = (peak, seen.held_by_me()) else { return String::new() };
    match held.0.saturating_sub(peak.0) {
        over if over <= ATTRIBUTION_TOLERANCE_MIB => String::new(),
        over => format!(" It holds {held} itself, {} more than its peak.", Mib(over)),
    }
}

fn blind_hold(seen: &Seen, draft: &mut Draft) -> Option<Verdict> {
    let why = seen.sample.as_ref().err()?;
    let blind = draft.entry.unknown_since.map_or(0, |since| seen.since(since));
    let limit = i64::from(seen.gate.timing.unknown_hold_s);
    // "Not known for 10 min" must not rest on two ticks that lie so far apart.
    draft.look_again();
    let reason = format!(
        "The card's memory is not known: {why}. It holds for {} more, then yields.",
        say::span(limit.saturating_sub(blind).max(0))
    );
    Some(Verdict::new(Rule::BlindHold, reason))
}

fn short_hold(seen: &Seen, draft: &mut Draft, shortage: Option<&Shortage>) -> Option<Verdict> {
    let shortage = shortage?;
    let grace = i64::from(seen.gate.timing.shortage_grace_s).saturating_sub(shortage.lasted_s);
    if grace > 0 || draft.entry.state != State::Awake {
        draft.look_again();
    }
    let next = if shortage.critical {
        format!("{} yields at once", shortage.victim)
    } else if shortage.victim_state != State::Awake {
        format!("{} is {} and may finish before it is judged", shortage.victim, shortage.victim_state)
    } else if grace > 0 {
        format!("{} yields if that lasts {} more", shortage.victim, say::span(grace))
    } else {
        format!("it is the turn of {} to yield", shortage.victim)
    };
    Some(Verdict::new(Rule::ShortHold, format!("{}; {next}.", say::capital(&shortage.figures))))
}

fn hold(seen: &Seen, draft: &mut Draft) -> Verdict {
    let until =
        draft.entry.until.map_or(String::new(), |until| format!(" until {}", say::clock(seen.gate, until)));
    let free = seen.free().map_or(String::new(), |free| format!("; {free} are free"));
    if draft.entry.state == State::Awake {
        return Verdict::new(Rule::Hold, format!("It is awake and may stay{until}{free}."));
    }
    draft.look_again();
    let taken = draft.entry.starting_since.map_or(0, |since| seen.since(since));
    let waiting = seen.pod().and_then(|pod| pod.waiting.as_deref());
    let why = waiting.map_or(String::new(), |why| format!(" ({})", why.trim_end_matches('.')));
    Verdict::new(Rule::Starting, format!("It is {} for {}{why}{free}.", draft.entry.state, say::span(taken)))
}
