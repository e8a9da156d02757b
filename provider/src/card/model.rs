//! What a user writes of a card.

use tenancy::quantity::Mib;
use tfplugin::{Attr, Map, Set, model};

use crate::lifecycle::Shows;

model! {
    /// A Prometheus and the series in it that are a card's figures. Each is a selector that finds
    /// exactly one series; what has to be calculated belongs into a recording rule. Prometheus must
    /// scrape the exporter every 30 seconds or more often, since older figures admit nobody.
    pub(crate) struct PrometheusModel {
        /// Its address, without `/api`, such as `http://prometheus.monitoring:9090`. With `https://` it
        /// wants `secret` beside it, and each tenant's `source_secret`.
        pub(crate) url: Attr<String> = required(),
        /// The series of what is free on the device, such as `DCGM_FI_DEV_FB_FREE{UUID="GPU-…"}`. Each
        /// selector finds exactly one series; what has to be calculated belongs into a recording rule.
        pub(crate) free: Attr<String> = required(),
        /// The series of what processes hold.
        pub(crate) used: Attr<String> = required(),
        /// The series of the device's size. It or `reserved` must be set.
        pub(crate) total: Attr<String> = optional(),
        /// The series of what the driver keeps.
        pub(crate) reserved: Attr<String> = optional(),
        /// In what the series count: `bytes`, or `mib` as DCGM does.
        pub(crate) unit: Attr<String> = required().one_of(["bytes", "mib"]),
    }
}

model! {
    /// Where a card's figures are read. Admission rests on the device's own series, so exactly one
    /// of `exporter`, `dcgm`, `nvidia_gpu_exporter` and `prometheus` is set. Behind the host of a
    /// page there may be several exporters, one a node, as behind a headless Service: all are asked,
    /// and the one that has the card answers for it.
    pub(crate) struct SourceModel {
        /// URL of the metrics page of our own exporter, such as a `gpu_exporter`'s `url`. It alone
        /// tells what each pod holds, pods that asked for no GPU included, and how long ago it read the
        /// driver: figures of more than a minute ago admit nobody.
        pub(crate) exporter: Attr<String> = optional().exactly_one_of(&["dcgm", "nvidia_gpu_exporter", "prometheus"]),
        /// URL of the metrics page of NVIDIA's dcgm-exporter. Its page does not say how old its figures
        /// are: they are taken for those of now, also where its collector hangs.
        pub(crate) dcgm: Attr<String> = optional(),
        /// URL of the metrics page of utkuozdemir/nvidia_gpu_exporter. Since 1.14 it says when it last
        /// read the driver, and older figures than a minute admit nobody; before, it reads at each scrape.
        /// It names no node, so the card is given by its `uuid`.
        pub(crate) nvidia_gpu_exporter: Attr<String> = optional(),
        /// A Prometheus that scrapes one of them or another, every 30 seconds or more often, since older
        /// figures admit nobody. It says when it scraped an exporter, and not when that read the driver.
        pub(crate) prometheus: Attr<PrometheusModel> = optional(),
        /// URL of a per-pod gauge, `gpu_pod_memory_used_bytes`. `gpu-agent explain` shows by it who holds
        /// what, where the device's own source does not tell. It never decides: a dead collector reads
        /// there like an idle card.
        pub(crate) pods: Attr<String> = optional(),
        /// Name of a Secret in `gpu-tenancy` by which the card's watcher asks an `https` source: its key
        /// `ca.crt` holds the certificates of the authorities to believe, since the image has none, and its
        /// key `token` the bearer token, where one is asked for. A gate runs in its tenant's namespace, so
        /// each tenant names its own as `source_secret`.
        pub(crate) secret: Attr<String> = optional(),
    }
}

model! {
    /// A process on the card that nobody here schedules.
    pub(crate) struct ResidentModel {
        /// The namespace of its pods.
        pub(crate) namespace: Attr<String> = required(),
        /// What its pods' names begin with; every pod of the namespace unless set.
        pub(crate) pod_prefix: Attr<String> = optional(),
        /// The most video memory it ever holds, such as `9GiB`.
        pub(crate) peak: Attr<String> = optional().same_if(|a, b| same_memory(a, b)),
        /// Keep room for it to grow to its peak. `false` unless set.
        pub(crate) protected: Attr<bool> = optional(),
    }
}

model! {
    /// A physical GPU that tenants share: which device it is, where its figures are read, and who
    /// else lives on it.
    ///
    /// It makes the namespace `gpu-tenancy` if absent, and in it the card's declared object, in
    /// which tenants' claims are entered, and its ledger, in which their gates agree. Destroying it
    /// is refused while tenants are entered, and leaves the namespace, which all cards share.
    pub(crate) struct CardModel {
        /// Name of the card in the fleet, such as `gpu-1-0`. A change makes a new card.
        pub(crate) name: Attr<String> = required().requires_replace(),
        /// The node that it sits in.
        pub(crate) node: Attr<String> = required(),
        /// Which of the node's devices it is, counted as `nvidia-smi` counts. Either this or `uuid` is set.
        pub(crate) index: Attr<i64> = optional().range(0..=255).exactly_one_of(&["uuid"]),
        /// The device's UUID, `GPU-…`, which stays when the node's devices are counted anew.
        pub(crate) uuid: Attr<String> = optional(),
        /// Where its figures are read: exactly one of `exporter`, `dcgm`, `nvidia_gpu_exporter` and `prometheus`.
        pub(crate) source: Attr<SourceModel> = required(),
        /// Its size, such as `15GiB`, so that a claim that can never fit is refused early. The
        /// device's own figure decides at run time.
        pub(crate) memory: Attr<String> = optional().same_if(|a, b| same_memory(a, b)),
        /// Below this much free memory a tenant yields at once. A quarter of the headroom unless set.
        pub(crate) critical: Attr<String> = optional().same_if(|a, b| same_memory(a, b)),
        /// Processes on the card that nobody here schedules, by name.
        pub(crate) residents: Attr<Map<ResidentModel>> = optional(),
        /// Run a watcher: one small Deployment in `gpu-tenancy` that looks at the card every few
        /// seconds and does for each of its tenants what that tenant's CronJobs do every few minutes.
        /// They stay as its safety net; a long `guard_interval` makes them few. It also serves what the
        /// card's gates come to as metrics, which nothing else does. `false` unless set.
        pub(crate) watch: Attr<bool> = optional(),
        /// Objects that exist already and are taken over, as `Kind/name`.
        pub(crate) adopt: Attr<Set<String>> = optional(),
        /// The card's name, which floors refer to.
        pub(crate) id: Attr<String> = computed(),
        /// The objects in the cluster, each as JSON of its fields by path.
        pub(crate) objects: Attr<Map<String>> = computed(),
    }
}

impl Shows for CardModel {
    fn objects(&mut self) -> &mut Attr<Map<String>> {
        &mut self.objects
    }
}

model! {
    /// What finds a card again.
    pub(crate) struct CardIdentity {
        /// Name of the card.
        pub(crate) name: Attr<String> = required(),
    }
}

/// Whether two texts mean the same amount of video memory.
pub(crate) fn same_memory(a: &str, b: &str) -> bool {
    matches!((a.parse::<Mib>(), b.parse::<Mib>()), (Ok(a), Ok(b)) if a == b)
}
