//! What a user writes of an exporter.

use tfplugin::{Attr, List, Map, Set, model};

use crate::lifecycle::Shows;
use crate::service::parts::TolerationModel;

model! {
    /// How Prometheus finds the exporter, where the Prometheus operator runs.
    pub(crate) struct ServiceMonitorModel {
        /// Labels by which a Prometheus selects its monitors, such as
        /// `{ release = "kube-prometheus-stack" }`.
        pub(crate) labels: Attr<Map<String>> = optional(),
        /// Between two scrapes. `15s` unless set.
        pub(crate) interval: Attr<String> = optional(),
    }
}

model! {
    /// Our exporter on every GPU node: what each card has free, what each container holds of it,
    /// pods that asked for no GPU included, and the most it ever held.
    ///
    /// It makes a DaemonSet, a headless Service and a ServiceAccount in the namespace `gpu-tenancy`,
    /// which it makes too if absent. The pods have no right and no token in the cluster, no
    /// capability and no root. They share the host's process ids, since the driver names processes
    /// by them, and mount `/var/log/containers` read-only: the names in it tell which pod a
    /// container belongs to, and the logs themselves are not mounted. A namespace that enforces a
    /// Pod Security Standard must allow `privileged` for that.
    ///
    /// Cards on all its nodes name its `url` as their source; a gate asks the exporter of its
    /// card's own node.
    ///
    /// Its page has cards and containers, and nothing of gates: those decide by objects in the
    /// cluster, which its pods may not read. The watcher of a card serves them (`watch` of a
    /// `gpu_card`).
    pub(crate) struct ExporterModel {
        /// Name of its objects, such as `gpu-exporter`. A change makes a new exporter.
        pub(crate) name: Attr<String> = required().requires_replace(),
        /// The runtime class by which containers see the driver: `nvidia` with NVIDIA's GPU operator.
        /// None unless set, which is right where NVIDIA's runtime is the nodes' default.
        pub(crate) runtime_class: Attr<String> = optional(),
        /// Labels of the nodes it runs on. `{ "nvidia.com/gpu.present" = "true" }` unless set.
        pub(crate) node_selector: Attr<Map<String>> = optional(),
        /// Taints that it bears. Every taint of the key `nvidia.com/gpu` unless set.
        pub(crate) tolerations: Attr<List<TolerationModel>> = optional(),
        /// Its pods' priority class.
        pub(crate) priority_class: Attr<String> = optional(),
        /// Image of `gpu-agent`, otherwise the provider's `agent_image`, otherwise the release's own.
        pub(crate) agent_image: Attr<String> = optional(),
        /// Names of Secrets in `gpu-tenancy` for pulling the image.
        pub(crate) image_pull_secrets: Attr<Set<String>> = optional(),
        /// The port of its page. `9401` unless set.
        pub(crate) port: Attr<i64> = optional().range(1..=65535),
        /// Between two readings of the driver, up to `30s`. `1s` unless set.
        pub(crate) interval: Attr<String> = optional(),
        /// A ServiceMonitor for the Prometheus operator; none unless set.
        pub(crate) service_monitor: Attr<ServiceMonitorModel> = optional(),
        /// Objects that exist already and are taken over, as `Kind/name`.
        pub(crate) adopt: Attr<Set<String>> = optional(),
        /// The exporter's name.
        pub(crate) id: Attr<String> = computed(),
        /// The URL of its page, for `source = { exporter = … }` of a card.
        pub(crate) url: Attr<String> = computed(),
        /// The objects in the cluster, each as JSON of its fields by path.
        pub(crate) objects: Attr<Map<String>> = computed(),
    }
}

impl Shows for ExporterModel {
    fn objects(&mut self) -> &mut Attr<Map<String>> {
        &mut self.objects
    }
}

model! {
    /// What finds an exporter again.
    pub(crate) struct ExporterIdentity {
        /// Name of the exporter.
        pub(crate) name: Attr<String> = required(),
    }
}
