//! What bounds a tenant from outside.

use std::collections::BTreeMap;

use tenancy::names::ObjectName;
use tenancy::tenant::{Network, Peer};

use crate::raw::{RawPeer, RawTenant};
use crate::read::Entries;

/// Who may call it and where it may go.
pub(super) fn network(raw: &RawTenant) -> Option<Network> {
    let network = raw.network.as_ref()?;
    Some(Network { callers: peers(&network.callers), destinations: peers(&network.destinations) })
}

fn peers(raw: &Option<Entries<ObjectName, RawPeer>>) -> Option<BTreeMap<ObjectName, Peer>> {
    let peers = raw.as_ref()?.0.iter().map(|(name, raw)| {
        let labels = raw.labels.iter().flat_map(|labels| &labels.0);
        let peer = Peer {
            namespace: raw.namespace.as_ref().map(|namespace| namespace.value.clone()),
            labels: labels.map(|(key, value)| (key.value.clone(), value.value.clone())).collect(),
            range: raw.range.as_ref().map(|range| range.value),
            ports: raw.ports.iter().flatten().map(|port| port.0).collect(),
        };
        (name.value.clone(), peer)
    });
    Some(peers.collect())
}
