//! What goes over HTTP, in both directions: one definition for the service, the
//! client and the tests of other packages.

use serde::{Deserialize, Serialize};

/// Seconds that an allocation lives without a sign of life from its owner,
/// unless it asks for another time.
pub const DEFAULT_LEASE_S: f64 = 2.0;

/// Who holds memory, in the words of the per-pod gauge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// The process's name, as the driver reports it.
    pub process_name: String,
    /// The process id on the node; fake-card invents one where none is given,
    /// because a process in a container does not know its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The pod's uid, which newer DCGM exporters show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
}

/// `POST /cards/{name}/allocations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationRequest {
    /// Who asks.
    pub owner: Owner,
    /// How much, in MiB.
    pub mib: u64,
    /// The test expects a refusal, so a refusal does not count against it.
    #[serde(default)]
    pub scripted: bool,
    /// Seconds without a sign of life after which the memory is taken back.
    #[serde(default = "default_lease_s")]
    pub lease_s: f64,
    /// The memory stays held after its owner is gone, as after a driver fault.
    #[serde(default)]
    pub leaves_leak: bool,
}

/// `PATCH /allocations/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeRequest {
    /// The new size, in MiB.
    pub mib: u64,
    /// The test expects a refusal.
    #[serde(default)]
    pub scripted: bool,
}

/// An allocation that was made or resized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocated {
    /// The allocation's id, unique within one fake-card.
    pub id: u64,
    /// Its size now, in MiB.
    pub mib: u64,
    /// What the card has left, in MiB.
    pub free_mib: u64,
}

/// `POST /cards/{name}/residents`: sets what a scripted resident holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidentRequest {
    /// The resident's name, unique on its card.
    pub name: String,
    /// What it holds from now on, in MiB; 0 removes it.
    pub mib: u64,
    /// The test expects a refusal.
    #[serde(default)]
    pub scripted: bool,
    /// The process belongs to no pod: device figures show it, per-pod gauges do not.
    #[serde(default)]
    pub hidden: bool,
    /// The pod in the per-pod gauge; one named after the resident otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// `POST /cards/{name}/script`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptRequest {
    /// The steps, in any order.
    pub steps: Vec<Step>,
}

/// One timed change of a resident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Seconds after the script was received.
    pub after_s: f64,
    /// The resident's name.
    pub resident: String,
    /// What it holds from then on, in MiB.
    pub mib: u64,
    /// The test expects that this step is refused.
    #[serde(default)]
    pub scripted: bool,
    /// As in [`ResidentRequest::hidden`].
    #[serde(default)]
    pub hidden: bool,
}

/// `POST /cards/{name}/faults`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// What the metrics of the card do from now on.
    pub mode: Fault,
}

/// What can be wrong with the metrics of a card. Allocations go on as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The metrics tell the truth.
    #[default]
    None,
    /// HTTP 500.
    #[serde(rename = "http_500")]
    Http500,
    /// HTTP 200 without a sample: what an exporter answers whose `nvidia-smi` failed.
    #[serde(rename = "empty_200")]
    Empty200,
    /// No answer at all.
    Hang,
    /// The figures of the moment when the fault was ordered: a dead collector thread.
    Stale,
    /// Every device series twice; the second one shows an idle card.
    Duplicate,
    /// Figures that no card has: DCGM's blank value, more free than there is.
    Absurd,
    /// No device series; only what is attributed to pods.
    OnlyPods,
}

/// An allocation that did not fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// Seconds since fake-card started.
    pub at_s: f64,
    /// The card.
    pub card: String,
    /// The pod as `namespace/pod`, or the resident's name.
    pub holder: String,
    /// How much more was asked for, in MiB.
    pub requested_mib: u64,
    /// How much was free, in MiB.
    pub free_mib: u64,
    /// Whether the test had said that it expects this.
    pub scripted: bool,
}

/// How many allocations were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RefusedCounts {
    /// Those that the test had ordered.
    pub scripted: u64,
    /// Those that fail the test.
    pub unscripted: u64,
}

/// `GET /refusals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusals {
    /// The counts over `refusals`.
    pub refused: RefusedCounts,
    /// Each one, oldest first; those of removed cards included.
    pub refusals: Vec<Refusal>,
}

/// `GET /cards/{name}/state`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardState {
    /// The card's name.
    pub name: String,
    /// The card's UUID.
    pub uuid: String,
    /// The card's index on its node.
    pub index: u32,
    /// Its size, in MiB.
    pub total_mib: u64,
    /// What the driver keeps, in MiB.
    pub reserved_mib: u64,
    /// What the holders hold, in MiB.
    pub used_mib: u64,
    /// The rest, in MiB: always `total - reserved - used`.
    pub free_mib: u64,
    /// The most that was ever used, in MiB.
    pub peak_used_mib: u64,
    /// Everybody who holds memory.
    pub holders: Vec<Holder>,
    /// How many allocations this card refused.
    pub refused: RefusedCounts,
    /// Steps of its scripts that are still to come.
    pub steps_to_come: u64,
    /// What is wrong with its metrics.
    pub fault: Fault,
}

/// One holder of memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// How it came to hold memory.
    pub kind: HolderKind,
    /// The allocation's id; residents have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Who it is.
    pub owner: Owner,
    /// How much it holds, in MiB.
    pub mib: u64,
    /// Whether per-pod gauges see it.
    pub in_pod_metrics: bool,
}

/// The kinds of holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// A process that allocated over HTTP.
    Allocation,
    /// A scripted resident.
    Resident,
    /// Memory whose owner is gone.
    Leak,
}

/// The body of every answer that is not 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong, and what to do about it.
    pub error: String,
    /// With 507: how much more was asked for, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_mib: Option<u64>,
    /// With 507: how much was free, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_mib: Option<u64>,
}

impl Problem {
    /// A problem that is a sentence and no more.
    pub fn new(error: String) -> Self {
        Problem { error, requested_mib: None, free_mib: None }
    }
}

fn default_lease_s() -> f64 {
    DEFAULT_LEASE_S
}
