//! What a gate saw of the world in one moment. The agent fills it in; nothing
//! here judges.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gate::ScaleTarget;
use crate::names::{Namespace, NodeName};
use crate::quantity::Mib;

/// Which CronJob fired the tick. Every tick is the whole decision whatever it
/// says; it only chooses how loudly the answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A window opened.
    Up,
    /// One of the ticks through the window and the hour after it.
    Guard,
    /// A window ended.
    Down,
}

/// Everything a gate sees in one moment, gathered by the agent before it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The card's own figures from one scrape, or why there are none.
    pub device: Result<Sample, Unknown>,
    /// The tenant's Deployment; `None` where it does not exist.
    pub deployment: Option<DeploymentSeen>,
    /// Every pod that the Deployment's selector finds, those under deletion
    /// included: memory belongs to a pod until the pod is gone. Or why they
    /// could not be listed.
    pub pods: Result<Vec<PodSeen>, Unknown>,
    /// What each Option B target's scale said. A target that the gate is told of
    /// and that is missing here counts as unreadable.
    pub pauses: BTreeMap<ScaleTarget, PauseSeen>,
    /// Whether there is work for the tenant.
    pub demand: Demand,
    /// The pod that fills the tenant's claim, the newest where there were several tries.
    pub prefetch: Option<PrefetchSeen>,
    /// The clock of this machine minus the API server's, in seconds.
    pub clock_skew_s: i64,
}

impl Observation {
    /// How many pods the tenant's Deployment is to have; one that does not exist has none.
    pub fn replicas(&self) -> u32 {
        self.deployment.as_ref().map_or(0, |deployment| deployment.replicas)
    }

    /// The value of [`crate::gate::OVERRIDE_ANNOTATION`], if it is there.
    pub fn override_annotation(&self) -> Option<&str> {
        self.deployment.as_ref()?.override_annotation.as_deref()
    }
}

/// Why a figure is not known, as one clause without a full stop:
/// `the scrape of http://… timed out`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The clause.
    pub reason: String,
}

/// One scrape of one device. All figures are from the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When it was scraped, in the API server's time.
    pub at: Timestamp,
    /// The device's UUID, where the series says it.
    pub uuid: Option<String>,
    /// The device's index on its node, where the series says it.
    pub index: Option<u32>,
    /// The device's size. `DCGM_FI_DEV_FB_TOTAL` is off by default, so this may
    /// be the sum of free, used and reserved.
    pub total_mib: Mib,
    /// What the device itself calls free.
    pub free_mib: Mib,
    /// What the device itself calls used, by whomever.
    pub used_mib: Mib,
    /// What the driver keeps; zero where the series does not say.
    pub reserved_mib: Mib,
    /// What each pod holds, by namespace and pod name, and only when the same
    /// answer said it: figures of two scrapes do not add up. `None` where the
    /// series does not attribute. A pod that is not listed is not known to hold nothing.
    pub per_pod: Option<BTreeMap<PodKey, Mib>>,
}

/// A pod by namespace and name, as metrics label it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodKey {
    /// The namespace.
    pub namespace: Namespace,
    /// The pod's name.
    pub pod: String,
}

/// The tenant's Deployment as the API server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentSeen {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `spec.replicas`; the API server's default of 1 where it is absent.
    pub replicas: u32,
    /// `status.readyReplicas`.
    pub ready_replicas: u32,
    /// The value of [`crate::gate::OVERRIDE_ANNOTATION`], if it is there.
    pub override_annotation: Option<String>,
}

/// One pod of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSeen {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// `spec.nodeName`: the scheduler found a place.
    pub node: Option<NodeName>,
    /// The UUID of the device that the pod was given, where the source says so.
    pub device_uuid: Option<String>,
    /// `status.phase`.
    pub phase: Phase,
    /// The condition `Ready`.
    pub ready: bool,
    /// Whether the init container `admit` has finished.
    pub admitted: bool,
    /// The restart count of the container `server`.
    pub restarts: u32,
    /// Why it does not run, in Kubernetes' words: the message of the condition
    /// `PodScheduled` when it is false, otherwise the waiting reason of a
    /// container (`ImagePullBackOff`, `CrashLoopBackOff`).
    pub waiting: Option<String>,
}

/// A pod of the tenant's prefetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefetchSeen {
    /// `metadata.name`.
    pub pod: String,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// How far it is.
    pub state: Prefetch,
}

/// How far a try to fill a claim is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefetch {
    /// It has not ended; why it does not run, if it does not, as [`PodSeen::waiting`] has it.
    UnderWay(Option<String>),
    /// The claim is filled.
    Done,
    /// It ended otherwise.
    Failed {
        /// When: as the kubelet says, or else when the pod was told to go or was made.
        at: Timestamp,
        /// How, as a clause.
        why: String,
    },
}

/// A pod's phase, in Kubernetes' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

impl PodSeen {
    /// Whether it may hold memory: it has not ended.
    pub fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }
}

/// What the scale of an Option B target said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PauseSeen {
    /// Its `spec.replicas`.
    Replicas(u32),
    /// There is no such Deployment.
    Absent,
    /// It could not be read, with the reason as a clause.
    Unreadable(String),
}

/// Whether there is work for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Demand {
    /// Nobody asks for it: within a window the window alone decides.
    #[default]
    NotAsked,
    /// There is work.
    Yes,
    /// There is none.
    No,
    /// It was asked for and could not be told. No action follows from that.
    Unknown(Unknown),
}
