//! Rules 3 and 4: a tenant that was told to go is gone when its memory is.

use super::draft::{Draft, Verdict};
use super::seen::{Seen, unattributed};
use super::{EventKind, Rule, say};
use crate::defaults::{ESTIMATE_LIMIT_S, MEMORY_RETURN_S, UNLOAD_MARGIN_S};
use crate::ledger::{Drain, State};
use crate::observation::Sample;

/// `None` when the tenant is not draining, or was and is asleep now.
pub(super) fn watch(seen: &Seen, draft: &mut Draft) -> Option<Verdict> {
    if draft.entry.state != State::Draining {
        return None;
    }
    if seen.observation.replicas() > 0 && !is_unloading(seen, draft) {
        // Our call was lost, or a hand was faster than the drain.
        draft.set_replicas(seen, 0);
    }
    let gone = seen.is_gone() && seen.pods_unknown().is_none();
    let returned =
        seen.sample.as_ref().ok().copied().filter(|sample| gone && has_returned(seen, draft, sample));
    if let Some(sample) = returned {
        draft.card.settled_at = Some(sample.at);
        draft.card.short_since = None;
        draft.event(
            EventKind::Normal,
            "MemoryReturned",
            format!("Its memory has returned: {} are free.", sample.free_mib),
        );
        draft.entry.replicas_confirmed = true;
        draft.release(seen);
        return None;
    }
    if gone && is_given_up(seen, draft) {
        let held = draft.entry.drain.as_ref().and_then(|drain| drain.held_mib).unwrap_or_default();
        draft.card.settled_at = Some(seen.now);
        let note = format!(
            "The card waited {} for {held} to return. That was only an estimate of what it held, its pods are \
             gone, and a neighbour may have grown by as much; it is waited for no longer.",
            say::span(seen.since(draft.entry.since))
        );
        draft.event(EventKind::Warning, "MemoryGivenUp", note);
        draft.entry.replicas_confirmed = true;
        draft.release(seen);
        return None;
    }
    Some(wait(seen, draft, gone))
}

/// Whether another gate of the tenant may still wait for the answer to its unload call: a guard tick and a
/// closing one fire in the same minute, and a watcher beside both. That gate scales as soon as it has its
/// answer; for one that died, the scale call is made when the unload call's time is over. A pod that is told to
/// go, or is not ready, has nothing left that a scale call could cut off.
fn is_unloading(seen: &Seen, draft: &Draft) -> bool {
    let asked = seen.live_pods().filter(|pod| pod.ready && !pod.deleting).count();
    let asked = u32::try_from(asked).unwrap_or(u32::MAX);
    let unloads = asked > 0 && draft.entry.drain.as_ref().is_some_and(|drain| drain.unloads);
    seen.gate.unload.as_ref().filter(|_| unloads).is_some_and(|call| {
        let limit = call.timeout_s.saturating_mul(asked).saturating_add(UNLOAD_MARGIN_S);
        seen.since(draft.entry.since) <= i64::from(limit)
    })
}

/// Whether what it held was only estimated, and was waited for long enough.
fn is_given_up(seen: &Seen, draft: &Draft) -> bool {
    let limit = i64::from(seen.gate.timing.grace_period_s) + i64::from(ESTIMATE_LIMIT_S);
    let estimated = draft.entry.drain.as_ref().is_some_and(|drain| drain.estimated);
    estimated && seen.sample.is_ok() && seen.since(draft.entry.since) > limit
}

/// Whether what the tenant held was seen to come back. A series that attributes
/// must not list its pods any more. Beyond that a quarter of what it held must
/// be accounted for: free again, or, where the series attributes, taken by
/// somebody whom it names. A neighbour may have grown before, which makes an
/// estimate of what it held too large, or grow meanwhile; a process that is not
/// reaped gives nothing back and is nobody's.
fn has_returned(seen: &Seen, draft: &Draft, sample: &Sample) -> bool {
    if seen.held_by_me().is_some_and(|used| used.0 > 0) {
        return false;
    }
    let Some(Drain { free_mib: Some(before), held_mib: Some(held), unattributed_mib, .. }) =
        &draft.entry.drain
    else {
        return true;
    };
    let quarter = held.0 / 4;
    let is_free = sample.free_mib.0.saturating_sub(before.0) >= quarter;
    let lost = unattributed_mib.zip(unattributed(sample));
    is_free || lost.is_some_and(|(before, now)| now.0.saturating_sub(before.0) <= held.0 - quarter)
}

fn wait(seen: &Seen, draft: &mut Draft, gone: bool) -> Verdict {
    let waited = seen.since(draft.entry.since);
    let missing = match (gone, &seen.sample) {
        (false, _) => {
            let pods: Vec<&str> = seen.live_pods().map(|pod| pod.name.as_str()).collect();
            if let Some(why) = seen.pods_unknown() {
                format!("its pods to be seen, but {why}")
            } else if pods.is_empty() {
                "its pod to go".to_owned()
            } else {
                format!("pod {} to go", pods.join(" and "))
            }
        }
        (true, Err(why)) => format!("its memory to be seen, but {why}"),
        (true, Ok(_)) => match draft.entry.drain.as_ref().and_then(|drain| drain.held_mib) {
            Some(held) => format!("the {held} that it held to return"),
            None => "its memory to return".to_owned(),
        },
    };
    let limit = i64::from(seen.gate.timing.grace_period_s) + i64::from(MEMORY_RETURN_S);
    if waited <= limit {
        draft.look_again();
        return Verdict::new(
            Rule::Draining,
            format!("It was told to go {} ago; waiting for {missing}.", say::span(waited)),
        );
    }
    if let Some(drain) = &mut draft.entry.drain {
        drain.reported = true;
    }
    Verdict::new(
        Rule::MemoryMissing,
        format!(
            "It was told to go {} ago and the card still waits for {missing}; nobody is admitted meanwhile. \
             Look on {} for the pod or for a process that nvidia-smi still lists.",
            say::span(waited),
            seen.card().map_or("its node".to_owned(), |card| format!("node {}", card.node))
        ),
    )
}
