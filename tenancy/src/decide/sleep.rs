//! The tenant should sleep: rules 5 to 12.

use super::draft::{Draft, Verdict};
use super::seen::Seen;
use super::{Rule, pauses};

/// Sends away what runs; when nothing does, restores residents and stays asleep.
pub(super) fn judge(seen: &Seen, draft: &mut Draft, rule: Rule, reason: String) -> Verdict {
    let state = draft.entry.state;
    // Another window is another chance.
    draft.entry.failures = 0;
    if state.is_admitted() {
        draft.put_down(seen, rule);
        return Verdict::new(rule, format!("{reason} It was {state} and is sent to sleep."));
    }
    if !seen.is_gone() {
        draft.put_down(seen, rule);
        return Verdict::new(rule, format!("{reason} It is sent to sleep."));
    }
    pauses::restore(seen, draft).unwrap_or_else(|| Verdict::new(rule, reason))
}
