//! The nested objects of a tenant, as a user writes them.

use tfplugin::{Attr, List, Map, Set, model};

use super::spec::{same_amount, same_amounts, same_length};

model! {
    /// A window. One whose end is not after its start ends on the next day.
    pub(crate) struct WindowModel {
        /// When it opens, `HH:MM`.
        pub(crate) start: Attr<String> = required(),
        /// When it closes, `HH:MM`.
        pub(crate) end: Attr<String> = required(),
        /// The days on which it opens, `mon` to `sun`. Every day unless set.
        pub(crate) days: Attr<List<String>> = optional(),
        /// Its IANA time zone, such as `Europe/London`.
        pub(crate) time_zone: Attr<String> = required(),
    }
}

model! {
    /// The Service in front of the server: one port, or several by name.
    pub(crate) struct FrontModel {
        /// What callers dial. It leads to the server's main port. Either this or `ports` is set.
        pub(crate) port: Attr<i64> = optional().range(1..=65535).exactly_one_of(&["ports"]),
        /// What callers dial, by name.
        pub(crate) ports: Attr<Map<FrontPortModel>> = optional(),
        /// Who reaches it: `ClusterIP`, whoever is in the cluster; `NodePort`, also whoever reaches a node;
        /// `LoadBalancer`, also whoever reaches the load balancer that is made for it. `ClusterIP` unless set.
        pub(crate) r#type: Attr<String> = optional().one_of(["ClusterIP", "NodePort", "LoadBalancer"]),
        /// With `port`: the port of every node that leads here too. Kubernetes chooses one unless set.
        pub(crate) node_port: Attr<i64> = optional().range(1..=65535).conflicts_with(&["ports"]),
        /// Which of several load balancers serves it. It cannot change while the Service exists.
        pub(crate) load_balancer_class: Attr<String> = optional(),
        /// The callers that the load balancer lets through, such as `10.0.0.0/8`; all of them unless set.
        pub(crate) load_balancer_source_ranges: Attr<Set<String>> = optional(),
    }
}

model! {
    /// One of several ports of the Service.
    pub(crate) struct FrontPortModel {
        /// What callers dial.
        pub(crate) port: Attr<i64> = required().range(1..=65535),
        /// The server's or a sidecar's port that it leads to, by name. The one of the same name unless set.
        pub(crate) target: Attr<String> = optional(),
        /// The port of every node that leads here too. Kubernetes chooses one unless set.
        pub(crate) node_port: Attr<i64> = optional().range(1..=65535),
    }
}

model! {
    /// One key of a Secret in the tenant's namespace.
    pub(crate) struct SecretKeyModel {
        /// The Secret.
        pub(crate) secret: Attr<String> = required(),
        /// The key in it.
        pub(crate) key: Attr<String> = required(),
        /// The pod may start without it. `false` unless set.
        pub(crate) optional: Attr<bool> = optional(),
    }
}

model! {
    /// Where weights and voices live: on a storage class, an existing claim, or an NFS export.
    pub(crate) struct StorageModel {
        /// Where it is mounted in the server and the init containers.
        pub(crate) mount_path: Attr<String> = required(),
        /// How large the claim is, such as `20Gi`. Not with `existing_claim`.
        pub(crate) size: Attr<String> = optional().same_if(|a, b| same_amount(a, b)),
        /// The storage class; the cluster's default unless set.
        pub(crate) class: Attr<String> = optional().conflicts_with(&["existing_claim", "nfs"]),
        /// `ReadWriteOnce` unless set. An NFS export is `ReadWriteMany`.
        pub(crate) access_mode: Attr<String> =
            optional().one_of(["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod"])
                .conflicts_with(&["existing_claim", "nfs"]),
        /// A claim in the tenant's namespace that exists already and is never changed.
        pub(crate) existing_claim: Attr<String> = optional().conflicts_with(&["size", "nfs"]),
        /// An NFS export, for which a PersistentVolume and the claim that it is reserved for are made.
        pub(crate) nfs: Attr<NfsModel> = optional(),
        /// What becomes of a claim that we made, and of its volume, on destroy: `retain` or
        /// `delete`. `retain` unless set.
        pub(crate) deletion_policy: Attr<String> = optional().one_of(["retain", "delete"]),
    }
}

model! {
    /// An NFS export.
    pub(crate) struct NfsModel {
        /// The server's name or address.
        pub(crate) server: Attr<String> = required(),
        /// The exported path.
        pub(crate) path: Attr<String> = required(),
        /// Options, as `mount.nfs` spells them.
        pub(crate) mount_options: Attr<List<String>> = optional(),
    }
}

model! {
    /// A volume beside `storage`: one of `empty_dir`, `claim`, `config_map` and `secret`. It is mounted
    /// in the server and the init containers.
    pub(crate) struct VolumeModel {
        /// Where it is mounted.
        pub(crate) mount_path: Attr<String> = required(),
        /// One file or folder of it that is mounted instead of the whole, such as a key of a ConfigMap.
        /// Such a file does not follow a ConfigMap or Secret that changes.
        pub(crate) sub_path: Attr<String> = optional(),
        /// It cannot be written to. `false` unless set; ConfigMaps and Secrets never can.
        pub(crate) read_only: Attr<bool> = optional(),
        /// Scratch space, empty at each start of the pod.
        pub(crate) empty_dir: Attr<EmptyDirModel> =
            optional().exactly_one_of(&["claim", "config_map", "secret"]),
        /// A claim in the tenant's namespace that exists already and is never changed.
        pub(crate) claim: Attr<String> = optional(),
        /// A ConfigMap in the tenant's namespace that exists already, each key a file.
        pub(crate) config_map: Attr<String> = optional(),
        /// A Secret in the tenant's namespace that exists already, each key a file.
        pub(crate) secret: Attr<String> = optional(),
        /// The pod may start without the ConfigMap or Secret. `false` unless set.
        pub(crate) optional: Attr<bool> = optional().conflicts_with(&["empty_dir", "claim"]),
    }
}

model! {
    /// Scratch space, empty at each start of the pod.
    pub(crate) struct EmptyDirModel {
        /// The most it may hold, such as `10Gi`: a pod that writes more is evicted.
        pub(crate) size: Attr<String> = required().same_if(|a, b| same_amount(a, b)),
        /// In memory instead of on the node's disk. It counts as memory that the server uses. `false` unless set.
        pub(crate) in_memory: Attr<bool> = optional(),
    }
}

model! {
    /// A container that runs before the server and after the admit check.
    pub(crate) struct InitModel {
        /// Its image.
        pub(crate) image: Attr<String> = required(),
        /// Entry point instead of the image's.
        pub(crate) command: Attr<List<String>> = optional(),
        /// Arguments instead of the image's.
        pub(crate) args: Attr<List<String>> = optional(),
        /// Plain environment. It is not secret.
        pub(crate) env: Attr<Map<String>> = optional(),
    }
}

model! {
    /// A Job on the CPU that fills the tenant's storage while it sleeps, so that its first window is
    /// not spent on downloading. It is given no slice of the card and mounts the same claim on the
    /// same nodes. It runs once: what it does is hashed into its name, so a change runs it anew, and
    /// the Job before is removed. An apply makes it and does not wait for it. After five failed tries
    /// or six hours it stays failed, with its pods' logs, until it is changed or deleted.
    pub(crate) struct PrefetchModel {
        /// Its image; the server's unless set, and then a new image runs it anew.
        pub(crate) image: Attr<String> = optional(),
        /// Entry point instead of the image's.
        pub(crate) command: Attr<List<String>> = optional(),
        /// Arguments instead of the image's.
        pub(crate) args: Attr<List<String>> = optional(),
        /// Plain environment. It is not secret.
        pub(crate) env: Attr<Map<String>> = optional(),
        /// Environment from Secrets, by reference.
        pub(crate) env_from_secrets: Attr<Map<SecretKeyModel>> = optional(),
    }
}

model! {
    /// A container that runs beside the server for as long as it does: an adapter of another protocol,
    /// an exporter, a proxy. It is given nothing of the card, and has the storage, the files and the
    /// volumes that the server has. A tenant is awake only when it is ready too.
    pub(crate) struct SidecarModel {
        /// Its image.
        pub(crate) image: Attr<String> = required(),
        /// Entry point instead of the image's.
        pub(crate) command: Attr<List<String>> = optional(),
        /// Arguments instead of the image's.
        pub(crate) args: Attr<List<String>> = optional(),
        /// Plain environment. It is not secret.
        pub(crate) env: Attr<Map<String>> = optional(),
        /// Environment from Secrets, by reference.
        pub(crate) env_from_secrets: Attr<Map<SecretKeyModel>> = optional(),
        /// The ports that it listens on, by name. A port of `service` may lead to one of them.
        pub(crate) ports: Attr<Map<i64>> = optional(),
        /// What it is guaranteed, by resource.
        pub(crate) requests: Attr<Map<String>> = optional().same_if(same_amounts),
        /// What it may use at most, by resource.
        pub(crate) limits: Attr<Map<String>> = optional().same_if(same_amounts),
    }
}

model! {
    /// A taint that the pod bears, as Kubernetes spells it.
    pub(crate) struct TolerationModel {
        /// The taint's key. Without one, `Exists` bears every taint.
        pub(crate) key: Attr<String> = optional(),
        /// `Equal` or `Exists`.
        pub(crate) operator: Attr<String> = optional().one_of(["Equal", "Exists"]),
        /// The taint's value, for `Equal`.
        pub(crate) value: Attr<String> = optional(),
        /// The effect; all of them unless set.
        pub(crate) effect: Attr<String> = optional().one_of(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    }
}

model! {
    /// How the tenant's pod is spread, with those of other tenants in its namespace, over the values of
    /// a node's label. A tenant has one pod, so there is nothing to spread but over several tenants.
    pub(crate) struct TopologySpreadModel {
        /// By how many pods the fullest and the emptiest may differ. 1 unless set.
        pub(crate) max_skew: Attr<i64> = optional().range(1..=1024),
        /// Where that cannot be: `DoNotSchedule` lets the pod wait, `ScheduleAnyway` lets it run all the
        /// same. `DoNotSchedule` unless set.
        pub(crate) when_unsatisfiable: Attr<String> = optional().one_of(["DoNotSchedule", "ScheduleAnyway"]),
        /// Labels of the pods that are counted, of which this tenant's is one: give it them by `labels`, under `Pod`.
        pub(crate) match_labels: Attr<Map<String>> = required(),
    }
}

model! {
    /// Who may call the tenant and where it may go: a NetworkPolicy for its pod, which holds only where
    /// the cluster's network enforces such policies.
    ///
    /// The kubelet's probes pass whatever it says, and so do the calls of the tenant's gate.
    pub(crate) struct NetworkModel {
        /// Who may call it, by a name of your own; everybody unless set, nobody where it is empty.
        pub(crate) callers: Attr<Map<PeerModel>> = optional(),
        /// Where it may go beside DNS, by a name of your own; everywhere unless set. The pod of a
        /// tenant with a gate begins with the admit check: name the API server by `range`, and the
        /// card's metrics page by `namespace` or `range`.
        pub(crate) destinations: Attr<Map<PeerModel>> = optional(),
    }
}

model! {
    /// Somebody at the other end of a connection: pods of a namespace, or a range of addresses.
    pub(crate) struct PeerModel {
        /// Their namespace; the tenant's own where only `labels` are set.
        pub(crate) namespace: Attr<String> = optional(),
        /// Labels of their pods; every pod of the namespace unless set.
        pub(crate) labels: Attr<Map<String>> = optional(),
        /// Their addresses, such as `10.0.0.0/8`.
        pub(crate) range: Attr<String> = optional().conflicts_with(&["namespace", "labels"]),
        /// The TCP ports; every port unless set.
        pub(crate) ports: Attr<Set<i64>> = optional(),
    }
}

model! {
    /// A probe of the server: one of `tcp`, `http` and `exec`.
    pub(crate) struct ProbeModel {
        /// A port accepts a connection. It keeps its meaning while the server is busy, where an
        /// HTTP probe of a single-threaded server kills it in the middle of its work. Exactly one of `tcp`,
        /// `http` and `exec` is set.
        pub(crate) tcp: Attr<TcpModel> = optional().exactly_one_of(&["http", "exec"]),
        /// A GET answers with 200 to 399.
        pub(crate) http: Attr<HttpModel> = optional(),
        /// A command in the container exits with 0.
        pub(crate) exec: Attr<List<String>> = optional(),
        /// Between two tries. `10s` unless set.
        pub(crate) period: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// How long one try may take. `1s` unless set.
        pub(crate) timeout: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// How many failures in a row count. 3 unless set.
        pub(crate) failure_threshold: Attr<i64> = optional().range(1..=10_000),
        /// Before the first try. `0s` unless set.
        pub(crate) initial_delay: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
    }
}

model! {
    /// A port that accepts a connection.
    pub(crate) struct TcpModel {
        /// The port's name; the main one unless set.
        pub(crate) port: Attr<String> = optional(),
    }
}

model! {
    /// A GET that is answered.
    pub(crate) struct HttpModel {
        /// The port's name; the main one unless set.
        pub(crate) port: Attr<String> = optional(),
        /// The path, beginning with `/`.
        pub(crate) path: Attr<String> = required(),
    }
}

model! {
    /// The call that makes the server let go of its memory before it is put to sleep.
    pub(crate) struct UnloadModel {
        /// `POST` or `DELETE`. `POST` unless set.
        pub(crate) method: Attr<String> = optional().one_of(["POST", "DELETE"]),
        /// The path, such as `/api/unload`.
        pub(crate) path: Attr<String> = required(),
        /// The server's port that takes the call, by number; the main one unless set.
        pub(crate) port: Attr<i64> = optional().range(1..=65535),
        /// What is sent with it, as JSON: `jsonencode({ model = "m", keep_alive = 0 })`. Nothing unless set.
        pub(crate) body: Attr<String> = optional(),
        /// How long the call may take, at most the grace period. `10s` unless set.
        pub(crate) timeout: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
    }
}

model! {
    /// Where the gate sees whether there is work: one of `http` and `prometheus`. An answer that is
    /// no number and no truth value, or none at all, is not taken for an empty queue: nobody is
    /// woken by it, and nobody put to sleep.
    pub(crate) struct DemandModel {
        /// A GET that is answered with JSON, within 3 seconds and 1 MiB.
        pub(crate) http: Attr<DemandHttpModel> = optional().exactly_one_of(&["prometheus"]),
        /// An instant query to a Prometheus.
        pub(crate) prometheus: Attr<DemandPrometheusModel> = optional(),
        /// How long there must be no work before the tenant is put to sleep. Once awake it stays so
        /// for 10 minutes in any case. Time in which the source gave no answer counts neither as empty nor
        /// as work. `10m` unless set.
        pub(crate) idle_after: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
    }
}

model! {
    /// A GET that is answered with JSON, within 3 seconds and 1 MiB.
    pub(crate) struct DemandHttpModel {
        /// The address, as a pod of the tenant's namespace reaches it: `http://queue.tts:8000/stats`.
        pub(crate) url: Attr<String> = required(),
        /// The JSONPath (RFC 9535) of a number, a truth value or a list: above 0, `true` and not
        /// empty mean work. What it finds in several places is added up.
        pub(crate) json_path: Attr<String> = required(),
    }
}

model! {
    /// An instant query to a Prometheus.
    pub(crate) struct DemandPrometheusModel {
        /// The server, such as `http://prometheus.monitoring:9090`.
        pub(crate) url: Attr<String> = required(),
        /// The query, in PromQL; above 0 means work. No series means nothing: where it is to mean an
        /// empty queue, end the query with `or vector(0)`.
        pub(crate) query: Attr<String> = required(),
    }
}

model! {
    /// Bounds in time of the gate, beside `guard_interval` and `grace_period`.
    pub(crate) struct TimingModel {
        /// From admission until the model answers, as a person expects it. `3m` unless set.
        pub(crate) start_estimate: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// Less time awake than this is not worth a start. `10m` unless set.
        pub(crate) useful_minimum: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// How long the card may be short before one tenant yields. `30s` unless set.
        pub(crate) shortage_grace: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// How long running tenants hold while the card's source does not answer. `10m` unless set.
        pub(crate) unknown_hold: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// How long a pod may be Pending without a node. `2m` unless set.
        pub(crate) pending_limit: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// How long an admitted pod may take until it is ready. `20m` unless set.
        pub(crate) loading_limit: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// The pause after a yield, a failed start or three crashes in a row. `10m` unless set.
        pub(crate) backoff: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
    }
}

model! {
    /// How long an operation may take.
    pub(crate) struct TimeoutsModel {
        /// For a new tenant. `10m` unless set.
        pub(crate) create: Attr<String> = optional(),
        /// For a changed one. `10m` unless set.
        pub(crate) update: Attr<String> = optional(),
        /// For one that goes. `10m` unless set.
        pub(crate) delete: Attr<String> = optional(),
    }
}
