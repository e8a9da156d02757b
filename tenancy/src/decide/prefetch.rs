//! What is said of a claim that is being filled. Nothing is decided by it: a tenant
//! that is let in meanwhile loads what is there, and fetches the rest itself.

use super::draft::{Draft, Verdict};
use super::seen::Seen;
use super::{EventKind, say};
use crate::defaults::CLOCK_SKEW_LIMIT_S;
use crate::observation::{Prefetch, PrefetchSeen};

/// The verdict with what is to be said of the prefetch, and an Event where a try has failed since
/// the last decision.
pub(super) fn told(seen: &Seen, draft: &mut Draft, mut verdict: Verdict) -> Verdict {
    let Some(PrefetchSeen { pod, created, state }) = &seen.observation.prefetch else { return verdict };
    match state {
        Prefetch::Done => {}
        Prefetch::UnderWay(waiting) => {
            let why =
                waiting.as_deref().map_or(String::new(), |why| format!(" ({})", why.trim_end_matches('.')));
            let span = say::span(seen.since(*created).max(0));
            verdict.reason.push_str(&format!(" Its claim is being filled, for {span}{why}."));
        }
        Prefetch::Failed { at, why } => {
            verdict.reason.push_str(&format!(" The last try to fill its claim failed: {why}."));
            let last = draft.entry.status.as_ref().map(|status| status.at);
            // The kubelet's clock is another than the one that decisions are dated by.
            let is_news = last.is_none_or(|last| seen_since(*at, last));
            if is_news {
                let note = format!(
                    "Pod {pod} was to fill its claim and failed: {why}. Its log may say more; its Job tries again \
                     some times."
                );
                draft.event_about(pod, EventKind::Warning, "PrefetchFailed", note);
            }
        }
    }
    verdict
}

fn seen_since(at: jiff::Timestamp, last: jiff::Timestamp) -> bool {
    last.as_second().saturating_sub(at.as_second()) <= CLOCK_SKEW_LIMIT_S
}
