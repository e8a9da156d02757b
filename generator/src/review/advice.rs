//! What an apply will not do, and how to go back after it.

use std::collections::{BTreeMap, BTreeSet};

use tenancy::card::Card;
use tenancy::names::TenantId;
use tenancy::window::Schedule;

use super::assemble::{Read, Seen};
use super::declared::{Keeps, Processor};
use super::model::{Action, Step, TenantReview};

/// What an apply of these plans will not do.
pub(super) fn will_not(read: &Read<'_>, tenants: &[TenantReview]) -> Vec<String> {
    let at = read.planned_at.unwrap_or(read.now);
    let mut told = Vec::new();
    let mut windows_moved = Vec::new();
    let mut gated = false;
    // No apply does anything about those that are forgotten.
    for tenant in tenants.iter().filter(|tenant| tenant.action != Action::Forget) {
        let Ok(id) = tenant.tenant.parse::<TenantId>() else { continue };
        let before = read.before.services.get(&id);
        let Some(after) = read.after.services.get(&id) else { continue };
        if after.schedule == Schedule::Always || after.suspend || after.processor == Processor::Cpu {
            continue;
        }
        gated = true;
        if before.is_none() || tenant.action == Action::Replace {
            let next = after.schedule.next_after(at).map(|(name, interval)| {
                let zone = after.schedule.windows().find(|(other, _)| *other == name);
                let rules = zone.map(|(_, window)| window.time_zone().clone());
                let moment = rules.map(|zone| {
                    let opens = interval.opens.to_zoned(zone.rules().clone());
                    format!("{} {}", opens.strftime("%a %Y-%m-%d %H:%M"), zone)
                });
                moment.unwrap_or_default()
            });
            let when = next.map_or_else(
                || "its gate admits it when there is work and room".to_owned(),
                |next| format!("its gate looks first when its window opens, {next}, and admits it if the card has room"),
            );
            told.push(format!("Wake {}: it is made asleep; {when}.", tenant.tenant));
        } else if before.is_some_and(|before| before.schedule != after.schedule) {
            windows_moved.push(tenant.tenant.clone());
        }
    }
    if !windows_moved.is_empty() {
        told.push(format!(
            "Put anybody to sleep whose window moves ({}): the gate closes it at its next look, and opens the new one \
             when it begins.",
            windows_moved.join(", ")
        ));
    }
    if gated {
        told.push(
            "Set the replicas of a Deployment whose tenant has windows: they belong to its gate.".to_owned(),
        );
    }
    told.extend(tenants.iter().filter_map(|tenant| cannot_move_awake(read, &tenant.tenant.parse().ok()?)));
    let kept = read.seen.iter().filter(|seen| is_service(seen) && seen.action == Some(Action::Delete));
    let kept: Vec<String> = kept
        .filter_map(|seen| seen.tenant.as_ref())
        .filter(|id| read.before.services.get(id).is_some_and(|it| it.storage == Some(Keeps::Retains)))
        .map(ToString::to_string)
        .collect();
    if !kept.is_empty() {
        told.push(format!("Delete data: the claims of {} stay.", kept.join(", ")));
    }
    let forgotten = read.seen.iter().filter(|seen| seen.action == Some(Action::Forget));
    let forgotten: Vec<String> =
        forgotten.map(|seen| format!("{} of {}", seen.resource.address, seen.stack)).collect();
    if !forgotten.is_empty() {
        told.push(format!(
            "Delete what Terraform forgets ({}): it stays in the cluster, and Terraform no longer looks after it, unless \
             another stack takes it up.",
            forgotten.join(", ")
        ));
    }
    told
}

/// A claim leaves its card only while its tenant sleeps, and storage does not follow to another node.
fn cannot_move_awake(read: &Read<'_>, tenant: &TenantId) -> Option<String> {
    let from = &read.before.floors.get(tenant)?.card;
    let to = &read.after.floors.get(tenant)?.card;
    let service = read.before.services.get(tenant)?;
    if from == to {
        return None;
    }
    let gated = service.schedule != Schedule::Always && service.processor == Processor::Gpu;
    let awake = if gated {
        " while it is awake: it is refused then. Apply while it sleeps, or suspend it by an apply before"
    } else {
        " without a restart"
    };
    let node = |cards: &BTreeMap<_, Card>, name| cards.get(name).map(|card| card.node.clone());
    let stays_on_one = node(&read.before.cards, from)
        .is_some_and(|before| node(&read.after.cards, to).is_some_and(|after| before == after));
    let storage = if service.storage.is_some() && !stays_on_one {
        ". Its claim on storage stays the one that it is: where its volume is bound to the old node, the pod stays \
         Pending"
    } else {
        ""
    };
    Some(format!("Move {tenant} from card {from} to {to}{awake}{storage}."))
}

fn is_service(seen: &Seen<'_>) -> bool {
    seen.resource.kind == "gpu_windowed_service"
}

/// More stacks than this are not named one by one in a command.
const NAMED_STACKS: usize = 20;

/// How to go back after an apply, step by step.
pub(super) fn rollback(read: &Read<'_>, tenants: &[TenantReview]) -> Vec<Step> {
    let changed: BTreeSet<&str> =
        read.seen.iter().filter(|seen| seen.action.is_some()).map(|seen| seen.stack).collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let mut steps = Vec::new();
    for tenant in tenants {
        let id = tenant.tenant.parse::<TenantId>().ok();
        let before = id.as_ref().and_then(|id| read.before.services.get(id));
        let gone = matches!(tenant.action, Action::Delete | Action::Replace);
        match before.and_then(|before| before.storage) {
            Some(Keeps::Deletes) if gone => steps.push(Step {
                command: None,
                text: format!(
                    "The data of {} does not come back. Take a copy before the apply.",
                    tenant.tenant
                ),
            }),
            Some(Keeps::Retains) if gone => steps.push(Step {
                command: None,
                text: format!(
                    "{} comes back with its data: its new create takes up the claim that stayed.",
                    tenant.tenant
                ),
            }),
            _ => {}
        }
    }
    let all_new = |stack: &str| {
        let mut of_stack = read.seen.iter().filter(|seen| seen.stack == stack);
        of_stack.all(|seen| seen.action == Some(Action::Create))
    };
    let new: Vec<&str> = changed.iter().copied().filter(|stack| all_new(stack)).collect();
    if !new.is_empty() {
        steps.push(Step {
            command: Some(format!("terragrunt run --all{} -- destroy", filters(&new))),
            text: "before the revert: a stack whose folder is gone destroys nothing.".to_owned(),
        });
    }
    steps.push(Step {
        command: Some("git revert -m 1 MERGE_COMMIT".to_owned()),
        text: "brings back the tenant files and the generated stacks together.".to_owned(),
    });
    let old: Vec<&str> = changed.iter().copied().filter(|stack| !new.contains(stack)).collect();
    if !old.is_empty() {
        steps.push(Step {
            command: Some(format!("terragrunt run --all{} -- plan", filters(&old))),
            text: "review it as this one, then the same with apply.".to_owned(),
        });
    }
    steps
}

/// The options that name these stacks to terragrunt.
fn filters(stacks: &[&str]) -> String {
    if stacks.len() > NAMED_STACKS {
        return " --filter …".to_owned();
    }
    stacks.iter().map(|stack| format!(" --filter {}", shell(&format!("./{stack}")))).collect()
}

/// A path as a shell reads it as one word.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
