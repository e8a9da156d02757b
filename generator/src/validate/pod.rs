//! The rules of the pod around a server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tenancy::card::Card;
use tenancy::defaults as d;
use tenancy::names::{HostName, LabelKey, LabelValue};
use tenancy::tenant::{Pod, Toleration, TopologySpread};

use super::located;
use super::tenant::Check;
use crate::raw::{RawDefaults, RawTenant, RawToleration};

pub(super) fn pod(
    raw: &RawTenant,
    defaults: &RawDefaults,
    card: Option<&Card>,
    check: &mut Check<'_>,
) -> Option<Pod> {
    // The fleet's tolerations are for the nodes of its cards.
    let of_fleet = card.and(defaults.tolerations.as_deref());
    let tolerations: &[RawToleration] = raw.tolerations.as_deref().or(of_fleet).unwrap_or_default();
    let secrets = raw.image_pull_secrets.as_ref().or(defaults.image_pull_secrets.as_ref());
    let class = raw.priority_class.as_ref().or(defaults.priority_class.as_ref());
    Some(Pod {
        node_selector: node_selector(raw, card, check)?,
        tolerations: tolerations.iter().map(toleration).collect(),
        affinity: raw.affinity.as_ref().map(|affinity| affinity.0.clone()),
        topology_spread: topology_spread(raw),
        runtime_class: raw.runtime_class.as_ref().map(|class| class.value.clone()),
        host_aliases: host_aliases(raw),
        priority_class: class.map(|class| class.value.clone()),
        image_pull_secrets: secrets
            .iter()
            .flat_map(|all| all.iter())
            .map(|secret| secret.value.clone())
            .collect(),
        security_context: raw.pod_security_context.as_ref().map(|context| context.0.clone()),
    })
}

fn topology_spread(raw: &RawTenant) -> BTreeMap<LabelKey, TopologySpread> {
    let each = raw.topology_spread.iter().flat_map(|all| &all.0);
    each.map(|(key, raw)| {
        let labels = raw.match_labels.0.iter().map(|(key, value)| (key.value.clone(), value.value.clone()));
        let spread = TopologySpread {
            max_skew: raw.max_skew.as_ref().map_or(d::MAX_SKEW, |skew| skew.value),
            required: raw.when_unsatisfiable.as_ref().is_none_or(|when| when.required),
            match_labels: labels.collect(),
        };
        (key.value.clone(), spread)
    })
    .collect()
}

fn host_aliases(raw: &RawTenant) -> BTreeMap<IpAddr, BTreeSet<HostName>> {
    let each = raw.host_aliases.iter().flat_map(|all| &all.0);
    each.map(|(address, names)| (address.value, names.iter().map(|name| name.value.clone()).collect()))
        .collect()
}

/// The tenant's own selector, or the card's node: a slice of another card
/// would be accepted by the scheduler and watched by nobody.
fn node_selector(
    raw: &RawTenant,
    card: Option<&Card>,
    check: &mut Check<'_>,
) -> Option<BTreeMap<LabelKey, LabelValue>> {
    if let Some(selector) = &raw.node_selector {
        let entries = selector.0.iter();
        return Some(entries.map(|(key, value)| (key.value.clone(), value.value.clone())).collect());
    }
    let Some(card) = card else {
        // On the CPU any node will do; with a card that there is not, the file is refused anyway.
        return Some(BTreeMap::new());
    };
    let (key, node) = ("kubernetes.io/hostname".parse().ok()?, &card.node);
    match node.as_str().parse() {
        Ok(value) => Some(BTreeMap::from([(key, value)])),
        Err(_) => {
            let reason = format!("the node's name {node} is too long for the label kubernetes.io/hostname");
            let place = located(&check.file.node, &["card"]);
            check.refuse(place, reason, "Give `node_selector` with a label that the node has.");
            None
        }
    }
}

pub(super) fn toleration(raw: &RawToleration) -> Toleration {
    Toleration {
        key: raw.key.as_ref().map(|key| key.value.clone()),
        operator: raw.operator.as_ref().map(|operator| operator.0.to_owned()),
        value: raw.value.as_ref().map(|value| value.value.clone()),
        effect: raw.effect.as_ref().map(|effect| effect.0.to_owned()),
    }
}
