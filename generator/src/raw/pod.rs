//! Where a tenant runs and whom it may speak to, as typed.

use tenancy::address::AddressRange;
use tenancy::names::{LabelKey, LabelValue, Namespace, ObjectName};

use crate::leaf::{Port, TaintEffect, TolerationOperator, WhenUnsatisfiable};
use crate::read::{At, Entries};
use crate::record;

record! {
    /// A taint that a pod bears, as Kubernetes spells it.
    pub struct RawToleration {
        /// The taint's key.
        pub key: Option<At<LabelKey>>,
        /// `Equal` or `Exists`.
        pub operator: Option<At<TolerationOperator>>,
        /// The taint's value.
        pub value: Option<At<String>>,
        /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        pub effect: Option<At<TaintEffect>>,
    }
}

record! {
    /// How a tenant's pod is spread, with those of other tenants, over the values of a node's label.
    pub struct RawTopologySpread {
        /// By how many pods the fullest and the emptiest may differ. One unless given.
        pub max_skew: Option<At<u32>>,
        /// Where that cannot be: `DoNotSchedule`, which is meant unless given, or `ScheduleAnyway`.
        pub when_unsatisfiable: Option<At<WhenUnsatisfiable>>,
        /// Labels of the pods that are counted, of which this tenant's is one.
        pub match_labels: Entries<LabelKey, At<LabelValue>>,
    }
}

record! {
    /// Who may call a tenant and where it may go.
    pub struct RawNetwork {
        /// Who may call it, by a name of your own. Everybody unless given, nobody where it is empty.
        pub callers: Option<Entries<ObjectName, RawPeer>>,
        /// Where it may go beside DNS, by a name of your own. Everywhere unless given. With windows it
        /// has to reach the API server and the card's metrics.
        pub destinations: Option<Entries<ObjectName, RawPeer>>,
    }
}

record! {
    /// Somebody at the other end of a connection: pods of a namespace, or a range of addresses.
    pub struct RawPeer {
        /// Their namespace. The tenant's own where only `labels` are given.
        pub namespace: Option<At<Namespace>>,
        /// Labels of their pods. Every pod of the namespace unless given.
        pub labels: Option<Entries<LabelKey, At<LabelValue>>>,
        /// Their addresses, instead of namespace and labels.
        pub range: Option<At<AddressRange>>,
        /// The TCP ports. Every port unless given.
        pub ports: Option<Vec<At<Port>>>,
    }
}
