//! The schedule and the gate's settings.

use serde_json::Value;
use tenancy::defaults as d;
use tenancy::demand::{DemandProbe, DemandSource};
use tenancy::duration::Seconds;
use tenancy::gate::{GATE_CONFIG_KEY, GateConfig, Timing};
use tenancy::window::{Day, Schedule, Window};
use tfplugin::{Attr, Set};

use super::Found;
use crate::provider::Data;
use crate::service::model::ServiceModel;
use crate::service::parts::{
    DemandHttpModel, DemandModel, DemandPrometheusModel, TimingModel, UnloadModel, WindowModel,
};

pub(super) fn fill(model: &mut ServiceModel, found: &Found, data: &Data) {
    let pod = &found.deployment["spec"]["template"]["spec"];
    let text = found.gate.as_ref().and_then(|gate| gate["data"][GATE_CONFIG_KEY].as_str());
    let config: Option<GateConfig> = text.and_then(|text| serde_json::from_str(text).ok());
    let Some(config) = config else {
        // Without a gate it is always awake, and asleep only when suspended.
        model.always = Attr::Known(true);
        model.suspend = (found.deployment["spec"]["replicas"] == 0).then_some(true).into();
        let grace = pod["terminationGracePeriodSeconds"].as_u64().and_then(|it| u32::try_from(it).ok());
        model.grace_period = length(grace.unwrap_or(d::GRACE_PERIOD_S), d::GRACE_PERIOD_S);
        return;
    };
    match &config.schedule {
        Schedule::Windows(windows) => {
            let windows = windows.iter().map(|(name, it)| (name.to_string(), Attr::Known(window(it))));
            model.windows = Attr::Known(windows.collect());
        }
        Schedule::OnDemand => model.on_demand = Attr::Known(true),
        Schedule::Always => model.always = Attr::Known(true),
    }
    model.suspend = config.suspend.then_some(true).into();
    timing(model, &config.timing);
    let pauses: Vec<Attr<String>> =
        config.pauses.iter().map(|it| Attr::Known(format!("{}/{}", it.namespace, it.deployment))).collect();
    model.pauses = if pauses.is_empty() { Attr::Null } else { Attr::Known(Set(pauses)) };
    let main = main_number(model);
    model.unload = config
        .unload
        .map(|call| UnloadModel {
            method: (call.method != d::UNLOAD_METHOD).then_some(call.method).into(),
            path: Attr::Known(call.path),
            port: (Some(call.port) != main).then_some(i64::from(call.port)).into(),
            body: call.body.map(|body| Value::Object(body).to_string()).into(),
            timeout: length(call.timeout_s, d::UNLOAD_TIMEOUT_S),
        })
        .into();
    model.demand = config.demand.map(demand).into();
    let mut volumes = pod["volumes"].as_array().into_iter().flatten();
    let source = volumes.find(|volume| volume["name"] == tenancy::expand::SOURCE_VOLUME);
    model.source_secret =
        source.and_then(|volume| volume["secret"]["secretName"].as_str().map(str::to_owned)).into();
    agent_image(model, pod, data);
}

/// The number of the port that is meant when nobody names one.
fn main_number(model: &ServiceModel) -> Option<u16> {
    let first = || model.ports.known()?.values().next()?.known();
    model.port.known().or_else(first).and_then(|port| u16::try_from(*port).ok())
}

fn window(window: &Window) -> WindowModel {
    let days = || window.days().iter().map(|day| Attr::Known(day.as_str().to_owned())).collect();
    WindowModel {
        start: Attr::Known(window.start().to_string()),
        end: Attr::Known(window.end().to_string()),
        days: if window.days().len() < Day::ALL.len() { Attr::Known(days()) } else { Attr::Null },
        time_zone: Attr::Known(window.time_zone().to_string()),
    }
}

fn demand(probe: DemandProbe) -> DemandModel {
    let (http, prometheus) = match probe.source {
        DemandSource::Http { url, json_path } => {
            let (url, json_path) = (Attr::Known(url.to_string()), Attr::Known(json_path.to_string()));
            (Attr::Known(DemandHttpModel { url, json_path }), Attr::Null)
        }
        DemandSource::Prometheus { url, query } => {
            let (url, query) = (Attr::Known(url.to_string()), Attr::Known(query));
            (Attr::Null, Attr::Known(DemandPrometheusModel { url, query }))
        }
    };
    DemandModel { http, prometheus, idle_after: length(probe.idle_after_s, d::IDLE_AFTER_S) }
}

/// A length, left out where it is the default.
fn length(seconds: u32, default: u32) -> Attr<String> {
    (seconds != default).then(|| Seconds(seconds).to_string()).into()
}

fn timing(model: &mut ServiceModel, timing: &Timing) {
    model.guard_interval = length(timing.guard_interval_s, d::GUARD_INTERVAL_S);
    model.grace_period = length(timing.grace_period_s, d::GRACE_PERIOD_S);
    let rest = TimingModel {
        start_estimate: length(timing.start_estimate_s, d::START_ESTIMATE_S),
        useful_minimum: length(timing.useful_minimum_s, d::USEFUL_MINIMUM_S),
        shortage_grace: length(timing.shortage_grace_s, d::SHORTAGE_GRACE_S),
        unknown_hold: length(timing.unknown_hold_s, d::UNKNOWN_HOLD_S),
        pending_limit: length(timing.pending_limit_s, d::PENDING_LIMIT_S),
        loading_limit: length(timing.loading_limit_s, d::LOADING_LIMIT_S),
        backoff: length(timing.backoff_s, d::BACKOFF_S),
    };
    model.timing = if rest == TimingModel::default() { Attr::Null } else { Attr::Known(rest) };
}

/// The agent's image, where it is not what the provider gives every tenant.
fn agent_image(model: &mut ServiceModel, pod: &Value, data: &Data) {
    let admit = pod["initContainers"].as_array().into_iter().flatten().find(|it| it["name"] == "admit");
    let image = admit.and_then(|it| it["image"].as_str());
    let usual = data.agent_image.as_str().unwrap_or(d::AGENT_IMAGE);
    model.agent_image = image.filter(|image| *image != usual).map(str::to_owned).into();
}
