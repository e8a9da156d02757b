//! What bounds a tenant from outside: quotas that mean something and that it
//! fits in, evictions, and peers that name somebody.

use serde_json::Value;

use super::Problem;
use crate::expand;
use crate::names::LabelKey;
use crate::objects::Kind;
use crate::quantity::Quantity;
use crate::tenant::{Peer, Tenant};
use crate::window::Schedule;

/// What a quota may bound beside devices (`k8s.io/kubernetes/pkg/apis/core/helper.standardQuotaResources`).
const RESOURCES: [&str; 17] = [
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "configmaps",
];

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    for (resource, amount) in &tenant.quota {
        if let Some(message) = quota_problem(tenant, resource, *amount) {
            problems.push(Problem::at_key("quota", resource, message));
        }
    }
    if !tenant.evictable && tenant.schedule != Schedule::Always {
        let message = "A tenant with a gate sleeps anyway, and wakes again where there is room: a drain may evict it. \
             Leave this out, or say `always`.";
        problems.push(Problem::at("evictable", message));
    }
    network(tenant, problems);
}

fn quota_problem(tenant: &Tenant, resource: &str, amount: Quantity) -> Option<String> {
    let device = |name: &str| name.contains('/') && name.parse::<LabelKey>().is_ok();
    if let Some(name) = resource.strip_prefix("limits.").filter(|name| device(name)) {
        return Some(format!(
            "Kubernetes counts what is requested of {name} and bounds nothing by this name: a device is not \
             overcommitted. Write `requests.{name}`."
        ));
    }
    let is_count = resource.starts_with("count/");
    let is_class = resource.contains(".storageclass.storage.k8s.io/");
    if device(resource) && !resource.starts_with("requests.") && !is_count && !is_class {
        return Some(format!("Kubernetes bounds nothing by this name. Write `requests.{resource}`."));
    }
    let of_services = ["services.loadbalancers", "services.nodeports"];
    let is_known =
        RESOURCES.contains(&resource) || of_services.contains(&resource) || resource.contains("hugepages-");
    if !is_known && !device(resource) {
        return Some(format!(
            "There is no resource {resource:?} to bound. Write one of {}, `requests.nvidia.com/gpu` or \
             `count/deployments.apps`.",
            RESOURCES.join(", ")
        ));
    }
    if amount < Quantity::whole(0) {
        return Some(format!("{amount} is below zero. Write an amount from 0 up."));
    }
    own_need(tenant, resource, amount)
}

/// Whether the tenant's own pods would be refused by its quota.
fn own_need(tenant: &Tenant, resource: &str, amount: Quantity) -> Option<String> {
    let (kind, name) = match resource.split_once('.') {
        Some(("limits", name)) => ("limits", name),
        Some(("requests", name)) => ("requests", name),
        _ if ["cpu", "memory"].contains(&resource) => ("requests", resource),
        _ => return None,
    };
    let mut asks_millis: Vec<i128> = Vec::new();
    for object in expand::tenant(tenant) {
        if ![Kind::Deployment, Kind::Job].contains(&object.kind) {
            continue;
        }
        let pod = &object.body["spec"]["template"]["spec"];
        let mut pod_millis = 0;
        for list in ["containers", "initContainers"] {
            for container in pod[list].as_array().into_iter().flatten() {
                let asked = asked(&container["resources"], kind, name);
                // A native resource that is bounded has to be asked for by every container.
                if asked.is_none() && ["cpu", "memory"].contains(&name) {
                    return Some(says_none(container, kind, name));
                }
                pod_millis += asked.filter(|_| list == "containers").map_or(0, Quantity::millis);
            }
        }
        asks_millis.push(pod_millis);
    }
    // A prefetch has its turn while the tenant sleeps, where it ever does.
    if tenant.schedule == Schedule::Always && asks_millis.len() > 1 {
        return (asks_millis.iter().sum::<i128>() > amount.millis()).then(|| {
            format!(
                "The tenant's own pod and its prefetch, which runs beside it, ask together for more than {amount} of \
                 it, so one of the two would never start. Raise the amount."
            )
        });
    }
    asks_millis.into_iter().any(|asks| asks > amount.millis()).then(|| {
        format!("The tenant's own pod asks for more than {amount} of it, so it would never start. Raise the amount.")
    })
}

fn says_none(container: &Value, kind: &str, name: &str) -> String {
    let remedy = match container["name"] == expand::PREFETCH_CONTAINER {
        true => format!("It gets those of the server: write them as `{kind}` and not in `pod_patch`"),
        false => "Give it some".to_owned(),
    };
    format!(
        "Kubernetes then refuses every container that says no {kind} of {name}, and {} says none. {remedy}, or bound \
         something else.",
        container["name"]
    )
}

/// What a container asks for; a limit stands for the request that is not there.
fn asked(resources: &Value, kind: &str, name: &str) -> Option<Quantity> {
    let amount = |kind: &str| resources[kind][name].as_str()?.parse().ok();
    amount(kind).or_else(|| amount("limits").filter(|_| kind == "requests"))
}

fn network(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let Some(network) = &tenant.network else { return };
    let mut refuse = |message: String| problems.push(Problem::at("network", message));
    if network.callers.is_none() && network.destinations.is_none() {
        refuse("It bounds nothing. Say `callers`, `destinations` or both.".to_owned());
    }
    for (side, peers) in [("callers", &network.callers), ("destinations", &network.destinations)] {
        for (name, peer) in peers.iter().flatten() {
            if let Some(message) = peer_problem(peer) {
                refuse(format!("{side}[{:?}]: {message}", name.as_str()));
            }
        }
    }
    let mut goes = network.destinations.iter().flatten();
    let is_gated = tenant.schedule != Schedule::Always;
    if network.destinations.is_some() && is_gated && !goes.any(|(_, peer)| peer.range.is_some()) {
        refuse(
            "Among the destinations is no range of addresses, and the pod begins with the admit check, which asks the \
             API server and reads the card's metrics. Name the API server by `range` and the metrics by `namespace`."
                .to_owned(),
        );
    }
}

fn peer_problem(peer: &Peer) -> Option<String> {
    let by_labels = peer.namespace.is_some() || !peer.labels.is_empty();
    if peer.range.is_some() && by_labels {
        Some("It is a range of addresses and a namespace or labels. Make two of them.".to_owned())
    } else if peer.range.is_none() && !by_labels {
        Some("It names nobody. Say `namespace`, `labels` or `range`.".to_owned())
    } else if peer.ports.contains(&0) {
        Some("Port 0 is none. Write a number from 1 to 65535.".to_owned())
    } else {
        None
    }
}
