//! The pod around the containers: where it may run, and as whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::names::{HostName, LabelKey, LabelValue, ObjectName};

/// The pod around the containers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pod {
    /// Labels that a node must have.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,
    /// Taints it bears.
    pub tolerations: Vec<Toleration>,
    /// What it wants to be near to or far from, as Kubernetes spells it.
    pub affinity: Option<serde_json::Map<String, serde_json::Value>>,
    /// How it is spread, with the pods of other tenants, over the values of a node's label.
    pub topology_spread: BTreeMap<LabelKey, TopologySpread>,
    /// The container runtime that runs it; `None` is the node's own.
    pub runtime_class: Option<ObjectName>,
    /// Names that it finds at an address without asking DNS.
    pub host_aliases: BTreeMap<IpAddr, BTreeSet<HostName>>,
    /// Its priority class.
    pub priority_class: Option<ObjectName>,
    /// Secrets to pull images with, in its namespace.
    pub image_pull_secrets: BTreeSet<ObjectName>,
    /// The pod's security context, as Kubernetes spells it.
    pub security_context: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A taint that the pod bears, as Kubernetes spells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Toleration {
    /// The taint's key; `None` with `Exists` bears every taint.
    pub key: Option<LabelKey>,
    /// `Equal` or `Exists`.
    pub operator: Option<String>,
    /// The taint's value, for `Equal`.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; `None` means all.
    pub effect: Option<String>,
}

/// How a tenant's pod is spread with those of others. A tenant has one pod, so
/// there is nothing to spread but over several tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologySpread {
    /// By how many pods the fullest and the emptiest may differ.
    pub max_skew: u32,
    /// Whether the pod waits where that cannot be, instead of running all the same.
    pub required: bool,
    /// The labels of the pods that are counted, of which it is one.
    pub match_labels: BTreeMap<LabelKey, LabelValue>,
}
