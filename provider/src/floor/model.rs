//! What a user writes of a floor.

use tenancy::duration::Seconds;
use tfplugin::{Attr, Map, Set, model};

use crate::card::same_memory;
use crate::lifecycle::Shows;

model! {
    /// Where a peak is measured, in one of two ways.
    ///
    /// With `prometheus` or `exporter` it is read at every refresh, and `peak` is not written: it is
    /// `guess` until enough was seen, and what was seen from then on. With `source` and `at` it says
    /// where the `peak` that is written beside it was measured, as `gpu-agent measure` prints it.
    pub(crate) struct MeasuredModel {
        /// What reported the `peak` that is written, such as a metric's name and where it was read.
        pub(crate) source: Attr<String> = optional(),
        /// When that was, RFC 3339: `2026-11-21T02:14:00Z`.
        pub(crate) at: Attr<String> = optional(),
        /// A Prometheus to read from: its URL, or `namespace/service:port`, which is asked through the
        /// API server and needs the right to get `services/proxy` there.
        pub(crate) prometheus: Attr<String> = optional().conflicts_with(&["exporter", "source", "at"]),
        /// The page of our exporter to read from instead, given in the same two ways. It remembers a
        /// container for two days after its end, and knows the cards of its own node alone: where
        /// several nodes are behind one address, read from a Prometheus.
        pub(crate) exporter: Attr<String> = optional().conflicts_with(&["source", "at"]),
        /// The series of what the tenant's containers hold, where Prometheus does not scrape our
        /// exporter, such as `DCGM_FI_DEV_FB_USED{exported_pod=~"chatterbox-tts-.*"}`.
        pub(crate) selector: Attr<String> = optional().requires(&["prometheus"]),
        /// In what that series counts, `bytes` or `mib`. `bytes` unless set; DCGM counts in `mib`.
        pub(crate) unit: Attr<String> = optional().one_of(["bytes", "mib"]).requires(&["selector"]),
        /// How far back the most is looked for, such as `168h`. `720h` unless set. A source that does not
        /// know of so long, as our exporter's page of more than its two days or a Prometheus of more
        /// than it keeps, makes no peak smaller.
        pub(crate) look_back: Attr<String> = optional().same_if(|a, b| same_length(a, b)),
        /// The peak until it is measured, and again whenever `image` or `model` changes.
        pub(crate) guess: Attr<String> = optional().same_if(|a, b| same_memory(a, b)),
        /// The image that the tenant runs, as its `gpu_windowed_service` names it. Another image makes
        /// the peak a guess again.
        pub(crate) image: Attr<String> = optional(),
        /// The model that it serves, in words of your own. Another one makes the peak a guess again.
        pub(crate) model: Attr<String> = optional(),
        /// Since when that image and model run, RFC 3339: containers that were there before do not
        /// count. Unless set it is the apply that changed one of them, and at first the whole look-back.
        pub(crate) since: Attr<String> = optional(),
    }
}

model! {
    /// What the peak in force rests on.
    pub(crate) struct MeasurementModel {
        /// `guessed` or `measured`.
        pub(crate) basis: Attr<String> = computed(),
        /// What reported it.
        pub(crate) source: Attr<String> = computed(),
        /// When the tenant held it.
        pub(crate) measured_at: Attr<String> = computed(),
        /// In how many scrapes the tenant was seen; our exporter's time counts as one for each 15 s.
        pub(crate) samples: Attr<i64> = computed(),
        /// The image that it was measured of.
        pub(crate) image: Attr<String> = computed(),
        /// The digest of that image: the one that `image` names, or that of a pod that was awake.
        pub(crate) image_digest: Attr<String> = computed(),
        /// The model that it was measured of.
        pub(crate) model: Attr<String> = computed(),
        /// Containers that were there before this do not count.
        pub(crate) since: Attr<String> = computed(),
    }
}

model! {
    /// What the last refresh read. It is entered as `peak` when it is more, or when it is less by
    /// 256 MiB after a whole look-back, so that a plan does not change with every night.
    pub(crate) struct ReadingModel {
        /// The most that one container held.
        pub(crate) peak: Attr<String> = computed(),
        /// When it first held that.
        pub(crate) held_at: Attr<String> = computed(),
        /// In how many scrapes the tenant was seen; our exporter's time counts as one for each 15 s.
        pub(crate) samples: Attr<i64> = computed(),
        /// The most in the first half of the time that the samples are of. Where `peak` is far above
        /// it, a cache was still filling.
        pub(crate) early_peak: Attr<String> = computed(),
        /// The digest of the image of a pod that was awake.
        pub(crate) image_digest: Attr<String> = computed(),
        /// The earliest moment of which the source still knows.
        pub(crate) known_from: Attr<String> = computed(),
        /// When it was read.
        pub(crate) read_at: Attr<String> = computed(),
    }
}

model! {
    /// One tenant's claim on a card's memory: the most it ever holds, and what must stay free
    /// beside everything while it is awake.
    ///
    /// It enters the claim in the card's declared object under a key of its own, with the rights by
    /// which the tenant's gate reads and writes the card's ledger. The tenant's own namespace need
    /// not exist: a floor may stand in another configuration and be applied before it.
    pub(crate) struct FloorModel {
        /// The card, by its `id`.
        pub(crate) card: Attr<String> = required(),
        /// The tenant, `namespace/name`. A change makes a new claim.
        pub(crate) tenant: Attr<String> = required().requires_replace(),
        /// The most video memory that the tenant ever holds, such as `4GiB`. It counts as a guess
        /// unless `measured` says where it was read; where `measured` reads it, it is not written.
        pub(crate) peak: Attr<String> = optional_computed().same_if(|a, b| same_memory(a, b)),
        /// Where the peak is measured. With `prometheus` or `exporter` it is read at every refresh, and
        /// `peak` is not written: `guess` counts until the tenant was seen for a quarter of an hour, or
        /// in 60 scrapes of a `selector`, or at once what is more than it. A measured peak stands until
        /// the tenant holds more, or holds 256 MiB less for a whole look-back; who cannot be asked leaves
        /// it as it is, with a warning. With `source` and `at` it says where the `peak` that is written
        /// was measured, as `gpu-agent measure` prints it.
        pub(crate) measured: Attr<MeasuredModel> = optional(),
        /// What must stay free on the card beside everything while the tenant is awake.
        pub(crate) headroom: Attr<String> = required().same_if(|a, b| same_memory(a, b)),
        /// Who yields first when the card is short: the lowest. 0 unless set.
        pub(crate) priority: Attr<i64> = optional(),
        /// The tenant is awake at all times, no gate runs for it, and the card counts it as
        /// protected. Set it beside `always` of the tenant.
        pub(crate) always: Attr<bool> = optional(),
        /// Objects that exist already and are taken over, as `Kind/name`.
        pub(crate) adopt: Attr<Set<String>> = optional(),
        /// `namespace/name` of the tenant, which the tenant refers to.
        pub(crate) id: Attr<String> = computed(),
        /// What the peak in force rests on.
        pub(crate) measurement: Attr<MeasurementModel> = computed(),
        /// What the last refresh read, where `measured` reads.
        pub(crate) reading: Attr<ReadingModel> = computed(),
        /// The objects in the cluster, each as JSON of its fields by path.
        pub(crate) objects: Attr<Map<String>> = computed(),
    }
}

/// Whether two texts mean the same length of time.
fn same_length(a: &str, b: &str) -> bool {
    matches!((a.parse::<Seconds>(), b.parse::<Seconds>()), (Ok(a), Ok(b)) if a == b)
}

impl Shows for FloorModel {
    fn objects(&mut self) -> &mut Attr<Map<String>> {
        &mut self.objects
    }
}

model! {
    /// What finds a floor again.
    pub(crate) struct FloorIdentity {
        /// The tenant, `namespace/name`.
        pub(crate) tenant: Attr<String> = required(),
    }
}
