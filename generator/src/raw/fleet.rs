//! `fleet.yaml` as typed.

use tenancy::card::model::CardModel;
use tenancy::duration::Seconds;
use tenancy::names::{
    CardName, EnvName, ExporterName, LabelKey, LabelValue, Namespace, NodeName, ObjectName, ResidentName,
};
use tenancy::quantity::Mib;
use tenancy::tenant::ObjectKind;
use tenancy::window::Zone;

use super::RawToleration;
use crate::leaf::{Binary, ExporterPage, Layout, MemoryUnit, PlanObjects, Port, Url};
use crate::read::{At, Entries};
use crate::record;

record! {
    /// A live repository: its cards, who lives on them, and what all its tenants share.
    pub struct RawFleet {
        /// The cards by name.
        pub cards: Entries<CardName, RawCard>,
        /// Our exporters on the GPU nodes, by name. One is enough, such as `gpu-exporter: {}`, unless
        /// nodes differ in their runtime class.
        pub exporters: Option<Entries<ExporterName, RawExporter>>,
        /// What every tenant has that says nothing else.
        pub defaults: Option<RawDefaults>,
        /// How the provider reaches the cluster. What is left out is taken from the environment
        /// (`KUBE_CONFIG_PATH`, `KUBE_CTX` and their kin).
        pub provider: Option<RawProvider>,
        /// Where the stacks' states are kept. Left out, beside each stack.
        pub backend: Option<RawBackend>,
        /// Which program terragrunt runs. Left out, terragrunt chooses; with both
        /// installed, set TG_TF_PATH too.
        pub binary: Option<At<Binary>>,
        /// How the stacks are laid out: `root`, a folder for each beside this file, or `stack`, units
        /// of one terragrunt.stack.hcl. `root` unless given. States keep their places.
        pub layout: Option<At<Layout>>,
    }
}

record! {
    /// One physical GPU.
    pub struct RawCard {
        /// The node it sits in.
        pub node: At<NodeName>,
        /// Its position on the node, as nvidia-smi counts, until its UUID is known.
        pub index: Option<At<u32>>,
        /// The UUID that the driver reports, `GPU-…`, or that of a slice of MIG, `MIG-…`, whose figures only a
        /// `prometheus` has. Instead of `index`.
        pub uuid: Option<At<String>>,
        /// Where its figures are read, such as `{ dcgm: "http://dcgm-exporter.gpu-operator:9400/metrics" }`.
        pub source: RawSource,
        /// Which model it is, such as `T4`: what it can compute in, and how large it is where `memory`
        /// does not say. A slice of MIG is never as large as its card: give its `memory`.
        pub model: Option<At<&'static CardModel>>,
        /// How many slices of it the device plugin offers (its `replicas`), so that `fit` tells when
        /// tenants want more.
        pub slices: Option<At<u32>>,
        /// Its size as the driver or the label `nvidia.com/gpu.memory` says, which lets `fit` and a plan
        /// refuse what can never fit.
        pub memory: Option<At<Mib>>,
        /// What the driver keeps of it, as `DCGM_FI_DEV_FB_RESERVED` tells: 450MiB of a T4. Only `fit`
        /// needs it; on the card the device's own figure counts.
        pub reserved: Option<At<Mib>>,
        /// Below this much free memory a tenant yields at once. A quarter of the headroom unless given.
        pub critical: Option<At<Mib>>,
        /// Processes on the card that nobody here schedules, by name.
        pub residents: Option<Entries<ResidentName, RawResident>>,
        /// Whether a watcher looks at it every few seconds, beside its tenants' CronJobs.
        pub watch: Option<At<bool>>,
        /// Objects of the card that exist already and are taken over, as `Kind/name`.
        pub adopt: Option<Vec<At<String>>>,
    }
}

record! {
    /// Where a card's figures are read: one source for the device, and perhaps a per-pod gauge.
    pub struct RawSource {
        /// Our own exporter: one of `exporters` by its name, or the metrics page of one that is made
        /// elsewhere.
        pub exporter: Option<At<ExporterPage>>,
        /// Metrics page of NVIDIA's dcgm-exporter. Instead of `exporter`.
        pub dcgm: Option<At<Url>>,
        /// Metrics page of utkuozdemir/nvidia_gpu_exporter, of a card by its `uuid`. Instead of `exporter`.
        pub nvidia_gpu_exporter: Option<At<Url>>,
        /// A Prometheus that scrapes one of them or another. Instead of `exporter`.
        pub prometheus: Option<RawPrometheus>,
        /// Metrics page of a per-pod gauge, by which `gpu-agent explain` shows who holds what. It admits nobody.
        pub pods: Option<At<Url>>,
        /// Name of the Secret by which an `https` source is asked, in the namespace of each of the card's
        /// tenants and, with `watch`, in `gpu-tenancy`: `ca.crt` holds the certificates of the authorities
        /// to believe, `token` the bearer token where one is asked for.
        pub secret: Option<At<ObjectName>>,
    }
}

record! {
    /// A Prometheus and the series in it that are a card's figures. Each is a selector that finds
    /// exactly one series; what has to be calculated belongs into a recording rule.
    pub struct RawPrometheus {
        /// Its address, without `/api`, such as `http://prometheus.monitoring:9090`.
        pub url: At<Url>,
        /// The series of what is free on the device.
        pub free: At<String>,
        /// The series of what processes hold.
        pub used: At<String>,
        /// The series of the device's size. It or `reserved` must be given.
        pub total: Option<At<String>>,
        /// The series of what the driver keeps.
        pub reserved: Option<At<String>>,
        /// In what the series count: `bytes`, or `mib` as DCGM does.
        pub unit: At<MemoryUnit>,
    }
}

record! {
    /// Our exporter on the GPU nodes: what each card has free and who holds it. Its pods run in
    /// `gpu-tenancy`, with no right in the cluster.
    pub struct RawExporter {
        /// The runtime class by which containers see the driver: `nvidia` with NVIDIA's GPU operator.
        /// None unless given, which is right where NVIDIA's runtime is the nodes' default.
        pub runtime_class: Option<At<ObjectName>>,
        /// Labels of the nodes it runs on. `nvidia.com/gpu.present: "true"` unless given.
        pub node_selector: Option<Entries<LabelKey, At<LabelValue>>>,
        /// Taints that it bears. Every taint of the key `nvidia.com/gpu` unless given.
        pub tolerations: Option<Vec<RawToleration>>,
        /// Its pods' priority class.
        pub priority_class: Option<At<ObjectName>>,
        /// Image of gpu-agent. That of the fleet's `defaults` unless given.
        pub agent_image: Option<At<String>>,
        /// Secrets to pull the image with, by name, in `gpu-tenancy`.
        pub image_pull_secrets: Option<Vec<At<ObjectName>>>,
        /// The port of its page. 9401 unless given.
        pub port: Option<At<Port>>,
        /// Between two readings of the driver, up to `30s`. `1s` unless given.
        pub interval: Option<At<Seconds>>,
        /// A ServiceMonitor for the Prometheus operator. None unless given.
        pub service_monitor: Option<RawServiceMonitor>,
        /// Objects of it that exist already and are taken over, as `Kind/name`.
        pub adopt: Option<Vec<At<String>>>,
    }
}

record! {
    /// How Prometheus finds the exporter, where the Prometheus operator runs.
    pub struct RawServiceMonitor {
        /// Labels by which a Prometheus selects its monitors, such as `release: kube-prometheus-stack`.
        pub labels: Option<Entries<LabelKey, At<LabelValue>>>,
        /// Between two scrapes, up to `30s`. `15s` unless given.
        pub interval: Option<At<Seconds>>,
    }
}

record! {
    /// A process on a card that nobody here schedules.
    pub struct RawResident {
        /// The namespace of its pods.
        pub namespace: At<Namespace>,
        /// What its pods' names begin with. Left out, every pod of the namespace.
        pub pod_prefix: Option<At<String>>,
        /// The most video memory it ever holds, where that is known.
        pub peak: Option<At<Mib>>,
        /// Whether room is kept for it to grow to its peak.
        pub protected: Option<At<bool>>,
    }
}

record! {
    /// What every tenant has that says nothing else.
    #[derive(Default)]
    pub struct RawDefaults {
        /// Image of gpu-agent, for gates and admit checks. That of this release unless given.
        pub agent_image: Option<At<String>>,
        /// What must stay free on a card beside everything.
        pub headroom: Option<At<Mib>>,
        /// Time zone of windows that name none.
        pub time_zone: Option<At<Zone>>,
        /// Priority class of the pods.
        pub priority_class: Option<At<ObjectName>>,
        /// Secrets to pull images with, by name, in the tenant's namespace.
        pub image_pull_secrets: Option<Vec<At<ObjectName>>>,
        /// Taints that the pods bear.
        pub tolerations: Option<Vec<RawToleration>>,
        /// Labels by kind of object. A tenant's own come on top.
        pub labels: Option<Entries<ObjectKind, Entries<LabelKey, At<LabelValue>>>>,
        /// Annotations by kind of object. A tenant's own come on top.
        pub annotations: Option<Entries<ObjectKind, Entries<LabelKey, At<String>>>>,
    }
}

record! {
    /// How the provider reaches the cluster. Credentials come by environment or by a plugin, never from here.
    pub struct RawProvider {
        /// The kubeconfig; `~/` is the home directory.
        pub config_path: Option<At<String>>,
        /// Several kubeconfigs, merged as kubectl does. Instead of `config_path`.
        pub config_paths: Option<Vec<At<String>>>,
        /// Its context. Its current one unless given.
        pub config_context: Option<At<String>>,
        /// Cluster entry of the kubeconfig instead of the context's.
        pub config_context_cluster: Option<At<String>>,
        /// User entry of the kubeconfig instead of the context's.
        pub config_context_auth_info: Option<At<String>>,
        /// Address of the API server, instead of a kubeconfig.
        pub host: Option<At<String>>,
        /// The API server's certificate authority, PEM. It is no secret.
        pub cluster_ca_certificate: Option<At<String>>,
        /// Name to check the API server's certificate against.
        pub tls_server_name: Option<At<String>>,
        /// Whether the API server's certificate is not checked at all.
        pub insecure: Option<At<bool>>,
        /// Proxy of all requests.
        pub proxy_url: Option<At<String>>,
        /// A plugin that hands out credentials.
        pub exec: Option<RawExec>,
        /// What plans show of objects: `leaves`, every field, or `digests`, for states with hundreds of tenants.
        pub plan_objects: Option<At<PlanObjects>>,
    }
}

record! {
    /// A plugin that hands out credentials, as in a kubeconfig.
    pub struct RawExec {
        /// Its API version, such as `client.authentication.k8s.io/v1`.
        pub api_version: At<String>,
        /// The program.
        pub command: At<String>,
        /// Its arguments.
        pub args: Option<Vec<At<String>>>,
        /// Its environment. It is not secret.
        pub env: Option<Entries<EnvName, At<String>>>,
    }
}

record! {
    /// Where states are kept: one of the three.
    pub struct RawBackend {
        /// In files.
        pub local: Option<RawLocalBackend>,
        /// In a bucket.
        pub s3: Option<RawS3Backend>,
        /// In Secrets of a cluster.
        pub kubernetes: Option<RawKubernetesBackend>,
    }
}

record! {
    /// States in files.
    pub struct RawLocalBackend {
        /// A folder that keeps all states, absolute or relative to the live repository. Left out,
        /// each state lies in its stack.
        pub path: Option<At<String>>,
    }
}

record! {
    /// States in a bucket, locked by a file beside each.
    pub struct RawS3Backend {
        /// The bucket.
        pub bucket: At<String>,
        /// Its region.
        pub region: At<String>,
        /// What all keys begin with.
        pub key_prefix: Option<At<String>>,
        /// Address of an S3 service that is not Amazon's.
        pub endpoint: Option<At<Url>>,
    }
}

record! {
    /// States in Secrets of a cluster.
    pub struct RawKubernetesBackend {
        /// The namespace of the Secrets.
        pub namespace: At<Namespace>,
        /// The kubeconfig; the provider's unless given.
        pub config_path: Option<At<String>>,
        /// Its context; the provider's unless given.
        pub config_context: Option<At<String>>,
    }
}
