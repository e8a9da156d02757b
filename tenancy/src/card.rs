//! A card of the fleet as people declare it: where it is, what measures it, who else lives on it.

pub mod model;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::{CardName, Namespace, NodeName, ResidentName};
use crate::quantity::Mib;

/// One physical GPU, declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its name in the fleet.
    pub name: CardName,
    /// The node it sits in.
    pub node: NodeName,
    /// Which of the node's devices it is.
    pub device: Device,
    /// Where its figures come from.
    pub source: Source,
    /// Its size as declared, which lets a plan refuse what can never fit. What
    /// the device itself reports decides at run time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<Mib>,
    /// Below this much free memory (beyond what is owed) a tenant yields at
    /// once. `None` means [`crate::defaults::critical_mib`] of the headroom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical_mib: Option<Mib>,
    /// Processes on the card that nobody here schedules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub residents: BTreeMap<ResidentName, Resident>,
    /// Whether a watcher looks at it every few seconds, beside its tenants' CronJobs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub watch: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Which device of a node is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// By position, as `nvidia-smi` counts, until its UUID is known.
    Index(u32),
    /// By the UUID that the driver reports, `GPU-…`.
    Uuid(String),
}

/// Where a card's figures are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The device-level series. Admission rests on it.
    pub device: DeviceSource,
    /// URL of a per-pod gauge (`gpu_pod_memory_used_bytes`). It attributes for
    /// people's eyes only: a dead collector reads there like an idle card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<String>,
}

/// A device-level series by its exporter; the text is the URL of its metrics page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceSource {
    /// NVIDIA's dcgm-exporter: `DCGM_FI_DEV_FB_FREE`, `_USED`, `_RESERVED`, in MiB.
    Dcgm(String),
    /// utkuozdemir/nvidia_gpu_exporter: `nvidia_smi_memory_free_bytes` and its kin.
    NvidiaGpuExporter(String),
}

/// A process on a card that we do not schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resident {
    /// The namespace of its pods, by which metrics attribute memory to it.
    pub namespace: Namespace,
    /// What its pods' names begin with; `None` means every pod of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_prefix: Option<String>,
    /// The most it ever holds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_mib: Option<Mib>,
    /// Whether admission keeps room for it to grow to its peak. Needs a peak.
    #[serde(default)]
    pub protected: bool,
}
