//! The tenant sleeps and may be awake: rules 24 to 33.

use super::draft::{Draft, Verdict, later};
use super::seen::Seen;
use super::wish::Wake;
use super::{Rule, pauses, say};
use crate::arithmetic::{Balance, Claim, admission};
use crate::declared::Declared;
use crate::defaults::{BACKOFF_LIMIT_S, MEMORY_RETURN_S};
use crate::floor::Floor;
use crate::ledger::{Admission, PodRef, State};
use crate::observation::{Demand, PodSeen, Sample, Unknown};
use crate::quantity::Mib;
use crate::window::Schedule;

/// Finds a reason to refuse, or admits. A refused tenant that runs without
/// having been admitted is sent away.
pub(super) fn judge(seen: &Seen, draft: &mut Draft, wake: &Wake) -> Verdict {
    let verdict = weigh(seen, draft, wake);
    let undecided = matches!(verdict.rule, Rule::Admitted | Rule::FoundAwake | Rule::Pausing);
    if !undecided && !seen.is_gone() {
        draft.put_down(seen, verdict.rule);
    }
    verdict
}

fn weigh(seen: &Seen, draft: &mut Draft, wake: &Wake) -> Verdict {
    let Some(floor) = seen.floor else { return no_floor(seen) };
    if let Some(why) = seen.on_another_card() {
        let reason = format!("{}; it has to start anew to get the card.", say::capital(&why));
        return Verdict::new(Rule::WrongCard, reason);
    }
    if let Some(pod) = found_awake(seen, draft) {
        return take_in(seen, draft, floor, pod);
    }
    if let Some(verdict) =
        backing_off(seen, draft).or_else(|| too_late(seen, wake)).or_else(|| no_demand(seen, wake))
    {
        return verdict;
    }
    let sample = match readable(seen) {
        Ok(sample) => sample,
        Err(verdict) => return verdict,
    };
    if let Some(verdict) = wait_for_memory(seen, draft).or_else(|| pauses::pause(seen, draft)) {
        return verdict;
    }
    let claims = seen.claims_beside(&draft.entry);
    let balance = admission(sample.free_mib, &claims, floor.peak_mib, headroom(&claims, floor));
    draft.balance = Some(balance);
    match balance.short_by() {
        Some(by) => refuse(seen, draft, &balance, &claims, by),
        None => admit(seen, draft, floor, &balance, &claims),
    }
}

/// Rule 24, unless its floor may be there and cannot be read.
fn no_floor(seen: &Seen) -> Verdict {
    let Some(declared) = seen.declared else {
        let why = seen.undeclared.unwrap_or("its card is not known");
        return Verdict::new(
            Rule::Blind,
            format!("{}; nobody is admitted to a card unseen.", say::capital(why)),
        );
    };
    if let Some(unreadable) = unreadable_floor(declared) {
        return Verdict::new(Rule::Blind, unreadable);
    }
    let reason = format!("The declared object of card {} has no floor of it.", declared.card.name);
    Verdict::new(Rule::NoFloor, reason)
}

/// Why nobody is admitted to a card of which a floor cannot be read, as a sentence.
pub(crate) fn unreadable_floor(declared: &Declared) -> Option<String> {
    declared.unreadable.first_key_value().map(|(key, why)| {
        format!(
            "The key {key} of card {}'s declared object cannot be read ({why}), so what it claims is not \
             known; apply the stack that writes it again.",
            declared.card.name
        )
    })
}

/// H: the largest headroom among the candidate and those whose room is kept.
pub(crate) fn headroom(claims: &[Claim], floor: &Floor) -> Mib {
    claims.iter().map(|claim| claim.headroom_mib).fold(floor.headroom_mib, Mib::max)
}

/// A ready pod of which the ledger knows nothing: a Deployment that was adopted
/// while it ran, or a ledger that was lost. It holds its memory already, so
/// counting it is the only honest entry.
fn found_awake<'a>(seen: &Seen<'a>, draft: &Draft) -> Option<&'a PodSeen> {
    let unknown = draft.entry.replicas_set.is_none() && draft.entry.held_by_hand_until.is_none();
    seen.pod().filter(|pod| unknown && pod.ready && seen.observation.replicas() > 0)
}

fn take_in(seen: &Seen, draft: &mut Draft, floor: &Floor, pod: &PodSeen) -> Verdict {
    reserve(seen, draft, floor, seen.free());
    draft.entry.enter(State::Awake, seen.now);
    draft.entry.starting_since = None;
    draft.entry.awake_since = Some(seen.now);
    draft.entry.pod = Some(PodRef { name: pod.name.clone(), uid: pod.uid.clone() });
    draft.entry.restarts_seen = pod.restarts;
    let reason =
        format!("Pod {} was found ready without an entry in the ledger; it is entered as awake.", pod.name);
    Verdict::new(Rule::FoundAwake, reason)
}

fn backing_off(seen: &Seen, draft: &mut Draft) -> Option<Verdict> {
    let longest = later(seen.now, BACKOFF_LIMIT_S.max(seen.gate.timing.backoff_s));
    // A clock that was ahead when it was written would make it longer than any pause is.
    let until = draft.entry.backoff_until?.min(longest);
    draft.entry.backoff_until = Some(until);
    let left = seen.since(until).saturating_neg();
    if left <= 0 {
        draft.entry.backoff_until = None;
        return None;
    }
    let reason = format!("It backs off for {} more after it had to go.", say::span(left));
    Some(Verdict::new(Rule::BackingOff, reason))
}

fn too_late(seen: &Seen, wake: &Wake) -> Option<Verdict> {
    let timing = &seen.gate.timing;
    let left = seen.since(wake.until.filter(|_| !wake.by_hand)?).saturating_neg();
    let (start, useful) = (i64::from(timing.start_estimate_s), i64::from(timing.useful_minimum_s));
    (left < start + useful).then(|| {
        let reason = format!(
            "Only {} of the window are left; it takes {} to start and {} to be of use.",
            say::span(left),
            say::span(start),
            say::span(useful)
        );
        Verdict::new(Rule::TooLate, reason)
    })
}

fn no_demand(seen: &Seen, wake: &Wake) -> Option<Verdict> {
    let on_demand = seen.gate.schedule == Schedule::OnDemand;
    let asked = on_demand || seen.gate.demand.is_some();
    let reason = match &seen.observation.demand {
        _ if wake.by_hand => return None,
        Demand::Yes => return None,
        Demand::NotAsked if !asked => return None,
        Demand::No => "There is no work for it.".to_owned(),
        Demand::NotAsked => "It is not known whether there is work for it, so it stays asleep.".to_owned(),
        Demand::Unknown(Unknown { reason }) => {
            format!("It is not known whether there is work for it: {reason}. It stays asleep.")
        }
    };
    Some(Verdict::new(Rule::NoDemand, reason))
}

/// Rule 29: nobody is admitted on figures that are missing.
fn readable<'a>(seen: &Seen<'a>) -> Result<&'a Sample, Verdict> {
    if let Some((key, why)) = seen.ledger.unreadable.first_key_value() {
        let reason = format!(
            "The ledger's key {key} cannot be read ({why}), so what is promised is not known; correct or delete the key."
        );
        return Err(Verdict::new(Rule::Blind, reason));
    }
    if let Some(why) = seen.pods_unknown() {
        let reason = format!("Its pods are not known: {why}. Nobody is admitted beside pods unseen.");
        return Err(Verdict::new(Rule::Blind, reason));
    }
    if let Some(unreadable) = seen.declared.and_then(unreadable_floor) {
        return Err(Verdict::new(Rule::Blind, unreadable));
    }
    seen.sample.as_ref().copied().map_err(|why| {
        Verdict::new(
            Rule::Blind,
            format!("The card's memory is not known: {why}. Nobody is admitted on a guess."),
        )
    })
}

fn wait_for_memory(seen: &Seen, draft: &mut Draft) -> Option<Verdict> {
    let (tenant, entry) = seen.books().somebody_draining(seen.me)?;
    if !entry.drain.as_ref().is_some_and(|drain| drain.reported) {
        draft.look_again();
    }
    let reason = format!(
        "{tenant} was told to go {} ago and its memory has not returned yet.",
        say::span(seen.since(entry.since))
    );
    Some(Verdict::new(Rule::WaitForMemory, reason))
}

fn refuse(seen: &Seen, draft: &mut Draft, balance: &Balance, claims: &[Claim], by: Mib) -> Verdict {
    let pausing = draft.entry.paused.iter().any(|one| seen.since(one.since) < i64::from(MEMORY_RETURN_S));
    if pausing || seen.books().somebody_just_woke(seen.me) {
        draft.look_again();
    }
    let reason = format!(
        "{by} short: {}, it may take {} and {} must stay free.",
        say::free_and_owed(balance, claims, Claim::owed_when_admitting),
        balance.peak_mib,
        balance.headroom_mib
    );
    Verdict::new(Rule::Refused, reason)
}

fn admit(seen: &Seen, draft: &mut Draft, floor: &Floor, balance: &Balance, claims: &[Claim]) -> Verdict {
    reserve(seen, draft, floor, Some(balance.free_mib));
    draft.look_again();
    let reason = format!(
        "{}; after its {} at least {} stay free, {} must.",
        say::free_and_owed(balance, claims, Claim::owed_when_admitting),
        balance.peak_mib,
        Mib(u64::try_from(balance.left_mib()).unwrap_or(0)),
        balance.headroom_mib
    );
    Verdict::new(Rule::Admitted, reason)
}

fn reserve(seen: &Seen, draft: &mut Draft, floor: &Floor, free: Option<Mib>) {
    let entry = &mut draft.entry;
    entry.enter(State::Reserved, seen.now);
    entry.starting_since = Some(seen.now);
    entry.pod = None;
    entry.restarts_seen = 0;
    entry.backoff_until = None;
    entry.admission = Some(Admission {
        at: seen.now,
        peak_mib: floor.peak_mib,
        headroom_mib: floor.headroom_mib,
        free_mib: free,
    });
    draft.set_replicas(seen, 1);
}
