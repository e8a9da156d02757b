//! Every default, once, with its reason.

use std::collections::BTreeMap;

use crate::names::{LabelKey, LabelValue};
use crate::quantity::Mib;
use crate::tenant::Toleration;

/// Declares constants whose doc comments are their reasons, and keeps those for
/// whoever explains a tenant.
macro_rules! defaults {
    ($($(#[doc = $doc:literal])+ pub const $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[doc = $doc])+ pub const $name: $type = $value;)+

        /// Why a default is what it is, by the name of its constant.
        pub fn reason(name: &str) -> Option<&'static str> {
            match name {
                $(stringify!($name) => Some(concat!($($doc),+).trim_ascii()),)+
                _ => None,
            }
        }
    };
}

defaults! {
/// Between two guard ticks: the seed's `*/5`, short enough that a resident that
/// woke waits minutes and not hours, at 48 pods for a four-hour window.
pub const GUARD_INTERVAL_S: u32 = 300;
/// From admission to a model that answers: image present, weights on disk;
/// loads of 60 to 180 s were seen.
pub const START_ESTIMATE_S: u32 = 180;
/// A start that leaves less than this awake costs the card more than it gives.
pub const USEFUL_MINIMUM_S: u32 = 600;
/// A shortage shorter than this is a neighbour's spike.
pub const SHORTAGE_GRACE_S: u32 = 30;
/// A restart of an exporter takes minutes; longer blindness is a failure.
pub const UNKNOWN_HOLD_S: u32 = 600;
/// A pod that found no node within two minutes waits for something that the
/// window will not bring.
pub const PENDING_LIMIT_S: u32 = 120;
/// An image pull of 8 minutes and a load of 3, with room to spare.
pub const LOADING_LIMIT_S: u32 = 1200;
/// Long enough that a crash loop or a neighbour's shift change does not flap.
pub const BACKOFF_S: u32 = 600;
/// A multi-minute synthesis is worth a minute's patience; the tenant may ask for more.
pub const GRACE_PERIOD_S: u32 = 60;
/// Clocks that differ by more than this make log lines and windows disagree visibly.
pub const CLOCK_SKEW_LIMIT_S: i64 = 30;
/// dcgm-exporter collects every 30 s unless told otherwise; twice that is stale.
pub const SAMPLE_FRESH_S: i64 = 60;
/// The first crash may be chance and the second a neighbour's; the third is a habit.
pub const CRASH_LIMIT: u32 = 3;
/// On demand: a start is paid for before it is thrown away.
pub const MIN_AWAKE_S: u32 = 600;
/// On demand: a pause between two requests is not the end of the work.
pub const IDLE_AFTER_S: u32 = 600;
/// Below a minute two requests in a row would be two demands; a day is for ever.
pub const IDLE_AFTER_RANGE_S: std::ops::RangeInclusive<u32> = 60..=86_400;
/// A hand's override ends within a day, so that nobody forgets it for ever.
pub const OVERRIDE_LIMIT_S: i64 = 86_400;
/// The pause after starts that fail one after another doubles up to this: a
/// window has room for another try, and a broken image does not cost the card a
/// load every ten minutes.
pub const BACKOFF_LIMIT_S: u32 = 7200;
/// For so long a card waits for memory that was only an estimate of what a
/// tenant held: a neighbour may have grown since, and then it never comes.
pub const ESTIMATE_LIMIT_S: u32 = 1800;
/// Beyond its grace period a pod needs seconds to go, and the driver less to
/// take its memory back; after this long it is worth a person's look.
pub const MEMORY_RETURN_S: u32 = 120;
/// How far the per-process figures of a source may be ahead of its cached `free`:
/// dcgm-exporter collects every 30 s unless told otherwise, a Prometheus scrapes
/// as often, and half of that for one that is late. What a tenant holds is set off against its peak only
/// when it has been awake for longer, so that both figures know of its load.
pub const SAMPLE_LAG_S: i64 = 45;
/// Pods may be said to hold this much more than the card before the two figures
/// are of different moments: each is rounded by itself.
pub const ATTRIBUTION_TOLERANCE_MIB: u64 = 64;
/// A gate that has written nothing for so many guard intervals does not tick:
/// nobody waits for it. Two may be missed by a late CronJob and a busy node.
pub const SILENT_INTERVALS: u32 = 3;
/// The longest grace period that anybody sensible gives a pod. Somebody who
/// drains for longer is not waited for when the card is short.
pub const SETTLE_LIMIT_S: i64 = 600;
/// Between two looks while something is under way: a pod that starts or goes, a
/// shortage within its grace.
pub const LOOK_AGAIN_S: u32 = 5;
/// Between two Events of one reason about one thing: one a guard tick, not one a
/// look, also where two reasons take turns.
pub const REPEAT_EVENT_S: i64 = 240;

/// How far back a measured peak looks: a month has seen the long book and the voices of every series.
pub const MEASURED_LOOK_BACK_S: u32 = 30 * 86_400;
/// Below an hour nobody has used the tenant; a Prometheus that keeps more than a year is rare.
pub const MEASURED_LOOK_BACK_RANGE_S: std::ops::RangeInclusive<u32> = 3_600..=366 * 86_400;
/// Fewer samples do not take the place of a guess that is larger: at 15 s they
/// are a quarter of an hour, and a model that has only been loaded has not worked yet.
/// Our exporter reads more often than anybody scrapes it, so the time for which it saw a
/// container is counted as one sample for each [`EXPORTER_SCRAPE_INTERVAL_S`].
pub const MEASURED_SAMPLES: u64 = 60;
/// A measured peak is rounded up to this, the tolerance of the figures that it is compared with.
pub const MEASURED_STEP_MIB: u64 = 64;
/// A measured peak shrinks by no less than this: a night that held a little less is no other tenant.
pub const MEASURED_SHRINK_MIB: u64 = 256;
/// Less than this from one half of the look-back to the other is chance: a voice
/// of Chatterbox takes 175 MiB.
pub const MEASURED_GROWTH_MIB: u64 = 128;
/// One part in so many of a look-back may be without samples at its beginning before a peak shrinks
/// by it: a tenant that wakes every third night is not seen in the first hours of each month.
pub const MEASURED_UNSEEN_PART: i32 = 10;
/// Into so many parts a look-back is divided; Prometheus answers a few KiB a container.
pub const MEASURED_POINTS: i64 = 200;
/// A part of a look-back is no shorter, because no scrape is much rarer.
pub const MEASURED_RESOLUTION_S: i64 = 60;

/// The port of our exporter's page: beside dcgm-exporter's 9400.
pub const EXPORTER_PORT: u16 = 9401;
/// Between two readings of the driver, each of a few milliseconds: a peak that
/// lasts a second is seen.
pub const EXPORTER_INTERVAL_S: u64 = 1;
/// How long our exporter remembers a container that holds nothing any more: its peak of
/// the night is still there on the second morning, when somebody looks.
pub const EXPORTER_REMEMBERS_S: i64 = 2 * 86_400;
/// Between two scrapes of our exporter by Prometheus: a gate that asks
/// Prometheus needs figures of the last minute.
pub const EXPORTER_SCRAPE_INTERVAL_S: u64 = 15;
/// The exporter maps NVML, whose size grows with the cards of a node.
pub const EXPORTER_REQUESTS: [(&str, &str); 2] = [("cpu", "10m"), ("memory", "32Mi")];
/// See [`EXPORTER_REQUESTS`].
pub const EXPORTER_LIMITS: [(&str, &str); 2] = [("cpu", "500m"), ("memory", "256Mi")];

/// The port of a watcher's page: beside our exporter's.
pub const WATCHER_PORT: u16 = 9402;
/// Between two scrapes of a card by its watcher: a few KiB from one page, and
/// whoever must yield has heard of it before a person would look.
pub const WATCH_INTERVAL_S: u64 = 5;
/// Between two looks of a watcher at a tenant about whom the card's figures and
/// the clock say nothing new. It bounds how late a hand, a crash or a changed
/// configuration is seen, as the quickest CronJob would, and is what a watcher costs at rest.
pub const WATCH_REST_S: u64 = 60;
/// How long a watcher's Lease holds without being renewed: so long its card is
/// looked at by the CronJobs alone when its node dies.
pub const WATCH_LEASE_S: u64 = 30;
/// Between two renewals of that Lease. One that fails is tried again for almost as
/// long again, and a watcher that stops acting then stops this long before the Lease ends.
pub const WATCH_RENEW_S: u64 = 10;

/// A tenant is given one share of its card unless it says otherwise.
pub const SLICES: u32 = 1;
/// What NVIDIA's device plugin calls a share, unless it was told to rename it.
pub const SLICE_RESOURCE: &str = "nvidia.com/gpu";
/// The name of a tenant's only port.
pub const PORT_NAME: &str = "http";
/// Seconds between two tries of a probe, as Kubernetes has it.
pub const PROBE_PERIOD_S: u32 = 10;
/// Seconds that one try of a probe may take, as Kubernetes has it.
pub const PROBE_TIMEOUT_S: u32 = 1;
/// Failures of a probe in a row that count, as Kubernetes has it.
pub const PROBE_FAILURE_THRESHOLD: u32 = 3;
/// The method of the call that unloads a model.
pub const UNLOAD_METHOD: &str = "POST";
/// Freeing memory takes a second; a server that needs longer is stuck, and the
/// scale to 0 that follows frees it anyway.
pub const UNLOAD_TIMEOUT_S: u32 = 10;
/// What the ledger's write before an unload call and the scale call after it
/// may take: other gates of the tenant leave it alone for so much longer.
pub const UNLOAD_MARGIN_S: u32 = 5;
/// Pods that are spread are spread evenly, or nobody would ask for it.
pub const MAX_SKEW: u32 = 1;
/// Scratch space of a model server that declares none. A server that runs out
/// of memory in a loop dumps cores: 148 GiB in 50 minutes were seen, which
/// evicted a whole node. Weights that a server without storage downloads fit.
pub const EPHEMERAL_STORAGE_LIMIT: &str = "20Gi";
/// Room for config files that their server rewrites: a ConfigMap holds 1 MiB.
pub const CONFIG_COPY_LIMIT: &str = "16Mi";
/// A gate is one decision: far below these in use, and bounded beside a model.
pub const AGENT_REQUESTS: [(&str, &str); 2] = [("cpu", "10m"), ("memory", "16Mi")];
/// See [`AGENT_REQUESTS`].
pub const AGENT_LIMITS: [(&str, &str); 2] = [("cpu", "500m"), ("memory", "64Mi")];
/// The user and group that the agent's containers run as: the customary
/// number for images without a shell.
pub const AGENT_UID: u32 = 65_532;
/// How late a tick may start. Below 10 s the CronJob controller may never
/// start one; later than this the next guard tick is nearer.
pub const TICK_DEADLINE_S: u32 = 120;
/// What a tick may take beyond the grace and the drain that it waits out:
/// scheduling, an image pull and the calls themselves.
pub const TICK_MARGIN_S: u32 = 180;
/// What a tick leaves of its Job's deadline for the image, the scheduler and its last call.
pub const TICK_COMING_S: u32 = 30;
/// What a tick leaves between its end and the next one, in which its pod goes away.
pub const TICK_GOING_S: u32 = 10;
/// Between two ticks round the clock of a tenant with windows. Guard ticks end
/// an hour after a window; whoever is awake then (an API server that was away,
/// a window that was moved, an `awake-until=` that ended) goes at the next of
/// these. Half an hour bounds that overrun for 48 pods a day.
pub const SWEEP_INTERVAL_S: u32 = 1800;
/// Successful ticks of each CronJob that are kept: somebody who makes jobs by
/// hand from it reads more than the last one.
pub const TICKS_KEPT: u32 = 3;
/// Finished ticks are kept long enough to read their logs in the morning.
pub const TICK_TTL_S: u32 = 6 * 3600;
/// Tries of a prefetch beyond the first. Between them the Job controller waits
/// 10 s, 20 s and so on: a registry's bad minute passes, a wrong address does not.
pub const PREFETCH_RETRIES: u32 = 4;
/// What all tries of a prefetch may take: 100 GB over a line of 50 Mbit/s.
pub const PREFETCH_LIMIT_S: u32 = 6 * 3600;
/// What a rollout may take beyond the loading limit before the Deployment
/// calls it stuck.
pub const ROLLOUT_MARGIN_S: u32 = 600;
/// Old ReplicaSets to roll back to.
pub const REVISION_HISTORY: u32 = 3;
/// The agent's image of this release. Provider, tenants and fleets may name a
/// mirror of it.
pub const AGENT_IMAGE: &str = concat!("ghcr.io/gpu-tenancy/gpu-agent:", env!("CARGO_PKG_VERSION"));
}

/// The nodes of an exporter that names none: those that NVIDIA's GPU operator
/// has found a card in.
pub fn exporter_nodes() -> BTreeMap<LabelKey, LabelValue> {
    let pair = |key: &str, value: &str| Some((key.parse().ok()?, value.parse().ok()?));
    pair("nvidia.com/gpu.present", "true").into_iter().collect()
}

/// The taints that an exporter bears unless it names others: those by which
/// nodes with cards keep everybody else away.
pub fn exporter_tolerations() -> Vec<Toleration> {
    let operator = Some("Exists".to_owned());
    vec![Toleration { key: SLICE_RESOURCE.parse().ok(), operator, value: None, effect: None }]
}

/// The critical line where a card declares none: a quarter of the headroom.
/// Above it a spike may still pass within the grace; below it the next
/// allocation of a neighbour fails.
pub fn critical_mib(headroom: Mib) -> Mib {
    Mib(headroom.0 / 4)
}
