//! What a plan makes of what was read.
//!
//! Reading happens at refresh and nowhere else, and a plan judges what the
//! refresh left in the state. Terraform plans twice, the second time at apply,
//! and both plans must come to the same.

use jiff::Timestamp;
use tenancy::floor::Basis;
use tenancy::measured::{Reading, Standing, Verdict, judge, rounded};
use tenancy::names::TenantId;
use tenancy::quantity::Mib;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::model::{FloorModel, MeasurementModel, ReadingModel};
use super::way::{GUESSED, MEASURED, Read, Way, reads, way};
use crate::fill::{Fill, Sample};

/// Sets peak, measurement and reading of a plan, and says what changes by them.
pub(super) fn plan(prior: Option<&FloorModel>, config: &FloorModel, planned: &mut FloorModel) -> Diagnostics {
    let mut fill = Fill::new(Sample::A);
    let way = way(&config.measured, &mut fill);
    let tenant: Option<TenantId> = planned.tenant.as_str().and_then(|text| text.parse().ok());
    match (way, tenant) {
        _ if fill.unknown => {
            planned.measurement = Attr::Unknown;
            planned.reading = Attr::Unknown;
            if config.peak.is_null() {
                planned.peak = Attr::Unknown;
            }
            Diagnostics::new()
        }
        (Some(Way::Read(read)), Some(tenant)) => {
            let (judged, told) = judged(prior, &read, &tenant);
            let keeps_spelling = prior
                .map(|prior| &prior.peak)
                .filter(|peak| peak.as_str().and_then(|text| text.parse().ok()) == Some(judged.peak));
            planned.peak = keeps_spelling.cloned().unwrap_or_else(|| Attr::Known(judged.peak.spelled()));
            planned.measurement = Attr::Known(judged.measurement);
            planned.reading = judged.reading;
            told
        }
        (Some(Way::Read(_)), None) => {
            (planned.peak, planned.measurement, planned.reading) =
                (Attr::Unknown, Attr::Unknown, Attr::Unknown);
            Diagnostics::new()
        }
        (Some(Way::Written { source, at }), _) => {
            planned.measurement = Attr::Known(MeasurementModel::written(&Basis::Measured { source, at }));
            planned.reading = Attr::Null;
            Diagnostics::new()
        }
        (Some(Way::Guessed) | None, _) => {
            planned.measurement = Attr::Known(MeasurementModel::written(&Basis::Guessed));
            planned.reading = Attr::Null;
            Diagnostics::new()
        }
    }
}

struct Judged {
    peak: Mib,
    measurement: MeasurementModel,
    reading: Attr<ReadingModel>,
}

/// The peak in force from what stands and what was read.
fn judged(prior: Option<&FloorModel>, read: &Read, tenant: &TenantId) -> (Judged, Diagnostics) {
    let guess = |since: Attr<String>, reading: Attr<ReadingModel>| Judged {
        peak: read.guess,
        measurement: MeasurementModel {
            basis: GUESSED.into(),
            image: Attr::Known(read.image.clone()),
            image_digest: pinned(&read.image).into(),
            model: read.model.clone().into(),
            since: read.since.map_or(since, |since| Attr::Known(since.to_string())),
            ..MeasurementModel::default()
        },
        reading,
    };
    let before = prior.filter(|prior| reads(prior).is_some());
    let before = before.and_then(|prior| Some((prior, prior.measurement.known()?)));
    let Some((prior, stands)) = before else {
        return (guess(Attr::Null, Attr::Unknown), Diagnostics::new());
    };
    if let Some((what, since)) = changed(stands, prior, read) {
        let judged = guess(since, Attr::Null);
        let told = guess_again(tenant, &what, prior, stands, read);
        return (judged, told);
    }
    let held_at = stands.measured_at.as_str().and_then(|text| text.parse().ok());
    let held_at: Option<Timestamp> = held_at.filter(|_| stands.basis.as_str() == Some(MEASURED));
    let peak = held_at.and_then(|_| prior.peak.as_str()?.parse().ok()).unwrap_or(read.guess);
    let reading = prior.reading.known().and_then(ReadingModel::reading);
    let verdict = judge(Standing { peak_mib: peak, held_at }, reading.as_ref(), read.look_back_s);
    let mut measurement = stands.clone();
    if let Some(since) = read.since {
        measurement.since = Attr::Known(since.to_string());
    }
    let Some(reading) = reading.filter(|_| verdict.takes_the_reading()) else {
        return (Judged { peak, measurement, reading: prior.reading.clone() }, Diagnostics::new());
    };
    measurement.basis = MEASURED.into();
    measurement.source = Attr::Known(read.source(tenant));
    measurement.measured_at = Attr::Known(reading.held_at.to_string());
    measurement.samples = Attr::Known(i64::try_from(reading.samples).unwrap_or(i64::MAX));
    let seen = prior.reading.known().and_then(|it| it.image_digest.as_str());
    measurement.image_digest = pinned(&read.image).or(seen.map(str::to_owned)).into();
    let told = taken(tenant, verdict, peak, &reading);
    (Judged { peak: rounded(reading.peak_mib), measurement, reading: prior.reading.clone() }, told)
}

/// What of the server is another one than was measured, and since when that runs.
fn changed(stands: &MeasurementModel, prior: &FloorModel, read: &Read) -> Option<(String, Attr<String>)> {
    let was = |attr: &Attr<String>| attr.as_str().unwrap_or("none").to_owned();
    if stands.image.as_str() != Some(read.image.as_str()) {
        return Some((format!("image {} became {}", was(&stands.image), read.image), Attr::Unknown));
    }
    if stands.model.as_str() != read.model.as_deref() {
        let model = read.model.as_deref().unwrap_or("none");
        return Some((format!("model {} became {model}", was(&stands.model)), Attr::Unknown));
    }
    let reading = prior.reading.known()?;
    let (before, now) = (stands.image_digest.as_str()?, reading.image_digest.as_str()?);
    let what = format!("{} is pulled as {now} and no longer as {before}", read.image);
    (before != now).then(|| (what, reading.read_at.clone()))
}

/// The digest that an image's name ends with.
pub(super) fn pinned(image: &str) -> Option<String> {
    image.split_once('@').map(|(_, digest)| digest.to_owned())
}

fn guess_again(
    tenant: &TenantId,
    what: &str,
    prior: &FloorModel,
    stands: &MeasurementModel,
    read: &Read,
) -> Diagnostics {
    if stands.basis.as_str() != Some(MEASURED) {
        return Diagnostics::new();
    }
    let was: Mib = prior.peak.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let compared = match was.0.checked_sub(read.guess.0) {
        Some(less) if less > 0 => format!(
            "{} less than was measured. If the change does not make it smaller, raise measured.guess to {} first",
            Mib(less),
            was.spelled()
        ),
        _ => "no less than was measured".to_owned(),
    };
    let detail = format!(
        "{what}: nobody has seen what that holds. Until it was seen, measured.guess counts, {}, {compared}.",
        read.guess
    );
    let summary = format!("The peak of {tenant} is a guess again");
    Diagnostic::warning(summary, detail).at(Path::attribute("measured")).into()
}

fn taken(tenant: &TenantId, verdict: Verdict, stood: Mib, reading: &Reading) -> Diagnostics {
    let Reading { samples, held_at, known_from, .. } = reading;
    let peak = rounded(reading.peak_mib);
    let mut lines = Vec::new();
    match verdict {
        Verdict::Grew => lines.push(format!(
            "It held {} at {held_at}, and {stood} stands. {peak} is entered for it from now on.",
            reading.peak_mib
        )),
        Verdict::Shrank => lines.push(format!(
            "From {known_from} on it held no more than {}, in {samples} samples, and {stood} stands. {peak} is \
             entered for it from now on. To keep more, write it as peak.",
            reading.peak_mib
        )),
        Verdict::Measured if peak != stood => lines.push(format!(
            "It held no more than {} in {samples} samples, and the guess was {stood}. {peak} is entered for it \
             from now on.",
            reading.peak_mib
        )),
        _ => {}
    }
    if let Some(growth) = reading.growth_mib() {
        lines.push(format!(
            "The later half of the samples held {growth} more than the earlier: a cache was filling, and the \
             peak may not have been seen yet."
        ));
    }
    if lines.is_empty() {
        return Diagnostics::new();
    }
    let summary = format!("The peak of {tenant} was measured anew");
    Diagnostic::warning(summary, lines.join("\n")).at(Path::attribute("measured")).into()
}

impl MeasurementModel {
    /// What a peak rests on that a person wrote.
    pub(super) fn written(basis: &Basis) -> Self {
        match basis {
            Basis::Guessed => Self { basis: GUESSED.into(), ..Self::default() },
            Basis::Measured { source, at } => Self {
                basis: MEASURED.into(),
                source: Attr::Known(source.clone()),
                measured_at: Attr::Known(at.to_string()),
                ..Self::default()
            },
        }
    }
}

impl ReadingModel {
    /// The model of a reading.
    pub(super) fn of(reading: &Reading, image_digest: Option<String>) -> Self {
        Self {
            peak: Attr::Known(reading.peak_mib.spelled()),
            held_at: Attr::Known(reading.held_at.to_string()),
            samples: Attr::Known(i64::try_from(reading.samples).unwrap_or(i64::MAX)),
            early_peak: Attr::Known(reading.early_peak_mib.spelled()),
            image_digest: image_digest.into(),
            known_from: Attr::Known(reading.known_from.to_string()),
            read_at: Attr::Known(reading.read_at.to_string()),
        }
    }

    fn reading(&self) -> Option<Reading> {
        Some(Reading {
            peak_mib: self.peak.as_str()?.parse().ok()?,
            held_at: self.held_at.as_str()?.parse().ok()?,
            samples: u64::try_from(*self.samples.known()?).ok()?,
            early_peak_mib: self.early_peak.as_str()?.parse().ok()?,
            known_from: self.known_from.as_str()?.parse().ok()?,
            read_at: self.read_at.as_str()?.parse().ok()?,
        })
    }
}
