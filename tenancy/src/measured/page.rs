//! A tenant's peak from the page of our own exporter.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::is_pod_of;
use super::reading::{Point, Reading};
use crate::defaults::{EXPORTER_REMEMBERS_S, EXPORTER_SCRAPE_INTERVAL_S};
use crate::exposition::{self, Series};
use crate::names::TenantId;

const PEAK: &str = "gpu_tenancy_container_memory_peak_bytes";
const FIRST_SEEN: &str = "gpu_tenancy_container_first_seen_timestamp_seconds";
const LAST_SEEN: &str = "gpu_tenancy_container_last_seen_timestamp_seconds";

/// What the page says of one container on one card.
#[derive(Default)]
struct Row {
    peak: Option<f64>,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
}

/// Reads the page of `gpu-agent exporter`, which remembers a container's peak
/// for two days after its end. Containers that were first seen before `since`
/// ran something else, and are left out. Nothing where none is left.
///
/// # Errors
/// Why the page does not answer, as a clause.
pub fn of_page(
    page: &str,
    tenant: &TenantId,
    since: Option<Timestamp>,
    look_back_s: u32,
    read_at: Timestamp,
) -> Result<Option<Reading>, String> {
    let series = exposition::parse(page).map_err(|bad| bad.to_string())?;
    if !series.iter().any(|one| one.name.starts_with("gpu_tenancy_exporter_")) {
        return Err("the page is not that of gpu-agent's exporter".to_owned());
    }
    let is_own = |one: &&Series<'_>| {
        one.label("namespace") == Some(tenant.namespace.as_str())
            && one.label("pod").is_some_and(|pod| is_pod_of(tenant, pod))
    };
    let mut rows: BTreeMap<(&str, &str), Row> = BTreeMap::new();
    for one in series.iter().filter(is_own) {
        let container = one.label("container_id").unwrap_or_default();
        let row = rows.entry((one.label("uuid").unwrap_or_default(), container)).or_default();
        match one.name {
            PEAK => row.peak = Some(one.value),
            FIRST_SEEN => row.first_seen = moment(one.value),
            LAST_SEEN => row.last_seen = moment(one.value),
            _ => {}
        }
    }
    let from = read_at.saturating_sub(SignedDuration::from_secs(look_back_s.into())).unwrap_or(read_at);
    let counts = |row: &&Row| {
        let is_new = since.is_none_or(|since| row.first_seen.is_some_and(|first| first >= since));
        is_new && row.last_seen.is_none_or(|last| last >= from)
    };
    let counted: Vec<&Row> = rows.values().filter(counts).collect();
    // When within its life a container held the most is not on the page; that it had, by its end.
    let points: Vec<Point> = counted
        .iter()
        .filter_map(|row| Some(Point { at: row.last_seen.unwrap_or(read_at), bytes: row.peak? }))
        .collect();
    let seen_s =
        counted.iter().filter_map(|row| Some(row.last_seen?.duration_since(row.first_seen?).as_secs()));
    let seen_s: u64 = seen_s.map(|seconds| u64::try_from(seconds).unwrap_or_default()).sum();
    // Whatever it saw first shows that it ran by then, and what was gone for longer than it remembers is not on it.
    let began = series.iter().filter(|one| one.name == FIRST_SEEN).filter_map(|one| moment(one.value)).min();
    let remembered = SignedDuration::from_secs(EXPORTER_REMEMBERS_S);
    let forgot = read_at.saturating_sub(remembered).unwrap_or(read_at);
    let known_from = began.unwrap_or(read_at).max(forgot);
    Reading::of(&points, seen_s / EXPORTER_SCRAPE_INTERVAL_S, known_from, read_at)
}

/// Whole seconds: no finer moment is needed of a night.
fn moment(seconds: f64) -> Option<Timestamp> {
    let whole = Some(seconds).filter(|it| it.is_finite() && it.abs() < 1e12)?;
    Timestamp::from_second(whole as i64).ok()
}
