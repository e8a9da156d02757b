//! A quota, who may evict the tenant, and its network.

use serde_json::Value;
use tenancy::expand::{GATE_POD_NAME, NAME_LABEL};
use tfplugin::{Attr, Map, Set};

use super::Found;
use super::container::{filled_map, items, number, text, texts};
use crate::service::model::ServiceModel;
use crate::service::parts::{NetworkModel, PeerModel};

pub(super) fn fill(model: &mut ServiceModel, found: &Found) {
    if let Some(quota) = &found.quota {
        model.quota = texts(&quota["spec"]["hard"]);
    }
    if found.budget.is_some() {
        model.evictable = Attr::Known(false);
    }
    if let Some(policy) = &found.policy {
        let spec = &policy["spec"];
        let has = |wanted: &str| items(&spec["policyTypes"]).any(|it| it == wanted);
        let peers = |direction: &str, rules: &str, side: &str| -> Attr<Map<PeerModel>> {
            has(direction).then(|| peers(&spec[rules], side)).into()
        };
        model.network = Attr::Known(NetworkModel {
            callers: peers("Ingress", "ingress", "from"),
            destinations: peers("Egress", "egress", "to"),
        });
    }
}

/// The peers of rules that a person wrote. Their names are nowhere in the cluster.
fn peers(rules: &Value, side: &str) -> Map<PeerModel> {
    let written = items(rules).filter(|rule| {
        let first = &rule[side][0];
        first.is_object() && first["podSelector"]["matchLabels"][NAME_LABEL] != GATE_POD_NAME
    });
    let named = written.enumerate().map(|(index, rule)| {
        (format!("peer-{}", index + 1), Attr::Known(peer(&rule[side][0], &rule["ports"])))
    });
    named.collect()
}

fn peer(peer: &Value, ports: &Value) -> PeerModel {
    let labels = |of: &str| texts(&peer[of]["matchLabels"]);
    let namespace = labels("namespaceSelector").into_known();
    let namespace = namespace.and_then(|mut labels| labels.remove("kubernetes.io/metadata.name"));
    let ports: Vec<Attr<i64>> = items(ports).map(|it| number(&it["port"])).collect();
    PeerModel {
        namespace: namespace.unwrap_or(Attr::Null),
        labels: filled_map(labels("podSelector").into_known().unwrap_or_default()),
        range: text(&peer["ipBlock"]["cidr"]),
        ports: if ports.is_empty() { Attr::Null } else { Attr::Known(Set(ports)) },
    }
}
