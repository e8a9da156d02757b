//! `tenants/<name>.yaml` as typed.

use std::net::IpAddr;

use jiff::Timestamp;
use tenancy::Invalid;
use tenancy::card::Unit;
use tenancy::card::model::Precision;
use tenancy::duration::Seconds;
use tenancy::gate::ScaleTarget;
use tenancy::measured::Address;
use tenancy::names::{
    CardName, ContainerName, EnvName, HostName, LabelKey, LabelValue, Namespace, ObjectName, PortName,
    TenantName, VolumeName, WindowName,
};
use tenancy::quantity::{Mib, Quantity};
use tenancy::tenant::{AbsolutePath, ConfigMode, HandedOver, ObjectKind, PullPolicy};

use super::server::server_record;
use super::{
    RawConfigFile, RawDemand, RawInitContainer, RawNetwork, RawPrefetch, RawProbe, RawSecretKey, RawService,
    RawSets, RawSidecar, RawStorage, RawTimeouts, RawTiming, RawToleration, RawTopologySpread, RawUnload,
    RawVolume, RawWindow,
};
use crate::leaf::{Device, Port};
use crate::read::{At, Entries, Leaf, Tree, Verbatim};
use crate::record;

server_record! {
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
        /// Deployments that make room for the window, as `namespace/name`. Their replicas come back after it.
        pub pauses: Option<Vec<At<ScaleTarget>>>,
        /// Where the gate sees whether there is work. With `windows`, the tenant wakes in one only when
        /// there is.
        pub demand: Option<RawDemand>,
        /// Image of gpu-agent. The fleet's unless given. A tenant that is always awake has no gate and uses none.
        pub agent_image: Option<At<String>>,

        /// Secrets to pull images with, by name.
        pub image_pull_secrets: Option<Vec<At<ObjectName>>>,
        /// Environment from Secrets, by reference.
        pub env_from_secrets: Option<Entries<EnvName, RawSecretKey>>,
        /// A Job on the CPU that fills the storage while the tenant sleeps.
        pub prefetch: Option<RawPrefetch>,

        /// Containers that run beside the server, by name.
        pub sidecars: Option<Entries<ContainerName, RawSidecar>>,

        /// What it wants to be near to or far from, as Kubernetes spells it.
        pub affinity: Option<Verbatim>,
        /// How it is spread with other tenants, by the node's label.
        pub topology_spread: Option<Entries<LabelKey, RawTopologySpread>>,
        /// The RuntimeClass that runs it. The node's own unless given.
        pub runtime_class: Option<At<ObjectName>>,
        /// Names that it finds without asking DNS, by their address.
        pub host_aliases: Option<Entries<IpAddr, Vec<At<HostName>>>>,
        /// With `always`: whether a drain of its node may evict it. It may unless given.
        pub evictable: Option<At<bool>>,
        /// What all pods of its namespace may ask for together, by resource.
        pub quota: Option<Entries<String, At<Quantity>>>,
        /// Who may call it and where it may go.
        pub network: Option<RawNetwork>,
        /// Labels by kind of object.
        pub labels: Option<Entries<ObjectKind, Entries<LabelKey, At<LabelValue>>>>,
        /// Annotations by kind of object.
        pub annotations: Option<Entries<ObjectKind, Entries<LabelKey, At<String>>>>,
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
