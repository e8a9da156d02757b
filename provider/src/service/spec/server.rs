//! The server's container and the init containers.

use std::collections::BTreeMap;

use tenancy::defaults as d;
use tenancy::duration::Seconds;
use tenancy::names::{ContainerName, PortName};
use tenancy::tenant::{InitContainer, Prefetch, Probe, ProbeAction, PullPolicy, SecretKey, Server, Sidecar};
use tfplugin::{Attr, Path};

use super::at;
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::{InitModel, PrefetchModel, ProbeModel, SecretKeyModel, SidecarModel};

pub(super) fn server(model: &ServiceModel, fill: &mut Fill) -> Option<Server> {
    let image = image(&model.image, &at("image"), fill);
    let ports = ports(model, fill);
    let main_port = main_port(model, &ports, fill);
    let probe = |attr: &Attr<ProbeModel>, name: &str, fill: &mut Fill| {
        self::probe(attr, &at(name), main_port.as_ref(), fill)
    };
    let startup_probe = probe(&model.startup_probe, "startup_probe", fill);
    let readiness_probe = probe(&model.readiness_probe, "readiness_probe", fill);
    let liveness_probe = probe(&model.liveness_probe, "liveness_probe", fill);
    Some(Server {
        image_pull_policy: pull_policy(&model.image_pull_policy, fill),
        command: fill.strings(&model.command),
        args: fill.strings(&model.args),
        env: fill.texts(&model.env, &at("env")),
        env_from_secrets: secrets(&model.env_from_secrets, &at("env_from_secrets"), fill),
        requests: amounts(&model.requests, &at("requests"), fill),
        limits: amounts(&model.limits, &at("limits"), fill),
        slices: fill.number(&model.slices, &at("slices")).unwrap_or(d::SLICES),
        slice_resource: fill.string(&model.slice_resource).unwrap_or_else(|| d::SLICE_RESOURCE.to_owned()),
        security_context: fill.json(&model.security_context, &at("security_context")),
        startup_probe,
        readiness_probe,
        liveness_probe,
        image: image?,
        ports,
        main_port: main_port?,
    })
}

/// An image reference. Only what the kubelet could never pull is refused here.
fn image(attr: &Attr<String>, path: &Path, fill: &mut Fill) -> Option<String> {
    let image = fill.string(attr)?;
    if image.is_empty() || image.contains(char::is_whitespace) {
        fill.wrong(
            path,
            "Not an image",
            format!("{path} is {image:?}. Write a reference such as `ghcr.io/team/server:1.2`."),
        );
        return None;
    }
    Some(image)
}

fn pull_policy(attr: &Attr<String>, fill: &mut Fill) -> Option<PullPolicy> {
    if attr.is_unknown() {
        fill.met_unknown();
        return fill.sample.of(None, Some(PullPolicy::Always));
    }
    match attr.as_str()? {
        "Always" => Some(PullPolicy::Always),
        "Never" => Some(PullPolicy::Never),
        _ => Some(PullPolicy::IfNotPresent),
    }
}

fn ports(model: &ServiceModel, fill: &mut Fill) -> BTreeMap<PortName, u16> {
    let mut ports = BTreeMap::new();
    if !model.port.is_null() {
        let name = fill.text(d::PORT_NAME, &at("port"));
        if let (Some(name), Some(number)) = (name, port_number(&model.port, &at("port"), fill)) {
            ports.insert(name, number);
        }
    }
    ports.extend(numbers(&model.ports, &at("ports"), fill));
    if model.ports.known().is_some_and(BTreeMap::is_empty) {
        fill.wrong(&at("ports"), "No ports", "ports is empty. Name at least one, or set port.");
    }
    ports
}

/// Ports by name.
fn numbers(attr: &Attr<tfplugin::Map<i64>>, path: &Path, fill: &mut Fill) -> BTreeMap<PortName, u16> {
    let mut ports = BTreeMap::new();
    for (key, number) in fill.map(attr) {
        let path = path.key(key);
        if let (Some(name), Some(number)) = (fill.text(key, &path), port_number(number, &path, fill)) {
            ports.insert(name, number);
        }
    }
    if attr.is_unknown() {
        let number = fill.sample.of(1, 2);
        ports.extend(fill.text(d::PORT_NAME, path).map(|name| (name, number)));
    }
    ports
}

/// A port from 1 to 65535.
pub(super) fn port_number(attr: &Attr<i64>, path: &Path, fill: &mut Fill) -> Option<u16> {
    let number = *fill.any(attr, &1, &2)?;
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        fill.wrong(path, "Not a port", format!("{path} is {number}. Write a number from 1 to 65535."));
    }
    port
}

/// The named main port, or the first by name. A name that is none of the
/// ports is told by the tenant's check.
fn main_port(model: &ServiceModel, ports: &BTreeMap<PortName, u16>, fill: &mut Fill) -> Option<PortName> {
    if model.main_port.is_null() {
        return ports.keys().next().cloned();
    }
    fill.parse(&model.main_port, &at("main_port"))
}

/// What fills the storage; there in one sample where it is unknown whether it is there.
pub(super) fn prefetch(model: &ServiceModel, fill: &mut Fill) -> Option<Prefetch> {
    let path = at("prefetch");
    let stand_in = PrefetchModel { image: Attr::Unknown, ..PrefetchModel::default() };
    let prefetch = match &model.prefetch {
        Attr::Unknown => fill.perhaps(&stand_in)?,
        attr => attr.known()?,
    };
    Some(Prefetch {
        image: image(&prefetch.image, &path.field("image"), fill),
        command: fill.strings(&prefetch.command),
        args: fill.strings(&prefetch.args),
        env: fill.texts(&prefetch.env, &path.field("env")),
        env_from_secrets: secrets(&prefetch.env_from_secrets, &path.field("env_from_secrets"), fill),
    })
}

fn secrets(
    attr: &Attr<tfplugin::Map<SecretKeyModel>>,
    path: &Path,
    fill: &mut Fill,
) -> BTreeMap<tenancy::names::EnvName, SecretKey> {
    let stand_in = SecretKeyModel { secret: Attr::Unknown, key: Attr::Unknown, ..SecretKeyModel::default() };
    let mut found = BTreeMap::new();
    let mut all = elements(attr, &stand_in, fill);
    all.extend(fill.element_of(attr, &stand_in).map(|one| ("UNKNOWN", one)));
    for (key, one) in all {
        let path = path.key(key);
        let name = fill.text(key, &path);
        let secret = fill.parse(&one.secret, &path.field("secret"));
        let in_it = fill.parse(&one.key, &path.field("key"));
        let optional = fill.flag(&one.optional).unwrap_or(false);
        if let (Some(name), Some(secret), Some(key)) = (name, secret, in_it) {
            found.insert(name, SecretKey { secret, key, optional });
        }
    }
    found
}

/// The elements of a map; one that is unknown itself may also turn out to be null.
pub(super) fn elements<'a, T>(
    attr: &'a Attr<tfplugin::Map<T>>,
    stand_in: &'a T,
    fill: &mut Fill,
) -> Vec<(&'a str, &'a T)> {
    let mut found = Vec::new();
    for (key, one) in fill.map(attr) {
        let one = match one {
            Attr::Known(one) => Some(one),
            Attr::Null => None,
            Attr::Unknown => fill.perhaps(stand_in),
        };
        found.extend(one.map(|one| (key.as_str(), one)));
    }
    found
}

fn amounts(
    attr: &Attr<tfplugin::Map<String>>,
    path: &Path,
    fill: &mut Fill,
) -> BTreeMap<String, tenancy::quantity::Quantity> {
    let mut found = BTreeMap::new();
    for (key, amount) in fill.map(attr) {
        let path = path.key(key);
        if let Some(amount) = fill.parse(amount, &path) {
            found.insert(key.clone(), amount);
        }
    }
    if attr.is_unknown() {
        let amount = fill.sample.of(None, fill_whole());
        found.extend(amount.map(|amount| ("cpu".to_owned(), amount)));
    }
    found
}

fn fill_whole() -> Option<tenancy::quantity::Quantity> {
    Some(tenancy::quantity::Quantity::whole(1))
}

pub(super) fn init_containers(
    model: &ServiceModel,
    fill: &mut Fill,
) -> BTreeMap<ContainerName, InitContainer> {
    let stand_in = InitModel { image: Attr::Unknown, ..InitModel::default() };
    let mut found = BTreeMap::new();
    let mut all = elements(&model.init_containers, &stand_in, fill);
    all.extend(fill.element_of(&model.init_containers, &stand_in).map(|one| ("unknown", one)));
    for (key, one) in all {
        let path = at("init_containers").key(key);
        let name = fill.text(key, &path);
        let container = InitContainer {
            image: image(&one.image, &path.field("image"), fill).unwrap_or_default(),
            command: fill.strings(&one.command),
            args: fill.strings(&one.args),
            env: fill.texts(&one.env, &path.field("env")),
        };
        found.extend(name.map(|name| (name, container)));
    }
    found
}

pub(super) fn sidecars(model: &ServiceModel, fill: &mut Fill) -> BTreeMap<ContainerName, Sidecar> {
    let stand_in = SidecarModel { image: Attr::Unknown, ..SidecarModel::default() };
    let mut found = BTreeMap::new();
    let mut all = elements(&model.sidecars, &stand_in, fill);
    all.extend(fill.element_of(&model.sidecars, &stand_in).map(|one| ("unknown", one)));
    for (key, one) in all {
        let path = at("sidecars").key(key);
        let name = fill.text(key, &path);
        let container = Sidecar {
            image: image(&one.image, &path.field("image"), fill).unwrap_or_default(),
            command: fill.strings(&one.command),
            args: fill.strings(&one.args),
            env: fill.texts(&one.env, &path.field("env")),
            env_from_secrets: secrets(&one.env_from_secrets, &path.field("env_from_secrets"), fill),
            ports: numbers(&one.ports, &path.field("ports"), fill),
            requests: amounts(&one.requests, &path.field("requests"), fill),
            limits: amounts(&one.limits, &path.field("limits"), fill),
        };
        found.extend(name.map(|name| (name, container)));
    }
    found
}

fn probe(attr: &Attr<ProbeModel>, path: &Path, main: Option<&PortName>, fill: &mut Fill) -> Option<Probe> {
    let stand_in = ProbeModel { exec: Attr::Unknown, ..ProbeModel::default() };
    let probe = match attr {
        Attr::Unknown => fill.perhaps(&stand_in)?,
        attr => attr.known()?,
    };
    let port = |attr: &Attr<String>, path: &Path, fill: &mut Fill| {
        if attr.is_null() { main.cloned() } else { fill.parse(attr, path) }
    };
    let action = match (&probe.tcp, &probe.http) {
        (Attr::Known(tcp), _) => {
            ProbeAction::Tcp { port: port(&tcp.port, &path.field("tcp").field("port"), fill)? }
        }
        (_, Attr::Known(http)) => ProbeAction::Http {
            port: port(&http.port, &path.field("http").field("port"), fill)?,
            path: fill.string(&http.path)?,
        },
        (Attr::Unknown, _) | (_, Attr::Unknown) => {
            fill.met_unknown();
            ProbeAction::Exec { command: vec![fill.sample.of("a", "b").to_owned()] }
        }
        _ => ProbeAction::Exec { command: fill.strings(&probe.exec) },
    };
    let seconds = |attr: &Attr<String>, name: &str, default: u32, fill: &mut Fill| {
        fill.parse::<Seconds>(attr, &path.field(name)).map_or(default, |it| it.0)
    };
    Some(Probe {
        period_s: seconds(&probe.period, "period", d::PROBE_PERIOD_S, fill),
        timeout_s: seconds(&probe.timeout, "timeout", d::PROBE_TIMEOUT_S, fill),
        initial_delay_s: seconds(&probe.initial_delay, "initial_delay", 0, fill),
        failure_threshold: fill
            .number(&probe.failure_threshold, &path.field("failure_threshold"))
            .unwrap_or(d::PROBE_FAILURE_THRESHOLD),
        action,
    })
}
