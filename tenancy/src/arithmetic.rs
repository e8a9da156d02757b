//! The arithmetic of a card: may this tenant come in, and is the card short.
//!
//! ```text
//! owed(i) = max(0, peak_i - used_i)     for everybody whose room is kept
//! H       = the largest headroom among the candidate and those awake, once per card
//! admit:  free - sum of owed(i) - peak  >=  H
//! short:  free - sum of owed(i)         <   H
//! ```
//!
//! `free` is what the device itself reports, and a `used_i` of another moment
//! does not go with it. Where there is none of the same moment, an admission
//! reckons with the whole peak and a judgement of shortage with nothing. So a
//! missing figure never lets anybody in, and never puts anybody out.

use std::fmt;

use crate::names::{ResidentName, TenantId};
use crate::quantity::Mib;

/// Somebody whose room on the card is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub holder: Holder,
    /// The most it may hold.
    pub peak_mib: Mib,
    /// What it holds now, when that is from the same scrape as `free`.
    pub used_mib: Option<Mib>,
    /// What it wants to stay free beside it; zero for residents.
    pub headroom_mib: Mib,
}

/// Whose claim it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A tenant.
    Tenant(TenantId),
    /// A protected resident.
    Resident(ResidentName),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Tenant(tenant) => tenant.fmt(f),
            Holder::Resident(resident) => resident.fmt(f),
        }
    }
}

impl Claim {
    /// What must be kept for it when somebody else wants to come in.
    pub fn owed_when_admitting(&self) -> Mib {
        Mib(self.peak_mib.0.saturating_sub(self.used_mib.map_or(0, |used| used.0)))
    }

    /// What it is known to be able to take yet.
    pub fn owed_when_short(&self) -> Mib {
        self.used_mib.map_or(Mib(0), |used| Mib(self.peak_mib.0.saturating_sub(used.0)))
    }
}

/// The outcome of one of the two sums, with the figures that a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What the device called free.
    pub free_mib: Mib,
    /// What is owed to others.
    pub owed_mib: Mib,
    /// The candidate's peak; zero when nobody asks.
    pub peak_mib: Mib,
    /// H, what must stay free.
    pub headroom_mib: Mib,
}

impl Balance {
    /// What would be left free. Negative when it does not fit at all.
    pub fn left_mib(&self) -> i64 {
        signed(self.free_mib).saturating_sub(signed(self.owed_mib)).saturating_sub(signed(self.peak_mib))
    }

    /// How much is missing to the headroom; `None` when it suffices.
    pub fn short_by(&self) -> Option<Mib> {
        let missing = signed(self.headroom_mib).saturating_sub(self.left_mib());
        u64::try_from(missing).ok().filter(|missing| *missing > 0).map(Mib)
    }
}

/// Sums up what an admission would leave. `others` are all claims but the candidate's.
pub fn admission<'a>(
    free: Mib,
    others: impl IntoIterator<Item = &'a Claim>,
    peak: Mib,
    headroom: Mib,
) -> Balance {
    let start = Balance { free_mib: free, owed_mib: Mib(0), peak_mib: peak, headroom_mib: headroom };
    others.into_iter().fold(start, |sum, claim| sum.with(claim, claim.owed_when_admitting()))
}

/// Sums up where the card stands with everybody who is in.
pub fn standing<'a>(free: Mib, everybody: impl IntoIterator<Item = &'a Claim>) -> Balance {
    let start = Balance { free_mib: free, owed_mib: Mib(0), peak_mib: Mib(0), headroom_mib: Mib(0) };
    everybody.into_iter().fold(start, |sum, claim| sum.with(claim, claim.owed_when_short()))
}

impl Balance {
    fn with(self, claim: &Claim, owed: Mib) -> Self {
        Self {
            owed_mib: Mib(self.owed_mib.0.saturating_add(owed.0)),
            headroom_mib: self.headroom_mib.max(claim.headroom_mib),
            ..self
        }
    }
}

/// MiB as a number that may go below zero. 2^63 MiB are beyond any card.
fn signed(mib: Mib) -> i64 {
    i64::try_from(mib.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(peak: u64, used: Option<u64>, headroom: u64) -> Claim {
        Claim {
            holder: Holder::Resident("llama".parse().unwrap()),
            peak_mib: Mib(peak),
            used_mib: used.map(Mib),
            headroom_mib: Mib(headroom),
        }
    }

    #[test]
    fn what_is_not_known_lets_nobody_in_and_puts_nobody_out() {
        let unknown = claim(9216, None, 0);
        assert_eq!(unknown.owed_when_admitting(), Mib(9216));
        assert_eq!(unknown.owed_when_short(), Mib(0));
        let known = claim(9216, Some(4096), 0);
        assert_eq!((known.owed_when_admitting(), known.owed_when_short()), (Mib(5120), Mib(5120)));
        // A leak beyond the peak is owed nothing more, and gives nothing back.
        assert_eq!(claim(4096, Some(9216), 0).owed_when_admitting(), Mib(0));
    }

    #[test]
    fn exactly_the_headroom_is_enough() {
        let at = |free: u64| admission(Mib(free), &[], Mib(4096), Mib(2048)).short_by();
        assert_eq!(at(6144), None);
        assert_eq!(at(6143), Some(Mib(1)));
        assert_eq!(at(0), Some(Mib(6144)));
    }

    #[test]
    fn the_largest_headroom_counts_once() {
        let claims = [claim(0, None, 512), claim(0, None, 2048), claim(0, None, 1024)];
        assert_eq!(standing(Mib(5000), &claims).headroom_mib, Mib(2048));
    }

    proptest! {
        #[test]
        fn no_figures_break_the_sums(
            free: u64, peak: u64, headroom: u64,
            claims in prop::collection::vec((any::<u64>(), any::<Option<u64>>(), any::<u64>()), 0..5),
        ) {
            let claims: Vec<Claim> = claims.into_iter().map(|(p, u, h)| claim(p, u, h)).collect();
            let balance = admission(Mib(free), &claims, Mib(peak), Mib(headroom));
            let fits = balance.short_by().is_none();
            prop_assert_eq!(fits, balance.left_mib() >= signed(balance.headroom_mib));
            let _ = standing(Mib(free), &claims).short_by();
        }

        #[test]
        fn more_free_memory_never_turns_an_admission_into_a_refusal(
            free in 0u64..50_000, more in 0u64..50_000, peak in 0u64..50_000, headroom in 0u64..9_000,
            claims in prop::collection::vec((0u64..20_000, any::<Option<u16>>(), 0u64..5_000), 0..5),
        ) {
            let claims: Vec<Claim> =
                claims.into_iter().map(|(p, u, h)| claim(p, u.map(u64::from), h)).collect();
            let admits = |free| admission(Mib(free), &claims, Mib(peak), Mib(headroom)).short_by().is_none();
            prop_assert!(!admits(free) || admits(free + more));
        }
    }
}
