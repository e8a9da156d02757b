//! A tenant, valid: everything `expand` needs to write its objects.
//!
//! It is built once at the edge (by the provider from a Terraform
//! configuration, by the generator from a tenant file) through the parsing
//! constructors of its parts, and [`Tenant::check`] holds the rules that span parts.

mod beside;
mod front;
mod network;
mod pod;
mod volume;

pub use beside::{InitContainer, Prefetch, Sidecar};
pub use front::{Service, ServicePort, ServiceType};
pub use network::{Network, Peer};
pub use pod::{Pod, Toleration, TopologySpread};
pub use volume::{Volume, VolumeSource};

use std::collections::{BTreeMap, BTreeSet};

use crate::demand::DemandProbe;
use crate::gate::{ScaleTarget, Timing, UnloadCall};
use crate::names::{
    ConfigKey, ContainerName, EnvName, LabelKey, LabelValue, Namespace, ObjectName, PortName, TenantId,
    VolumeName,
};
use crate::quantity::Quantity;
use crate::window::Schedule;

/// One tenant in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenant {
    /// `namespace/name`; the name is the Deployment's, the Service's and the container's group label.
    pub id: TenantId,
    /// When it may be awake.
    pub schedule: Schedule,
    /// Asleep until a person says otherwise.
    pub suspend: bool,
    /// The model server's container.
    pub server: Server,
    /// The Service in front of it, if it has one.
    pub service: Option<Service>,
    /// Its weights and voices.
    pub storage: Option<Storage>,
    /// Volumes beside it, by their name in the pod.
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// How much memory the server's processes may share through `/dev/shm`; `None` is the 64 MiB of
    /// the container runtime.
    pub shm_size: Option<Quantity>,
    /// Files by absolute path, with their content.
    pub config: BTreeMap<AbsolutePath, String>,
    /// How those files get there.
    pub config_mode: ConfigMode,
    /// Containers that run before the server, after the admit check, in the order of their names.
    pub init_containers: BTreeMap<ContainerName, InitContainer>,
    /// What fills its storage while it sleeps.
    pub prefetch: Option<Prefetch>,
    /// Containers that run beside the server, by name.
    pub sidecars: BTreeMap<ContainerName, Sidecar>,
    /// Whether a drain of its node may evict it. Only a tenant that is always awake may refuse.
    pub evictable: bool,
    /// What all pods of its namespace may ask for together, by resource; empty means no quota of this tenant's.
    pub quota: BTreeMap<String, Quantity>,
    /// Who may call it and where it may go; `None` leaves that to others.
    pub network: Option<Network>,
    /// Where the pod may run, and as whom.
    pub pod: Pod,
    /// Labels and annotations by the kind of object they go on.
    pub metadata: BTreeMap<ObjectKind, Metadata>,
    /// The gate's own settings.
    pub gate: Gate,
    /// A strategic-merge patch of the pod template's `spec`, for what has no attribute.
    pub pod_patch: Option<serde_json::Map<String, serde_json::Value>>,
    /// Fields of the Deployment that are ours at its creation and another updater's from then on.
    pub handed_over: BTreeSet<HandedOver>,
}

/// A field of the Deployment that another updater rewrites in place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HandedOver {
    /// The server's image, which Keel and its kin rewrite. Written `image`.
    Image,
    /// Any other field, by its leaf path such as
    /// `spec.template.spec.containers[server].resources.limits.memory`.
    Leaf(String),
}

impl Tenant {
    /// Whether it runs on the CPU: it is given nothing of a card and claims nothing.
    pub fn is_on_cpu(&self) -> bool {
        self.server.slices == 0
    }
}

impl HandedOver {
    /// The leaf path within the Deployment, as [`crate::leaves`] spells it.
    pub fn path(&self) -> &str {
        match self {
            HandedOver::Image => "spec.template.spec.containers[server].image",
            HandedOver::Leaf(path) => path,
        }
    }
}

impl std::str::FromStr for HandedOver {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, crate::Invalid> {
        match text {
            "image" => Ok(HandedOver::Image),
            _ if text == HandedOver::Image.path() => Ok(HandedOver::Image),
            _ if text.starts_with("spec.") || text.starts_with("metadata.") => {
                Ok(HandedOver::Leaf(text.to_owned()))
            }
            _ => Err(crate::Invalid::new(
                "field to hand over",
                text,
                "it is neither `image` nor a path within the Deployment",
                "Write `image`, or a path as the plan shows it under `Deployment/…`.",
            )),
        }
    }
}

impl std::fmt::Display for HandedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            HandedOver::Image => "image",
            HandedOver::Leaf(path) => path,
        })
    }
}

/// The model server's container.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Image reference.
    pub image: String,
    /// When to pull it; `None` leaves it to Kubernetes.
    pub image_pull_policy: Option<PullPolicy>,
    /// Entry point; empty means the image's own.
    pub command: Vec<String>,
    /// Arguments; empty means the image's own.
    pub args: Vec<String>,
    /// The ports it listens on, by name; at least one.
    pub ports: BTreeMap<PortName, u16>,
    /// The name of the port that probes and the Service mean when they name none.
    pub main_port: PortName,
    /// Plain environment. It is not secret: it stands in the plan as short hashes and in the cluster as it is.
    pub env: BTreeMap<EnvName, String>,
    /// Environment from Secrets, by reference.
    pub env_from_secrets: BTreeMap<EnvName, SecretKey>,
    /// Requests by resource name, such as `cpu` and `memory`.
    pub requests: BTreeMap<String, Quantity>,
    /// Limits by resource name.
    pub limits: BTreeMap<String, Quantity>,
    /// How many slices of the card it is given; none for a tenant that is always awake on the CPU.
    pub slices: u32,
    /// The resource of which a slice is one, `nvidia.com/gpu` unless renamed.
    pub slice_resource: String,
    /// Gates traffic and liveness until the model is loaded.
    pub startup_probe: Option<Probe>,
    /// Decides whether the Service sends traffic and whether the gate calls the tenant awake;
    /// `None` means that the main port accepts a connection.
    pub readiness_probe: Option<Probe>,
    /// Restarts the container when it fails.
    pub liveness_probe: Option<Probe>,
    /// The container's security context, as Kubernetes spells it.
    pub security_context: Option<serde_json::Map<String, serde_json::Value>>,
}

/// When the kubelet pulls an image, as Kubernetes spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

/// One key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey {
    /// The Secret's name, in the tenant's namespace.
    pub secret: ObjectName,
    /// The key in it.
    pub key: ConfigKey,
    /// Whether the pod may start without it.
    pub optional: bool,
}

/// Where weights and voices live.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// Where the claim is mounted in the server and the init containers.
    pub mount_path: AbsolutePath,
    /// What backs it.
    pub backing: Backing,
    /// What becomes of a claim (and NFS volume) that we made when the tenant is destroyed.
    pub deletion_policy: DeletionPolicy,
}

/// What backs a tenant's storage.
#[derive(Debug, Clone, PartialEq)]
pub enum Backing {
    /// A claim of ours on a storage class; `None` is the cluster's default class.
    Class {
        /// The claim's size.
        size: Quantity,
        /// The class.
        class: Option<ObjectName>,
        /// `ReadWriteOnce` unless the class can more.
        access_mode: AccessMode,
    },
    /// A claim that exists already in the tenant's namespace and is never changed.
    ExistingClaim(ObjectName),
    /// An NFS export: a PersistentVolume and the claim that it is reserved for.
    Nfs {
        /// The size that both declare.
        size: Quantity,
        /// The server's name or address.
        server: String,
        /// The exported path.
        path: AbsolutePath,
        /// Mount options, as `mount.nfs` spells them.
        mount_options: Vec<String>,
    },
}

/// How many nodes may mount a claim, as Kubernetes spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum AccessMode {
    ReadWriteOnce,
    ReadWriteMany,
    ReadOnlyMany,
    ReadWriteOncePod,
}

/// What becomes of a claim of ours on destroy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// It stays, with its data.
    #[default]
    Retain,
    /// It is deleted.
    Delete,
}

/// How config files reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfigMode {
    /// Mounted from the ConfigMap, read-only.
    #[default]
    Mount,
    /// Copied by an init container to a writable place, for servers that
    /// rewrite their own config; each start begins from the ConfigMap again.
    Copy,
}

/// A probe of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What is tried.
    pub action: ProbeAction,
    /// Seconds between two tries.
    pub period_s: u32,
    /// Seconds one try may take.
    pub timeout_s: u32,
    /// How many failures in a row count.
    pub failure_threshold: u32,
    /// Seconds before the first try.
    pub initial_delay_s: u32,
}

/// What a probe tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAction {
    /// The port accepts a connection. It keeps its meaning while the server is
    /// busy, where an HTTP probe of a single-threaded server kills it mid-work.
    Tcp {
        /// A container port's name.
        port: PortName,
    },
    /// A GET answers with 200 to 399.
    Http {
        /// A container port's name.
        port: PortName,
        /// The path, beginning with `/`.
        path: String,
    },
    /// A command in the container exits with 0.
    Exec {
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// Labels and annotations for one kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Labels.
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Annotations.
    pub annotations: BTreeMap<LabelKey, String>,
}

/// The kinds of object that a tenant consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "Kubernetes' own words; Pod is the Deployment's template")]
pub enum ObjectKind {
    Namespace,
    ResourceQuota,
    NetworkPolicy,
    PersistentVolume,
    PersistentVolumeClaim,
    ConfigMap,
    ServiceAccount,
    Role,
    RoleBinding,
    Deployment,
    Pod,
    PodDisruptionBudget,
    Service,
    CronJob,
    Job,
}

/// The gate's own settings for one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Image of `gpu-agent`, for the gate's CronJobs and the admit check.
    pub image: String,
    /// Bounds in time.
    pub timing: Timing,
    /// Option B: Deployments that make room for the window.
    pub pauses: Vec<ScaleTarget>,
    /// The call that makes the server let go of its memory.
    pub unload: Option<UnloadCall>,
    /// Who says whether there is work.
    pub demand: Option<DemandProbe>,
    /// The Secret of the tenant's namespace by which the gate asks an `https` source of its card.
    pub source_secret: Option<ObjectName>,
}

/// An absolute path within a container or an export, without `..` or `//`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsolutePath(String);

impl AbsolutePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` lies at or below this path.
    pub fn covers(&self, other: &AbsolutePath) -> bool {
        let own = self.0.trim_end_matches('/');
        other.0.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl std::str::FromStr for AbsolutePath {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, crate::Invalid> {
        let refuse = |reason: &str| {
            Err(crate::Invalid::new("path", text, reason, "Write an absolute path such as `/data`."))
        };
        if !text.starts_with('/') {
            return refuse("it does not begin with `/`");
        }
        if text.contains('\0') || text.contains(':') {
            return refuse("Kubernetes refuses `:` and NUL in mount paths");
        }
        if text.split('/').any(|part| part == ".." || part == ".") {
            return refuse("it contains `.` or `..` as a part");
        }
        if text.contains("//") || (text.len() > 1 && text.ends_with('/')) {
            return refuse("it has an empty part");
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for AbsolutePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The namespace itself, which all names of a tenant but its volume live in.
impl Tenant {
    /// The tenant's namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.id.namespace
    }
}
