//! The gate: schedule, timing, what makes room, how memory is let go.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use crate::declared::SYSTEM_NAMESPACE;
use crate::defaults::IDLE_AFTER_RANGE_S;
use crate::demand::{DemandProbe, DemandSource};
use crate::expand;
use crate::gate::UnloadCall;
use crate::names::WindowName;
use crate::tenant::Tenant;
use crate::window::{Schedule, Window};

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    if tenant.namespace().as_str() == SYSTEM_NAMESPACE {
        let message = format!(
            "{SYSTEM_NAMESPACE:?} holds the cards and their ledgers. Choose a namespace for the tenant."
        );
        problems.push(Problem::at("namespace", message));
    }
    schedule(tenant, problems);
    timing(tenant, problems);
    pauses(tenant, problems);
    if let Some(call) = &tenant.gate.unload {
        unload(tenant, call, problems);
    }
    if let Some(probe) = &tenant.gate.demand {
        demand(tenant, probe, problems);
    }
}

fn schedule(tenant: &Tenant, problems: &mut Vec<Problem>) {
    match &tenant.schedule {
        Schedule::Windows(windows) if windows.is_empty() => {
            let message = "There is no window, so the tenant would never wake. Name one, or say `always`.";
            problems.push(Problem::at("windows", message));
        }
        Schedule::Windows(windows) => {
            for (name, window) in windows {
                if let Some(message) = too_short(tenant, window) {
                    problems.push(Problem::at_key("windows", name, message));
                }
            }
            shared_ticks(tenant, problems);
        }
        Schedule::OnDemand if tenant.gate.demand.is_none() => {
            let message = "Nothing tells the gate whether there is work, so the tenant would never wake. Say in `demand` \
                 where it is read, or give it `windows`.";
            problems.push(Problem::at("on_demand", message));
        }
        Schedule::OnDemand => {}
        Schedule::Always => {}
    }
}

/// The CronJobs of a window whose times take several lines of cron are numbered behind its name, and another
/// window may be called just that. Of two objects with one name the cluster would get one.
fn shared_ticks(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<String, &WindowName> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for tick in expand::ticks(tenant) {
        let Some(window) = tick.window else { continue };
        if let Some(other) = owners.get(&tick.name)
            && told.insert((*other, window))
        {
            let message = format!(
                "It would share the CronJob {} with the window {:?}: times that take several lines of cron take \
                 several CronJobs, numbered -2, -3 behind the window's name. Rename one of the two so that it is not \
                 the other with a number behind it.",
                tick.name,
                other.as_str()
            );
            problems.push(Problem::at_key("windows", window, message));
        }
        owners.entry(tick.name).or_insert(window);
    }
}

/// The gate refuses a start that leaves too little time awake, so a window
/// below that length never opens.
fn too_short(tenant: &Tenant, window: &Window) -> Option<String> {
    let timing = tenant.gate.timing;
    let needed_s = timing.start_estimate_s.saturating_add(timing.useful_minimum_s);
    let (start, end) = (u32::from(window.start().minutes()), u32::from(window.end().minutes()));
    let length_s = (end + 1440 - start) % 1440 * 60;
    (length_s < needed_s).then(|| {
        format!(
            "It lasts {} minutes, and a start with its useful minimum takes {}. Make the window longer.",
            length_s / 60,
            needed_s.div_ceil(60)
        )
    })
}

fn timing(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let timing = tenant.gate.timing;
    let interval_s = timing.guard_interval_s;
    if !interval_s.is_multiple_of(60) || !(60..=3600).contains(&interval_s) {
        let message = format!(
            "{interval_s} s is not a whole number of minutes from 1 to 60, and cron counts in minutes. Write a value such as `5m`."
        );
        problems.push(Problem::at("guard_interval", message));
    }
    if timing.grace_period_s == 0 {
        let message = "0 kills the server in the middle of its work. Write at least a second.";
        problems.push(Problem::at("grace_period", message));
    }
}

fn pauses(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let pauses = &tenant.gate.pauses;
    if !pauses.is_empty() && tenant.schedule == Schedule::Always {
        let message = "A tenant that is always awake has no window for which others could make room. Remove them, or \
             give it windows.";
        problems.push(Problem::at("pauses", message));
    }
    for (index, target) in pauses.iter().enumerate() {
        let spelled = format!("{}/{}", target.namespace, target.deployment);
        if spelled == tenant.id.to_string() {
            let message = format!("{spelled} is the tenant itself. Name Deployments that make room for it.");
            problems.push(Problem::at("pauses", message));
        }
        if pauses[..index].contains(target) {
            problems.push(Problem::at("pauses", format!("{spelled} is named twice. Name it once.")));
        }
    }
}

fn demand(tenant: &Tenant, probe: &DemandProbe, problems: &mut Vec<Problem>) {
    let mut refuse = |message: String| problems.push(Problem::at("demand", message));
    if tenant.schedule == Schedule::Always {
        refuse(
            "A tenant that is always awake is not put to sleep for want of work. Leave it out, or say `on_demand` \
             instead of `always`."
                .to_owned(),
        );
    }
    if !IDLE_AFTER_RANGE_S.contains(&probe.idle_after_s) {
        refuse(format!(
            "Its idle_after of {} s is not from a minute to a day. Write a value such as `10m`.",
            probe.idle_after_s
        ));
    }
    if let DemandSource::Prometheus { url, query } = &probe.source {
        if query.trim().is_empty() {
            refuse("Its query is empty. Write one such as `sum(queue_length)`.".to_owned());
        }
        if url.as_str().contains(['?', '#']) || url.as_str().trim_end_matches('/').ends_with("/api/v1/query")
        {
            refuse(format!(
                "Its address {url} is more than the server's. Write it without `/api/v1/query` and what follows, such \
                 as `http://prometheus.monitoring:9090`."
            ));
        }
    }
}

fn unload(tenant: &Tenant, call: &UnloadCall, problems: &mut Vec<Problem>) {
    let mut refuse = |message: String| problems.push(Problem::at("unload", message));
    if tenant.schedule == Schedule::Always {
        refuse(
            "No gate runs for a tenant that is always awake, so nobody would call it. Leave it out."
                .to_owned(),
        );
    }
    if !["POST", "DELETE"].contains(&call.method.as_str()) {
        refuse(format!(
            "Its method {:?} is not one that changes something. Write `POST` or `DELETE`.",
            call.method
        ));
    }
    if !call.path.starts_with('/') || call.path.contains(char::is_whitespace) {
        refuse(format!("Its path {:?} is not one. Write a path such as `/api/unload`.", call.path));
    }
    if !tenant.server.ports.values().any(|port| *port == call.port) {
        refuse(format!("The server has no port {}. Name one of its ports.", call.port));
    }
    let grace_s = tenant.gate.timing.grace_period_s;
    if call.timeout_s == 0 || call.timeout_s > grace_s {
        refuse(format!(
            "Its timeout of {} s is not from 1 s to the grace period's {grace_s} s. Change one of the two.",
            call.timeout_s
        ));
    }
}
