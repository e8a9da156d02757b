//! What a user writes of a floor.

use tfplugin::{Attr, Map, Set, model};

use crate::card::same_memory;
use crate::lifecycle::Shows;

model! {
    /// Where a measured peak was read.
    pub(crate) struct MeasuredModel {
        /// What reported it, such as the metric's name and where it was read.
        pub(crate) source: Attr<String> = required(),
        /// When, RFC 3339: `2026-11-21T02:14:00Z`.
        pub(crate) at: Attr<String> = required(),
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
        /// unless `measured` says where it was read.
        pub(crate) peak: Attr<String> = required().same_if(|a, b| same_memory(a, b)),
        /// Where and when the peak was measured.
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
        /// The objects in the cluster, each as JSON of its fields by path.
        pub(crate) objects: Attr<Map<String>> = computed(),
    }
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
