//! What a card's exporter says of the card: pages in, figures or a reason out.
//!
//! Everything here is pure. Admission rests on one question, "how much is free
//! on this device", so a page that answers it with a doubt (empty, partial,
//! contradicting itself, stale, absurd) gives no figures but the reason, and
//! the gate treats the card as unknown. Unknown is never zero.

use std::collections::BTreeMap;

use tenancy::card::{Card, Device, DeviceSource, Unit};
use tenancy::exposition::{self, Series};
use tenancy::quantity::Mib;

pub mod dcgm;
pub mod devices;
pub mod exporter;
pub mod nvidia_gpu_exporter;
pub mod pods;
pub mod prometheus;

use devices::Devices;

/// Figures may disagree by this much before they contradict each other:
/// exporters round each figure to MiB on its own, and read them one after the other.
pub const TOLERANCE_MIB: u64 = 64;
/// A series whose own timestamp is older than this says what the card was, not what it is.
pub const FRESH_S: i64 = tenancy::defaults::SAMPLE_FRESH_S;
/// No card of today has a hundredth of this; a larger figure is a blank or a bug
/// (DCGM writes `9223372036854775794` where it has no value).
const LARGEST_MIB: f64 = 67_108_864.0;

/// What one page says of one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The size that the device reports.
    pub total_mib: Mib,
    /// What is free on it.
    pub free_mib: Mib,
    /// What processes hold.
    pub used_mib: Mib,
    /// What the driver keeps for itself.
    pub reserved_mib: Mib,
    /// What each pod holds, by namespace and pod name; `None` where the page
    /// does not say, which is not the same as nothing.
    pub pods: PerPod,
    /// On which devices of the page each pod is, as far as it says. Empty where it does not.
    pub devices: Devices,
    /// The device's UUID, where the page names it; as the card is declared, if it is by UUID.
    pub uuid: Option<String>,
    /// The device's index, where the page names it.
    pub index: Option<u32>,
    /// The oldest timestamp among the figures, in milliseconds since 1970, for
    /// the exporters that write one.
    pub timestamp_ms: Option<i64>,
}

/// What pods hold, by namespace and pod name; `None` where a source does not say.
pub type PerPod = Option<BTreeMap<(String, String), Mib>>;

/// Why a page gives no figures, as a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(pub String);

/// Reads the figures of `card` from a page of its device source.
///
/// `now_ms` is the API server's time in milliseconds since 1970; only series
/// that carry a timestamp are compared with it.
///
/// # Errors
/// The reason why the page does not answer for this card.
pub fn read(card: &Card, page: &str, now_ms: i64) -> Result<Figures, Unknown> {
    let series = exposition::parse(page).map_err(|bad| Unknown(bad.to_string()))?;
    if series.is_empty() {
        return Err(Unknown(
            "the page is empty; an exporter that cannot ask the driver answers so".to_owned(),
        ));
    }
    let figures = match &card.source.device {
        DeviceSource::Exporter(_) => exporter::figures(card, &series, now_ms),
        DeviceSource::Dcgm(_) => dcgm::figures(card, &series),
        DeviceSource::NvidiaGpuExporter(_) => nvidia_gpu_exporter::figures(card, &series),
        DeviceSource::Prometheus(_) => Err(Unknown("a Prometheus has queries and no page".to_owned())),
    };
    judged(card, figures.map_err(|unknown| refuse_pod_gauge(&series, unknown))?, now_ms)
}

/// Reads the figures of `card` from a Prometheus' answers; `now_ms` as for [`read`].
///
/// # Errors
/// The reason why the answers are none for this card.
pub fn read_prometheus(
    card: &Card,
    source: &tenancy::card::Prometheus,
    answers: &prometheus::Answers,
    now_ms: i64,
) -> Result<Figures, Unknown> {
    judged(card, prometheus::figures(card, source, answers)?, now_ms)
}

/// Refuses figures that are too old, and gives them the card's own UUID.
fn judged(card: &Card, mut figures: Figures, now_ms: i64) -> Result<Figures, Unknown> {
    fresh(&figures, now_ms)?;
    if let Device::Uuid(declared) = &card.device {
        // The exporter's spelling of it was accepted, and ends here.
        figures.uuid = Some(declared.clone());
        figures.devices = devices::as_declared(std::mem::take(&mut figures.devices), declared);
    }
    Ok(figures)
}

/// The one answer for a card among those of several exporters behind one name.
///
/// # Errors
/// None answers for it, or several do, of which nobody knows the right one.
pub fn only(answers: Vec<Result<Figures, String>>) -> Result<Figures, Unknown> {
    let asked = answers.len();
    let (mut found, mut reasons) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(figures) => found.push(figures),
            Err(reason) if !reasons.contains(&reason) => reasons.push(reason),
            Err(_) => {}
        }
    }
    if found.len() > 1 {
        return Err(Unknown(format!(
            "{} of the {asked} exporters behind it answer for the card; give the card its UUID",
            found.len()
        )));
    }
    if let Some(one) = found.pop() {
        return Ok(one);
    }
    match (asked, reasons.len()) {
        (0, _) => Err(Unknown("nothing answers to its name".to_owned())),
        (1, _) => Err(Unknown(reasons.remove(0))),
        (_, different) => {
            reasons.truncate(3);
            let and_more = if different > 3 { "; and so on" } else { "" };
            Err(Unknown(format!(
                "none of the {asked} exporters behind it answers for the card: {}{and_more}",
                reasons.join("; ")
            )))
        }
    }
}

/// Says it plainly when the page of a per-pod gauge was given as the device source.
fn refuse_pod_gauge(series: &[Series<'_>], unknown: Unknown) -> Unknown {
    let device = |series: &Series<'_>| {
        series.name.starts_with("DCGM_FI_DEV_FB_") || series.name.starts_with("nvidia_smi_memory_")
    };
    if series.iter().any(|series| series.name == pods::GAUGE) && !series.iter().any(device) {
        return Unknown(format!(
            "the page has only the per-pod gauge {}, in which an idle card and a dead collector look the same; \
             give the card a source that reports the device, such as `exporter` or `dcgm`",
            pods::GAUGE
        ));
    }
    unknown
}

fn fresh(figures: &Figures, now_ms: i64) -> Result<(), Unknown> {
    match figures.timestamp_ms.map(|at| now_ms.saturating_sub(at) / 1000) {
        Some(age) if age > FRESH_S => Err(Unknown(format!(
            "the figures are {age} s old by their own timestamps, and {FRESH_S} s are allowed"
        ))),
        _ => Ok(()),
    }
}

/// How people know the card: `index 0 of node gpu-1` or `GPU-…`.
fn wanted(card: &Card) -> String {
    match &card.device {
        Device::Index(index) => format!("index {index} on node {}", card.node),
        Device::Uuid(uuid) => uuid.clone(),
    }
}

/// Whether two spellings mean one UUID: exporters differ in case and in the `GPU-` prefix.
fn same_uuid(a: &str, b: &str) -> bool {
    fn bare(uuid: &str) -> &str {
        match uuid.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("GPU-") => &uuid[4..],
            _ => uuid,
        }
    }
    bare(a).eq_ignore_ascii_case(bare(b))
}

/// A sample as whole MiB, rounded in the direction that promises less.
fn mib(series: &Series<'_>, unit: Unit) -> Result<Mib, Unknown> {
    let holds = series.name.contains("used") || series.name.contains("USED");
    amount(series.name, series.value, unit, holds)
}

/// A value as whole MiB: what somebody `holds` is rounded up, everything else down.
fn amount(name: &str, value: f64, unit: Unit, holds: bool) -> Result<Mib, Unknown> {
    if !value.is_finite() || value < 0.0 {
        return Err(Unknown(format!("{name} is {value}, which is no amount of memory")));
    }
    let mib = match unit {
        Unit::Mib => value,
        Unit::Bytes => value / (1024.0 * 1024.0),
    };
    if mib > LARGEST_MIB {
        return Err(Unknown(format!(
            "{name} is {value:.0}, which is no card's memory (DCGM writes such a number where it has no value)"
        )));
    }
    let whole = if holds { mib.ceil() } else { mib.floor() };
    // In range and not negative by the checks above, and whole.
    Ok(Mib(whole as u64))
}

/// What the driver keeps, where a source does not say: the rest of the card.
/// More than an eighth of it and 2 GiB is no reserve, but a figure of another moment or device.
fn unaccounted(free: Mib, used: Mib, total: Mib) -> Result<Mib, Unknown> {
    let known = free.0.saturating_add(used.0);
    if known > total.0 + TOLERANCE_MIB {
        return Err(Unknown(format!("used {used} and free {free} are more than the card's {total}")));
    }
    let rest = total.0.saturating_sub(known);
    if rest > (total.0 / 8).max(2048) {
        return Err(Unknown(format!(
            "used {used} and free {free} leave {} of the card's {total} unaccounted for",
            Mib(rest)
        )));
    }
    Ok(Mib(rest))
}

/// The one value that all series of a metric agree on; `None` when there is no series.
fn agreed<'s>(
    name: &str,
    series: impl Iterator<Item = &'s Series<'s>>,
    unit: Unit,
) -> Result<Option<Mib>, Unknown> {
    let mut value = None;
    for one in series {
        let this = mib(one, unit)?;
        match value {
            None => value = Some(this),
            Some(other) if other == this => {}
            Some(other) => {
                return Err(Unknown(format!("{name} contradicts itself for this card: {other} and {this}")));
            }
        }
    }
    Ok(value)
}

/// Refuses what no card can show.
fn plausible(figures: Figures) -> Result<Figures, Unknown> {
    let Figures { total_mib: total, free_mib: free, used_mib: used, reserved_mib: reserved, .. } = figures;
    if total.0 == 0 {
        return Err(Unknown("the card's size is reported as 0".to_owned()));
    }
    if free > total {
        return Err(Unknown(format!("{free} free is more than the card's {total}")));
    }
    let sum = Mib(used.0 + free.0 + reserved.0);
    // Older drivers count their reserve as used, newer ones beside it.
    let agrees = |sum: u64| sum.abs_diff(total.0) <= TOLERANCE_MIB;
    if !agrees(sum.0) && !agrees(used.0 + free.0) {
        return Err(Unknown(format!(
            "used {used}, free {free} and reserved {reserved} make {sum} on a card of {total}"
        )));
    }
    Ok(figures)
}

/// The oldest timestamp of some series.
fn oldest<'s>(series: impl Iterator<Item = &'s Series<'s>>) -> Option<i64> {
    series.filter_map(|series| series.timestamp_ms).min()
}

#[cfg(test)]
mod source_tests;
#[cfg(test)]
mod tests;
