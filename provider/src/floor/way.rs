//! How a floor comes by its peak: guessed, written down as measured, or read.

use jiff::Timestamp;
use tenancy::card::Unit;
use tenancy::defaults::{MEASURED_LOOK_BACK_RANGE_S, MEASURED_LOOK_BACK_S};
use tenancy::duration::Seconds;
use tenancy::measured::{Address, Question, Samples};
use tenancy::names::TenantId;
use tenancy::quantity::Mib;
use tfplugin::{Attr, Diagnostics, Path};

use super::model::{FloorModel, MeasuredModel};
use crate::fill::{Fill, Sample};

/// `basis` of a measurement.
pub(super) const MEASURED: &str = "measured";
/// `basis` of a guess.
pub(super) const GUESSED: &str = "guessed";

/// How a floor comes by its peak.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Way {
    Guessed,
    Written { source: String, at: Timestamp },
    Read(Box<Read>),
}

/// A peak that is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Read {
    pub(super) place: Place,
    pub(super) look_back_s: u32,
    pub(super) guess: Mib,
    pub(super) image: String,
    pub(super) model: Option<String>,
    pub(super) since: Option<Timestamp>,
}

/// Where it is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// The selector, where it is not that of our exporter's series, with its unit.
    Prometheus(Address, Option<(String, Unit)>),
    Exporter(Address),
}

impl Read {
    /// What Prometheus is asked.
    pub(super) fn question(tenant: &TenantId, selector: Option<&(String, Unit)>) -> Question {
        match selector {
            None => Question::of_own_exporter(tenant),
            Some((selector, unit)) => {
                Question { selector: selector.clone(), unit: *unit, samples: Samples::Scrapes }
            }
        }
    }

    /// What reported the peak, for people.
    pub(super) fn source(&self, tenant: &TenantId) -> String {
        match &self.place {
            Place::Exporter(address) => format!("the exporter's page at {address}"),
            Place::Prometheus(address, selector) => {
                let question = Self::question(tenant, selector.as_ref());
                format!("{} at {address}, {}", question.selector, Seconds(self.look_back_s))
            }
        }
    }
}

/// What `measured` says; nothing where it cannot be told.
pub(super) fn way(measured: &Attr<MeasuredModel>, fill: &mut Fill) -> Option<Way> {
    let measured = match measured {
        Attr::Known(measured) => measured,
        Attr::Null => return Some(Way::Guessed),
        Attr::Unknown => {
            fill.met_unknown();
            let at = Timestamp::UNIX_EPOCH;
            return Some(fill.sample.of(Way::Guessed, Way::Written { source: String::new(), at }));
        }
    };
    if measured.prometheus.is_null() && measured.exporter.is_null() {
        let source = fill.string(&measured.source)?;
        return Some(Way::Written { source, at: time(&measured.at, "at", fill)? });
    }
    read(measured, fill).map(|read| Way::Read(Box::new(read)))
}

fn read(measured: &MeasuredModel, fill: &mut Fill) -> Option<Read> {
    let path = Path::attribute("measured");
    let prometheus = fill.parse(&measured.prometheus, &path.field("prometheus"));
    let exporter = fill.parse(&measured.exporter, &path.field("exporter"));
    let selector = fill.string(&measured.selector);
    let unit = match &measured.unit {
        Attr::Null => Some(Unit::Bytes),
        unit => fill.parse(unit, &path.field("unit")),
    };
    let look_back: Option<Seconds> = fill.parse(&measured.look_back, &path.field("look_back"));
    let guess = fill.parse(&measured.guess, &path.field("guess"));
    let image = fill.string(&measured.image);
    let model = fill.string(&measured.model);
    let since = match &measured.since {
        Attr::Null => None,
        since => Some(time(since, "since", fill)?),
    };
    let place = match (prometheus, exporter) {
        (Some(address), _) => Place::Prometheus(address, selector.zip(unit)),
        (None, Some(address)) => Place::Exporter(address),
        (None, None) => return None,
    };
    let look_back_s = look_back.map_or(MEASURED_LOOK_BACK_S, |it| it.0);
    if !MEASURED_LOOK_BACK_RANGE_S.contains(&look_back_s) && measured.look_back.known().is_some() {
        let (least, most) = (*MEASURED_LOOK_BACK_RANGE_S.start(), *MEASURED_LOOK_BACK_RANGE_S.end());
        fill.wrong(
            &path.field("look_back"),
            "Look-back out of range",
            format!(
                "measured.look_back is {}. Write a length from {} to {}.",
                Seconds(look_back_s),
                Seconds(least),
                Seconds(most)
            ),
        );
    }
    Some(Read { place, look_back_s, guess: guess?, image: image?, model, since })
}

fn time(attr: &Attr<String>, name: &'static str, fill: &mut Fill) -> Option<Timestamp> {
    let text = match attr {
        Attr::Unknown => {
            fill.met_unknown();
            fill.sample.of("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z")
        }
        Attr::Null => return None,
        Attr::Known(text) => text.as_str(),
    };
    text.parse()
        .map_err(|why| {
            fill.wrong(
                &Path::attribute("measured").field(name),
                "Not a time",
                format!(
                    "measured.{name} is {text:?}: {why}. Write it as RFC 3339, such as `2026-11-21T02:14:00Z`."
                ),
            );
        })
        .ok()
}

/// How the peak of a model is read, where it is and all that is known.
pub(super) fn reads(model: &FloorModel) -> Option<Read> {
    let mut fill = Fill::new(Sample::A);
    match way(&model.measured, &mut fill) {
        Some(Way::Read(read)) if !fill.unknown => Some(*read),
        _ => None,
    }
}

/// What is missing or too much in the configuration between `peak` and `measured`.
pub(super) fn forms(config: &FloorModel) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let (measured, at) = (&config.measured, Path::attribute("measured"));
    let Attr::Known(it) = measured else {
        if measured.is_null() && config.peak.is_null() {
            let detail = "Set peak, as a guess, or measured with prometheus or exporter and a guess, so that it is read.";
            diagnostics.error(Path::attribute("peak"), "No peak", detail);
        }
        return diagnostics;
    };
    if it.prometheus.is_null() && it.exporter.is_null() {
        if config.peak.is_null() {
            let detail = "measured says where a peak was measured, but neither how much it is nor where it can be \
                          read. Write peak beside it, or set prometheus or exporter, and a guess, in it.";
            diagnostics.error(Path::attribute("peak"), "No peak", detail);
        }
        let only_read = [
            ("look_back", &it.look_back),
            ("guess", &it.guess),
            ("image", &it.image),
            ("model", &it.model),
            ("since", &it.since),
        ];
        for (name, _) in only_read.into_iter().filter(|(_, attr)| !attr.is_null()) {
            let detail = format!(
                "measured.{name} goes with prometheus or exporter. Set one of them, or take it away."
            );
            diagnostics.error(at.field(name), "Nothing is read", detail);
        }
        for (name, attr) in [("source", &it.source), ("at", &it.at)] {
            if attr.is_null() {
                let detail = format!("measured.{name} is missing. Say what reported the peak, and when.");
                diagnostics.error(at.clone(), "Incomplete measurement", detail);
            }
        }
        return diagnostics;
    }
    if !config.peak.is_null() {
        let detail = "The peak is read by measured. Take peak away, and write it as measured.guess.";
        diagnostics.error(Path::attribute("peak"), "Two peaks", detail);
    }
    let needed = [
        ("guess", &it.guess, "what counts until enough was read"),
        ("image", &it.image, "what the peak is measured of: another image is another server"),
    ];
    for (name, attr, what) in needed {
        if attr.is_null() {
            let detail = format!("measured.{name} is missing: {what}.");
            diagnostics.error(at.clone(), "Incomplete measurement", detail);
        }
    }
    diagnostics
}
