//! What stands beside the changes: stacks that could not be planned, drift, and
//! checks that fail.

use std::collections::BTreeSet;

use super::assemble::{Input, action};
use super::fields;
use super::model::{Action, Drift, Remark, RemarkKind, Unplanned};
use super::plan::{Plan, ResourceChange};
use super::run_report::Outcome;
use super::veil::Veil;

/// Stacks without a plan, and plans that are not whole.
pub(super) fn unplanned(input: &Input) -> Vec<Unplanned> {
    let planned: BTreeSet<&str> = input.stacks.iter().map(|stack| stack.name.as_str()).collect();
    let mut found = Vec::new();
    for run in &input.runs {
        let cause = run.cause.as_deref().map(one_line).unwrap_or_default();
        let reason = match run.result {
            Outcome::Succeeded if planned.contains(run.name.as_str()) => continue,
            Outcome::Succeeded => "it was planned, and its JSON is missing".to_owned(),
            Outcome::Failed if cause.is_empty() => "planning it failed".to_owned(),
            Outcome::Failed => format!("planning it failed: {cause}"),
            Outcome::EarlyExit if cause.is_empty() => "a stack that it depends on failed".to_owned(),
            Outcome::EarlyExit => format!("{cause}, which it depends on, failed"),
            Outcome::Excluded if run.goes() => {
                "these commits remove it, and no plan destroys it: what it made stays in the cluster and on its \
                 card. Plan with --filter-allow-destroy to see what goes"
                    .to_owned()
            }
            Outcome::Excluded => continue,
            Outcome::Other => run.reason.clone().unwrap_or_else(|| "terragrunt says no more".to_owned()),
        };
        found.push(Unplanned { stack: run.name.clone(), reason });
    }
    for stack in &input.stacks {
        let Plan { errored, complete, deferred_changes, .. } = &stack.plan;
        let mut say = |reason: String| found.push(Unplanned { stack: stack.name.clone(), reason });
        if *errored == Some(true) {
            say("planning ended with an error; its plan shows what was planned until then".to_owned());
        } else if *complete == Some(false) && deferred_changes.is_empty() {
            say("its plan says that it is not complete; plan again after the apply".to_owned());
        }
        for deferred in deferred_changes {
            let (address, reason) = (&deferred.resource_change.address, deferred.reason.replace('_', " "));
            say(format!("{address} can only be planned after an apply of the rest ({reason})"));
        }
    }
    found
}

/// The stacks that the commits remove, as far as terragrunt's report says so.
pub(super) fn going(input: &Input) -> BTreeSet<&str> {
    input.runs.iter().filter(|run| run.goes()).map(|run| run.name.as_str()).collect()
}

/// The part of an error that fits a line: without colours, paths of caches and
/// the frame that Terraform draws around its messages.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.find('m').map_or("", |end| &after[end + 1..]);
    }
    plain.push_str(rest);
    let from_error = plain.find("Error:").map_or(plain.as_str(), |at| &plain[at..]);
    let words: Vec<&str> =
        from_error.split_whitespace().filter(|word| !matches!(*word, "│" | "╷" | "╵" | "*")).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// What was changed outside of Terraform.
pub(super) fn drift(input: &Input) -> Vec<Drift> {
    let mut found = Vec::new();
    for stack in &input.stacks {
        let veil = Veil::of(&stack.plan);
        for resource in stack.plan.resource_drift.iter().filter(|resource| resource.mode != "data") {
            let gone = resource.change.after.is_null();
            let fields = if gone { Vec::new() } else { fields::attributes(&resource.change, &veil) };
            let objects = if gone { Vec::new() } else { fields::objects(&resource.change, &veil).0 };
            // A move alone is in this list too.
            if gone || !fields.is_empty() || !objects.is_empty() {
                found.push(Drift {
                    stack: stack.name.clone(),
                    address: resource.address.clone(),
                    gone,
                    fields,
                    objects,
                    put_back: stack.plan.resource_changes.iter().any(|planned| puts_back(planned, resource)),
                });
            }
        }
    }
    found
}

/// Whether what is planned puts back what drifted, or some of it. What is deleted, forgotten or only moved is not.
fn puts_back(planned: &ResourceChange, drifted: &ResourceChange) -> bool {
    planned.address == drifted.address
        && matches!(action(planned), Some(Action::Create | Action::Update | Action::Replace))
        && fields::puts_back(&planned.change, &drifted.change)
}

/// Checks that fail.
pub(super) fn checks(input: &Input) -> Vec<Remark> {
    let mut found = Vec::new();
    for stack in &input.stacks {
        let veil = Veil::of(&stack.plan);
        let failing = |status: &str| matches!(status, "fail" | "error");
        for check in stack.plan.checks.iter().filter(|check| failing(&check.status)) {
            let problems = check.instances.iter().flat_map(|instance| &instance.problems);
            let messages: Vec<String> =
                problems.map(|problem| veil.text(&one_line(&problem.message))).collect();
            let said =
                if messages.is_empty() { "it gives no message".to_owned() } else { messages.join("; ") };
            found.push(Remark {
                kind: RemarkKind::CheckFailed,
                subject: check.address.to_display.clone(),
                text: format!("{} of {} fails: {said}", check.address.to_display, stack.name),
            });
        }
    }
    found
}
