//! What a tenant file and the catalogue say of a model server: the keys that both
//! have, declared once, and the records below them.

use tenancy::address::AddressRange;
use tenancy::duration::Seconds;
use tenancy::names::{
    ConfigKey, ContainerName, EnvName, LabelKey, LabelValue, ObjectName, PortName, VolumeName,
};
use tenancy::quantity::Quantity;
use tenancy::tenant::{AbsolutePath, ConfigMode, PullPolicy, ServiceType};

use super::{RawConfigFile, RawStorage, RawTiming, RawToleration, RawVolume};
use crate::leaf::{HttpMethod, Port};
use crate::read::{At, Entries, Verbatim};
use crate::record;

/// Declares a record that has, beside its own keys, those of a model server. A
/// tenant file says them of one tenant, an entry of the catalogue of every
/// tenant of its server.
macro_rules! server_record {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $crate::record! {
            $(#[$meta])*
            pub struct $name {
                $($own)*

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
                /// The ports it listens on, by name, where there are several. Instead of `port`.
                pub ports: Option<Entries<PortName, At<Port>>>,
                /// Which of `ports` the Service and the unload call mean. The first by name unless given.
                pub main_port: Option<At<PortName>>,
                /// The Service in front of it.
                pub service: Option<RawService>,
                /// Plain environment. It is not secret.
                pub env: Option<Entries<EnvName, At<String>>>,
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
                /// Where its weights live.
                pub storage: Option<RawStorage>,
                /// Volumes beside it, by name.
                pub volumes: Option<Entries<VolumeName, RawVolume>>,
                /// How much memory its processes may share through `/dev/shm`. It counts as memory that it uses.
                pub shm_size: Option<At<Quantity>>,
                /// Files by their path in the container: their text, or `file:` and a path below `tenants`.
                pub config: Option<Entries<AbsolutePath, RawConfigFile>>,
                /// `mount`: read-only. `copy`: writable, for servers that rewrite their own config.
                pub config_mode: Option<At<ConfigMode>>,
                /// The call that makes the server let go of its memory before it is put to sleep.
                pub unload: Option<RawUnload>,
                /// How long the server may take to end.
                pub grace_period: Option<At<Seconds>>,
                /// The gate's bounds in time.
                pub timing: Option<RawTiming>,
                /// Labels that a node must have. The card's node unless given.
                pub node_selector: Option<Entries<LabelKey, At<LabelValue>>>,
                /// Taints it bears.
                pub tolerations: Option<Vec<RawToleration>>,
                /// Its priority class.
                pub priority_class: Option<At<ObjectName>>,
                /// The pod's security context, as Kubernetes spells it.
                pub pod_security_context: Option<Verbatim>,
                /// A strategic-merge patch of the pod's spec, for what has no key here.
                pub pod_patch: Option<Verbatim>,
            }
        }
    };
}

pub(super) use server_record;

server_record! {
    /// Keys of a tenant file that follow from its server, its device or its precision.
    pub struct RawSets {}
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
