//! Where the tenant runs and whom it may speak to.

use tenancy::defaults as d;
use tenancy::tenant::{Network, Peer, Tenant, Toleration, TopologySpread};

use super::super::{Attributes, map, texts};
use super::json;
use crate::hcl::Hcl;

pub(super) fn pod(tenant: &Tenant) -> Attributes {
    let mut group = Attributes::default();
    let pod = &tenant.pod;
    group.set_filled("node_selector", map(&pod.node_selector, |value| value.to_string().into()));
    group.set_filled("tolerations", Hcl::List(pod.tolerations.iter().map(toleration).collect()));
    group.set_some("affinity", pod.affinity.as_ref().map(json));
    group.set_filled("topology_spread", map(&pod.topology_spread, topology_spread));
    group.set_some("runtime_class", pod.runtime_class.as_ref().map(ToString::to_string));
    group.set_filled("host_aliases", map(&pod.host_aliases, texts));
    group.set_some("priority_class", pod.priority_class.as_ref().map(ToString::to_string));
    group.set_filled("image_pull_secrets", texts(&pod.image_pull_secrets));
    if !tenant.evictable {
        group.set("evictable", Hcl::Bool(false));
    }
    group.set_filled("quota", map(&tenant.quota, |amount| amount.to_string().into()));
    group.set_some("network", tenant.network.as_ref().map(tenant_network));
    group.set_some("pod_security_context", pod.security_context.as_ref().map(json));
    group.set_some("pod_patch", tenant.pod_patch.as_ref().map(json));
    group
}

pub(in crate::render) fn toleration(toleration: &Toleration) -> Hcl {
    let mut object = Attributes::default();
    object.set_some("key", toleration.key.as_ref().map(ToString::to_string));
    object.set_some("operator", toleration.operator.as_deref());
    object.set_some("value", toleration.value.as_deref());
    object.set_some("effect", toleration.effect.as_deref());
    object.object()
}

fn tenant_network(network: &Network) -> Hcl {
    let mut object = Attributes::default();
    for (side, peers) in [("callers", &network.callers), ("destinations", &network.destinations)] {
        // An empty map is nobody, and none at all is everybody.
        object.set_some(side, peers.as_ref().map(|peers| map(peers, peer)));
    }
    object.object()
}

fn peer(peer: &Peer) -> Hcl {
    let mut object = Attributes::default();
    object.set_some("namespace", peer.namespace.as_ref().map(ToString::to_string));
    object.set_filled("labels", map(&peer.labels, |value| value.to_string().into()));
    object.set_some("range", peer.range.map(|range| range.to_string()));
    let ports = peer.ports.iter().map(|port| Hcl::Number((*port).into()));
    object.set_filled("ports", Hcl::List(ports.collect()));
    object.object()
}

fn topology_spread(spread: &TopologySpread) -> Hcl {
    let mut object = Attributes::default();
    if spread.max_skew != d::MAX_SKEW {
        object.set("max_skew", Hcl::Number(spread.max_skew.into()));
    }
    if !spread.required {
        object.set("when_unsatisfiable", "ScheduleAnyway");
    }
    object.set("match_labels", map(&spread.match_labels, |value| value.to_string().into()));
    object.object()
}
