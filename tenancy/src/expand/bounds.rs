//! What bounds a tenant from outside: a quota, who may evict it, whom it may speak to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::watcher::POD_NAME as WATCHER_POD_NAME;
use super::{is_gated, labels, of_tenant};
use crate::declared::SYSTEM_NAMESPACE;
use crate::names::ObjectName;
use crate::objects::{Kind, Object};
use crate::tenant::{ObjectKind, Peer, Tenant};

/// The label by which Kubernetes names every namespace.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

/// The objects that bound it, as far as it asks for them.
pub(super) fn objects(tenant: &Tenant) -> Vec<Object> {
    [quota(tenant), budget(tenant), policy(tenant)].into_iter().flatten().collect()
}

fn quota(tenant: &Tenant) -> Option<Object> {
    let hard: Map<String, Value> =
        tenant.quota.iter().map(|(resource, amount)| (resource.clone(), json!(amount.to_string()))).collect();
    let content = json!({"spec": {"hard": hard}});
    let name = tenant.id.name.as_str();
    let object = || of_tenant(tenant, Kind::ResourceQuota, ObjectKind::ResourceQuota, name, content);
    (!tenant.quota.is_empty()).then(object)
}

/// A budget that lets no drain evict the pod. One that is broken anyway may go,
/// or a crash loop would keep its node for ever.
fn budget(tenant: &Tenant) -> Option<Object> {
    let spec = json!({
        "maxUnavailable": 0,
        "selector": {"matchLabels": labels::selector(&tenant.id)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    });
    let kind = ObjectKind::PodDisruptionBudget;
    let name = tenant.id.name.as_str();
    (!tenant.evictable)
        .then(|| of_tenant(tenant, Kind::PodDisruptionBudget, kind, name, json!({ "spec": spec })))
}

fn policy(tenant: &Tenant) -> Option<Object> {
    let network = tenant.network.as_ref()?;
    let mut types = Vec::new();
    let mut spec = json!({"podSelector": {"matchLabels": labels::selector(&tenant.id)}});
    if let Some(callers) = &network.callers {
        types.push("Ingress");
        let mut rules = rules(callers, "from");
        rules.extend(from_its_gate(tenant));
        put(&mut spec, "ingress", rules);
    }
    if let Some(destinations) = &network.destinations {
        types.push("Egress");
        let mut rules = rules(destinations, "to");
        // Names are asked for wherever the cluster's DNS is.
        rules.push(json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}));
        put(&mut spec, "egress", rules);
    }
    if types.is_empty() {
        return None;
    }
    spec["policyTypes"] = json!(types);
    let name = tenant.id.name.as_str();
    Some(of_tenant(tenant, Kind::NetworkPolicy, ObjectKind::NetworkPolicy, name, json!({ "spec": spec })))
}

/// An empty list would be dropped by the API server, and means the same as none.
fn put(spec: &mut Value, field: &str, rules: Vec<Value>) {
    if !rules.is_empty() {
        spec[field] = Value::Array(rules);
    }
}

fn rules(peers: &BTreeMap<ObjectName, Peer>, side: &str) -> Vec<Value> {
    let rule = |peer: &Peer| {
        let mut rule = json!({ side: [self::peer(peer)] });
        if !peer.ports.is_empty() {
            rule["ports"] = peer.ports.iter().map(|port| json!({"port": port, "protocol": "TCP"})).collect();
        }
        rule
    };
    peers.values().map(rule).collect()
}

fn peer(peer: &Peer) -> Value {
    if let Some(range) = peer.range {
        return json!({"ipBlock": {"cidr": range.to_string()}});
    }
    let mut spelled = json!({});
    if let Some(namespace) = &peer.namespace {
        spelled["namespaceSelector"] = json!({"matchLabels": { NAMESPACE_LABEL: namespace.as_str() }});
    }
    if !peer.labels.is_empty() {
        spelled["podSelector"] = json!({"matchLabels": peer.labels});
    }
    spelled
}

/// Its gate's ticks and its card's watcher call the server before they put it to sleep.
fn from_its_gate(tenant: &Tenant) -> Option<Value> {
    let mut tick = labels::selector(&tenant.id);
    tick.insert(labels::NAME_LABEL.to_owned(), labels::GATE_POD_NAME.to_owned());
    let calls = is_gated(tenant) && tenant.gate.unload.is_some();
    calls.then(|| {
        json!({"from": [
            {"podSelector": {"matchLabels": tick}},
            {
                "namespaceSelector": {"matchLabels": { NAMESPACE_LABEL: SYSTEM_NAMESPACE }},
                "podSelector": {"matchLabels": { labels::NAME_LABEL: WATCHER_POD_NAME }},
            },
        ]})
    })
}
