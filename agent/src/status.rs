//! What the gates of a card have come to, as metrics from its ledger.
//!
//! A gate lives for seconds, so its counters live in its entry of the ledger,
//! and whoever reads the ledger can serve them.
//!
//! The series are listed in `docs/metrics.md`.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tenancy::decide::Rule;
use tenancy::floor::Floor;
use tenancy::ledger::{Entry, Ledger, State, Status};
use tenancy::names::{CardName, TenantId};
use tenancy::quantity::Mib;

/// What every series' name begins with.
pub const PREFIX: &str = "gpu_tenancy";

/// The labels of one row.
pub type Labels = Vec<(&'static str, String)>;

/// Adds a gauge with its rows; without a row it is left out.
pub fn gauge(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    rows: impl IntoIterator<Item = (Labels, f64)>,
) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    for (labels, value) in rows {
        family.get_or_create(&labels).set(value);
    }
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, family),
        None => registry.register(name, help, family),
    }
}

/// Adds a counter with its rows; without a row it is left out.
pub fn counter(
    registry: &mut Registry,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels, u64)>,
) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    let family = Family::<Labels, Counter>::default();
    for (labels, value) in rows {
        family.get_or_create(&labels).inc_by(value);
    }
    registry.register(name, help, family);
}

/// MiB as bytes. Beyond 8 PiB the last digits are rounded.
#[allow(clippy::cast_precision_loss, reason = "no card has 2^53 bytes")]
pub fn bytes(mib: u64) -> f64 {
    mib as f64 * 1_048_576.0
}

/// Adds what the gates of a card have come to, and what is claimed of it.
pub fn of_gates(registry: &mut Registry, card: &CardName, ledger: &Ledger, floors: &[Floor]) {
    let labels = |tenant: &TenantId| -> Labels {
        vec![
            ("card", card.to_string()),
            ("namespace", tenant.namespace.to_string()),
            ("tenant", tenant.name.to_string()),
        ]
    };
    counts(registry, ledger, &labels);
    type Figure = (&'static str, &'static str, Unit, fn(&Status) -> Option<f64>);
    let figures: [Figure; 5] = [
        ("gate_overrun", "How long the tenant has been awake beyond its time.", Unit::Seconds, |status| {
            Some(whole(status.overrun_seconds.unwrap_or(0)))
        }),
        (
            "gate_clock_skew",
            "The clock of the gate's machine minus the API server's; 0 up to 30 s.",
            Unit::Seconds,
            |status| Some(whole(status.clock_skew_s.unwrap_or(0))),
        ),
        ("gate_last_decision_timestamp", "When the gate last decided.", Unit::Seconds, |status| {
            Some(whole(status.at.as_second()))
        }),
        ("gate_free", "What was free when the gate last decided.", Unit::Bytes, |status| {
            status.free_mib.map(mib)
        }),
        ("gate_owed", "What was owed to others when the gate last decided.", Unit::Bytes, |status| {
            status.owed_mib.map(mib)
        }),
    ];
    for (name, help, unit, figure) in figures {
        let row =
            |(tenant, entry): (&TenantId, &Entry)| Some((labels(tenant), figure(entry.status.as_ref()?)?));
        gauge(registry, name, help, Some(unit), ledger.entries().filter_map(row));
    }
    let states = [State::Asleep, State::Reserved, State::Loading, State::Awake, State::Draining];
    let rows = ledger.entries().flat_map(|(tenant, entry)| {
        let labels = &labels;
        states.map(|state| {
            let mut labels = labels(tenant);
            labels.push(("state", state.to_string()));
            (labels, f64::from(u8::from(entry.state == state)))
        })
    });
    gauge(registry, "gate_state", "1 for the state that the tenant is in.", None, rows);
    let peaks = floors.iter().map(|floor| (labels(&floor.tenant), mib(floor.peak_mib)));
    gauge(registry, "floor_peak", "The most that the tenant ever holds.", Some(Unit::Bytes), peaks);
    let headrooms = floors.iter().map(|floor| (labels(&floor.tenant), mib(floor.headroom_mib)));
    gauge(registry, "floor_headroom", "What must stay free beside the tenant.", Some(Unit::Bytes), headrooms);
}

fn counts(registry: &mut Registry, ledger: &Ledger, labels: &impl Fn(&TenantId) -> Labels) {
    type Kind = (&'static str, &'static str, fn(Rule) -> bool);
    let kinds: [Kind; 3] = [
        ("gate_decisions", "Decisions that were written, by the rule that decided.", |_| true),
        (
            "gate_refusals",
            "Decisions that kept a tenant asleep that might be awake, by rule.",
            Rule::is_refusal,
        ),
        (
            "gate_yields",
            "Decisions that sent a tenant away for the card's sake or its own, by rule.",
            Rule::is_yield,
        ),
    ];
    for (name, help, counts) in kinds {
        let rows = ledger.entries().flat_map(|(tenant, entry)| {
            entry.tally.decisions.iter().filter(move |(rule, _)| counts(**rule)).map(move |(rule, count)| {
                let mut labels = labels(tenant);
                labels.push(("rule", crate::report::rule_name(*rule).replace(' ', "_")));
                (labels, *count)
            })
        });
        counter(registry, name, help, rows);
    }
    let rows = ledger.entries().map(|(tenant, entry)| (labels(tenant), entry.tally.unknown_s));
    let help = "Time in which the card's figures were not known to the gate.";
    counter(registry, "gate_unknown_seconds", help, rows);
}

fn mib(amount: Mib) -> f64 {
    bytes(amount.0)
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a clock are far below 2^53")]
fn whole(seconds: i64) -> f64 {
    seconds as f64
}
