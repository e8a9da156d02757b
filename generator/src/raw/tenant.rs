//! `tenants/<name>.yaml` as typed.

use std::net::IpAddr;

use jiff::Timestamp;
use tenancy::Invalid;
use tenancy::address::AddressRange;
use tenancy::card::Unit;
use tenancy::card::model::Precision;
use tenancy::demand::{HttpUrl, JsonPath};
use tenancy::duration::Seconds;
use tenancy::gate::ScaleTarget;
use tenancy::measured::Address;
use tenancy::names::{
    CardName, ConfigKey, ContainerName, EnvName, HostName, LabelKey, LabelValue, Namespace, ObjectName,
    PortName, TenantName, VolumeName, WindowName,
};
use tenancy::quantity::{Mib, Quantity};
use tenancy::tenant::{
    AbsolutePath, AccessMode, ConfigMode, DeletionPolicy, HandedOver, ObjectKind, PullPolicy, ServiceType,
};
use tenancy::window::{Day, TimeOfDay, Zone};

use super::RawSets;
use crate::leaf::{Device, HttpMethod, Port, TaintEffect, TolerationOperator, WhenUnsatisfiable};
use crate::node::{Node, Value};
use crate::read::{At, Entries, FromNode, Leaf, Reader, Tree, Verbatim};
use crate::record;

record! {
    /// One tenant: a model server that wants a card.
    pub struct RawTenant {
        /// Its namespace.
        pub namespace: At<Namespace>,
        /// Its name in the namespace. The file's name unless given.
        pub name: Option<At<TenantName>>,
        /// Which model server it is, by its name in the catalogue, which then says what is left out
        /// here: image, ports, probes, storage. `gpu-stacks explain` shows all of it.
        pub server: Option<At<String>>,
        /// What it computes on: `gpu` unless given. With `cpu` it is always awake and claims nothing;
        /// card, peak and windows may stay for the way back.
        pub device: Option<At<Device>>,
        /// What it computes in. An error where its card cannot.
        pub precision: Option<At<Precision>>,
        /// Keys that hold while `device` is `gpu`.
        pub gpu: Option<Tree<RawSets>>,
        /// Keys that hold while `device` is `cpu`.
        pub cpu: Option<Tree<RawSets>>,
        /// The card it lives on.
        pub card: Option<At<CardName>>,
        /// The most video memory it ever holds. Marked as a guess unless `measured` is given.
        pub peak: Option<At<Mib>>,
        /// Where and when the peak was seen, or where it is read: then `peak` is what counts until
        /// enough was seen.
        pub measured: Option<RawMeasured>,
        /// What must stay free on the card beside everything while it is awake.
        pub headroom: Option<At<Mib>>,
        /// Who yields first when the card is short: the lowest.
        pub priority: Option<At<i32>>,

        /// When it may be awake, by name. Instead of `always` and `on_demand`.
        pub windows: Option<Entries<WindowName, RawWindow>>,
        /// Awake at all times, counted as protected.
        pub always: Option<At<bool>>,
        /// Awake whenever there is work and room, at any hour. `demand` says where work is seen.
        pub on_demand: Option<At<bool>>,
        /// Asleep until a person says otherwise.
        pub suspend: Option<At<bool>>,
        /// Between two looks of the gate while a window is open.
        pub guard_interval: Option<At<Seconds>>,
        /// The gate's other bounds in time.
        pub timing: Option<RawTiming>,
        /// Deployments that make room for the window, as `namespace/name`. Their replicas come back after it.
        pub pauses: Option<Vec<At<ScaleTarget>>>,
        /// The call that makes the server let go of its memory before it is put to sleep.
        pub unload: Option<RawUnload>,
        /// Where the gate sees whether there is work. With `windows`, the tenant wakes in one only when
        /// there is.
        pub demand: Option<RawDemand>,
        /// Image of gpu-agent. The fleet's unless given. A tenant that is always awake has no gate and uses none.
        pub agent_image: Option<At<String>>,

        /// The server's image. That of `server` unless given.
        pub image: Option<At<String>>,
        /// When to pull it.
        pub image_pull_policy: Option<At<PullPolicy>>,
        /// Secrets to pull images with, by name.
        pub image_pull_secrets: Option<Vec<At<ObjectName>>>,
        /// Entry point instead of the image's.
        pub command: Option<Vec<At<String>>>,
        /// Arguments instead of the image's.
        pub args: Option<Vec<At<String>>>,
        /// The one port it listens on, named `http`.
        pub port: Option<At<Port>>,
        /// The ports it listens on, by name, where there are several. Instead of `port`.
        pub ports: Option<Entries<PortName, At<Port>>>,
        /// Which of `ports` the Service and the unload call mean. The first by name unless given.
        pub main_port: Option<At<PortName>>,
        /// The Service in front of it.
        pub service: Option<RawService>,
        /// Plain environment. It is not secret.
        pub env: Option<Entries<EnvName, At<String>>>,
        /// Environment from Secrets, by reference.
        pub env_from_secrets: Option<Entries<EnvName, RawSecretKey>>,
        /// What it is guaranteed, by resource.
        pub requests: Option<Entries<String, At<Quantity>>>,
        /// What it may use at most, by resource.
        pub limits: Option<Entries<String, At<Quantity>>>,
        /// How many slices of the card it is given. One unless given.
        pub slices: Option<At<u32>>,
        /// The resource of which a slice is one. `nvidia.com/gpu` unless given.
        pub slice_resource: Option<At<String>>,
        /// Gates the other probes until the model is loaded.
        pub startup_probe: Option<RawProbe>,
        /// Decides whether the Service sends traffic.
        pub readiness_probe: Option<RawProbe>,
        /// Restarts the server when it fails.
        pub liveness_probe: Option<RawProbe>,
        /// The container's security context, as Kubernetes spells it.
        pub security_context: Option<Verbatim>,
        /// Containers that run before the server, by name.
        pub init_containers: Option<Entries<ContainerName, RawInitContainer>>,
        /// A Job on the CPU that fills the storage while the tenant sleeps.
        pub prefetch: Option<RawPrefetch>,

        /// Containers that run beside the server, by name.
        pub sidecars: Option<Entries<ContainerName, RawSidecar>>,

        /// Where its weights live.
        pub storage: Option<RawStorage>,
        /// Volumes beside it, by name.
        pub volumes: Option<Entries<VolumeName, RawVolume>>,
        /// How much memory its processes may share through `/dev/shm`. It counts as memory that it uses.
        pub shm_size: Option<At<Quantity>>,
        /// Files by their path in the container: their text, or `file:` and a path beside this file.
        pub config: Option<Entries<AbsolutePath, RawConfigFile>>,
        /// `mount`: read-only. `copy`: writable, for servers that rewrite their own config.
        pub config_mode: Option<At<ConfigMode>>,

        /// Labels that a node must have. The card's node unless given.
        pub node_selector: Option<Entries<LabelKey, At<LabelValue>>>,
        /// Taints it bears.
        pub tolerations: Option<Vec<RawToleration>>,
        /// What it wants to be near to or far from, as Kubernetes spells it.
        pub affinity: Option<Verbatim>,
        /// How it is spread with other tenants, by the node's label.
        pub topology_spread: Option<Entries<LabelKey, RawTopologySpread>>,
        /// The RuntimeClass that runs it. The node's own unless given.
        pub runtime_class: Option<At<ObjectName>>,
        /// Names that it finds without asking DNS, by their address.
        pub host_aliases: Option<Entries<IpAddr, Vec<At<HostName>>>>,
        /// Its priority class.
        pub priority_class: Option<At<ObjectName>>,
        /// With `always`: whether a drain of its node may evict it. It may unless given.
        pub evictable: Option<At<bool>>,
        /// What all pods of its namespace may ask for together, by resource.
        pub quota: Option<Entries<String, At<Quantity>>>,
        /// Who may call it and where it may go.
        pub network: Option<RawNetwork>,
        /// The pod's security context, as Kubernetes spells it.
        pub pod_security_context: Option<Verbatim>,
        /// How long the server may take to end.
        pub grace_period: Option<At<Seconds>>,
        /// Labels by kind of object.
        pub labels: Option<Entries<ObjectKind, Entries<LabelKey, At<LabelValue>>>>,
        /// Annotations by kind of object.
        pub annotations: Option<Entries<ObjectKind, Entries<LabelKey, At<String>>>>,
        /// A strategic-merge patch of the pod's spec, for what has no key here.
        pub pod_patch: Option<Verbatim>,

        /// Fields that another program may rewrite in place, such as `image` for Keel.
        pub hand_over: Option<Vec<At<HandedOver>>>,
        /// Objects that exist already and are taken over, as `Kind/name`.
        pub adopt: Option<Vec<At<String>>>,
        /// Objects of its claim on a card that exist already and are taken over, as `Kind/name`.
        pub adopt_claim: Option<Vec<At<String>>>,
        /// Whether an apply waits until an `always` tenant is ready. It does unless given.
        pub wait: Option<At<bool>>,
        /// How long Terraform waits.
        pub timeouts: Option<RawTimeouts>,
    }
}

record! {
    /// Where and when a peak was seen, or where it is read.
    pub struct RawMeasured {
        /// The metric and where it was read. With `at`, for a `peak` that was seen once.
        pub source: Option<At<String>>,
        /// When, as RFC 3339.
        pub at: Option<At<Timestamp>>,
        /// A Prometheus to read from at every plan: its URL, or `namespace/service:port`.
        pub prometheus: Option<At<Address>>,
        /// The page of our exporter to read from instead, given in the same two ways.
        pub exporter: Option<At<Address>>,
        /// The series of what the tenant's containers hold, unless Prometheus has our exporter's.
        pub selector: Option<At<String>>,
        /// In what that series counts.
        pub unit: Option<At<Unit>>,
        /// How far back the most is looked for.
        pub look_back: Option<At<Seconds>>,
        /// The model that the tenant serves. Another one makes the peak a guess again, as another
        /// `image` does.
        pub model: Option<At<String>>,
        /// Since when image and model run, as RFC 3339: what was before does not count.
        pub since: Option<At<Timestamp>>,
    }
}

record! {
    /// A window. One whose end is not after its start ends on the next day.
    pub struct RawWindow {
        /// When it opens, `HH:MM`.
        pub start: At<TimeOfDay>,
        /// When it closes, `HH:MM`.
        pub end: At<TimeOfDay>,
        /// The days on which it opens. Every day unless given.
        pub days: Option<Vec<At<Day>>>,
        /// Its IANA time zone. The fleet's unless given.
        pub time_zone: Option<At<Zone>>,
    }
}

record! {
    /// The gate's bounds in time, beside `guard_interval` and `grace_period`.
    pub struct RawTiming {
        /// From admission until the model answers, as a person expects it. `3m` unless given.
        pub start_estimate: Option<At<Seconds>>,
        /// Less time awake than this is not worth a start. `10m` unless given.
        pub useful_minimum: Option<At<Seconds>>,
        /// How long the card may be short before one tenant yields. `30s` unless given.
        pub shortage_grace: Option<At<Seconds>>,
        /// How long running tenants hold while the card's source does not answer. `10m` unless given.
        pub unknown_hold: Option<At<Seconds>>,
        /// How long a pod may be Pending without a node. `2m` unless given.
        pub pending_limit: Option<At<Seconds>>,
        /// How long an admitted pod may take until it is ready. `20m` unless given.
        pub loading_limit: Option<At<Seconds>>,
        /// The pause after a yield, a failed start or three crashes in a row. `10m` unless given.
        pub backoff: Option<At<Seconds>>,
    }
}

record! {
    /// An HTTP call to the server itself.
    pub struct RawUnload {
        /// `POST` unless given.
        pub method: Option<At<HttpMethod>>,
        /// The path, such as `/api/unload`.
        pub path: At<String>,
        /// The number of the port that takes it. The main one's unless given.
        pub port: Option<At<Port>>,
        /// What is sent with it, as JSON. Nothing unless given.
        pub body: Option<Verbatim>,
        /// How long it may take. Ten seconds unless given.
        pub timeout: Option<At<Seconds>>,
    }
}

record! {
    /// Where the gate sees whether there is work: one of `http` and `prometheus`.
    pub struct RawDemand {
        /// A GET that is answered with JSON.
        pub http: Option<RawDemandHttp>,
        /// An instant query to a Prometheus.
        pub prometheus: Option<RawDemandPrometheus>,
        /// How long there must be no work before it is put to sleep. Ten minutes unless given.
        pub idle_after: Option<At<Seconds>>,
    }
}

record! {
    /// A GET that is answered with JSON.
    pub struct RawDemandHttp {
        /// The address, as a pod of the tenant's namespace reaches it.
        pub url: At<HttpUrl>,
        /// The JSONPath (RFC 9535) of a number, a truth value or a list: above 0, `true` and not
        /// empty mean work.
        pub json_path: At<JsonPath>,
    }
}

record! {
    /// An instant query to a Prometheus.
    pub struct RawDemandPrometheus {
        /// The server, without `/api/v1/query`.
        pub url: At<HttpUrl>,
        /// The query; above 0 means work, and no series means nothing.
        pub query: At<String>,
    }
}

record! {
    /// The Service in front of a server: one port, or several by name.
    pub struct RawService {
        /// What callers dial.
        pub port: Option<At<Port>>,
        /// What callers dial, by name, and the server's port that each leads to.
        pub ports: Option<Entries<PortName, RawServicePort>>,
        /// Who reaches it: `ClusterIP` unless given, `NodePort` or `LoadBalancer`.
        pub r#type: Option<At<ServiceType>>,
        /// With `port`: the port of every node that leads here too. Kubernetes chooses one unless given.
        pub node_port: Option<At<Port>>,
        /// Which of several load balancers serves it.
        pub load_balancer_class: Option<At<LabelKey>>,
        /// The callers that the load balancer lets through. All of them unless given.
        pub load_balancer_source_ranges: Option<Vec<At<AddressRange>>>,
    }
}

record! {
    /// One of several ports of a Service.
    pub struct RawServicePort {
        /// What callers dial.
        pub port: At<Port>,
        /// The server's or a sidecar's port, by name. The one of the same name unless given.
        pub target: Option<At<PortName>>,
        /// The port of every node that leads here too. Kubernetes chooses one unless given.
        pub node_port: Option<At<Port>>,
    }
}

record! {
    /// One key of a Secret in the tenant's namespace.
    pub struct RawSecretKey {
        /// The Secret.
        pub secret: At<ObjectName>,
        /// The key in it.
        pub key: At<ConfigKey>,
        /// Whether the server may start without it.
        pub optional: Option<At<bool>>,
    }
}

record! {
    /// What a probe tries: one of `tcp`, `http` and `exec`.
    pub struct RawProbe {
        /// A port accepts a connection. It keeps its meaning while the server is busy.
        pub tcp: Option<RawTcpProbe>,
        /// A GET answers with 200 to 399.
        pub http: Option<RawHttpProbe>,
        /// A command in the container exits with 0.
        pub exec: Option<Vec<At<String>>>,
        /// Between two tries. Ten seconds unless given.
        pub period: Option<At<Seconds>>,
        /// How long one try may take. One second unless given.
        pub timeout: Option<At<Seconds>>,
        /// How many failures in a row count. Three unless given.
        pub failure_threshold: Option<At<u32>>,
        /// Before the first try. Nothing unless given.
        pub initial_delay: Option<At<Seconds>>,
    }
}

record! {
    /// A port that accepts a connection.
    pub struct RawTcpProbe {
        /// The port's name. The main one unless given.
        pub port: Option<At<PortName>>,
    }
}

record! {
    /// A GET that is answered.
    pub struct RawHttpProbe {
        /// The port's name. The main one unless given.
        pub port: Option<At<PortName>>,
        /// The path, beginning with `/`.
        pub path: At<String>,
    }
}

record! {
    /// A container that runs before the server.
    pub struct RawInitContainer {
        /// Its image.
        pub image: At<String>,
        /// Entry point instead of the image's.
        pub command: Option<Vec<At<String>>>,
        /// Arguments instead of the image's.
        pub args: Option<Vec<At<String>>>,
        /// Plain environment. It is not secret.
        pub env: Option<Entries<EnvName, At<String>>>,
    }
}

record! {
    /// A Job on the CPU that fills the storage, once for what it says.
    pub struct RawPrefetch {
        /// Its image; the server's unless given.
        pub image: Option<At<String>>,
        /// Entry point instead of the image's.
        pub command: Option<Vec<At<String>>>,
        /// Arguments instead of the image's.
        pub args: Option<Vec<At<String>>>,
        /// Plain environment. It is not secret.
        pub env: Option<Entries<EnvName, At<String>>>,
        /// Environment from Secrets, by reference.
        pub env_from_secrets: Option<Entries<EnvName, RawSecretKey>>,
    }
}

record! {
    /// A container that runs beside the server for as long as it does. It is given nothing of the card.
    pub struct RawSidecar {
        /// Its image.
        pub image: At<String>,
        /// Entry point instead of the image's.
        pub command: Option<Vec<At<String>>>,
        /// Arguments instead of the image's.
        pub args: Option<Vec<At<String>>>,
        /// Plain environment. It is not secret.
        pub env: Option<Entries<EnvName, At<String>>>,
        /// Environment from Secrets, by reference.
        pub env_from_secrets: Option<Entries<EnvName, RawSecretKey>>,
        /// The ports it listens on, by name, to which the Service may lead too.
        pub ports: Option<Entries<PortName, At<Port>>>,
        /// What it is guaranteed, by resource.
        pub requests: Option<Entries<String, At<Quantity>>>,
        /// What it may use at most, by resource.
        pub limits: Option<Entries<String, At<Quantity>>>,
    }
}

record! {
    /// Where weights live: on a storage class, an existing claim, or an NFS export.
    pub struct RawStorage {
        /// Where it is mounted. Where `server` keeps its weights unless given.
        pub mount_path: Option<At<AbsolutePath>>,
        /// How large the claim is. Not with `existing_claim`.
        pub size: Option<At<Quantity>>,
        /// The storage class. The cluster's default unless given.
        pub class: Option<At<ObjectName>>,
        /// `ReadWriteOnce` unless given.
        pub access_mode: Option<At<AccessMode>>,
        /// A claim that exists and is never changed.
        pub existing_claim: Option<At<ObjectName>>,
        /// An NFS export.
        pub nfs: Option<RawNfs>,
        /// What becomes of the claim when the tenant is destroyed: `retain` unless given.
        pub deletion_policy: Option<At<DeletionPolicy>>,
    }
}

record! {
    /// An NFS export.
    pub struct RawNfs {
        /// The server's name or address.
        pub server: At<String>,
        /// The exported path.
        pub path: At<AbsolutePath>,
        /// Options, as `mount.nfs` spells them.
        pub mount_options: Option<Vec<At<String>>>,
    }
}

record! {
    /// A volume beside the storage: one of `empty_dir`, `claim`, `config_map` and `secret`.
    pub struct RawVolume {
        /// Where it is mounted.
        pub mount_path: At<AbsolutePath>,
        /// One file or folder of it that is mounted instead of the whole.
        pub sub_path: Option<At<String>>,
        /// Whether it cannot be written to. ConfigMaps and Secrets never can.
        pub read_only: Option<At<bool>>,
        /// Scratch space, empty at each start of the pod.
        pub empty_dir: Option<RawEmptyDir>,
        /// A claim of its namespace that exists and is never changed.
        pub claim: Option<At<ObjectName>>,
        /// A ConfigMap of its namespace that exists, each key a file.
        pub config_map: Option<At<ObjectName>>,
        /// A Secret of its namespace that exists, each key a file.
        pub secret: Option<At<ObjectName>>,
        /// Whether the pod may start without the ConfigMap or Secret.
        pub optional: Option<At<bool>>,
    }
}

record! {
    /// Scratch space, empty at each start of the pod.
    pub struct RawEmptyDir {
        /// The most it may hold.
        pub size: At<Quantity>,
        /// In memory instead of on the node's disk. It counts as memory that the server uses.
        pub in_memory: Option<At<bool>>,
    }
}

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

record! {
    /// How long Terraform waits.
    pub struct RawTimeouts {
        /// For a new tenant.
        pub create: Option<At<Seconds>>,
        /// For a changed one.
        pub update: Option<At<Seconds>>,
        /// For one that goes.
        pub delete: Option<At<Seconds>>,
    }
}

/// A config file: its text, or the path of a file beside the tenant's.
#[derive(Debug, Clone)]
pub enum RawConfigFile {
    /// The text itself.
    Inline(At<String>),
    /// A path relative to the tenant file.
    File(At<String>),
}

record! {
    /// A config file that lies beside the tenant file.
    pub struct RawFileReference {
        /// Its path, relative to the tenant file.
        pub file: At<String>,
    }
}

impl FromNode for RawConfigFile {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::Map(_) => RawFileReference::from_node(node, reader).map(|found| Self::File(found.file)),
            _ => At::from_node(node, reader).map(Self::Inline),
        }
    }
}

impl schemars::JsonSchema for RawConfigFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawConfigFile".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let reference = generator.subschema_for::<RawFileReference>();
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, reference] })
    }
}

impl Leaf for Timestamp {
    fn leaf(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|_| {
            Invalid::new("time", text, "it is not RFC 3339", "Write a time such as `2026-11-20T03:10:00Z`.")
        })
    }

    fn refine(schema: &mut schemars::Schema) {
        schema.insert("format".into(), "date-time".into());
    }
}
