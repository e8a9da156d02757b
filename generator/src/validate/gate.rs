//! The rules of when a tenant may be awake, and of its gate.

use std::collections::BTreeMap;

use tenancy::defaults as d;
use tenancy::demand::{DemandProbe, DemandSource};
use tenancy::duration::Seconds;
use tenancy::gate::{Timing, UnloadCall};
use tenancy::names::WindowName;
use tenancy::tenant::Server;
use tenancy::window::{Schedule, Window};

use super::tenant::Check;
use crate::raw::{RawDefaults, RawTenant, RawWindow};
use crate::read::{At, Entries};

pub(super) fn schedule(raw: &RawTenant, defaults: &RawDefaults, check: &mut Check<'_>) -> Option<Schedule> {
    const ACCEPTED: &str = "Give `windows`, or say `always: true`, or `on_demand: true` with `demand`.";
    let said = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    match (&raw.windows, said(&raw.always), said(&raw.on_demand)) {
        (Some(raw), false, false) => windows(raw, defaults, check).map(Schedule::Windows),
        (None, true, false) => Some(Schedule::Always),
        (None, false, true) => Some(Schedule::OnDemand),
        (None, false, false) => {
            check.refuse(check.file.node.place.start(), "the tenant is never awake", ACCEPTED);
            None
        }
        (_, always, _) => {
            let second = if always { "always" } else { "on_demand" };
            check.refuse_at(second, "the tenant has more than one schedule", ACCEPTED);
            None
        }
    }
}

fn windows(
    raw: &Entries<WindowName, RawWindow>,
    defaults: &RawDefaults,
    check: &mut Check<'_>,
) -> Option<BTreeMap<WindowName, Window>> {
    if raw.0.is_empty() {
        check.refuse_at("windows", "the tenant has no window", "Give at least one, by name.");
        return None;
    }
    let read: Vec<Option<(WindowName, Window)>> = raw
        .0
        .iter()
        .map(|(name, raw)| {
            let Some(zone) = raw.time_zone.as_ref().or(defaults.time_zone.as_ref()) else {
                check.refuse(
                    name.place.clone(),
                    "the window has no time zone",
                    "Give `time_zone: Europe/London`, here or for all under `defaults:` in fleet.yaml.",
                );
                return None;
            };
            let days = raw.days.iter().flatten().map(|day| day.value).collect();
            match Window::new(raw.start.value, raw.end.value, days, zone.value.clone()) {
                Ok(window) => Some((name.value.clone(), window)),
                Err(why) => {
                    check.refuse(
                        raw.end.place.clone(),
                        format!("{:?} is not a window: {}", why.value, why.reason),
                        &why.accepted,
                    );
                    None
                }
            }
        })
        .collect();
    read.into_iter().collect()
}

/// The tenant's own image of gpu-agent, the fleet's, or that of this release,
/// which is the provider's too.
pub(super) fn agent_image(raw: &RawTenant, defaults: &RawDefaults) -> String {
    let named = raw.agent_image.as_ref().or(defaults.agent_image.as_ref());
    named.map_or_else(|| d::AGENT_IMAGE.to_owned(), |image| image.value.clone())
}

pub(super) fn unload(raw: &RawTenant, server: &Server) -> Option<UnloadCall> {
    let unload = raw.unload.as_ref()?;
    let port = match &unload.port {
        Some(port) => port.0,
        None => *server.ports.get(&server.main_port)?,
    };
    Some(UnloadCall {
        method: unload.method.as_ref().map_or(d::UNLOAD_METHOD, |method| method.0).to_owned(),
        path: unload.path.value.clone(),
        port,
        body: unload.body.as_ref().map(|body| body.0.clone()),
        timeout_s: unload.timeout.as_ref().map_or(d::UNLOAD_TIMEOUT_S, |timeout| timeout.0),
    })
}

pub(super) fn demand(raw: &RawTenant, check: &mut Check<'_>) -> Option<DemandProbe> {
    let demand = raw.demand.as_ref()?;
    let source = match (&demand.http, &demand.prometheus) {
        (Some(http), None) => {
            DemandSource::Http { url: http.url.value.clone(), json_path: http.json_path.value.clone() }
        }
        (None, Some(prometheus)) => DemandSource::Prometheus {
            url: prometheus.url.value.clone(),
            query: prometheus.query.value.clone(),
        },
        (None, None) => {
            check.refuse_at("demand", "it does not say whom to ask", "Give `http` or `prometheus`.");
            return None;
        }
        (Some(_), Some(_)) => {
            check.refuse_at("demand", "it asks twice", "Give one of `http` and `prometheus`.");
            return None;
        }
    };
    let idle_after_s = demand.idle_after.as_ref().map_or(d::IDLE_AFTER_S, |length| length.0);
    Some(DemandProbe { source, idle_after_s })
}

pub(super) fn timing(raw: &RawTenant) -> Timing {
    let mut timing = Timing::default();
    let own = raw.timing.as_ref();
    let bounds: [(&mut u32, Option<&At<Seconds>>); 9] = [
        (&mut timing.guard_interval_s, raw.guard_interval.as_ref()),
        (&mut timing.grace_period_s, raw.grace_period.as_ref()),
        (&mut timing.start_estimate_s, own.and_then(|own| own.start_estimate.as_ref())),
        (&mut timing.useful_minimum_s, own.and_then(|own| own.useful_minimum.as_ref())),
        (&mut timing.shortage_grace_s, own.and_then(|own| own.shortage_grace.as_ref())),
        (&mut timing.unknown_hold_s, own.and_then(|own| own.unknown_hold.as_ref())),
        (&mut timing.pending_limit_s, own.and_then(|own| own.pending_limit.as_ref())),
        (&mut timing.loading_limit_s, own.and_then(|own| own.loading_limit.as_ref())),
        (&mut timing.backoff_s, own.and_then(|own| own.backoff.as_ref())),
    ];
    for (bound, given) in bounds {
        if let Some(given) = given {
            *bound = given.0;
        }
    }
    timing
}
