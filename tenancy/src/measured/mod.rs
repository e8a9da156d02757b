//! A measured peak: what a series says that a tenant held, and when that takes
//! the place of a guess, or of an earlier measurement.
//!
//! | | what stands | what was read | the peak from now on |
//! |-|-|-|-|
//! | 1 | anything | nothing | what stands |
//! | 2 | anything | more than it | what was read, at once |
//! | 3 | a guess | less, in [`MEASURED_SAMPLES`] samples or more | what was read |
//! | 4 | a guess | less, in fewer samples | the guess: they say what the tenant held, not the most it holds |
//! | 5 | a measurement | less, while the look-back still reaches to when it was held, or further than the source knows | what stands: a source that forgot is no tenant that shrank |
//! | 6 | a measurement | less by [`MEASURED_SHRINK_MIB`] or more, when the look-back has passed it and the source knows of it but for one [`MEASURED_UNSEEN_PART`]th | what was read, with enough samples |
//! | 7 | a measurement | less by less | what stands |
//!
//! What is read is rounded up to [`MEASURED_STEP_MIB`], so two looks at the same
//! nights come to the same peak. Another image or another model is another
//! server: then nothing stands but the guess, and nothing was read.

mod address;
mod page;
mod prometheus;
mod reading;

use jiff::{SignedDuration, Timestamp};

pub use address::Address;
pub use page::of_page;
pub use prometheus::{Grid, Question, Samples, of_answers};
pub use reading::Reading;

use crate::defaults::{MEASURED_SAMPLES, MEASURED_SHRINK_MIB, MEASURED_STEP_MIB, MEASURED_UNSEEN_PART};
use crate::names::TenantId;
use crate::quantity::Mib;

/// The peak in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The peak.
    pub peak_mib: Mib,
    /// When that was held; `None` for a guess.
    pub held_at: Option<Timestamp>,
}

/// Whether a reading takes the place of what stands, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What stands goes on standing.
    Stands,
    /// What stands goes on standing, because too few samples say otherwise.
    TooFew,
    /// The tenant held more than what stands.
    Grew,
    /// A guess is replaced by what was read.
    Measured,
    /// The tenant has not held what stands for a whole look-back, of which the source knows.
    Shrank,
}

impl Verdict {
    /// Whether the reading is the peak from now on.
    pub fn takes_the_reading(self) -> bool {
        matches!(self, Verdict::Grew | Verdict::Measured | Verdict::Shrank)
    }
}

/// Judges a reading by the table above.
pub fn judge(standing: Standing, reading: Option<&Reading>, look_back_s: u32) -> Verdict {
    let Some(reading) = reading else { return Verdict::Stands };
    let read = rounded(reading.peak_mib);
    let enough = reading.samples >= MEASURED_SAMPLES;
    match standing.held_at {
        None if enough => Verdict::Measured,
        _ if read > standing.peak_mib => Verdict::Grew,
        None => Verdict::TooFew,
        Some(held_at) => {
            let look_back = SignedDuration::from_secs(look_back_s.into());
            let unseen = |from: Timestamp| reading.known_from.duration_since(from);
            let passed = reading.read_at.saturating_sub(look_back).is_ok_and(|reaches_to| {
                held_at < reaches_to && unseen(reaches_to) <= look_back / MEASURED_UNSEEN_PART
            });
            let less_mib = standing.peak_mib.0.saturating_sub(read.0);
            match passed && less_mib >= MEASURED_SHRINK_MIB {
                true if enough => Verdict::Shrank,
                true => Verdict::TooFew,
                false => Verdict::Stands,
            }
        }
    }
}

/// What was read as it is claimed: up to the next step.
pub fn rounded(peak: Mib) -> Mib {
    Mib(peak.0.div_ceil(MEASURED_STEP_MIB).saturating_mul(MEASURED_STEP_MIB))
}

/// Whether a pod's name is one that the tenant's Deployment gives its pods. The
/// pods of a tenant whose name merely begins alike are not.
pub fn is_pod_of(tenant: &TenantId, pod: &str) -> bool {
    let part = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let suffix = pod.strip_prefix(tenant.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
    suffix
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(set, own)| (1..=10).contains(&set.len()) && own.len() == 5 && part(set) && part(own))
}

#[cfg(test)]
mod tests;
