//! What is counted of a world, the same for both keepers.

use std::ops::AddAssign;

/// The figures of one or more worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Minutes of simulated time.
    pub minutes: u64,
    /// Ticks that looked at the card.
    pub ticks: u64,
    /// Times that a gate judged; a tick of ours may judge several times.
    pub judgements: u64,
    /// Model servers that were let start.
    pub starts: u64,
    /// The most by which a card was promised beyond its size when a server was let start.
    pub over_at_start_mib: u64,
    /// The most by which it was so at any full minute.
    pub over_worst_mib: u64,
    /// Admissions while the card's figures were not known.
    pub blind_admissions: u64,
    /// Allocations that the device refused.
    pub out_of_memory: u64,
    /// Of those, the ones that hit a resident.
    pub resident_out_of_memory: u64,
    /// Tenants sent away within their window although the card had room and they were well.
    pub wrongful_yields: u64,
    /// Tenants sent away within their window, with or without a cause.
    pub yields: u64,
    /// Minutes in which a tenant's server ran outside its windows.
    pub minutes_outside: u64,
    /// Minutes in which a tenant's server was ready within its windows.
    pub minutes_served: u64,
    /// Windows that began and ended.
    pub windows: u64,
    /// Of those, the ones in which the tenant was never ready although the card
    /// had room for it for half an hour on end.
    pub windows_missed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.minutes += other.minutes;
        self.ticks += other.ticks;
        self.judgements += other.judgements;
        self.starts += other.starts;
        self.over_at_start_mib = self.over_at_start_mib.max(other.over_at_start_mib);
        self.over_worst_mib = self.over_worst_mib.max(other.over_worst_mib);
        self.blind_admissions += other.blind_admissions;
        self.out_of_memory += other.out_of_memory;
        self.resident_out_of_memory += other.resident_out_of_memory;
        self.wrongful_yields += other.wrongful_yields;
        self.yields += other.yields;
        self.minutes_outside += other.minutes_outside;
        self.minutes_served += other.minutes_served;
        self.windows += other.windows;
        self.windows_missed += other.windows_missed;
    }
}
