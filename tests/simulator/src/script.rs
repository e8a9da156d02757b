//! What a world is made of and what happens to it, whoever keeps its card.
//!
//! A script is plain data. The same script is played with our gates and with the
//! shell gate's rules, proptest makes it smaller, and its `Debug` text is enough
//! to play it again. Indices count modulo the number of tenants or residents, so
//! that a script stays valid when some of them are taken away.

/// One world: a card, who lives on it, and what befalls it.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Seed of what no line of the script says: how long a call takes, who is faster.
    pub seed: u64,
    /// When it begins, in seconds since 1970.
    pub start_s: i64,
    /// How many days it lasts.
    pub days: u32,
    /// The card.
    pub card: CardSpec,
    /// Who wants it, at least one.
    pub tenants: Vec<TenantSpec>,
    /// Who has it already.
    pub residents: Vec<ResidentSpec>,
    /// What happens, by seconds since the start, in any order.
    pub troubles: Vec<(u32, Trouble)>,
}

/// A card and what measures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardSpec {
    /// Its size.
    pub total_mib: u64,
    /// What the driver keeps for itself.
    pub reserved_mib: u64,
    /// Whether the device's series attributes memory to pods.
    pub attributes: bool,
    /// How often the exporter collects; 0: at each scrape.
    pub collects_every_s: u32,
}

/// A tenant, as declared and as it really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSpec {
    /// When it may be awake. None: on demand.
    pub windows: Vec<WindowSpec>,
    /// The peak that was declared.
    pub peak_mib: u64,
    /// The headroom that was declared.
    pub headroom_mib: u64,
    /// Who yields first.
    pub priority: i32,
    /// The residents that it pauses (Option B).
    pub pauses: Vec<usize>,
    /// Between two guard ticks.
    pub guard_interval_s: u32,
    /// What it takes while it loads; at most its peak.
    pub loads_mib: u64,
    /// How long it loads.
    pub load_s: u32,
}

/// A window, in minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    /// When it starts.
    pub start_minute: u16,
    /// How long it lasts by the clock on the wall.
    pub minutes: u16,
    /// Bit 0 is Monday.
    pub days: u8,
    /// Its place in [`ZONES`].
    pub zone: usize,
}

/// The zones of the worlds: none, the usual dates, half an hour of daylight
/// saving, and an offset that is no whole hour.
pub const ZONES: [&str; 6] =
    ["UTC", "Europe/London", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"];

/// A process on the card that no gate schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidentSpec {
    /// The most it holds, as declared.
    pub peak_mib: u64,
    /// What it holds when nothing happens.
    pub rest_mib: u64,
    /// Whether room is kept for its peak.
    pub protected: bool,
    /// The replicas of its Deployment. Its memory does not depend on how many.
    pub replicas: u32,
}

/// What happens to a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A resident wants to hold this much from now on.
    ResidentUses {
        /// Which.
        resident: usize,
        /// How much.
        mib: u64,
    },
    /// A tenant's server, if it runs, wants to hold this much from now on. More
    /// than its declared peak is a leak.
    TenantUses {
        /// Which.
        tenant: usize,
        /// How much.
        mib: u64,
    },
    /// What measures the card fails.
    SourceFails {
        /// In which way.
        how: Failure,
        /// For how long.
        for_s: u32,
    },
    /// The API server does not answer, and nothing that needs it happens.
    ApiAway {
        /// For how long.
        for_s: u32,
    },
    /// No Job is made for a CronJob.
    ControllerAway {
        /// For how long.
        for_s: u32,
    },
    /// The pods of ticks start late.
    TicksLate {
        /// For how long.
        for_s: u32,
        /// By how much.
        by_s: u32,
    },
    /// New pods find no node.
    NoNode {
        /// For how long.
        for_s: u32,
    },
    /// New pods pull their image first.
    SlowPull {
        /// For how long.
        for_s: u32,
        /// What a pull takes.
        by_s: u32,
    },
    /// The tenant's server never becomes ready.
    NeverReady {
        /// Which.
        tenant: usize,
        /// For how long.
        for_s: u32,
    },
    /// The tenant's server crashes, once.
    Crash {
        /// Which.
        tenant: usize,
    },
    /// The tenant's server crashes half-way through each load.
    CrashLoop {
        /// Which.
        tenant: usize,
        /// For how long.
        for_s: u32,
    },
    /// The tenant's pods are deleted or evicted; others take their place.
    PodDeleted {
        /// Which.
        tenant: usize,
    },
    /// The node restarts: all memory is free, and every pod begins anew after this time.
    NodeReboots {
        /// How long it is away.
        for_s: u32,
    },
    /// Pods that are told to go take this long.
    SlowExit {
        /// For how long.
        for_s: u32,
        /// What it takes to go.
        by_s: u32,
    },
    /// Processes of pods that go are not reaped and keep their memory.
    Zombies {
        /// For how long, and until when they keep it.
        for_s: u32,
    },
    /// Gates die right after they wrote the ledger, before they act.
    GatesDie {
        /// For how long.
        for_s: u32,
    },
    /// The API server takes writes of the ledger and its answers are lost.
    WritesUnanswered {
        /// For how long.
        for_s: u32,
    },
    /// Writes of the ledger arrive after their gate gave up on them.
    WritesLate {
        /// For how long.
        for_s: u32,
        /// By how much.
        by_s: u32,
    },
    /// A person scales the tenant.
    HandScales {
        /// Which.
        tenant: usize,
        /// To how many replicas.
        replicas: u32,
    },
    /// A person scales a resident.
    HandScalesResident {
        /// Which.
        resident: usize,
        /// To how many replicas.
        replicas: u32,
    },
    /// A person annotates the tenant's Deployment.
    HandAnnotates {
        /// Which.
        tenant: usize,
        /// With what.
        text: Annotation,
    },
    /// Somebody makes a Job from the tenant's CronJob.
    HandAsks {
        /// Which.
        tenant: usize,
    },
    /// The tenant is suspended and, after this time, is not any more.
    Suspended {
        /// Which.
        tenant: usize,
        /// For how long.
        for_s: u32,
    },
    /// The tenant's new pods are given another card than the one that its gate looked at.
    OtherCard {
        /// Which.
        tenant: usize,
        /// For how long.
        for_s: u32,
    },
    /// The API server's clock is wrong.
    ClockLeaps {
        /// By how much; ahead if it is positive.
        by_s: i32,
        /// For how long.
        for_s: u32,
    },
    /// There is work for an on-demand tenant.
    Work {
        /// Which.
        tenant: usize,
        /// For how long.
        for_s: u32,
    },
}

/// How a source fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It does not answer.
    Away,
    /// It answers with a page without samples.
    Empty,
    /// It answers with the figures of the moment in which it began to fail, and says so.
    Stale,
    /// The device's row is there, most pods are not.
    Partial,
    /// It answers for another device.
    OtherDevice,
    /// It says that more is free than there is.
    Absurd,
}

/// What a person writes into the annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotation {
    /// Takes it away.
    Nothing,
    /// `auto`.
    Auto,
    /// `off`.
    Off,
    /// `awake-until=` so many hours from now.
    AwakeFor(u32),
    /// Something that means nothing.
    Nonsense,
}

impl Script {
    /// The tenant that an index of the script means.
    pub(crate) fn tenant(&self, index: usize) -> usize {
        index % self.tenants.len().max(1)
    }

    /// The resident that an index of the script means, if there is any.
    pub(crate) fn resident(&self, index: usize) -> Option<usize> {
        index.checked_rem(self.residents.len())
    }

    /// Whether everybody holds at most what was declared and counted, so that no
    /// allocation may ever fail for want of memory under gates that keep their word.
    pub fn is_honest(&self) -> bool {
        let kept = self.residents.iter().all(|one| one.protected && one.rest_mib <= one.peak_mib);
        kept && self.tenants.iter().all(|one| one.loads_mib <= one.peak_mib)
            && self.troubles.iter().all(|(_, trouble)| match *trouble {
                Trouble::ResidentUses { resident, mib } => {
                    self.resident(resident).is_none_or(|index| mib <= self.residents[index].peak_mib)
                }
                Trouble::TenantUses { tenant, mib } => mib <= self.tenants[self.tenant(tenant)].peak_mib,
                // A hand may wake a resident whose room was given away for the window.
                Trouble::HandScalesResident { .. } => false,
                _ => true,
            })
    }
}
