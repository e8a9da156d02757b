//! What bounds a tenant from outside: a quota, and its network.

use std::collections::{BTreeMap, BTreeSet};

use tenancy::names::ObjectName;
use tenancy::quantity::Quantity;
use tenancy::tenant::{Network, Peer};
use tfplugin::{Attr, Map, Path};

use super::at;
use super::server::{elements, port_number};
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::{NetworkModel, PeerModel};

pub(super) fn quota(model: &ServiceModel, fill: &mut Fill) -> BTreeMap<String, Quantity> {
    let mut found = BTreeMap::new();
    for (key, amount) in fill.map(&model.quota) {
        let amount = match amount {
            // It may turn out to be null, and without any amount there is no quota.
            Attr::Unknown => fill.perhaps(&Quantity::whole(1)).copied(),
            amount => fill.parse(amount, &at("quota").key(key)),
        };
        found.extend(amount.map(|amount| (key.clone(), amount)));
    }
    if model.quota.is_unknown() {
        // None at all, or a quota: two sets of objects.
        let pods = fill.sample.of(None, Some(("pods".to_owned(), Quantity::whole(100))));
        found.extend(pods);
    }
    found
}

pub(super) fn network(model: &ServiceModel, fill: &mut Fill) -> Option<Network> {
    let stand_in = NetworkModel { callers: Attr::Unknown, ..NetworkModel::default() };
    let network = match &model.network {
        Attr::Unknown => fill.perhaps(&stand_in)?,
        network => network.known()?,
    };
    let path = at("network");
    Some(Network {
        callers: peers(&network.callers, &path.field("callers"), fill),
        destinations: peers(&network.destinations, &path.field("destinations"), fill),
    })
}

fn peers(attr: &Attr<Map<PeerModel>>, path: &Path, fill: &mut Fill) -> Option<BTreeMap<ObjectName, Peer>> {
    if attr.is_null() {
        return None;
    }
    let stand_in = PeerModel { range: Attr::Unknown, ..PeerModel::default() };
    let mut found = BTreeMap::new();
    let mut all = elements(attr, &stand_in, fill);
    all.extend(fill.element_of(attr, &stand_in).map(|one| ("unknown", one)));
    for (key, one) in all {
        let path = path.key(key);
        let ports = match &one.ports {
            Attr::Null => BTreeSet::new(),
            Attr::Unknown => port_number(&Attr::Unknown, &path, fill).into_iter().collect(),
            Attr::Known(set) => set.0.iter().filter_map(|one| port_number(one, &path, fill)).collect(),
        };
        let peer = Peer {
            namespace: fill.parse(&one.namespace, &path.field("namespace")),
            labels: fill.typed(&one.labels, &path.field("labels")),
            range: fill.parse(&one.range, &path.field("range")),
            ports,
        };
        found.extend(fill.text(key, &path).map(|name| (name, peer)));
    }
    Some(found)
}
