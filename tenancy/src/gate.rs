//! What one tenant's gate is told: the document that `expand` writes into the
//! tenant's gate ConfigMap and that `gpu-agent gate` and `gpu-agent admit` read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::demand::DemandProbe;
use crate::names::{Namespace, ObjectName, TenantId};
use crate::window::Schedule;

/// Key of the gate ConfigMap that holds the [`GateConfig`] as JSON.
pub const GATE_CONFIG_KEY: &str = "gate.json";
/// Where that ConfigMap is mounted in the gate's and the admit check's containers.
pub const GATE_CONFIG_DIR: &str = "/etc/gpu-tenancy";
/// Annotation on the tenant's Deployment by which a person speaks to the gate:
/// `auto`, `off`, or `awake-until=` and an RFC 3339 time at most 24 hours away.
pub const OVERRIDE_ANNOTATION: &str = "gpu-tenancy.dev/gate";

/// Everything a gate knows of its own tenant, beside the card's declared object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfig {
    /// The tenant; its Deployment has the tenant's name.
    pub tenant: TenantId,
    /// When it may be awake.
    pub schedule: Schedule,
    /// Asleep until a person says otherwise.
    #[serde(default)]
    pub suspend: bool,
    /// Option B: Deployments that are scaled to 0 for the window and restored after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<ScaleTarget>,
    /// The call that makes the model server let go of its memory before it is scaled to 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unload: Option<UnloadCall>,
    /// Whether there is work, and who says so. Without it nobody is asked: within a window the window alone decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<DemandProbe>,
    /// The bounds in time, in seconds.
    pub timing: Timing,
}

/// How long a tick may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickLength {
    /// How long it stays while something is under way, in seconds: almost until
    /// the next guard tick, so that a card is looked at all the time.
    pub stays_s: u32,
    /// Its Job's `activeDeadlineSeconds`, which ends one that hangs.
    pub deadline_s: u32,
}

impl GateConfig {
    /// How long a tick of this tenant may take: a shortage's grace and a drain,
    /// or until the next guard tick where that is longer, with a margin.
    pub fn tick_length(&self) -> TickLength {
        use crate::defaults::{TICK_COMING_S, TICK_GOING_S, TICK_MARGIN_S};
        let Timing { guard_interval_s, shortage_grace_s, grace_period_s, .. } = self.timing;
        let unload_s = self.unload.as_ref().map_or(0, |call| call.timeout_s);
        let under_way_s = shortage_grace_s.saturating_add(grace_period_s).saturating_add(unload_s);
        let deadline_s = under_way_s.max(guard_interval_s).saturating_add(TICK_MARGIN_S);
        let until_next_s = guard_interval_s.saturating_sub(TICK_GOING_S);
        TickLength { stays_s: until_next_s.min(deadline_s.saturating_sub(TICK_COMING_S)), deadline_s }
    }

    /// Between two ticks of its CronJobs at this time, in seconds. Guard ticks run through the windows; round
    /// the clock there are those of [`crate::defaults::SWEEP_INTERVAL_S`], and on demand the guard's.
    pub fn looks_every_s(&self, now: Timestamp) -> u32 {
        use crate::defaults::SWEEP_INTERVAL_S;
        let guard_interval_s = self.timing.guard_interval_s;
        match &self.schedule {
            Schedule::Windows(_) if self.schedule.open_at(now).is_some() => {
                guard_interval_s.min(SWEEP_INTERVAL_S)
            }
            Schedule::Windows(_) => SWEEP_INTERVAL_S,
            Schedule::OnDemand | Schedule::Always => guard_interval_s,
        }
    }
}

/// A Deployment whose replicas the gate may set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleTarget {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub deployment: ObjectName,
}

/// An HTTP call to the model server itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnloadCall {
    /// `POST` or `DELETE`.
    pub method: String,
    /// The path on the tenant's first port, such as `/api/unload`.
    pub path: String,
    /// The tenant's container port that takes the call.
    pub port: u16,
    /// What is sent with it, as JSON; nothing unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Map<String, serde_json::Value>>,
    /// How long the call may take.
    pub timeout_s: u32,
}

/// The bounds in time of one tenant's gate, in seconds. The defaults and their
/// reasons are in [`crate::defaults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Between two guard ticks.
    pub guard_interval_s: u32,
    /// From admission until the model answers, as a person expects it.
    pub start_estimate_s: u32,
    /// Less time awake than this is not worth a start.
    pub useful_minimum_s: u32,
    /// How long the card may be short before one tenant yields.
    pub shortage_grace_s: u32,
    /// How long running tenants hold while the source is unknown.
    pub unknown_hold_s: u32,
    /// How long a pod may stay Pending without a node.
    pub pending_limit_s: u32,
    /// How long an admitted pod may take until it is ready.
    pub loading_limit_s: u32,
    /// The pause after a yield, a failed start or three crashes in a row.
    pub backoff_s: u32,
    /// The pod's termination grace period, which bounds unload and drain.
    pub grace_period_s: u32,
}

impl Default for Timing {
    fn default() -> Self {
        use crate::defaults as d;
        Self {
            guard_interval_s: d::GUARD_INTERVAL_S,
            start_estimate_s: d::START_ESTIMATE_S,
            useful_minimum_s: d::USEFUL_MINIMUM_S,
            shortage_grace_s: d::SHORTAGE_GRACE_S,
            unknown_hold_s: d::UNKNOWN_HOLD_S,
            pending_limit_s: d::PENDING_LIMIT_S,
            loading_limit_s: d::LOADING_LIMIT_S,
            backoff_s: d::BACKOFF_S,
            grace_period_s: d::GRACE_PERIOD_S,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut GateConfig)) -> TickLength {
        let mut gate = GateConfig {
            tenant: "tts/chatterbox".parse().unwrap(),
            schedule: Schedule::OnDemand,
            suspend: false,
            pauses: Vec::new(),
            unload: None,
            demand: None,
            timing: Timing::default(),
        };
        change(&mut gate);
        gate.tick_length()
    }

    #[test]
    fn a_tick_stays_almost_until_the_next_and_ends_well_before_its_deadline() {
        assert_eq!(of(|_| ()), TickLength { stays_s: 290, deadline_s: 480 });
        let minute = of(|gate| gate.timing.guard_interval_s = 60);
        assert_eq!(minute, TickLength { stays_s: 50, deadline_s: 270 });
        let slow = of(|gate| gate.timing.grace_period_s = 900);
        assert_eq!(slow, TickLength { stays_s: 290, deadline_s: 1110 });
        assert_eq!(of(|gate| gate.timing.guard_interval_s = u32::MAX).deadline_s, u32::MAX);
    }
}
