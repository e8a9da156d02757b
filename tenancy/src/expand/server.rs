//! The model server's container, and those that run before and beside it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{config, storage, volumes};
use crate::defaults::{EPHEMERAL_STORAGE_LIMIT, PROBE_FAILURE_THRESHOLD, PROBE_PERIOD_S, PROBE_TIMEOUT_S};
use crate::leaves::without_nulls;
use crate::names::{ContainerName, EnvName};
use crate::quantity::Quantity;
use crate::tenant::{InitContainer, Probe, ProbeAction, SecretKey, Server, Sidecar, Tenant};

/// Name of the model server's container.
pub(super) const CONTAINER: &str = "server";
const EPHEMERAL_STORAGE: &str = "ephemeral-storage";

/// The model server's container.
pub(super) fn container(tenant: &Tenant) -> Value {
    let server = &tenant.server;
    let mut container = json!({"name": CONTAINER, "image": server.image});
    if let Some(policy) = server.image_pull_policy {
        container["imagePullPolicy"] = json!(format!("{policy:?}"));
    }
    put_list(&mut container, "command", server.command.iter().map(|part| json!(part)).collect());
    put_list(&mut container, "args", server.args.iter().map(|part| json!(part)).collect());
    let port = |(name, number): (_, &u16)| named_port(name, *number);
    put_list(&mut container, "ports", server.ports.iter().map(port).collect());
    put_list(&mut container, "env", variables(&server.env_from_secrets, &server.env));
    container["resources"] = resources(server);
    let readiness = server.readiness_probe.clone().unwrap_or_else(|| default_readiness(server));
    for (name, probe) in [
        ("startupProbe", server.startup_probe.as_ref()),
        ("readinessProbe", Some(&readiness)),
        ("livenessProbe", server.liveness_probe.as_ref()),
    ] {
        if let Some(probe) = probe {
            container[name] = self::probe(probe);
        }
    }
    if let Some(context) = &server.security_context {
        container["securityContext"] = without_nulls(&Value::Object(context.clone()));
    }
    let mut mounts = mounts(tenant);
    mounts.extend(volumes::shm_mount(tenant));
    put_list(&mut container, "volumeMounts", mounts);
    container
}

/// The readiness probe of a server that was given none: its main port accepts a
/// connection. Without any, Kubernetes calls a pod ready as soon as its process
/// runs, and the gate would take a model that still loads for one that is awake.
fn default_readiness(server: &Server) -> Probe {
    Probe {
        action: ProbeAction::Tcp { port: server.main_port.clone() },
        period_s: PROBE_PERIOD_S,
        timeout_s: PROBE_TIMEOUT_S,
        failure_threshold: PROBE_FAILURE_THRESHOLD,
        initial_delay_s: 0,
    }
}

/// A container that a person put before the server.
pub(super) fn init_container(tenant: &Tenant, name: &ContainerName, init: &InitContainer) -> Value {
    let mut container = json!({"name": name.as_str(), "image": init.image});
    put_list(&mut container, "command", init.command.iter().map(|part| json!(part)).collect());
    put_list(&mut container, "args", init.args.iter().map(|part| json!(part)).collect());
    put_list(&mut container, "env", plain_env(&init.env));
    put_list(&mut container, "volumeMounts", mounts(tenant));
    container
}

/// A container that a person put beside the server.
pub(super) fn sidecar(tenant: &Tenant, name: &ContainerName, sidecar: &Sidecar) -> Value {
    let mut container = json!({"name": name.as_str(), "image": sidecar.image});
    put_list(&mut container, "command", sidecar.command.iter().map(|part| json!(part)).collect());
    put_list(&mut container, "args", sidecar.args.iter().map(|part| json!(part)).collect());
    put_list(
        &mut container,
        "ports",
        sidecar.ports.iter().map(|(name, port)| named_port(name, *port)).collect(),
    );
    put_list(&mut container, "env", variables(&sidecar.env_from_secrets, &sidecar.env));
    let resources = filled([("limits", amounts(&sidecar.limits)), ("requests", amounts(&sidecar.requests))]);
    if !resources.is_empty() {
        container["resources"] = Value::Object(resources);
    }
    put_list(&mut container, "volumeMounts", mounts(tenant));
    container
}

/// An empty list is a field that the API server drops and we would miss.
pub(super) fn put_list(container: &mut Value, field: &str, elements: Vec<Value>) {
    if !elements.is_empty() {
        container[field] = Value::Array(elements);
    }
}

fn named_port(name: &crate::names::PortName, number: u16) -> Value {
    json!({"name": name.as_str(), "containerPort": number, "protocol": "TCP"})
}

/// Secrets come first, so that a plain value can refer to one as `$(NAME)`.
pub(super) fn variables(
    secrets: &BTreeMap<EnvName, SecretKey>,
    plain: &BTreeMap<EnvName, String>,
) -> Vec<Value> {
    let secret = |(name, key): (&EnvName, &SecretKey)| {
        let mut reference = json!({"name": key.secret.as_str(), "key": key.key.as_str()});
        if key.optional {
            reference["optional"] = json!(true);
        }
        json!({"name": name.as_str(), "valueFrom": {"secretKeyRef": reference}})
    };
    secrets.iter().map(secret).chain(plain_env(plain)).collect()
}

fn plain_env(env: &BTreeMap<EnvName, String>) -> Vec<Value> {
    let variable = |(name, value): (&EnvName, &String)| match value.as_str() {
        "" => json!({"name": name.as_str()}),
        value => json!({"name": name.as_str(), "value": value}),
    };
    env.iter().map(variable).collect()
}

/// Slices are limits only: for an extended resource the request follows the limit.
fn resources(server: &Server) -> Value {
    let mut limits = amounts(&server.limits);
    let mut requests = amounts(&server.requests);
    if server.slices > 0 {
        limits.insert(server.slice_resource.clone(), json!(server.slices.to_string()));
    }
    if !limits.contains_key(EPHEMERAL_STORAGE) && !requests.contains_key(EPHEMERAL_STORAGE) {
        // Without a request of its own the limit would be one, and the node
        // would need that much disk free before the pod is even placed.
        limits.insert(EPHEMERAL_STORAGE.to_owned(), json!(EPHEMERAL_STORAGE_LIMIT));
        requests.insert(EPHEMERAL_STORAGE.to_owned(), json!("0"));
    }
    Value::Object(filled([("limits", limits), ("requests", requests)]))
}

fn amounts(given: &BTreeMap<String, Quantity>) -> Map<String, Value> {
    given.iter().map(|(name, amount)| (name.clone(), json!(amount.to_string()))).collect()
}

/// Those of the maps that hold something.
fn filled(maps: [(&str, Map<String, Value>); 2]) -> Map<String, Value> {
    let filled = maps.into_iter().filter(|(_, map)| !map.is_empty());
    filled.map(|(name, map)| (name.to_owned(), Value::Object(map))).collect()
}

/// What a container may write beside its volumes, and nothing else: it is given no slice.
pub(super) fn scratch() -> Value {
    json!({
        "limits": { EPHEMERAL_STORAGE: EPHEMERAL_STORAGE_LIMIT },
        "requests": { EPHEMERAL_STORAGE: "0" },
    })
}

fn probe(probe: &Probe) -> Value {
    let mut spelled = match &probe.action {
        ProbeAction::Tcp { port } => json!({"tcpSocket": {"port": port.as_str()}}),
        ProbeAction::Http { port, path } => json!({"httpGet": {"port": port.as_str(), "path": path}}),
        ProbeAction::Exec { command } => json!({"exec": {"command": command}}),
    };
    spelled["periodSeconds"] = json!(probe.period_s);
    spelled["timeoutSeconds"] = json!(probe.timeout_s);
    spelled["failureThreshold"] = json!(probe.failure_threshold);
    if probe.initial_delay_s > 0 {
        spelled["initialDelaySeconds"] = json!(probe.initial_delay_s);
    }
    spelled
}

fn mounts(tenant: &Tenant) -> Vec<Value> {
    let storage = tenant
        .storage
        .iter()
        .map(|storage| json!({"name": storage::VOLUME, "mountPath": storage.mount_path.as_str()}));
    storage.chain(config::mounts(tenant)).chain(volumes::mounts(tenant)).collect()
}
