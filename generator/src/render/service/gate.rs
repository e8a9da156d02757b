//! When the tenant may be awake, and what its gate is told.

use tenancy::defaults as d;
use tenancy::demand::{DemandProbe, DemandSource};
use tenancy::gate::{Timing, UnloadCall};
use tenancy::tenant::{Server, Tenant};
use tenancy::window::{Day, Schedule, Window};

use super::super::{Attributes, map, texts};
use super::{json, seconds};
use crate::fleet::Fleet;
use crate::hcl::Hcl;

pub(super) fn schedule(tenant: &Tenant, fleet: &Fleet) -> Attributes {
    let mut group = Attributes::default();
    match &tenant.schedule {
        Schedule::Windows(windows) => group.set("windows", map(windows, window)),
        Schedule::OnDemand => group.set("on_demand", Hcl::Bool(true)),
        Schedule::Always => group.set("always", Hcl::Bool(true)),
    }
    if tenant.suspend {
        group.set("suspend", Hcl::Bool(true));
    }
    let gate = &tenant.gate;
    let timing = Timing::default();
    if gate.timing.guard_interval_s != timing.guard_interval_s {
        group.set("guard_interval", seconds(gate.timing.guard_interval_s));
    }
    if gate.timing.grace_period_s != timing.grace_period_s {
        group.set("grace_period", seconds(gate.timing.grace_period_s));
    }
    group.set_filled("timing", bounds(&gate.timing).object());
    let pauses = gate.pauses.iter().map(|target| format!("{}/{}", target.namespace, target.deployment));
    group.set_filled("pauses", texts(pauses));
    group.set_some("unload", gate.unload.as_ref().map(|call| unload(call, &tenant.server)));
    group.set_some("demand", gate.demand.as_ref().map(demand));
    group.set_some("source_secret", gate.source_secret.as_ref().map(ToString::to_string));
    if fleet.provider.agent_image.as_deref().unwrap_or(d::AGENT_IMAGE) != gate.image {
        group.set("agent_image", gate.image.as_str());
    }
    group
}

/// The bounds that differ from their defaults.
fn bounds(timing: &Timing) -> Attributes {
    let mut object = Attributes::default();
    let default = Timing::default();
    for (name, given, default) in [
        ("start_estimate", timing.start_estimate_s, default.start_estimate_s),
        ("useful_minimum", timing.useful_minimum_s, default.useful_minimum_s),
        ("shortage_grace", timing.shortage_grace_s, default.shortage_grace_s),
        ("unknown_hold", timing.unknown_hold_s, default.unknown_hold_s),
        ("pending_limit", timing.pending_limit_s, default.pending_limit_s),
        ("loading_limit", timing.loading_limit_s, default.loading_limit_s),
        ("backoff", timing.backoff_s, default.backoff_s),
    ] {
        if given != default {
            object.set(name, seconds(given));
        }
    }
    object
}

fn window(window: &Window) -> Hcl {
    let mut object = Attributes::default();
    object.set("start", window.start().to_string());
    object.set("end", window.end().to_string());
    if window.days().len() < Day::ALL.len() {
        object.set("days", texts(window.days().iter().map(|day| day.as_str())));
    }
    object.set("time_zone", window.time_zone().to_string());
    object.object()
}

fn unload(call: &UnloadCall, server: &Server) -> Hcl {
    let mut object = Attributes::default();
    if call.method != d::UNLOAD_METHOD {
        object.set("method", call.method.as_str());
    }
    object.set("path", call.path.as_str());
    if server.ports.get(&server.main_port) != Some(&call.port) {
        object.set("port", Hcl::Number(call.port.into()));
    }
    object.set_some("body", call.body.as_ref().map(json));
    if call.timeout_s != d::UNLOAD_TIMEOUT_S {
        object.set("timeout", seconds(call.timeout_s));
    }
    object.object()
}

fn demand(probe: &DemandProbe) -> Hcl {
    let mut object = Attributes::default();
    let mut source = Attributes::default();
    match &probe.source {
        DemandSource::Http { url, json_path } => {
            source.set("url", url.as_str());
            source.set("json_path", json_path.as_str());
            object.set("http", source.object());
        }
        DemandSource::Prometheus { url, query } => {
            source.set("url", url.as_str());
            source.set("query", query.as_str());
            object.set("prometheus", source.object());
        }
    }
    if probe.idle_after_s != d::IDLE_AFTER_S {
        object.set("idle_after", seconds(probe.idle_after_s));
    }
    object.object()
}
