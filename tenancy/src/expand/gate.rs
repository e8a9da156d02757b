//! The gate: its configuration, and the CronJobs that ask it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{agent, labels, of_tenant};
use crate::cron::{self, Line};
use crate::declared::gate_account;
use crate::defaults::{AGENT_UID, SWEEP_INTERVAL_S, TICK_DEADLINE_S, TICK_TTL_S, TICKS_KEPT};
use crate::gate::{GATE_CONFIG_KEY, GateConfig};
use crate::leaves::canonical_json;
use crate::names::{CRONJOB_LIMIT, TenantId, WindowName, fit};
use crate::objects::{Kind, Object};
use crate::tenant::{ObjectKind, Tenant};
use crate::window::Schedule;

/// The zone of ticks that go round the clock, where none is declared.
const NO_ZONE: &str = "Etc/UTC";

/// What the trigger and the window may take of a CronJob's name.
const SUFFIX_LIMIT: usize = 30;

/// What the gate is told, as a value.
pub(super) fn gate_config(tenant: &Tenant) -> GateConfig {
    GateConfig {
        tenant: tenant.id.clone(),
        schedule: tenant.schedule.clone(),
        suspend: tenant.suspend,
        pauses: tenant.gate.pauses.clone(),
        unload: tenant.gate.unload.clone(),
        demand: tenant.gate.demand.clone(),
        timing: tenant.gate.timing,
    }
}

/// The ConfigMap that tells it.
pub(super) fn config(tenant: &Tenant) -> Object {
    let data = json!({"data": { GATE_CONFIG_KEY: canonical_json(&gate_config(tenant)) }});
    of_tenant(tenant, Kind::ConfigMap, ObjectKind::ConfigMap, &agent::config_name(tenant), data)
}

/// A CronJob to be: what it is called, for which window, and when it asks what.
pub(crate) struct Tick<'a> {
    pub(crate) name: String,
    /// Nothing where it goes round the clock.
    pub(crate) window: Option<&'a WindowName>,
    trigger: &'static str,
    line: Line,
    zone: &'a str,
}

/// The CronJobs: for each window its start, its guard and its end, and for what
/// they leave behind one around the clock; without windows one guard around the clock.
///
/// Two of them may come to one name, which [`crate::check`] refuses.
pub(crate) fn ticks(tenant: &Tenant) -> Vec<Tick<'_>> {
    let interval_s = tenant.gate.timing.guard_interval_s;
    if tenant.schedule == Schedule::OnDemand {
        return vec![round_the_clock(tenant, "-guard", interval_s)];
    }
    let mut ticks = Vec::new();
    for (name, window) in tenant.schedule.windows() {
        let asked = [
            ("up", cron::up(window)),
            ("guard", cron::guard(window, interval_s)),
            ("down", cron::down(window)),
        ];
        for (trigger, lines) in asked {
            for (index, line) in lines.into_iter().enumerate() {
                let number = if index == 0 { String::new() } else { format!("-{}", index + 1) };
                ticks.push(Tick {
                    name: tick_name(tenant, &format!("-{trigger}-{name}{number}")),
                    window: Some(name),
                    trigger,
                    line,
                    zone: window.time_zone().name(),
                });
            }
        }
    }
    if !ticks.is_empty() {
        ticks.push(round_the_clock(tenant, "-sweep", SWEEP_INTERVAL_S));
    }
    ticks
}

fn round_the_clock<'a>(tenant: &Tenant, suffix: &str, interval_s: u32) -> Tick<'a> {
    let line = cron::around_the_clock(interval_s, place(&tenant.id));
    Tick { name: tick_name(tenant, suffix), window: None, trigger: "guard", line, zone: NO_ZONE }
}

/// The tenant's name and `suffix`. Where both do not fit, each is cut by
/// itself, so that the name still says which trigger it is.
fn tick_name(tenant: &Tenant, suffix: &str) -> String {
    fit(tenant.id.name.as_str(), &fit(suffix, "", SUFFIX_LIMIT), CRONJOB_LIMIT)
}

pub(super) fn cron_jobs(tenant: &Tenant) -> Vec<Object> {
    ticks(tenant).into_iter().map(|tick| cron_job(tenant, &tick)).collect()
}

/// The tenant's own minute among those of a tick round the clock: always the same, and seldom a neighbour's.
fn place(tenant: &TenantId) -> u32 {
    Sha256::digest(tenant.to_string().as_bytes()).iter().fold(0, |sum, byte| sum + u32::from(*byte))
}

fn cron_job(tenant: &Tenant, tick: &Tick<'_>) -> Object {
    let mut spec = json!({
        "schedule": tick.line.to_string(),
        "timeZone": tick.zone,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": TICK_DEADLINE_S,
        "successfulJobsHistoryLimit": TICKS_KEPT,
        "failedJobsHistoryLimit": 2,
        "jobTemplate": {"spec": {
            "activeDeadlineSeconds": gate_config(tenant).tick_length().deadline_s,
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": TICK_TTL_S,
            "template": {"metadata": {"labels": tick_labels(tenant)}, "spec": tick_pod(tenant, tick.trigger)},
        }},
    });
    if tenant.suspend {
        spec["suspend"] = json!(true);
    }
    of_tenant(tenant, Kind::CronJob, ObjectKind::CronJob, &tick.name, json!({ "spec": spec }))
}

fn tick_labels(tenant: &Tenant) -> Value {
    let mut own = labels::of_tenant(&tenant.id);
    own.insert(labels::NAME_LABEL.to_owned(), labels::GATE_POD_NAME.to_owned());
    json!(own)
}

fn tick_pod(tenant: &Tenant, trigger: &str) -> Value {
    let mut pod = json!({
        "restartPolicy": "Never",
        "serviceAccountName": gate_account(&tenant.id),
        "automountServiceAccountToken": false,
        "securityContext": {"fsGroup": AGENT_UID, "runAsNonRoot": true, "runAsUser": AGENT_UID},
        "containers": [agent::gate_container("gate", tenant, &["gate", "--trigger", trigger])],
        "volumes": agent::gate_volumes(tenant),
    });
    if !tenant.pod.image_pull_secrets.is_empty() {
        pod["imagePullSecrets"] =
            tenant.pod.image_pull_secrets.iter().map(|name| json!({"name": name.as_str()})).collect();
    }
    pod
}
