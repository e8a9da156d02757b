//! A card of the fleet as people declare it: where it is, what measures it, who else lives on it.

pub mod model;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::{CardName, Namespace, NodeName, ObjectName, ResidentName};
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

impl Device {
    /// Whether it is a slice of MIG: a device with a UUID and memory of its own, on a card that has more.
    pub fn is_mig_slice(&self) -> bool {
        matches!(self, Self::Uuid(uuid) if uuid.starts_with("MIG-"))
    }
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
    /// A Secret with what an `https` source asks for, [`CA_KEY`] and perhaps [`TOKEN_KEY`]. It is
    /// mounted into the card's watcher from the system namespace; a tenant names its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<ObjectName>,
}

/// Where a Secret for `https` sources is mounted.
pub const SOURCE_SECRET_DIR: &str = "/var/run/gpu-tenancy/source";
/// Its key with the certificates of the authorities that are believed, as PEM. The agent's image has none.
pub const CA_KEY: &str = "ca.crt";
/// Its key with the bearer token, where one is asked for.
pub const TOKEN_KEY: &str = "token";

/// A device-level series by where it is asked for; a text is the URL of a metrics page.
///
/// Behind the host of a page there may be several exporters, one a node, as
/// behind a headless Service. All are asked, and the one that has the card answers for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceSource {
    /// Our own exporter: `gpu_tenancy_card_memory_free_bytes` and its kin, with
    /// what each pod holds.
    Exporter(String),
    /// NVIDIA's dcgm-exporter: `DCGM_FI_DEV_FB_FREE`, `_USED`, `_RESERVED`, in MiB.
    Dcgm(String),
    /// utkuozdemir/nvidia_gpu_exporter: `nvidia_smi_memory_free_bytes` and its kin.
    NvidiaGpuExporter(String),
    /// A Prometheus that scrapes an exporter of whatever kind.
    Prometheus(Prometheus),
}

impl DeviceSource {
    /// The URL that is asked: of a metrics page, or of a Prometheus.
    pub fn url(&self) -> &str {
        match self {
            DeviceSource::Exporter(url) | DeviceSource::Dcgm(url) | DeviceSource::NvidiaGpuExporter(url) => {
                url
            }
            DeviceSource::Prometheus(prometheus) => &prometheus.url,
        }
    }
}

/// Which series of a Prometheus are a card's figures. Each selector finds
/// exactly one series. They are selectors and not expressions, because only a
/// series' own samples say how old they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Its URL, without `/api`.
    pub url: String,
    /// The series of what is free on the device.
    pub free: String,
    /// The series of what processes hold.
    pub used: String,
    /// The series of the device's size; otherwise the size is the sum of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// The series of what the driver keeps; otherwise it is the rest of the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<String>,
    /// In what the series count.
    pub unit: Unit,
}

/// In what a series counts memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes, as Prometheus' naming rules want.
    Bytes,
    /// MiB, as DCGM does.
    Mib,
}

impl Unit {
    /// The unit as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Bytes => "bytes",
            Unit::Mib => "mib",
        }
    }
}

impl std::str::FromStr for Unit {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, crate::Invalid> {
        [Unit::Bytes, Unit::Mib].into_iter().find(|unit| unit.as_str() == text).ok_or_else(|| {
            crate::Invalid::new("unit", text, "it is neither", "Expected `bytes`, or `mib` as DCGM counts.")
        })
    }
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
