//! Where a tenant's peak comes from.

use tenancy::floor::Basis;

use super::tenant::Check;
use crate::fleet::{MeasuredBy, ReadPeak};

/// What the peak in the file rests on: one that is read in the cluster is a guess here.
pub(super) fn basis(check: &mut Check<'_>) -> Basis {
    let Some(measured) = &check.file.raw.measured else { return Basis::Guessed };
    let is_read = measured.prometheus.is_some() || measured.exporter.is_some();
    match (&measured.source, &measured.at) {
        _ if is_read => Basis::Guessed,
        (Some(source), Some(at)) => Basis::Measured { source: source.value.clone(), at: at.value },
        _ => {
            check.refuse_at(
                "measured",
                "it says neither where and when the peak was seen nor where it is read",
                "Give `source` and `at` of a peak that was seen, or `prometheus` or `exporter` to read it from.",
            );
            Basis::Guessed
        }
    }
}

/// Where the peak is read, if it is.
pub(super) fn read(check: &mut Check<'_>) -> Option<ReadPeak> {
    let measured = check.file.raw.measured.clone()?;
    let image = check.file.raw.image.as_ref().map(|image| image.value.clone());
    let selector = measured.selector.map(|it| (it.value, measured.unit.as_ref().map(|unit| unit.value)));
    let from = match (measured.prometheus, measured.exporter) {
        (Some(address), None) => MeasuredBy::Prometheus(address.value, selector),
        (None, Some(address)) if selector.is_none() => MeasuredBy::Exporter(address.value),
        (None, None) => {
            let stray = [
                ("selector", selector.is_some()),
                ("look_back", measured.look_back.is_some()),
                ("model", measured.model.is_some()),
                ("since", measured.since.is_some()),
            ];
            if let Some((name, _)) = stray.into_iter().find(|(_, given)| *given) {
                let reason = format!("`{name}` goes with a peak that is read, and it is not read");
                check.refuse_at("measured", reason, "Give `prometheus` or `exporter` too, or take it away.");
            }
            return None;
        }
        (None, Some(_)) => {
            let accepted = "Take `selector` away, or give `prometheus`.";
            check.refuse_at(
                "measured",
                "a `selector` is for Prometheus, and the page of our exporter is read",
                accepted,
            );
            return None;
        }
        (Some(_), Some(_)) => {
            check.refuse_at("measured", "it is read twice", "Give one of `prometheus` and `exporter`.");
            return None;
        }
    };
    if measured.source.is_some() || measured.at.is_some() {
        let accepted = "Take `source` and `at` away: whoever reads it says both.";
        check.refuse_at("measured", "a peak that is read was not seen once", accepted);
        return None;
    }
    Some(ReadPeak {
        from,
        look_back_s: measured.look_back.map(|length| length.value.0),
        image: image?,
        model: measured.model.map(|model| model.value),
        since: measured.since.map(|since| since.value),
    })
}
