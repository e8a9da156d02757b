//! Our exporter as people declare it: on which nodes it runs and who scrapes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::declared::SYSTEM_NAMESPACE;
use crate::names::{ExporterName, LabelKey, LabelValue, ObjectName};
use crate::tenant::Toleration;

/// The longest time between two readings of the driver, or two scrapes by
/// Prometheus, in seconds: figures of a minute ago admit nobody.
pub const LONGEST_INTERVAL_S: u32 = 30;

/// A DaemonSet of `gpu-agent exporter` and the Service in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// Its name, that of all its objects.
    pub name: ExporterName,
    /// The agent's image.
    pub image: String,
    /// The runtime class under which the driver's library is mounted; `None`
    /// where the nodes' default runtime is NVIDIA's.
    pub runtime_class: Option<ObjectName>,
    /// The labels of the nodes that it runs on.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,
    /// The taints that it bears.
    pub tolerations: Vec<Toleration>,
    /// Its priority class.
    pub priority_class: Option<ObjectName>,
    /// Secrets for pulling the image.
    pub image_pull_secrets: BTreeSet<ObjectName>,
    /// The port of its page.
    pub port: u16,
    /// Seconds between two readings of the driver.
    pub interval_s: u64,
    /// How Prometheus finds it, where the Prometheus operator runs.
    pub service_monitor: Option<ServiceMonitor>,
}

/// A ServiceMonitor of the Prometheus operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMonitor {
    /// Labels by which a Prometheus selects its monitors.
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Seconds between two scrapes.
    pub interval_s: u64,
}

impl Exporter {
    /// The URL of its page, as a card's source names it.
    pub fn url(&self) -> String {
        url(&self.name, self.port)
    }
}

/// The URL of an exporter's page.
pub fn url(name: &ExporterName, port: u16) -> String {
    format!("http://{name}.{SYSTEM_NAMESPACE}:{port}/metrics")
}
