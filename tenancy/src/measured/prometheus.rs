//! What a Prometheus is asked for a tenant's peak, and what its answers mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::reading::{Point, Reading};
use crate::card::Unit;
use crate::defaults::{EXPORTER_SCRAPE_INTERVAL_S, MEASURED_POINTS, MEASURED_RESOLUTION_S};
use crate::names::TenantId;

/// The series that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// A selector of what the tenant's containers hold, or held at most.
    pub selector: String,
    /// In what it counts.
    pub unit: Unit,
    /// How its samples are counted.
    pub samples: Samples,
}

/// How the samples of a question are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// By the time for which our exporter saw each container, which these labels select: it ends with the
    /// container, whose series go on for two days.
    Seen(String),
    /// By the samples that Prometheus has.
    Scrapes,
}

impl Question {
    /// Our own exporter's series of one tenant. It carries its own namespace and pod as Prometheus
    /// keeps them with `honorLabels`.
    pub fn of_own_exporter(tenant: &TenantId) -> Self {
        // The whole label is matched, so a tenant whose name merely begins alike is another.
        let labels = format!(
            "namespace=\"{}\",pod=~\"{}-[a-z0-9]{{1,10}}-[a-z0-9]{{5}}\"",
            tenant.namespace, tenant.name
        );
        Self {
            selector: format!("gpu_tenancy_container_memory_peak_bytes{{{labels}}}"),
            unit: Unit::Bytes,
            samples: Samples::Seen(labels),
        }
    }

    /// The two queries, for what was held and for how often or how long it was seen.
    pub fn queries(&self, grid: &Grid) -> [String; 2] {
        let step = grid.step_s;
        let counted = match &self.samples {
            Samples::Seen(labels) => {
                let last = |which| {
                    format!(
                        "max_over_time(gpu_tenancy_container_{which}_seen_timestamp_seconds{{{labels}}}[{step}s])"
                    )
                };
                format!("{} - {}", last("last"), last("first"))
            }
            Samples::Scrapes => format!("count_over_time({}[{step}s])", self.selector),
        };
        [format!("max_over_time({}[{step}s])", self.selector), counted]
    }
}

/// The moments for which Prometheus is asked, each for the time since the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The first moment, in seconds since 1970.
    pub start_s: i64,
    /// The last one; it may be in the future, so that the newest samples are in it.
    pub end_s: i64,
    /// Between two of them.
    pub step_s: i64,
}

impl Grid {
    /// The grid of a look-back. It has a moment at `since` where that is within,
    /// so that what began before can be told from what began after.
    pub fn new(look_back_s: u32, since: Option<Timestamp>, read_at: Timestamp) -> Self {
        let step_s = (i64::from(look_back_s) / MEASURED_POINTS).max(MEASURED_RESOLUTION_S);
        let now_s = read_at.as_second();
        let from_s = now_s.saturating_sub(look_back_s.into());
        let anchor_s = since.map_or(now_s, Timestamp::as_second).clamp(from_s, now_s);
        let steps = |length_s: i64| length_s.saturating_add(step_s - 1) / step_s;
        Self {
            start_s: anchor_s.saturating_sub(steps(anchor_s - from_s) * step_s),
            end_s: anchor_s.saturating_add(steps(now_s - anchor_s) * step_s),
            step_s,
        }
    }

    /// The range part of a query's URL.
    pub fn parameters(&self) -> String {
        format!("start={}&end={}&step={}", self.start_s, self.end_s, self.step_s)
    }
}

/// Reads the answers to [`Question::queries`]. `since` is when what the tenant
/// runs began to run: a container that was there before ran something else.
/// Nothing where no container of it was seen.
///
/// # Errors
/// Why the answers are none, as a clause.
pub fn of_answers(
    question: &Question,
    [held, counted]: [&Value; 2],
    since: Option<Timestamp>,
    read_at: Timestamp,
) -> Result<Option<Reading>, String> {
    let is_new = |series: &Vec<Point>| since.is_none_or(|since| series.iter().all(|point| point.at > since));
    let factor = match question.unit {
        Unit::Bytes => 1.0,
        Unit::Mib => 1_048_576.0,
    };
    let all = series(held)?;
    let known_from = all.values().flatten().map(|point| point.at).min().unwrap_or(read_at);
    let held: BTreeMap<String, Vec<Point>> = all.into_iter().filter(|(_, points)| is_new(points)).collect();
    let points: Vec<Point> =
        held.values().flatten().map(|point| Point { bytes: point.bytes * factor, ..*point }).collect();
    let own: BTreeSet<&String> = held.keys().collect();
    let counts = series(counted)?.into_iter().filter(|(labels, _)| own.contains(labels));
    let samples: f64 = counts
        .map(|(_, points)| {
            let values = points.iter().map(|point| point.bytes).filter(|value| value.is_finite());
            match question.samples {
                Samples::Seen(_) => values.fold(0.0, f64::max) / EXPORTER_SCRAPE_INTERVAL_S as f64,
                Samples::Scrapes => values.sum(),
            }
        })
        .sum();
    // A count of samples is far below 2^53 and not negative.
    Reading::of(&points, samples.max(0.0) as u64, known_from, read_at)
}

/// The series of an answer by their labels, the metric's own name aside.
fn series(answer: &Value) -> Result<BTreeMap<String, Vec<Point>>, String> {
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("the answer is not one of Prometheus' query API");
        return Err(format!("Prometheus answers with an error: {why}"));
    }
    let result = answer["data"]["result"].as_array().filter(|_| answer["data"]["resultType"] == "matrix");
    let result = result.ok_or("Prometheus' answer has no series of samples in it")?;
    result.iter().map(|one| Ok((labels(&one["metric"]), points(&one["values"])?))).collect()
}

fn labels(metric: &Value) -> String {
    let labels = metric.as_object().into_iter().flatten().filter(|(name, _)| *name != "__name__");
    labels.fold(String::new(), |mut text, (name, value)| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}={value},");
        text
    })
}

fn points(values: &Value) -> Result<Vec<Point>, String> {
    let point = |sample: &Value| {
        let at = Timestamp::new(0, 0).ok()?;
        // A float of seconds since 1970 is exact to a microsecond.
        let at = at.checked_add(SignedDuration::try_from_secs_f64(sample[0].as_f64()?).ok()?).ok()?;
        Some(Point { at, bytes: sample[1].as_str()?.parse().ok()? })
    };
    let samples = values.as_array().map(Vec::as_slice).unwrap_or_default();
    samples
        .iter()
        .map(|sample| {
            point(sample).ok_or_else(|| format!("Prometheus' answer has a sample that is none: {sample}"))
        })
        .collect()
}
