//! Option B: residents that are scaled down for the window and restored after it.
//!
//! What a resident had is in the ledger before anything happens to it, and stays
//! there until it was seen to have it again. So a gate that dies between any two
//! steps leaves enough behind for the next tick.

use super::draft::{Draft, Verdict};
use super::seen::Seen;
use super::{EventKind, Rule, say};
use crate::gate::ScaleTarget;
use crate::ledger::{Entry, Paused};
use crate::names::TenantId;
use crate::observation::PauseSeen;

/// Rule 31, before an admission: first writes down, at the next look scales.
/// `None` when there is nothing left to do.
pub(super) fn pause(seen: &Seen, draft: &mut Draft) -> Option<Verdict> {
    let known = draft.entry.paused.len();
    for target in &seen.gate.pauses {
        if draft.entry.paused(target).is_some() {
            continue;
        }
        match look(seen, target) {
            PauseSeen::Replicas(replicas @ 1..) => draft.entry.paused.push(Paused {
                target: target.clone(),
                replicas,
                since: seen.now,
                seen_at_zero: false,
                left_alone: false,
                told_unreadable: false,
            }),
            PauseSeen::Unreadable(why) => {
                let note = format!("{} is not paused: {why}.", name(target));
                draft.event_about(&name(target), EventKind::Warning, "PauseUnreadable", note);
            }
            PauseSeen::Replicas(0) => {
                let theirs = shared(seen, target).next().map(|(.., theirs)| theirs.clone());
                draft.entry.paused.extend(theirs.map(|one| Paused { told_unreadable: false, ..one }));
            }
            PauseSeen::Absent => {}
        }
    }
    if draft.entry.paused.len() > known {
        draft.again_in = Some(std::time::Duration::ZERO);
        let reason =
            format!("Wrote down the replicas of {} before room is made for the window.", names(draft));
        return Some(Verdict::new(Rule::Pausing, reason));
    }
    if draft.pauses.iter().all(|(_, replicas)| *replicas > 0) {
        return None;
    }
    draft.look_again();
    Some(Verdict::new(Rule::Pausing, format!("Scales {} to 0 for the window.", names(draft))))
}

/// While the tenant may be awake: repeats a call that was lost, and leaves alone
/// whom somebody else changed.
pub(super) fn keep(seen: &Seen, draft: &mut Draft) {
    let mut paused = std::mem::take(&mut draft.entry.paused);
    let is_meant = |one: &&mut Paused| !one.left_alone && seen.gate.pauses.contains(&one.target);
    for one in paused.iter_mut().filter(is_meant) {
        match look(seen, &one.target) {
            PauseSeen::Replicas(0) => one.seen_at_zero = true,
            PauseSeen::Replicas(found) if !one.seen_at_zero && found == one.replicas => {
                draft.pauses.push((one.target.clone(), 0));
            }
            PauseSeen::Replicas(found) => {
                one.left_alone = true;
                left_alone(draft, one, found);
            }
            PauseSeen::Absent | PauseSeen::Unreadable(_) => {}
        }
    }
    draft.entry.paused = paused;
}

/// Rule 12, when the tenant sleeps: gives everybody back what he had. `None`
/// when everybody has it.
pub(super) fn restore(seen: &Seen, draft: &mut Draft) -> Option<Verdict> {
    give_back(seen, draft, |_| true);
    if draft.entry.paused.is_empty() {
        return None;
    }
    let reason = match draft.pauses.is_empty() {
        true => format!("Waits to give back the replicas of {}.", names(draft)),
        false => format!("Gives back the replicas of {} after the window.", names(draft)),
    };
    Some(Verdict::new(Rule::Restoring, reason))
}

/// Gives some of those who are paused back what they had. Whom the gate may not
/// look at any more, because the pause was taken out of the configuration and
/// the right with it, stays in the ledger, and people are told once.
pub(super) fn give_back(seen: &Seen, draft: &mut Draft, which: impl Fn(&Paused) -> bool) {
    let mut kept = Vec::new();
    let mut under_way = false;
    for mut one in std::mem::take(&mut draft.entry.paused) {
        if !which(&one) {
            kept.push(one);
            continue;
        }
        if one.left_alone {
            continue;
        }
        match heir(seen, &one.target) {
            Heir::Nobody => {}
            Heir::Gate => continue,
            Heir::Silent(..) if seen.gate.suspend => continue,
            Heir::Silent(tenant, silence_s) => {
                let note = format!(
                    "{} is not given back its {} replicas yet: {tenant} pauses it too and is not asleep, and \
                     nothing was heard of its gate for {}.",
                    name(&one.target),
                    one.replicas,
                    say::span(silence_s)
                );
                draft.event_about(&name(&one.target), EventKind::Warning, "RestoreWaits", note);
                kept.push(one);
                continue;
            }
        }
        match look(seen, &one.target) {
            PauseSeen::Replicas(0) => {
                draft.pauses.push((one.target.clone(), one.replicas));
                (under_way, one.told_unreadable) = (true, false);
                kept.push(one);
            }
            PauseSeen::Replicas(found) if found == one.replicas => {
                let note = format!("{} has its {found} replicas again.", name(&one.target));
                draft.event_about(&name(&one.target), EventKind::Normal, "Restored", note);
            }
            PauseSeen::Replicas(found) => left_alone(draft, &one, found),
            PauseSeen::Absent => {
                let note = format!("{} is gone and cannot be restored.", name(&one.target));
                draft.event_about(&name(&one.target), EventKind::Warning, "RestoreAbsent", note);
            }
            PauseSeen::Unreadable(why) => {
                if !std::mem::replace(&mut one.told_unreadable, true) {
                    let ScaleTarget { namespace, deployment } = &one.target;
                    let note = format!(
                        "{namespace}/{deployment} cannot be given back its {0} replicas: {why}. If the tenant no \
                         longer pauses it, scale it by hand: kubectl -n {namespace} scale \
                         deployment/{deployment} --replicas={0}",
                        one.replicas
                    );
                    draft.event_about(&name(&one.target), EventKind::Warning, "RestoreUnreadable", note);
                }
                kept.push(one);
            }
        }
    }
    draft.entry.paused = kept;
    if under_way {
        draft.look_again();
    }
}

/// Who gives a target back that this tenant lets go of. Whoever lets go last
/// restores it.
enum Heir<'a> {
    /// Nobody else keeps it down, or nobody who could let go of it: a gate without
    /// the right to it, and one that does not tick, for a tenant that is not in.
    Nobody,
    /// Another tenant's gate, in its time.
    Gate,
    /// Nobody yet. This tenant is in, and its server may hold what the target held;
    /// its gate has not ticked for so many seconds, so somebody who ticks must
    /// remember the target. A suspended gate is asked no more and could not.
    Silent(&'a TenantId, i64),
}

fn heir<'a>(seen: &Seen<'a>, target: &ScaleTarget) -> Heir<'a> {
    let books = seen.books();
    let mut heir = Heir::Nobody;
    for (tenant, entry, _) in shared(seen, target).filter(|(.., theirs)| !theirs.told_unreadable) {
        match books.silent_for_s(entry) {
            None => return Heir::Gate,
            Some(silence_s) if entry.state.is_admitted() => heir = Heir::Silent(tenant, silence_s),
            Some(_) => {}
        }
    }
    heir
}

/// The records of other tenants for which the target is paused too.
fn shared<'a>(
    seen: &Seen<'a>,
    target: &ScaleTarget,
) -> impl Iterator<Item = (&'a TenantId, &'a Entry, &'a Paused)> {
    let others = seen.ledger.entries().filter(|(tenant, _)| *tenant != seen.me);
    others
        .filter_map(|(tenant, entry)| Some((tenant, entry, entry.paused(target)?)))
        .filter(|(.., theirs)| !theirs.left_alone)
}

fn look(seen: &Seen, target: &ScaleTarget) -> PauseSeen {
    let missing = || PauseSeen::Unreadable("its scale was not looked at".to_owned());
    seen.observation.pauses.get(target).cloned().unwrap_or_else(missing)
}

fn left_alone(draft: &mut Draft, one: &Paused, found: u32) {
    let note = format!(
        "{} was scaled to {found} by somebody else while it was paused; it is left alone and not set back to {}.",
        name(&one.target),
        one.replicas
    );
    draft.event_about(&name(&one.target), EventKind::Warning, "PauseLeftAlone", note);
}

fn name(target: &ScaleTarget) -> String {
    format!("{}/{}", target.namespace, target.deployment)
}

fn names(draft: &Draft) -> String {
    let all: Vec<String> =
        draft.entry.paused.iter().filter(|one| !one.left_alone).map(|one| name(&one.target)).collect();
    all.join(" and ")
}
