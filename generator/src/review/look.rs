//! What a person must look at, and what is only good to know.

use std::collections::BTreeMap;

use tenancy::names::TenantId;
use tenancy::quantity::Mib;
use tenancy::window::Day;

use super::assemble::Read;
use super::declared::Keeps;
use super::model::{
    Action, CardReview, Drift, Flip, Loss, Remark, RemarkKind, Side, TenantReview, Unplanned,
};
use crate::fit::Verdict;

/// Whether a remark of this kind makes the exit code 2.
pub(super) fn needs_a_person(kind: RemarkKind) -> bool {
    kind <= RemarkKind::CheckFailed
}

pub(super) fn remarks(
    read: &Read<'_>,
    cards: &[CardReview],
    tenants: &[TenantReview],
    losses: &[Loss],
    unplanned: &[Unplanned],
    drift: &[Drift],
) -> Vec<Remark> {
    let mut found = Vec::new();
    let mut say = |kind, subject: &str, text: String| {
        found.push(Remark { kind, subject: subject.to_owned(), text });
    };
    for loss in losses {
        let (kind, verb) = match loss.action {
            Action::Replace => (RemarkKind::Replaced, "deleted and made anew"),
            _ => (RemarkKind::Deleted, "deleted"),
        };
        say(kind, &loss.address, format!("{} of {} is {verb}: {}.", loss.address, loss.stack, loss.cause));
    }
    for (tenant, service) in &read.before.services {
        let lost = losses.iter().any(|loss| loss_is_of(loss, tenant, read));
        if service.storage == Some(Keeps::Deletes) && lost {
            say(
                RemarkKind::DataLost,
                &tenant.to_string(),
                format!(
                    "The data of {tenant} goes with its claim on storage (deletion_policy = \"delete\")."
                ),
            );
        }
    }
    for it in unplanned {
        say(RemarkKind::NotPlanned, &it.stack, format!("{} could not be planned: {}.", it.stack, it.reason));
    }
    for card in cards {
        found.extend(of_card(card));
    }
    for tenant in tenants {
        found.extend(of_tenant(tenant, read));
    }
    found.extend(read.uncounted.iter().cloned());
    for it in drift {
        let put_back = if it.put_back { "; the apply puts it back" } else { "" };
        let what = if it.gone { "is gone" } else { "was changed outside of Terraform" };
        let text = format!("{} of {} {what}{put_back}.", it.address, it.stack);
        found.push(Remark { kind: RemarkKind::Drifted, subject: it.address.clone(), text });
    }
    found
}

fn loss_is_of(loss: &Loss, tenant: &TenantId, read: &Read<'_>) -> bool {
    read.seen.iter().any(|seen| {
        let before = &seen.before;
        let is = |name: &str, wanted: &str| before.get(name).and_then(|it| it.as_str()) == Some(wanted);
        seen.resource.kind == "gpu_windowed_service"
            && is("namespace", tenant.namespace.as_str())
            && is("name", tenant.name.as_str())
            && seen.stack == loss.stack
            && (loss.address == seen.resource.address
                || loss.address.ends_with(&format!(" of {}", seen.resource.address)))
    })
}

fn of_card(card: &CardReview) -> Vec<Remark> {
    let mut found = Vec::new();
    let name = &card.card;
    let mut say = |kind, text: String| found.push(Remark { kind, subject: name.clone(), text });
    // Each set of tenants once, with all its times.
    let mut worse: BTreeMap<(RemarkKind, Vec<&str>), Misfit<'_>> = BTreeMap::new();
    for day in &card.days {
        for span in &day.spans {
            let kind = match span.after.verdict {
                Verdict::Refuses => RemarkKind::DoesNotFit,
                Verdict::ResidentMayFail => RemarkKind::ResidentMayFail,
                Verdict::MayYield => RemarkKind::MayYield,
                Verdict::Fits | Verdict::Unknown => continue,
            };
            if is_worse(&span.before, &span.after) {
                let tenants: Vec<&str> = span.after.tenants.keys().map(String::as_str).collect();
                let misfit =
                    worse.entry((kind, tenants)).or_insert(Misfit { times: Vec::new(), side: &span.after });
                misfit.times.push((&day.on, &span.from, &span.to));
            }
        }
    }
    for ((kind, tenants), Misfit { times, side }) in worse {
        say(kind, misfit(name, kind, &tenants, &super::card::times(&times), side));
    }
    let in_days = card.days.iter().flat_map(|day| &day.spans).map(|span| span.after.verdict);
    let worst_day = in_days.filter(|verdict| *verdict != Verdict::Unknown).max().unwrap_or(Verdict::Fits);
    for short in &card.without_slice {
        let who: Vec<&str> = short.tenants.iter().map(String::as_str).collect();
        say(
            RemarkKind::DoesNotFit,
            format!(
                "{name}: {} want {} slices together and the device plugin offers {}: one of them stays Pending.",
                who.join(", "),
                short.wanted,
                short.offered
            ),
        );
    }
    if card.verdict_after == Verdict::Refuses
        && worst_day < Verdict::Refuses
        && card.verdict_before != Verdict::Refuses
        && card.without_slice.is_empty()
    {
        say(
            RemarkKind::DoesNotFit,
            format!("On {name} not everybody fits in some nights of the coming year, when clocks change."),
        );
    }
    for overlap in card.overlaps.iter().filter(|overlap| overlap.new) {
        let [a, b] = &overlap.tenants;
        say(
            RemarkKind::Overlap,
            format!("{a} and {b} may now be awake together on {name}: {}.", overlap.when),
        );
    }
    for claim in &card.claims {
        let guessed = claim.after.as_ref().is_some_and(|after| after.measured.is_none());
        if guessed && claim.before != claim.after {
            say(RemarkKind::Guessed, format!("The peak of {} on {name} is a guess.", claim.tenant));
        }
    }
    for change in &card.clock_changes {
        say(RemarkKind::ClockChange, clock_change(change));
    }
    found.extend(card.not_counted.iter().cloned());
    found
}

/// Whether what may happen got worse: another verdict, other tenants, or more that is missing.
fn is_worse(before: &Side, after: &Side) -> bool {
    if before.verdict == Verdict::Unknown || after.tenants != before.tenants {
        return true;
    }
    let headroom = |side: &Side| i64::try_from(side.headroom_mib).unwrap_or(i64::MAX);
    let room = |side: &Side| match after.verdict {
        Verdict::Refuses => side.left_mib.map(|left| left.saturating_sub(headroom(side))),
        // What a resident runs out of has no headroom in it.
        Verdict::ResidentMayFail => side.left_when_grown_mib,
        _ => side.left_when_grown_mib.map(|left| left.saturating_sub(headroom(side))),
    };
    after.verdict > before.verdict || (after.verdict == before.verdict && room(after) < room(before))
}

/// What a window does in a night in which clocks change, as a sentence.
pub(super) fn clock_change(change: &crate::fit::ClockChange) -> String {
    let length = |minutes: i64| format!("{}h{:02}", minutes / 60, minutes % 60);
    let is = match change.minutes {
        0 => "does not open".to_owned(),
        minutes => format!("lasts {}", length(minutes)),
    };
    format!(
        "On {} clocks change: window {} of {} {is} instead of {}.",
        change.date,
        change.window,
        change.tenant,
        length(change.usual_minutes)
    )
}

/// When the same tenants do not fit, and what it comes to.
struct Misfit<'c> {
    times: Vec<(&'c [Day], &'c str, &'c str)>,
    side: &'c Side,
}

/// MiB with a sign.
pub(super) fn signed(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}", Mib(amount.unsigned_abs()))
}

fn misfit(card: &str, kind: RemarkKind, tenants: &[&str], when: &str, side: &Side) -> String {
    let who = tenants.join(", ");
    let left = side.left_mib.unwrap_or_default();
    let grown = side.left_when_grown_mib.unwrap_or_default();
    let headroom = i64::try_from(side.headroom_mib).unwrap_or(i64::MAX);
    let kept = Mib(side.headroom_mib);
    match kind {
        RemarkKind::DoesNotFit => {
            let short = signed(headroom.saturating_sub(left));
            let fate = match tenants {
                [_] => "it is never admitted".to_owned(),
                _ => "the last to ask is refused".to_owned(),
            };
            format!(
                "{card}, {when}: {who} would leave {} and {kept} must stay free; {short} short, {fate}.",
                signed(left)
            )
        }
        RemarkKind::ResidentMayFail => format!(
            "{card}, {when}: beside {who} {} would be left, and residents may grow by {}: one may run out of memory.",
            signed(left),
            signed(left.saturating_sub(grown))
        ),
        _ => format!(
            "{card}, {when}: {who} fit until a resident grows; then {} are missing and a tenant yields.",
            signed(headroom.saturating_sub(grown))
        ),
    }
}

fn of_tenant(tenant: &TenantReview, read: &Read<'_>) -> Vec<Remark> {
    let mut found = Vec::new();
    let name = &tenant.tenant;
    let mut say = |kind, text: String| found.push(Remark { kind, subject: name.clone(), text });
    match tenant.flip {
        Some(Flip::ToGpu) => {
            say(RemarkKind::ToGpu, format!("{name} moves from the CPU to a card and claims memory of it."));
        }
        Some(Flip::ToCpu) => {
            say(
                RemarkKind::ToCpu,
                format!("{name} moves from its card to the CPU and gives its memory free."),
            );
        }
        None => {}
    }
    let id = name.parse::<TenantId>().ok();
    let suspended = |declared: &super::declared::Declared| {
        id.as_ref().and_then(|id| declared.services.get(id)).is_some_and(|service| service.suspend)
    };
    if suspended(&read.after) && !suspended(&read.before) {
        say(
            RemarkKind::Suspended,
            format!(
                "{name} is put to sleep at once, in its window too, and stays asleep until suspend is taken away."
            ),
        );
    }
    if let Some(restart) = &tenant.restart {
        let when = if restart.certain { "restarts" } else { "restarts if it is awake at the apply" };
        let plural = if restart.fields.len() == 1 { "field" } else { "fields" };
        say(
            RemarkKind::Restarts,
            format!("{name} {when}: {} {plural} of its pod change.", restart.fields.len()),
        );
    }
    found
}
