//! The gate's own settings, and what belongs to others.

use std::collections::BTreeSet;

use tenancy::defaults as d;
use tenancy::demand::{DemandProbe, DemandSource};
use tenancy::duration::Seconds;
use tenancy::gate::{ScaleTarget, Timing, UnloadCall};
use tenancy::names::{Namespace, ObjectName};
use tenancy::tenant::{Gate, HandedOver};
use tfplugin::{Attr, Path};

use super::at;
use super::server::port_number;
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::{DemandHttpModel, DemandModel, DemandPrometheusModel, TimingModel, UnloadModel};

pub(super) fn gate(model: &ServiceModel, agent_image: &Attr<String>, fill: &mut Fill) -> Gate {
    let image = if model.agent_image.is_null() { agent_image } else { &model.agent_image };
    Gate {
        image: fill.string(image).unwrap_or_else(|| d::AGENT_IMAGE.to_owned()),
        timing: timing(model, fill),
        pauses: pauses(model, fill),
        unload: unload(model, fill),
        demand: demand(model, fill),
        source_secret: fill.parse(&model.source_secret, &at("source_secret")),
    }
}

fn timing(model: &ServiceModel, fill: &mut Fill) -> Timing {
    let unset = TimingModel::default();
    let other = TimingModel { start_estimate: Attr::Unknown, ..TimingModel::default() };
    let timing = fill.any(&model.timing, &unset, &other).unwrap_or(&unset);
    let path = at("timing");
    let mut seconds = |attr: &Attr<String>, path: Path, default: u32| {
        fill.parse::<Seconds>(attr, &path).map_or(default, |it| it.0)
    };
    Timing {
        guard_interval_s: seconds(&model.guard_interval, at("guard_interval"), d::GUARD_INTERVAL_S),
        grace_period_s: seconds(&model.grace_period, at("grace_period"), d::GRACE_PERIOD_S),
        start_estimate_s: seconds(&timing.start_estimate, path.field("start_estimate"), d::START_ESTIMATE_S),
        useful_minimum_s: seconds(&timing.useful_minimum, path.field("useful_minimum"), d::USEFUL_MINIMUM_S),
        shortage_grace_s: seconds(&timing.shortage_grace, path.field("shortage_grace"), d::SHORTAGE_GRACE_S),
        unknown_hold_s: seconds(&timing.unknown_hold, path.field("unknown_hold"), d::UNKNOWN_HOLD_S),
        pending_limit_s: seconds(&timing.pending_limit, path.field("pending_limit"), d::PENDING_LIMIT_S),
        loading_limit_s: seconds(&timing.loading_limit, path.field("loading_limit"), d::LOADING_LIMIT_S),
        backoff_s: seconds(&timing.backoff, path.field("backoff"), d::BACKOFF_S),
    }
}

fn pauses(model: &ServiceModel, fill: &mut Fill) -> Vec<ScaleTarget> {
    let path = at("pauses");
    let texts: Vec<String> = match &model.pauses {
        Attr::Null => Vec::new(),
        Attr::Unknown => {
            fill.met_unknown();
            vec![fill.sample.of("unknown-a/unknown-a", "unknown-b/unknown-b").to_owned()]
        }
        Attr::Known(set) => set
            .0
            .iter()
            .filter_map(|one| match one {
                Attr::Unknown => {
                    fill.met_unknown();
                    Some(fill.sample.of("unknown-a/unknown-a", "unknown-b/unknown-b").to_owned())
                }
                one => one.as_str().map(str::to_owned),
            })
            .collect(),
    };
    let mut targets = Vec::new();
    for text in texts {
        let Some((namespace, deployment)) = text.split_once('/') else {
            fill.wrong(
                &path,
                "Not a Deployment",
                format!("pauses has {text:?}. Write `namespace/name` of a Deployment."),
            );
            continue;
        };
        let namespace: Option<Namespace> = fill.text(namespace, &path);
        let deployment: Option<ObjectName> = fill.text(deployment, &path);
        if let (Some(namespace), Some(deployment)) = (namespace, deployment) {
            targets.push(ScaleTarget { namespace, deployment });
        }
    }
    targets.sort();
    targets
}

fn unload(model: &ServiceModel, fill: &mut Fill) -> Option<UnloadCall> {
    let stand_in = UnloadModel { path: Attr::Unknown, ..UnloadModel::default() };
    let path = at("unload");
    let call = match &model.unload {
        Attr::Unknown => fill.perhaps(&stand_in)?,
        call => call.known()?,
    };
    let method = fill.string(&call.method).unwrap_or_else(|| d::UNLOAD_METHOD.to_owned());
    let place = match fill.string(&call.path) {
        Some(place) if place.starts_with('/') => place,
        Some(place) if call.path.is_unknown() => format!("/{place}"),
        place => {
            let place = place.unwrap_or_default();
            fill.wrong(
                &path,
                "Not a path",
                format!("unload.path is {place:?}. It begins with `/`, such as `/api/unload`."),
            );
            return None;
        }
    };
    let port = if call.port.is_null() {
        main_number(model).or_else(|| port_number(&Attr::Unknown, &path, fill))?
    } else {
        port_number(&call.port, &path.field("port"), fill)?
    };
    let body = fill.json(&call.body, &path.field("body"));
    let timeout = fill.parse::<Seconds>(&call.timeout, &path.field("timeout"));
    Some(UnloadCall {
        method,
        path: place,
        port,
        body,
        timeout_s: timeout.map_or(d::UNLOAD_TIMEOUT_S, |it| it.0),
    })
}

fn demand(model: &ServiceModel, fill: &mut Fill) -> Option<DemandProbe> {
    let http = DemandHttpModel { url: Attr::Unknown, json_path: Attr::Unknown };
    let prometheus = DemandPrometheusModel { url: Attr::Unknown, query: Attr::Unknown };
    let stand_in = DemandModel { http: Attr::Known(http.clone()), ..DemandModel::default() };
    let path = at("demand");
    let probe = match &model.demand {
        Attr::Unknown => fill.perhaps(&stand_in)?,
        probe => probe.known()?,
    };
    let idle_after = fill.parse::<Seconds>(&probe.idle_after, &path.field("idle_after"));
    let source = if probe.prometheus.is_null() {
        let http = fill.any(&probe.http, &http, &http)?;
        let path = path.field("http");
        let url = fill.parse(&http.url, &path.field("url"));
        let json_path = fill.parse(&http.json_path, &path.field("json_path"));
        DemandSource::Http { url: url?, json_path: json_path? }
    } else {
        let prometheus = fill.any(&probe.prometheus, &prometheus, &prometheus)?;
        let url = fill.parse(&prometheus.url, &path.field("prometheus").field("url"))?;
        DemandSource::Prometheus { url, query: fill.string(&prometheus.query)? }
    };
    Some(DemandProbe { source, idle_after_s: idle_after.map_or(d::IDLE_AFTER_S, |it| it.0) })
}

/// The number of the main port, where it is known. Problems with it are told by the server's conversion.
fn main_number(model: &ServiceModel) -> Option<u16> {
    if let Some(port) = model.port.known() {
        return u16::try_from(*port).ok();
    }
    let ports = model.ports.known().filter(|_| !model.main_port.is_unknown())?;
    let name = model.main_port.as_str().or_else(|| ports.keys().next().map(String::as_str))?;
    u16::try_from(*ports.get(name)?.known()?).ok()
}

pub(super) fn handed_over(model: &ServiceModel, fill: &mut Fill) -> BTreeSet<HandedOver> {
    let path = at("hand_over");
    match &model.hand_over {
        Attr::Null => BTreeSet::new(),
        Attr::Unknown => {
            fill.met_unknown();
            fill.sample.of(BTreeSet::new(), BTreeSet::from([HandedOver::Image]))
        }
        Attr::Known(set) => set.0.iter().filter_map(|one| fill.parse(one, &path)).collect(),
    }
}
