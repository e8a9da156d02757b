//! What a user writes of a tenant.

use tfplugin::{Attr, List, Map, Set, model};

use super::parts::{
    DemandModel, FrontModel, InitModel, NetworkModel, PrefetchModel, ProbeModel, SecretKeyModel,
    SidecarModel, StorageModel, TimeoutsModel, TimingModel, TolerationModel, TopologySpreadModel,
    UnloadModel, VolumeModel, WindowModel,
};
use super::spec::{same_amount, same_amounts, same_length};
use crate::lifecycle::Shows;

model! {
    /// A tenant: a model server that wakes in its windows when its card has room, and sleeps
    /// otherwise.
    ///
    /// It is a Namespace (made if absent), a claim on storage, a ConfigMap, a Deployment, a Service,
    /// and the gate's ServiceAccount, rights and CronJobs. The replica count belongs to the gate: an
    /// apply never wakes the tenant, and puts it to sleep only with `suspend`.
    ///
    /// Secrets come by reference only. Values of `env` and contents of `config` are not secret:
    /// they stand in the state and in the cluster, and in plans of `objects` as short hashes.
    pub(crate) struct ServiceModel {
        /// Its namespace. A change makes a new tenant.
        pub(crate) namespace: Attr<String> = required().requires_replace(),
        /// Its name. A change makes a new tenant.
        pub(crate) name: Attr<String> = required().requires_replace(),
        /// Its claim on a card: the `id` of its gpu_vram_floor. Only a tenant without `slices`, which
        /// runs on the CPU, has none.
        pub(crate) vram_floor: Attr<String> = optional(),
        /// The server's image.
        pub(crate) image: Attr<String> = required(),
        /// When to pull it.
        pub(crate) image_pull_policy: Attr<String> = optional().one_of(["Always", "IfNotPresent", "Never"]),
        /// Secrets in its namespace to pull images with, by name.
        pub(crate) image_pull_secrets: Attr<Set<String>> = optional(),
        /// Entry point instead of the image's.
        pub(crate) command: Attr<List<String>> = optional(),
        /// Arguments instead of the image's.
        pub(crate) args: Attr<List<String>> = optional(),
        /// The one port that it listens on, named `http`. Either this or `ports` is set.
        pub(crate) port: Attr<i64> = optional().exactly_one_of(&["ports"]),
        /// The ports that it listens on, by name, where there are several.
        pub(crate) ports: Attr<Map<i64>> = optional(),
        /// Which of `ports` the Service, probes and the unload call mean when they name none. The
        /// first by name unless set.
        pub(crate) main_port: Attr<String> = optional().requires(&["ports"]),
        /// The Service in front of it; none unless set.
        pub(crate) service: Attr<FrontModel> = optional(),
        /// When it may be awake, by name. A window whose end is not after its start ends on the next day.
        /// Exactly one of `windows`, `on_demand` and `always` is set.
        pub(crate) windows: Attr<Map<WindowModel>> = optional().exactly_one_of(&["on_demand", "always"]),
        /// Awake whenever there is work and room, at any hour. `demand` says where work is seen.
        pub(crate) on_demand: Attr<bool> = optional(),
        /// Awake at all times: Terraform owns the replicas and no gate runs.
        pub(crate) always: Attr<bool> = optional(),
        /// Asleep until a person says otherwise.
        pub(crate) suspend: Attr<bool> = optional(),
        /// Between two looks of the gate while a window is open. `5m` unless set.
        pub(crate) guard_interval: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// How long the server may take to end, which bounds `unload` and draining. `1m` unless set.
        pub(crate) grace_period: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// The gate's other bounds in time.
        pub(crate) timing: Attr<TimingModel> = optional(),
        /// Deployments that make room for the window, as `namespace/name`. Their replicas come back after it.
        pub(crate) pauses: Attr<Set<String>> = optional(),
        /// The call that makes the server let go of its memory before it is put to sleep.
        pub(crate) unload: Attr<UnloadModel> = optional(),
        /// Where the gate sees whether there is work. With `windows`, the tenant wakes in a window only
        /// when there is, and sleeps when there has been none for a while. Either `http` or `prometheus` is
        /// set. No answer, or one that is no number, wakes nobody and puts nobody to sleep.
        pub(crate) demand: Attr<DemandModel> = optional(),
        /// Name of a Secret in the tenant's namespace by which its gate asks an `https` source of its card:
        /// its key `ca.crt` holds the certificates of the authorities to believe, and its key `token` the
        /// bearer token, where one is asked for. Only the gate's containers get it, and those two keys alone.
        pub(crate) source_secret: Attr<String> = optional(),
        /// Image of gpu-agent; the provider's unless set.
        pub(crate) agent_image: Attr<String> = optional(),
        /// Plain environment. It is not secret.
        pub(crate) env: Attr<Map<String>> = optional(),
        /// Environment from Secrets, by reference.
        pub(crate) env_from_secrets: Attr<Map<SecretKeyModel>> = optional(),
        /// What the server is guaranteed, by resource: `{ cpu = "500m", memory = "4Gi" }`.
        pub(crate) requests: Attr<Map<String>> = optional().same_if(same_amounts),
        /// What the server may use at most, by resource.
        pub(crate) limits: Attr<Map<String>> = optional().same_if(same_amounts),
        /// How many slices of the card it is given. 1 unless set; 0 with `always` runs it on the CPU.
        pub(crate) slices: Attr<i64> = optional().range(0..=1024),
        /// The resource of which a slice is one. `nvidia.com/gpu` unless set.
        pub(crate) slice_resource: Attr<String> = optional(),
        /// Gates the other probes until the model is loaded.
        pub(crate) startup_probe: Attr<ProbeModel> = optional(),
        /// Decides whether the Service sends traffic and whether the gate calls the tenant awake.
        /// Unless set, the main port accepts a connection.
        pub(crate) readiness_probe: Attr<ProbeModel> = optional(),
        /// Restarts the server when it fails.
        pub(crate) liveness_probe: Attr<ProbeModel> = optional(),
        /// The container's security context, as Kubernetes spells it: `jsonencode({ … })`.
        pub(crate) security_context: Attr<String> = optional(),
        /// Where its weights and voices live.
        pub(crate) storage: Attr<StorageModel> = optional(),
        /// A Job on the CPU that fills that storage while the tenant sleeps, so that its first window is
        /// not spent on downloading. It is given nothing of a card. It runs once for what it says: a
        /// change runs it anew, and the Job before is removed. An apply makes it and does not wait for it;
        /// after five failed tries, or six hours, it stays failed with its pods' logs.
        pub(crate) prefetch: Attr<PrefetchModel> = optional(),
        /// Volumes beside `storage`, by name, in the server and the init containers: each is exactly one of
        /// `empty_dir`, `claim`, `config_map` and `secret`.
        pub(crate) volumes: Attr<Map<VolumeModel>> = optional(),
        /// How much memory the server's processes may share through `/dev/shm`, such as `2Gi`. It counts as
        /// memory that the server uses. Unless set it is the 64 MiB of the container runtime.
        pub(crate) shm_size: Attr<String> = optional().same_if(|a, b| same_amount(a, b)),
        /// Files by absolute path in the container.
        pub(crate) config: Attr<Map<String>> = optional(),
        /// `mount`: read-only from the ConfigMap. `copy`: writable, for servers that rewrite their
        /// own config; each start begins from the ConfigMap again. `mount` unless set.
        pub(crate) config_mode: Attr<String> = optional().one_of(["mount", "copy"]),
        /// Containers that run before the server, by name.
        pub(crate) init_containers: Attr<Map<InitModel>> = optional(),
        /// Containers that run beside the server, by name.
        pub(crate) sidecars: Attr<Map<SidecarModel>> = optional(),
        /// Labels that a node must have. A claim on a card does not bind the pod to the card's node: where
        /// several nodes have cards, name that node, `{ "kubernetes.io/hostname" = "gpu-1" }`. A pod on
        /// another one is sent away.
        pub(crate) node_selector: Attr<Map<String>> = optional(),
        /// Taints that the pod bears.
        pub(crate) tolerations: Attr<List<TolerationModel>> = optional(),
        /// What the pod wants to be near to or far from, as Kubernetes spells it: `jsonencode({ … })`.
        pub(crate) affinity: Attr<String> = optional(),
        /// How the pod is spread with those of other tenants, by the node's label, such as
        /// `kubernetes.io/hostname`.
        pub(crate) topology_spread: Attr<Map<TopologySpreadModel>> = optional(),
        /// The RuntimeClass that runs the pod, such as `nvidia` where that is not the node's own.
        pub(crate) runtime_class: Attr<String> = optional(),
        /// Names that the pod finds without asking DNS, by the address at which it finds them.
        pub(crate) host_aliases: Attr<Map<List<String>>> = optional(),
        /// Its priority class.
        pub(crate) priority_class: Attr<String> = optional(),
        /// With `always`: whether a drain of its node may evict it. With `false` a PodDisruptionBudget
        /// lets no drain pass before a person scales the tenant down. `true` unless set.
        pub(crate) evictable: Attr<bool> = optional(),
        /// What all pods of its namespace may ask for together, by resource: a ResourceQuota such as
        /// `{ "requests.nvidia.com/gpu" = "2" }`. Tenants that share a namespace share what it bounds.
        pub(crate) quota: Attr<Map<String>> = optional().same_if(same_amounts),
        /// Who may call it and where it may go: a NetworkPolicy, which holds only where the cluster's network
        /// enforces such policies. The kubelet's probes and the calls of the tenant's gate pass whatever it says.
        pub(crate) network: Attr<NetworkModel> = optional(),
        /// The pod's security context, as Kubernetes spells it: `jsonencode({ … })`.
        pub(crate) pod_security_context: Attr<String> = optional(),
        /// A strategic-merge patch of the pod's `spec` for what has no attribute: `jsonencode({ … })`.
        pub(crate) pod_patch: Attr<String> = optional(),
        /// Labels by kind of object: `{ Deployment = { tier = "2" }, Pod = { … } }`.
        pub(crate) labels: Attr<Map<Map<String>>> = optional(),
        /// Annotations by kind of object.
        pub(crate) annotations: Attr<Map<Map<String>>> = optional(),
        /// Fields of the Deployment that another program rewrites in place, such as `image` for
        /// Keel: set at creation and never again.
        pub(crate) hand_over: Attr<Set<String>> = optional(),
        /// Objects that exist already and are taken over, as `Kind/name`. What others set in them
        /// stays, but for the fields that are set here. A Deployment is taken over only while it sleeps,
        /// and made anew where its selector or its containers have other names.
        pub(crate) adopt: Attr<Set<String>> = optional(),
        /// With `always`: wait until the server is ready. `true` unless set.
        pub(crate) wait: Attr<bool> = optional(),
        /// How long an operation may take.
        pub(crate) timeouts: Attr<TimeoutsModel> = optional(),
        /// Why the server was not ready when the last apply gave up waiting for it; null otherwise. While it
        /// is set, a plan shows it and its apply waits again. A refresh clears it once the server is ready.
        pub(crate) not_ready: Attr<String> = computed(),
        /// `namespace/name`.
        pub(crate) id: Attr<String> = computed(),
        /// The objects in the cluster, each as JSON of its fields by path.
        pub(crate) objects: Attr<Map<String>> = computed(),
    }
}

impl Shows for ServiceModel {
    fn objects(&mut self) -> &mut Attr<Map<String>> {
        &mut self.objects
    }
}

model! {
    /// What finds a tenant again.
    pub(crate) struct ServiceIdentity {
        /// Its namespace.
        pub(crate) namespace: Attr<String> = required(),
        /// Its name.
        pub(crate) name: Attr<String> = required(),
    }
}
