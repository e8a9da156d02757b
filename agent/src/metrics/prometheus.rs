//! A card's figures from a Prometheus: the answers of its query API.
//!
//! What is asked for is a series' samples of the last minutes, `selector[5m]`,
//! and not its present value: an instant answer carries the time of the
//! question, and would give a sample of five minutes ago as one of now.

use serde_json::Value;
use tenancy::card::{Card, Device, Prometheus};
use tenancy::quantity::Mib;

use super::devices::Devices;
use super::{Figures, Unknown, amount, plausible, unaccounted};

/// The query by which a series' samples are had.
pub fn query(selector: &str) -> String {
    format!("{selector}[5m]")
}

/// The answers to a card's queries, as Prometheus gave them.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// To [`Prometheus::free`].
    pub free: Value,
    /// To [`Prometheus::used`].
    pub used: Value,
    /// To [`Prometheus::total`], if that is asked for.
    pub total: Option<Value>,
    /// To [`Prometheus::reserved`], if that is asked for.
    pub reserved: Option<Value>,
}

/// A series' newest sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newest {
    /// The value.
    pub value: f64,
    /// When it was scraped, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Reads the figures of one card.
///
/// # Errors
/// The reason why the answers are none.
pub fn figures(card: &Card, source: &Prometheus, answers: &Answers) -> Result<Figures, Unknown> {
    let read = |selector: &str, answer: &Value, holds: bool| {
        let newest = newest(answer).map_err(|Unknown(why)| Unknown(format!("{selector}: {why}")))?;
        Ok::<_, Unknown>((amount(selector, newest.value, source.unit, holds)?, newest.at_ms))
    };
    let optional = |selector: &Option<String>, answer: &Option<Value>| {
        selector
            .as_ref()
            .zip(answer.as_ref())
            .map(|(selector, answer)| read(selector, answer, false))
            .transpose()
    };
    let (free, free_at) = read(&source.free, &answers.free, false)?;
    let (used, used_at) = read(&source.used, &answers.used, true)?;
    let total = optional(&source.total, &answers.total)?;
    let reserved = optional(&source.reserved, &answers.reserved)?;
    let oldest = [Some(free_at), Some(used_at), total.map(|it| it.1), reserved.map(|it| it.1)];
    let (total, reserved) = match (total, reserved) {
        (Some((total, _)), Some((reserved, _))) => (total, reserved),
        (Some((total, _)), None) => (total, unaccounted(free, used, total)?),
        (None, Some((reserved, _))) => {
            (Mib(free.0.saturating_add(used.0).saturating_add(reserved.0)), reserved)
        }
        (None, None) => {
            return Err(Unknown("neither the card's size nor its reserve is asked for".to_owned()));
        }
    };
    plausible(Figures {
        total_mib: total,
        free_mib: free,
        used_mib: used,
        reserved_mib: reserved,
        pods: None,
        devices: Devices::new(),
        // The selectors chose the card, and nothing here can say whether rightly.
        uuid: None,
        index: match card.device {
            Device::Index(index) => Some(index),
            Device::Uuid(_) => None,
        },
        timestamp_ms: oldest.into_iter().flatten().min(),
    })
}

/// The newest sample of the one series of an answer.
///
/// # Errors
/// The answer is an error, or has no series or several, or what it has is no number.
pub fn newest(answer: &Value) -> Result<Newest, Unknown> {
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("the answer is not one of Prometheus' API");
        return Err(Unknown(format!("Prometheus answers with an error: {why}")));
    }
    let result = answer["data"]["result"].as_array().map(Vec::as_slice);
    let series = match result.filter(|_| answer["data"]["resultType"] == "matrix") {
        Some([one]) => one,
        Some([]) => {
            return Err(Unknown(
                "Prometheus has no such series of the last five minutes; is its exporter scraped, and the selector right"
                    .to_owned(),
            ));
        }
        Some(several) => {
            let names: Vec<String> = several.iter().take(3).map(|one| one["metric"].to_string()).collect();
            return Err(Unknown(format!(
                "Prometheus has {} such series, and a card has one; narrow the selector: {}",
                several.len(),
                names.join(", ")
            )));
        }
        None => return Err(Unknown("Prometheus' answer has no series in it".to_owned())),
    };
    let samples = series["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sample = samples.last().ok_or_else(|| Unknown("the series has no sample".to_owned()))?;
    let value = sample[1].as_str().and_then(|text| text.parse().ok());
    let (Some(at), Some(value)) = (sample[0].as_f64(), value) else {
        return Err(Unknown(format!("the series' newest sample is no sample: {sample}")));
    };
    // A float of seconds since 1970 is exact to a microsecond.
    Ok(Newest { value, at_ms: (at * 1000.0) as i64 })
}
