//! An entry of the catalogue as typed: what is known of one model server.

use tenancy::card::model::Precision;
use tenancy::duration::Seconds;
use tenancy::names::{ContainerName, EnvName, LabelKey, LabelValue, ObjectName, PortName, VolumeName};
use tenancy::quantity::{Mib, Quantity};
use tenancy::tenant::{AbsolutePath, ConfigMode, PullPolicy};

use super::{
    RawConfigFile, RawInitContainer, RawProbe, RawService, RawStorage, RawTiming, RawToleration, RawUnload,
    RawVolume,
};
use crate::leaf::{Class, Device, Port, Url, Verified};
use crate::read::{At, Entries, Tree, Verbatim};
use crate::record;

record! {
    /// What is known of one model server, fact by fact, each with its source.
    pub struct RawEntry {
        /// What it does: `tts` speaks, `stt` listens, `llm` writes.
        pub class: At<Class>,
        /// Its name as its authors write it.
        pub title: At<String>,
        /// Where it comes from.
        pub home: At<Url>,
        /// Where it runs.
        pub devices: Vec<At<Device>>,
        /// What it needs. A later fact goes over an earlier one, one for a device over one for both.
        pub facts: Vec<RawFact>,
        /// How much memory of a card was seen in use.
        pub figures: Option<Vec<RawFigure>>,
        /// The precision it computes in when nobody says otherwise, where that is known.
        pub usual_precision: Option<At<Precision>>,
        /// The precisions it can be told to compute in.
        pub precisions: Option<Vec<RawPrecision>>,
    }
}

record! {
    /// One thing that is known: keys of a tenant file with their values.
    pub struct RawFact {
        /// The keys.
        pub sets: Tree<RawSets>,
        /// The device that it is about. Both unless given.
        pub on: Option<At<Device>>,
        /// Where that is written, or what makes us believe it.
        pub source: At<String>,
        /// `source`: read there. `run`: seen in use. Left out, nobody has checked it.
        pub verified: Option<At<Verified>>,
    }
}

record! {
    /// How much memory of a card was seen in use.
    pub struct RawFigure {
        /// With which model, after what.
        pub what: At<String>,
        /// How much.
        pub memory: Option<At<Mib>>,
        /// Who saw it.
        pub source: At<String>,
        /// `source`: read there. `run`: seen in use. Left out, nobody has checked it.
        pub verified: Option<At<Verified>>,
    }
}

record! {
    /// A precision that a server can be told to compute in.
    pub struct RawPrecision {
        /// Which.
        pub name: At<Precision>,
        /// Keys of a tenant file that tell it so.
        pub sets: Option<Tree<RawSets>>,
        /// Arguments that tell it so, behind those it has.
        pub args: Option<Vec<At<String>>>,
        /// Where that is written.
        pub source: At<String>,
        /// `source`: read there. `run`: seen in use. Left out, nobody has checked it.
        pub verified: Option<At<Verified>>,
    }
}

record! {
    /// Keys of a tenant file that follow from its server, its device or its precision.
    pub struct RawSets {
        /// The server's image.
        pub image: Option<At<String>>,
        /// When to pull it.
        pub image_pull_policy: Option<At<PullPolicy>>,
        /// Entry point instead of the image's.
        pub command: Option<Vec<At<String>>>,
        /// Arguments instead of the image's.
        pub args: Option<Vec<At<String>>>,
        /// The one port it listens on, named `http`.
        pub port: Option<At<Port>>,
        /// The ports it listens on, by name, where there are several.
        pub ports: Option<Entries<PortName, At<Port>>>,
        /// Which of `ports` the Service and the unload call mean.
        pub main_port: Option<At<PortName>>,
        /// The Service in front of it.
        pub service: Option<RawService>,
        /// Plain environment.
        pub env: Option<Entries<EnvName, At<String>>>,
        /// What it is guaranteed, by resource.
        pub requests: Option<Entries<String, At<Quantity>>>,
        /// What it may use at most, by resource.
        pub limits: Option<Entries<String, At<Quantity>>>,
        /// How many slices of the card it is given.
        pub slices: Option<At<u32>>,
        /// The resource of which a slice is one.
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
        /// Where its weights live, and how large that should be.
        pub storage: Option<RawStorage>,
        /// Volumes beside it, by name.
        pub volumes: Option<Entries<VolumeName, RawVolume>>,
        /// How much memory its processes may share through `/dev/shm`.
        pub shm_size: Option<At<Quantity>>,
        /// Files by their path in the container.
        pub config: Option<Entries<AbsolutePath, RawConfigFile>>,
        /// `mount`: read-only. `copy`: writable.
        pub config_mode: Option<At<ConfigMode>>,
        /// The call that makes the server let go of its memory.
        pub unload: Option<RawUnload>,
        /// How long the server may take to end.
        pub grace_period: Option<At<Seconds>>,
        /// The gate's bounds in time.
        pub timing: Option<RawTiming>,
        /// Labels that a node must have.
        pub node_selector: Option<Entries<LabelKey, At<LabelValue>>>,
        /// Taints it bears.
        pub tolerations: Option<Vec<RawToleration>>,
        /// Its priority class.
        pub priority_class: Option<At<ObjectName>>,
        /// The pod's security context, as Kubernetes spells it.
        pub pod_security_context: Option<Verbatim>,
        /// A strategic-merge patch of the pod's spec.
        pub pod_patch: Option<Verbatim>,
    }
}
