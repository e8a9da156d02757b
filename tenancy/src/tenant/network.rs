//! Who may call a tenant, and where it may go.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::AddressRange;
use crate::names::{LabelKey, LabelValue, Namespace, ObjectName};

/// A tenant's place in the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Who may call it, by a name of their own; `None` is everybody, none is nobody.
    pub callers: Option<BTreeMap<ObjectName, Peer>>,
    /// Where it may go beside DNS; `None` is everywhere.
    pub destinations: Option<BTreeMap<ObjectName, Peer>>,
}

/// Somebody at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// Their namespace; `None` is the tenant's own where labels are given.
    pub namespace: Option<Namespace>,
    /// The labels of their pods; none means every pod of the namespace.
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Their addresses, instead of namespace and labels.
    pub range: Option<AddressRange>,
    /// The TCP ports; none means every port.
    pub ports: BTreeSet<u16>,
}
