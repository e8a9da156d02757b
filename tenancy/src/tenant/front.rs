//! The Service in front of the server.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::AddressRange;
use crate::names::{LabelKey, PortName};

/// The Service in front of the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// The Service's ports by name: its own number and the container port's name it leads to.
    pub ports: BTreeMap<PortName, ServicePort>,
    /// Who reaches it.
    pub service_type: ServiceType,
    /// Which of several load balancers serves it; `None` is the cluster's own.
    pub load_balancer_class: Option<LabelKey>,
    /// The callers that the load balancer lets through; empty means all.
    pub load_balancer_source_ranges: BTreeSet<AddressRange>,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// What callers dial.
    pub port: u16,
    /// The container port it leads to.
    pub target: PortName,
    /// The port of every node that leads here too; `None` lets Kubernetes choose one where the type needs it.
    pub node_port: Option<u16>,
}

/// Who reaches a Service, as Kubernetes spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceType {
    /// Whoever is in the cluster.
    #[default]
    ClusterIP,
    /// Also whoever reaches a node.
    NodePort,
    /// Also whoever reaches the load balancer that is made for it.
    LoadBalancer,
}

impl ServiceType {
    /// Every type.
    pub const ALL: [ServiceType; 3] =
        [ServiceType::ClusterIP, ServiceType::NodePort, ServiceType::LoadBalancer];

    /// The type as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceType::ClusterIP => "ClusterIP",
            ServiceType::NodePort => "NodePort",
            ServiceType::LoadBalancer => "LoadBalancer",
        }
    }
}
