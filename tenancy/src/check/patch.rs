//! `pod_patch` and the fields handed over: what a person may reach into, and
//! what is the gate's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Problem;
use super::server::is_secret;
use crate::expand::{self, reserved};
use crate::leaves::{covers, merge_key, remove_leaf, shape_field};
use crate::objects::Kind;
use crate::tenant::{HandedOver, Tenant};
use crate::window::Schedule;

/// Fields of the pod that have an owner already, and what to write instead.
const OWNED: [(&str, &str); 6] = [
    (
        "automountServiceAccountToken",
        "The server gets no token of the cluster's; mount one through a projected volume.",
    ),
    ("restartPolicy", "A Deployment's pods are always restarted; leave it out."),
    ("serviceAccount", "The pod runs as the gate's account; leave it out."),
    ("serviceAccountName", "The pod runs as the gate's account; leave it out."),
    ("terminationGracePeriodSeconds", "Write `grace_period`, which the gate counts with."),
    ("nodeName", "It goes past the scheduler, which counts the slices; write `node_selector`."),
];

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    if let Some(patch) = &tenant.pod_patch {
        let mut found = Vec::new();
        directives("", &Value::Object(patch.clone()), &mut found);
        owned_fields(tenant, patch, &mut found);
        elements("", &Value::Object(patch.clone()), &mut found);
        containers(tenant, patch, &mut found);
        volumes(tenant, patch, &mut found);
        problems.extend(found.into_iter().map(|message| Problem::at("pod_patch", message)));
    }
    for field in &tenant.handed_over {
        if let Some(message) = hand_over_problem(tenant, field) {
            problems.push(Problem::at("hand_over", message));
        }
    }
}

/// `$patch`, `$retainKeys` and their kin order changes of a live object, and
/// this patch is applied before there is one.
fn directives(path: &str, value: &Value, found: &mut Vec<String>) {
    for (below, name, value) in children(path, value) {
        if name.is_some_and(|name| name.starts_with('$')) {
            found.push(format!(
                "{below} is a directive, and none is understood here. Write the fields as they should be, and null \
                 for one to take away."
            ));
        }
        directives(&below, value, found);
    }
}

fn owned_fields(tenant: &Tenant, patch: &Map<String, Value>, found: &mut Vec<String>) {
    // Without a gate the account is free for another use.
    let is_free = |field: &str| field.starts_with("serviceAccount") && tenant.schedule == Schedule::Always;
    for (field, instead) in OWNED.iter().filter(|(field, _)| patch.contains_key(*field) && !is_free(field)) {
        found.push(format!("{field} may not be patched. {instead}"));
    }
    for field in ["containers", "initContainers", "volumes"] {
        if patch.get(field).is_some_and(|value| !value.is_array()) {
            found.push(format!("{field} is not a list. Write the elements to change, each with its name."));
        }
    }
}

/// An element of a keyed list without its key would match nothing.
fn elements(path: &str, value: &Value, found: &mut Vec<String>) {
    for (below, name, value) in children(path, value) {
        if let (Some(keys), Value::Array(elements)) = (name.and_then(|name| merge_key(&below, name)), value) {
            // The protocol has a default that the API server knows.
            let key = keys.iter().find(|key| **key != "protocol").unwrap_or(&"name");
            for (index, _) in elements.iter().enumerate().filter(|(_, element)| element.get(key).is_none()) {
                found.push(format!(
                    "Element {index} of {below} has no {key:?}, by which it would be found. Add it."
                ));
            }
        }
        elements(&below, value, found);
    }
}

fn containers(tenant: &Tenant, patch: &Map<String, Value>, found: &mut Vec<String>) {
    for list in ["initContainers", "containers"] {
        for container in list_of(patch, list) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            match (list, name) {
                ("containers", reserved::SERVER) => server(tenant, container, found),
                _ if reserved::CONTAINERS.contains(&name) => {
                    found.push(format!("The container {name:?} is the gate's. Add another one beside it."));
                }
                _ if container.get("image").is_none() && !is_known(tenant, list, name) => {
                    found.push(format!(
                        "The container {name:?} is a new one and has no image. Write its image; the model server's \
                         container is named {:?}.",
                        reserved::SERVER
                    ));
                }
                _ => {}
            }
            for variable in list_of_value(container, "env") {
                let text = |field: &str| variable.get(field).and_then(Value::as_str).unwrap_or_default();
                if is_secret(text("name"), text("value")) {
                    found.push(format!(
                        "The name of {:?} says that it is a secret, and plain values stand readable in plan, state \
                         and cluster. Refer to a Secret with `valueFrom`.",
                        text("name")
                    ));
                }
            }
            for mount in list_of_value(container, "volumeMounts") {
                let volume = mount.get("name").and_then(Value::as_str).unwrap_or_default();
                if reserved::GATE_VOLUMES.contains(&volume) {
                    found.push(format!("The volume {volume:?} is the gate's, and no other container may see it. Leave the mount out."));
                }
            }
        }
    }
}

/// Whether the tenant has a container of this name in this list, which a patch may add to.
fn is_known(tenant: &Tenant, list: &str, name: &str) -> bool {
    match list {
        "initContainers" => tenant.init_containers.keys().any(|known| known.as_str() == name),
        _ => tenant.sidecars.keys().any(|known| known.as_str() == name),
    }
}

/// What of the server's container has an attribute that the gate or the plan counts with.
fn server(tenant: &Tenant, container: &Value, found: &mut Vec<String>) {
    if container.get("image").is_some() {
        found.push("The server's image may not be patched. Write `image`.".to_owned());
    }
    for kind in ["limits", "requests"] {
        let amounts = container.get("resources").and_then(|resources| resources.get(kind));
        if amounts.and_then(|amounts| amounts.get(&tenant.server.slice_resource)).is_some() {
            found.push(format!("{} may not be patched. Write `slices`.", tenant.server.slice_resource));
        }
    }
    if container.get("resources").is_some_and(Value::is_null) {
        found.push("The server's resources may not be taken away, its slices are among them.".to_owned());
    }
    let storage = tenant.storage.iter().map(|storage| storage.mount_path.as_str());
    let volumes = tenant.volumes.values().map(|volume| volume.mount_path.as_str());
    let shm = tenant.shm_size.map(|_| reserved::SHM.1);
    let files = tenant.config.keys().map(|path| path.as_str());
    let taken: Vec<&str> = storage.chain(files).chain(volumes).chain(shm).collect();
    for mount in list_of_value(container, "volumeMounts") {
        let path = mount.get("mountPath").and_then(Value::as_str).unwrap_or_default();
        if taken.contains(&path) {
            found.push(format!("Something is mounted at {path} already. Choose another path."));
        }
    }
}

fn volumes(tenant: &Tenant, patch: &Map<String, Value>, found: &mut Vec<String>) {
    for volume in list_of(patch, "volumes") {
        let name = volume.get("name").and_then(Value::as_str).unwrap_or_default();
        let is_shm = tenant.shm_size.is_some() && name == reserved::SHM.0;
        let is_known = tenant.volumes.keys().any(|known| known.as_str() == name);
        if is_shm || is_known || reserved::VOLUMES.contains(&name) {
            found.push(format!("The pod has a volume {name:?} already. Choose another name."));
        }
    }
}

/// Fields of the pod that the gate or the plan rests on, whoever asks for them.
const KEPT: [&str; 8] = [
    "initContainers[admit]",
    "initContainers[copy-config]",
    "volumes[gate]",
    "volumes[gate-token]",
    "serviceAccountName",
    "automountServiceAccountToken",
    "terminationGracePeriodSeconds",
    "containers[server].name",
];

fn hand_over_problem(tenant: &Tenant, field: &HandedOver) -> Option<String> {
    const POD: &str = "spec.template.spec.";
    let path = field.path();
    if path == "spec.replicas" {
        return Some(
            "The replicas are the gate's already, or Terraform's with `always`. Leave them out.".to_owned(),
        );
    }
    let slices = shape_field("containers[server].resources.limits", &tenant.server.slice_resource);
    let mut kept = KEPT.into_iter().chain([slices.as_str()]);
    let within = path.strip_prefix(POD).unwrap_or_default();
    if within.is_empty() || kept.any(|kept| covers(kept, within) || covers(within, kept)) {
        return Some(format!(
            "{path} is something that the gate or the plan rests on. Name a field of the pod that neither needs."
        ));
    }
    let whole = Tenant { handed_over: BTreeSet::new(), ..tenant.clone() };
    let mut objects = expand::tenant(&whole).into_iter().filter(|object| object.kind == Kind::Deployment);
    let is_there = objects.any(|mut object| remove_leaf(&mut object.body, path).is_some());
    (!is_there).then(|| {
        format!("The Deployment has no field {path}. Write `image`, or a path as the plan shows it under `Deployment/…`.")
    })
}

fn list_of<'a>(patch: &'a Map<String, Value>, field: &str) -> &'a [Value] {
    patch.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn list_of_value<'a>(container: &'a Value, field: &str) -> &'a [Value] {
    container.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What lies directly below a value: its path, its name if it is a field, and itself.
fn children<'a>(path: &str, value: &'a Value) -> Vec<(String, Option<&'a str>, &'a Value)> {
    match value {
        Value::Object(fields) => {
            let dot = if path.is_empty() { "" } else { "." };
            fields
                .iter()
                .map(|(name, value)| (format!("{path}{dot}{name}"), Some(name.as_str()), value))
                .collect()
        }
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("{path}[{index}]"), None, value))
            .collect(),
        _ => Vec::new(),
    }
}
