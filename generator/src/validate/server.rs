//! The rules of the server: ports, probes, Service.

use std::collections::BTreeMap;

use tenancy::defaults as d;
use tenancy::duration::Seconds;
use tenancy::names::{ContainerName, EnvName, PortName};
use tenancy::tenant::{
    InitContainer, Prefetch, Probe, ProbeAction, SecretKey, Server, Service, ServicePort, Sidecar,
};

use super::tenant::Check;
use crate::leaf::Device;
use crate::raw::{RawProbe, RawSecretKey, RawTenant};
use crate::read::{At, Entries};

/// The server's container, unless something about it is wrong.
pub(super) fn server(raw: &RawTenant, check: &mut Check<'_>) -> Option<Server> {
    let image = image(raw, check);
    let (ports, main_port) = ports(raw, check)?;
    let texts = |list: &Option<Vec<At<String>>>| -> Vec<String> {
        list.iter().flatten().map(|text| text.value.clone()).collect()
    };
    let mut server = Server {
        image: image?,
        image_pull_policy: raw.image_pull_policy.as_ref().map(|policy| policy.value),
        command: texts(&raw.command),
        args: texts(&raw.args),
        ports,
        main_port,
        env: values(&raw.env),
        env_from_secrets: secrets(&raw.env_from_secrets),
        requests: values(&raw.requests),
        limits: values(&raw.limits),
        slices: match check.file.implied.device {
            Device::Gpu => raw.slices.as_ref().map_or(d::SLICES, |slices| slices.value),
            Device::Cpu => 0,
        },
        slice_resource: raw.slice_resource.as_ref().map_or(d::SLICE_RESOURCE, |name| &name.value).to_owned(),
        startup_probe: None,
        readiness_probe: None,
        liveness_probe: None,
        security_context: raw.security_context.as_ref().map(|context| context.0.clone()),
    };
    let startup = probe("startup_probe", &raw.startup_probe, &server, check);
    let readiness = probe("readiness_probe", &raw.readiness_probe, &server, check);
    let liveness = probe("liveness_probe", &raw.liveness_probe, &server, check);
    (server.startup_probe, server.readiness_probe, server.liveness_probe) = (startup?, readiness?, liveness?);
    Some(server)
}

fn image(raw: &RawTenant, check: &mut Check<'_>) -> Option<String> {
    if raw.image.is_none() && !check.file.implied.is_unknown {
        let accepted = "Give `image`, or name a `server` of the catalogue that has one.";
        check.refuse(check.file.node.place.start(), "the tenant has no image", accepted);
    }
    raw.image.as_ref().map(|image| image.value.clone())
}

/// Containers that run before the server.
pub(super) fn init_containers(raw: &RawTenant) -> BTreeMap<tenancy::names::ContainerName, InitContainer> {
    let texts = |list: &Option<Vec<At<String>>>| -> Vec<String> {
        list.iter().flatten().map(|text| text.value.clone()).collect()
    };
    let each = raw.init_containers.iter().flat_map(|containers| &containers.0);
    each.map(|(name, raw)| {
        let container = InitContainer {
            image: raw.image.value.clone(),
            command: texts(&raw.command),
            args: texts(&raw.args),
            env: values(&raw.env),
        };
        (name.value.clone(), container)
    })
    .collect()
}

/// What fills the storage.
pub(super) fn prefetch(raw: &RawTenant) -> Option<Prefetch> {
    let raw = raw.prefetch.as_ref()?;
    let texts = |list: &Option<Vec<At<String>>>| -> Vec<String> {
        list.iter().flatten().map(|text| text.value.clone()).collect()
    };
    Some(Prefetch {
        image: raw.image.as_ref().map(|image| image.value.clone()),
        command: texts(&raw.command),
        args: texts(&raw.args),
        env: values(&raw.env),
        env_from_secrets: secrets(&raw.env_from_secrets),
    })
}

/// Containers that run beside the server.
pub(super) fn sidecars(raw: &RawTenant) -> BTreeMap<ContainerName, Sidecar> {
    let texts = |list: &Option<Vec<At<String>>>| -> Vec<String> {
        list.iter().flatten().map(|text| text.value.clone()).collect()
    };
    let each = raw.sidecars.iter().flat_map(|sidecars| &sidecars.0);
    each.map(|(name, raw)| {
        let ports = raw.ports.iter().flat_map(|ports| &ports.0);
        let sidecar = Sidecar {
            image: raw.image.value.clone(),
            command: texts(&raw.command),
            args: texts(&raw.args),
            env: values(&raw.env),
            env_from_secrets: secrets(&raw.env_from_secrets),
            ports: ports.map(|(name, port)| (name.value.clone(), port.0)).collect(),
            requests: values(&raw.requests),
            limits: values(&raw.limits),
        };
        (name.value.clone(), sidecar)
    })
    .collect()
}

/// The Service; the inner `None` is a tenant without one.
pub(super) fn service(
    raw: &RawTenant,
    server: &Server,
    sidecars: &BTreeMap<ContainerName, Sidecar>,
    check: &mut Check<'_>,
) -> Option<Option<Service>> {
    let Some(service) = &raw.service else { return Some(None) };
    let ports = match (&service.port, &service.ports) {
        (Some(port), None) => {
            let node_port = service.node_port.as_ref().map(|port| port.0);
            let only = ServicePort { port: port.0, target: server.main_port.clone(), node_port };
            BTreeMap::from([(server.main_port.clone(), only)])
        }
        (None, Some(several)) if !several.0.is_empty() => {
            let mut ports = BTreeMap::new();
            for (name, port) in &several.0 {
                let target = port.target.as_ref().unwrap_or(name);
                let is_beside = sidecars.values().any(|sidecar| sidecar.ports.contains_key(&target.value));
                let target =
                    if is_beside { target.value.clone() } else { port_named(Some(target), server, check)? };
                let node_port = port.node_port.as_ref().map(|port| port.0);
                ports.insert(name.value.clone(), ServicePort { port: port.port.0, target, node_port });
            }
            if let Some(node_port) = &service.node_port {
                let reason = "there are several ports, and it does not say which one it is";
                check.refuse(node_port.place.clone(), reason, "Give it to one of `ports`.");
            }
            ports
        }
        _ => {
            check.refuse_at(
                "service",
                "the Service does not say what callers dial",
                "Give `port: 8000`, or several by name under `ports:`.",
            );
            return None;
        }
    };
    let ranges = service.load_balancer_source_ranges.iter().flatten();
    Some(Some(Service {
        ports,
        service_type: service.r#type.as_ref().map_or_else(Default::default, |it| it.value),
        load_balancer_class: service.load_balancer_class.as_ref().map(|class| class.value.clone()),
        load_balancer_source_ranges: ranges.map(|range| range.value).collect(),
    }))
}

/// The port that a probe, a Service or the unload call means; the main one when it names none.
pub(super) fn port_named(
    name: Option<&At<PortName>>,
    server: &Server,
    check: &mut Check<'_>,
) -> Option<PortName> {
    let Some(name) = name else { return Some(server.main_port.clone()) };
    if server.ports.contains_key(&name.value) {
        return Some(name.value.clone());
    }
    let known: Vec<&str> = server.ports.keys().map(PortName::as_str).collect();
    let reason = format!("the server has no port {:?}", name.as_str());
    check.refuse(name.place.clone(), reason, &format!("Its ports are {}.", known.join(", ")));
    None
}

fn ports(raw: &RawTenant, check: &mut Check<'_>) -> Option<(BTreeMap<PortName, u16>, PortName)> {
    const ACCEPTED: &str = "Give `port: 8000`, or several by name under `ports:`.";
    match (&raw.port, &raw.ports) {
        (Some(port), None) => {
            let name: PortName = d::PORT_NAME.parse().ok()?;
            Some((BTreeMap::from([(name.clone(), port.0)]), name))
        }
        (None, Some(several)) if !several.0.is_empty() => {
            let ports: BTreeMap<PortName, u16> =
                several.0.iter().map(|(name, port)| (name.value.clone(), port.0)).collect();
            let first = ports.keys().next()?.clone();
            let main = match &raw.main_port {
                Some(main) if !ports.contains_key(&main.value) => {
                    let reason = format!("there is no port {:?} under `ports`", main.as_str());
                    check.refuse(main.place.clone(), reason, "Name one of them.");
                    return None;
                }
                Some(main) => main.value.clone(),
                None => first,
            };
            Some((ports, main))
        }
        (Some(port), Some(_)) => {
            check.refuse(port.place.clone(), "the tenant has both `port` and `ports`", ACCEPTED);
            None
        }
        // A server that there is none of would have said it.
        _ if check.file.implied.is_unknown => None,
        _ => {
            check.refuse(check.file.node.place.start(), "the server listens on no port", ACCEPTED);
            None
        }
    }
}

fn secrets(raw: &Option<Entries<EnvName, RawSecretKey>>) -> BTreeMap<EnvName, SecretKey> {
    let mut secrets = BTreeMap::new();
    for (name, key) in raw.iter().flat_map(|all| &all.0) {
        let key = SecretKey {
            secret: key.secret.value.clone(),
            key: key.key.value.clone(),
            optional: key.optional.as_ref().is_some_and(|optional| optional.value),
        };
        secrets.insert(name.value.clone(), key);
    }
    secrets
}

fn probe(
    field: &str,
    raw: &Option<RawProbe>,
    server: &Server,
    check: &mut Check<'_>,
) -> Option<Option<Probe>> {
    let Some(raw) = raw else { return Some(None) };
    let action = match (&raw.tcp, &raw.http, &raw.exec) {
        (Some(tcp), None, None) => ProbeAction::Tcp { port: port_named(tcp.port.as_ref(), server, check)? },
        (None, Some(http), None) if http.path.starts_with('/') => ProbeAction::Http {
            port: port_named(http.port.as_ref(), server, check)?,
            path: http.path.value.clone(),
        },
        (None, Some(http), None) => {
            check.refuse(http.path.place.clone(), "the path does not begin with `/`", "Write `/health`.");
            return None;
        }
        (None, None, Some(command)) if !command.is_empty() => {
            ProbeAction::Exec { command: command.iter().map(|word| word.value.clone()).collect() }
        }
        _ => {
            let accepted = "Give exactly one of `tcp: {}`, `http` and `exec`.";
            check.refuse_at(field, "the probe does not say what it tries", accepted);
            return None;
        }
    };
    let seconds = |length: &Option<At<Seconds>>, default: u32| length.as_ref().map_or(default, |l| l.0);
    Some(Some(Probe {
        action,
        period_s: seconds(&raw.period, d::PROBE_PERIOD_S),
        timeout_s: seconds(&raw.timeout, d::PROBE_TIMEOUT_S),
        failure_threshold: raw
            .failure_threshold
            .as_ref()
            .map_or(d::PROBE_FAILURE_THRESHOLD, |count| count.value),
        initial_delay_s: seconds(&raw.initial_delay, 0),
    }))
}

/// The entries of a map without their places.
pub(super) fn values<K: Clone + Ord, V: Clone>(entries: &Option<Entries<K, At<V>>>) -> BTreeMap<K, V> {
    let each = entries.iter().flat_map(|entries| &entries.0);
    each.map(|(key, value)| (key.value.clone(), value.value.clone())).collect()
}
