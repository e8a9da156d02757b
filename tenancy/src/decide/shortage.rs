//! The state of the card as a whole: whether it is short, and whose turn it is to yield. Every gate computes the same from
//! the same ledger; only the one whose tenant's turn it is acts.

use std::cmp::Reverse;

use super::draft::Draft;
use super::say;
use super::seen::Seen;
use crate::arithmetic::{Balance, Claim, standing};
use crate::defaults::{SETTLE_LIMIT_S, critical_mib};
use crate::ledger::{Entry, State};
use crate::names::TenantId;
use crate::quantity::Mib;

/// A card that has less free than it owes and must keep.
pub(super) struct Shortage {
    /// Below the critical line: no grace.
    pub(super) critical: bool,
    /// For how many seconds.
    pub(super) lasted_s: i64,
    /// Who yields.
    pub(super) victim: TenantId,
    /// The state that the victim is in.
    pub(super) victim_state: State,
    /// The figures, as a clause, and whose turn it would be if his gate ticked.
    pub(super) figures: String,
}

/// Writes down since when the card is unknown or short, and says whether it is
/// short. While somebody drains it is not judged: what he held is
/// on its way, and the next one yields only when that did not suffice.
pub(super) fn judge(seen: &Seen, draft: &mut Draft) -> Option<Shortage> {
    let sample = match &seen.sample {
        Ok(sample) => {
            draft.entry.unknown_since = None;
            sample
        }
        Err(_) => {
            draft.entry.unknown_since.get_or_insert(seen.now);
            return None;
        }
    };
    let settling =
        draft.card.settled_at.is_some_and(|settled| sample.at < settled) || is_somebody_draining(seen);
    let claims = seen.claims_with(&draft.entry);
    let balance = standing(sample.free_mib, &claims);
    draft.balance = Some(balance);
    let victim = victim(seen, &draft.entry).map(|(tenant, state)| (tenant.clone(), state));
    let (Some(by), Some((victim, state)), false) = (balance.short_by(), victim, settling) else {
        draft.card.short_since = None;
        return None;
    };
    let since = *draft.card.short_since.get_or_insert(seen.now);
    Some(Shortage {
        critical: is_critical(seen, &balance),
        lasted_s: seen.since(since),
        victim,
        victim_state: state,
        figures: figures(&balance, &claims, by) + &passed_over(seen),
    })
}

/// Whether somebody else is on the way out and may still be expected to go.
fn is_somebody_draining(seen: &Seen) -> bool {
    seen.ledger.entries().any(|(tenant, entry)| {
        tenant != seen.me
            && entry.state == State::Draining
            && !entry.drain.as_ref().is_some_and(|drain| drain.reported)
            && seen.since(entry.since) <= SETTLE_LIMIT_S
    })
}

fn is_critical(seen: &Seen, balance: &Balance) -> bool {
    let declared = seen.card().and_then(|card| card.critical_mib);
    let line = declared.unwrap_or_else(|| critical_mib(balance.headroom_mib));
    balance.left_mib() < i64::try_from(line.0).unwrap_or(i64::MAX)
}

/// Whose gate does not tick, so that nobody waits for him to yield.
fn passed_over(seen: &Seen) -> String {
    let books = seen.books();
    let others =
        seen.ledger.entries().filter(|(tenant, entry)| *tenant != seen.me && entry.state.is_admitted());
    let silent: Vec<String> = others
        .filter_map(|(tenant, entry)| Some(format!("{tenant} for {}", say::span(books.silent_for_s(entry)?))))
        .collect();
    match silent.is_empty() {
        true => String::new(),
        false => {
            format!(" (nothing was heard of the gate of {}, so nobody waits for it)", silent.join(" and "))
        }
    }
}

/// The lowest priority, then the one admitted last, then by name. A tenant whose
/// gate does not tick would never yield, so its turn is the next one's.
fn victim<'s>(seen: &'s Seen, mine: &'s Entry) -> Option<(&'s TenantId, State)> {
    let others = seen.ledger.entries().filter(|(tenant, _)| *tenant != seen.me);
    others
        .chain(std::iter::once((seen.me, mine)))
        .filter(|(tenant, entry)| {
            entry.state.is_admitted() && (*tenant == seen.me || seen.books().silent_for_s(entry).is_none())
        })
        .min_by_key(|(tenant, entry)| {
            let priority = seen
                .declared
                .and_then(|declared| declared.floors.get(tenant))
                .map_or(0, |floor| floor.priority);
            (priority, Reverse(entry.admission.map(|admission| admission.at)), Reverse(*tenant))
        })
        .map(|(tenant, entry)| (tenant, entry.state))
}

fn figures(balance: &Balance, claims: &[Claim], by: Mib) -> String {
    format!(
        "the card is {by} short: {}, {} must stay free",
        say::free_and_owed(balance, claims, Claim::owed_when_short),
        balance.headroom_mib
    )
}
