//! What one look at a series said.

use jiff::Timestamp;

use crate::defaults::MEASURED_GROWTH_MIB;
use crate::quantity::Mib;

/// What a tenant held within a look-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The most that one of its containers held, in whole MiB upwards.
    pub peak_mib: Mib,
    /// When it first held that.
    pub held_at: Timestamp,
    /// How many samples there were of it.
    pub samples: u64,
    /// The most in the first half of the time of which there are samples.
    pub early_peak_mib: Mib,
    /// The earliest moment of which the source still knows.
    pub known_from: Timestamp,
    /// When it was read.
    pub read_at: Timestamp,
}

/// The most that was held up to a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) bytes: f64,
}

/// No card of today has a hundredth of this; a larger figure is a blank or a bug.
const LARGEST_BYTES: f64 = 67_108_864.0 * 1_048_576.0;

impl Reading {
    /// The reading of these points; nothing where none of them holds anything.
    ///
    /// # Errors
    /// A point that is no amount of memory, as a clause.
    pub(super) fn of(
        points: &[Point],
        samples: u64,
        known_from: Timestamp,
        read_at: Timestamp,
    ) -> Result<Option<Self>, String> {
        if let Some(absurd) = points.iter().find(|it| !(0.0..=LARGEST_BYTES).contains(&it.bytes)) {
            return Err(format!("it holds {}, which is no amount of a card's memory", absurd.bytes));
        }
        let held = || points.iter().filter(|point| point.bytes > 0.0);
        let most = |points: &mut dyn Iterator<Item = &Point>| points.map(|it| it.bytes).fold(0.0, f64::max);
        let peak = most(&mut held());
        let times = || held().map(|point| point.at);
        let Some((first, last)) = times().min().zip(times().max()) else { return Ok(None) };
        // The earliest moment of the peak, because an exporter repeats a peak long after it was held.
        let held_at = held().filter(|it| it.bytes >= peak).map(|it| it.at).min().unwrap_or(last);
        let half = last.duration_since(first) / 2;
        let early = most(&mut held().filter(|it| it.at.duration_since(first) <= half));
        Ok(Some(Self {
            peak_mib: whole_mib(peak),
            held_at: held_at.min(read_at),
            samples,
            early_peak_mib: whole_mib(early),
            known_from,
            read_at,
        }))
    }

    /// By how much the second half of the time held more than the first, where
    /// that is more than chance: a cache that fills has not shown its peak yet.
    pub fn growth_mib(&self) -> Option<Mib> {
        let grown = self.peak_mib.0.saturating_sub(self.early_peak_mib.0);
        (grown >= MEASURED_GROWTH_MIB).then_some(Mib(grown))
    }
}

/// In range and not negative by the check above.
fn whole_mib(bytes: f64) -> Mib {
    Mib((bytes / 1_048_576.0).ceil() as u64)
}
