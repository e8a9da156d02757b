//! Whether everybody fits: the arithmetic of a card over time, before anything
//! is merged.
//!
//! Windows open and close on whole minutes, so between two such moments nothing
//! changes, and going from one to the next is going through every minute.
//!
//! ```text
//! usable  = memory - reserved                 what the driver keeps, 450 MiB of a T4
//! kept    = peaks of the tenants that may be awake + peaks of protected residents
//! left    = usable - kept                     must not fall below H, their largest headroom
//! growing = left - peaks of the residents that are not protected
//! ```
//!
//! What is `left` below H means that a gate will refuse somebody; `growing`
//! below H means that a resident which grows makes a tenant yield, and below
//! zero that the resident itself may run out of memory. Who is suspended is not
//! counted: he is asleep until somebody says otherwise.

mod doubt;
mod picture;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use tenancy::card::{Card, Resident};
use tenancy::floor::{Basis, Floor};
use tenancy::names::{CardName, ResidentName};
use tenancy::quantity::Mib;
use tenancy::tenant::Tenant;
use tenancy::window::{Interval, Schedule};

use crate::fleet::{Fleet, Stack};

pub use doubt::Doubts;
pub use picture::svg;
pub(crate) use report::spelled;
pub use report::{refusals, text};

/// What `gpu-stacks fit --format json` writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fit {
    /// Version of this format; a change of it breaks readers.
    pub version: u32,
    /// The cards by name.
    pub cards: Vec<CardFit>,
}

/// Version of the JSON that [`Fit`] becomes.
pub const VERSION: u32 = 1;

/// What may happen on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everybody fits, even when every resident grows to its peak.
    Fits,
    /// Everybody fits until a resident grows; then a tenant yields.
    MayYield,
    /// Everybody fits until a resident grows; then it may run out of memory itself.
    ResidentMayFail,
    /// Not all tenants can be awake together: the last to ask is refused.
    Refuses,
    /// The card does not say how large it is.
    Unknown,
}

/// A stretch of time in which the same tenants may be awake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stretch {
    /// Its first instant.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// The first instant after it.
    #[schemars(with = "String")]
    pub to: Timestamp,
    /// What it comes to.
    #[serde(flatten)]
    pub sum: Sum,
}

/// The arithmetic of one set of tenants, in MiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sum {
    /// The tenants that may be awake, as `namespace/name`.
    pub tenants: BTreeSet<String>,
    /// Peaks of those tenants.
    pub peaks_mib: u64,
    /// Peaks of protected residents.
    pub protected_mib: u64,
    /// The largest headroom of those tenants.
    pub headroom_mib: u64,
    /// What is left of the card, if its size is declared. Negative when it is overbooked.
    pub left_mib: Option<i64>,
    /// What is left once every other resident holds its peak.
    pub left_when_grown_mib: Option<i64>,
    /// What may happen.
    pub verdict: Verdict,
}

/// One card over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CardFit {
    /// The card.
    #[schemars(with = "String")]
    pub card: CardName,
    /// Its size, as declared or by its model.
    pub memory_mib: Option<u64>,
    /// The model whose usual size that is, where none was declared.
    pub memory_of_model: Option<&'static str>,
    /// What the driver keeps of it, where that was said.
    pub reserved_mib: Option<u64>,
    /// The peaks of its tenants.
    pub peaks_mib: BTreeMap<String, u64>,
    /// How many slices of it the device plugin offers, where that was said.
    pub slices: Option<u32>,
    /// Tenants that may be awake together and want more slices than there are: the scheduler leaves
    /// the last of them Pending, whatever the memory.
    pub without_slice: Vec<SliceShortage>,
    /// Tenants whose peak is a person's guess.
    pub guessed: BTreeSet<String>,
    /// Those of them whose peak is measured in the cluster: what counts there may be another one.
    pub measured_there: BTreeSet<String>,
    /// Those that are suspended, and so not counted.
    pub suspended: BTreeSet<String>,
    /// Who may be refused although he fits, where the card's source does not tell whose memory is in use.
    pub doubts: Option<Doubts>,
    /// Residents that are not protected, with their peak where it is known.
    pub may_grow: BTreeMap<String, Option<u64>>,
    /// The seven days, without the stretches in which no tenant may be awake. What goes on when
    /// they end is one stretch with what they begin with, and ends after them.
    pub week: Vec<Stretch>,
    /// Stretches of the year after whose tenants never meet in those seven days.
    pub only_on: Vec<Stretch>,
    /// Nights that a change of the clocks makes longer or shorter.
    pub clock_changes: Vec<ClockChange>,
}

/// Tenants that want more slices than the device plugin offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SliceShortage {
    /// The first time of it.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Those that may be awake then.
    pub tenants: BTreeSet<String>,
    /// How many slices they want together.
    pub wanted: u32,
}

/// A window that is not as long as it looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClockChange {
    /// The tenant, as `namespace/name`.
    pub tenant: String,
    /// The window's name.
    pub window: String,
    /// The day on which it starts.
    #[schemars(with = "String")]
    pub date: Date,
    /// How long it is on that day; zero when it does not open.
    pub minutes: i64,
    /// How long it is on all others.
    pub usual_minutes: i64,
}

/// What the arithmetic needs to know of one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'f> {
    /// Its claim on the card.
    pub floor: &'f Floor,
    /// When it may be awake.
    pub schedule: &'f Schedule,
    /// How many slices of the card it wants.
    pub slices: u32,
}

/// Fits the fleet into its cards over the seven days from the start of `day`
/// in `zone`, and the year after it as far as it differs.
pub fn fit(fleet: &Fleet, day: Date, zone: &TimeZone) -> Vec<CardFit> {
    let of_card = |card: &Card| {
        let tenants = || fleet.stacks.values().filter(|stack| is_claimed_by(&card.name, stack));
        let claims: Vec<Claim<'_>> = tenants()
            .filter(|stack| !stack.tenant.suspend)
            .filter_map(|stack| {
                let Tenant { schedule, server, .. } = &stack.tenant;
                Some(Claim { floor: &stack.claim.as_ref()?.floor, schedule, slices: server.slices })
            })
            .collect();
        let model = fleet.models.get(&card.name).copied().filter(|_| size_follows_from_model(card));
        let mut space = Space::of(card, fleet.reserved.get(&card.name).copied());
        space.memory = space.memory.or(model.map(|model| model.memory_mib));
        space.slices = fleet.slices.get(&card.name).copied();
        let mut found = card_fit(&space, &claims, day, zone);
        found.memory_of_model = model.map(|model| model.name);
        let names = |stack: &Stack| stack.tenant.id.to_string();
        found.measured_there = tenants().filter(|stack| reads_its_peak(stack)).map(names).collect();
        found.suspended = tenants().filter(|stack| stack.tenant.suspend).map(names).collect();
        found.doubts = doubt::doubts(card, &space, &claims, found.week.iter().chain(&found.only_on));
        found
    };
    fleet.cards.values().map(of_card).collect()
}

/// Whether a card is as large as its model usually is: nobody said otherwise, and it is a whole card. A slice of
/// MIG is a device with a UUID of its own and a part of the card's memory.
pub fn size_follows_from_model(card: &Card) -> bool {
    card.memory_mib.is_none() && !card.device.is_mig_slice()
}

fn is_claimed_by(card: &CardName, stack: &Stack) -> bool {
    stack.claim.as_ref().is_some_and(|claim| claim.card == *card)
}

/// Whether the tenant's peak is read in the cluster.
fn reads_its_peak(stack: &Stack) -> bool {
    stack.claim.as_ref().is_some_and(|claim| claim.read.is_some())
}

/// The first time that each set of tenants wants more slices than there are.
fn without_slice<'s>(
    offered: Option<u32>,
    claims: &[Claim<'_>],
    stretches: impl Iterator<Item = &'s Stretch>,
) -> Vec<SliceShortage> {
    let Some(offered) = offered else { return Vec::new() };
    let wanted: BTreeMap<String, u32> =
        claims.iter().map(|claim| (claim.floor.tenant.to_string(), claim.slices)).collect();
    let mut seen = BTreeSet::new();
    stretches
        .filter_map(|stretch| {
            let tenants = &stretch.sum.tenants;
            let wanted = tenants.iter().filter_map(|tenant| wanted.get(tenant)).sum();
            let found = SliceShortage { from: stretch.from, tenants: tenants.clone(), wanted };
            (wanted > offered && seen.insert(tenants.clone())).then_some(found)
        })
        .collect()
}

/// The worst verdict of a fleet.
pub fn worst(cards: &[CardFit]) -> Verdict {
    if cards.iter().any(|card| !card.without_slice.is_empty()) {
        return Verdict::Refuses;
    }
    let stretches = cards.iter().flat_map(|card| card.week.iter().chain(&card.only_on));
    stretches
        .map(|stretch| stretch.sum.verdict)
        .filter(|v| *v != Verdict::Unknown)
        .max()
        .unwrap_or(Verdict::Fits)
}

/// Those of the cards on which somebody is refused, with the times of it alone.
pub fn refusing(cards: Vec<CardFit>) -> Vec<CardFit> {
    let only = |mut card: CardFit| {
        for stretches in [&mut card.week, &mut card.only_on] {
            stretches.retain(|stretch| stretch.sum.verdict == Verdict::Refuses);
        }
        let refuses = !(card.week.is_empty() && card.only_on.is_empty() && card.without_slice.is_empty());
        refuses.then_some(card)
    };
    cards.into_iter().filter_map(only).collect()
}

/// What the arithmetic needs to know of one card.
#[derive(Debug, Clone, Copy)]
pub struct Space<'f> {
    /// Its name.
    pub card: &'f CardName,
    /// Its declared size.
    pub memory: Option<Mib>,
    /// What the driver keeps of it.
    pub reserved: Option<Mib>,
    /// How many slices of it the device plugin offers, where that was said.
    pub slices: Option<u32>,
    /// Who else lives on it.
    pub residents: &'f BTreeMap<ResidentName, Resident>,
}

impl<'f> Space<'f> {
    /// A card that is declared.
    pub fn of(card: &'f Card, reserved: Option<Mib>) -> Self {
        Self { card: &card.name, memory: card.memory_mib, reserved, slices: None, residents: &card.residents }
    }

    /// A card of which nothing but its name is known.
    pub fn unknown(card: &'f CardName) -> Self {
        static NOBODY: BTreeMap<ResidentName, Resident> = BTreeMap::new();
        Self { card, memory: None, reserved: None, slices: None, residents: &NOBODY }
    }

    fn usable(&self) -> Option<Mib> {
        self.memory.map(|memory| Mib(memory.0.saturating_sub(self.reserved.unwrap_or_default().0)))
    }
}

/// Fits these tenants into one card, as [`fit`] does.
pub fn card_fit(space: &Space<'_>, claims: &[Claim<'_>], day: Date, zone: &TimeZone) -> CardFit {
    let week_end = day.saturating_add(Span::new().days(7));
    let year_end = day.saturating_add(Span::new().days(366));
    let week = joined(stretches(space, claims, day, week_end, zone), day, zone);
    let usual: BTreeSet<&BTreeSet<String>> = week.iter().map(|stretch| &stretch.sum.tenants).collect();
    let mut seen = BTreeSet::new();
    let only_on: Vec<Stretch> = stretches(space, claims, week_end, year_end, zone)
        .into_iter()
        .filter(|stretch| !usual.contains(&stretch.sum.tenants) && seen.insert(stretch.sum.tenants.clone()))
        .collect();
    let guessed = claims.iter().filter(|claim| claim.floor.basis == Basis::Guessed);
    let may_grow = space.residents.iter().filter(|(_, resident)| !resident.protected);
    CardFit {
        card: space.card.clone(),
        memory_mib: space.memory.map(|memory| memory.0),
        memory_of_model: None,
        reserved_mib: space.reserved.map(|reserved| reserved.0),
        peaks_mib: claims
            .iter()
            .map(|claim| (claim.floor.tenant.to_string(), claim.floor.peak_mib.0))
            .collect(),
        slices: space.slices,
        without_slice: without_slice(space.slices, claims, week.iter().chain(&only_on)),
        measured_there: BTreeSet::new(),
        suspended: BTreeSet::new(),
        doubts: None,
        guessed: guessed.map(|claim| claim.floor.tenant.to_string()).collect(),
        may_grow: may_grow.map(|(name, r)| (name.to_string(), r.peak_mib.map(|peak| peak.0))).collect(),
        week,
        only_on,
        clock_changes: claims.iter().flat_map(|claim| clock_changes(claim, day, year_end)).collect(),
    }
}

/// The arithmetic of a card on which nobody is awake.
pub fn asleep(space: &Space<'_>) -> Sum {
    sum(space, &[])
}

/// The stretches of one day in which a tenant may be awake, cut at its midnights.
pub fn day_fit(space: &Space<'_>, claims: &[Claim<'_>], day: Date, zone: &TimeZone) -> Vec<Stretch> {
    stretches(space, claims, day, day.saturating_add(Span::new().days(1)), zone)
}

/// The stretches from the start of one day to the start of another in which a
/// tenant may be awake.
fn stretches(space: &Space<'_>, claims: &[Claim<'_>], from: Date, to: Date, zone: &TimeZone) -> Vec<Stretch> {
    let instant = |date: Date| date.to_zoned(zone.clone()).map(|midnight| midnight.timestamp());
    let (Ok(start), Ok(end)) = (instant(from), instant(to)) else { return Vec::new() };
    let awake: Vec<(&Claim<'_>, Vec<Interval>)> =
        claims.iter().map(|claim| (claim, intervals(claim, from, to, start, end))).collect();
    let mut moments: BTreeSet<Timestamp> = BTreeSet::from([start, end]);
    for interval in awake.iter().flat_map(|(_, intervals)| intervals) {
        moments.extend([interval.opens, interval.closes].map(|moment| moment.clamp(start, end)));
    }
    let moments: Vec<Timestamp> = moments.into_iter().collect();
    let mut found: Vec<Stretch> = Vec::new();
    for pair in moments.windows(2) {
        let open = |intervals: &[Interval]| {
            let after = intervals.partition_point(|interval| interval.opens <= pair[0]);
            intervals[..after].last().is_some_and(|interval| interval.contains(pair[0]))
        };
        let together: Vec<&Claim<'_>> =
            awake.iter().filter(|(_, intervals)| open(intervals)).map(|(claim, _)| *claim).collect();
        if together.is_empty() {
            continue;
        }
        let sum = sum(space, &together);
        match found.last_mut().filter(|last| last.to == pair[0] && last.sum == sum) {
            Some(last) => last.to = pair[1],
            None => found.push(Stretch { from: pair[0], to: pair[1], sum }),
        }
    }
    found
}

/// The stretches of the week from `day` as those of any week: what the midnight
/// of `day` cuts in two becomes one again, at the end.
fn joined(mut week: Vec<Stretch>, day: Date, zone: &TimeZone) -> Vec<Stretch> {
    let later = |moment: Timestamp| moment.to_zoned(zone.clone()).saturating_add(Span::new().days(7));
    let Ok(start) = day.to_zoned(zone.clone()) else { return week };
    let [first, .., last] = week.as_slice() else { return week };
    let goes_on = first.from == start.timestamp() && last.to == later(first.from).timestamp();
    if goes_on && first.sum == last.sum {
        let to = later(first.to).timestamp();
        week.remove(0);
        if let Some(last) = week.last_mut() {
            last.to = to;
        }
    }
    week
}

/// When a tenant may be awake, sorted, no two touching.
fn intervals(claim: &Claim<'_>, from: Date, to: Date, start: Timestamp, end: Timestamp) -> Vec<Interval> {
    let Schedule::Windows(windows) = claim.schedule else {
        return vec![Interval { opens: start, closes: end }];
    };
    // A window may have opened on the day before, in a zone that is a day ahead.
    let first = from.saturating_sub(Span::new().days(2));
    let days =
        first.series(Span::new().days(1)).take_while(|date| *date <= to.saturating_add(Span::new().days(1)));
    let mut intervals: Vec<Interval> =
        days.flat_map(|date| windows.values().filter_map(move |window| window.on(date))).collect();
    intervals.sort_unstable();
    merged(intervals)
}

/// Intervals of one tenant that touch or overlap, as one.
fn merged(intervals: Vec<Interval>) -> Vec<Interval> {
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match merged.last_mut().filter(|last| interval.opens <= last.closes) {
            Some(last) => last.closes = last.closes.max(interval.closes),
            None => merged.push(interval),
        }
    }
    merged
}

fn sum(space: &Space<'_>, together: &[&Claim<'_>]) -> Sum {
    let peaks: u64 = together.iter().map(|claim| claim.floor.peak_mib.0).sum();
    let headroom = together.iter().map(|claim| claim.floor.headroom_mib).max().unwrap_or_default();
    let peaks_of = |protected: bool| -> u64 {
        let residents = space.residents.values().filter(|resident| resident.protected == protected);
        residents.filter_map(|resident| resident.peak_mib).map(|Mib(peak)| peak).sum()
    };
    let minus = |amount: u64, taken: u64| {
        i64::try_from(amount).unwrap_or(i64::MAX).saturating_sub(i64::try_from(taken).unwrap_or(i64::MAX))
    };
    let left = space.usable().map(|memory| minus(memory.0, peaks.saturating_add(peaks_of(true))));
    let grown = left.map(|left| left.saturating_sub(i64::try_from(peaks_of(false)).unwrap_or(i64::MAX)));
    let needed = i64::try_from(headroom.0).unwrap_or(i64::MAX);
    let verdict = match (left, grown) {
        (Some(left), _) if left < needed => Verdict::Refuses,
        (_, Some(grown)) if grown < 0 => Verdict::ResidentMayFail,
        (_, Some(grown)) if grown < needed => Verdict::MayYield,
        (Some(_), _) => Verdict::Fits,
        (None, _) => Verdict::Unknown,
    };
    Sum {
        tenants: together.iter().map(|claim| claim.floor.tenant.to_string()).collect(),
        peaks_mib: peaks,
        protected_mib: peaks_of(true),
        headroom_mib: headroom.0,
        left_mib: left,
        left_when_grown_mib: grown,
        verdict,
    }
}

/// The days on which a window is not as long as on others.
fn clock_changes(claim: &Claim<'_>, from: Date, to: Date) -> Vec<ClockChange> {
    let mut changes = Vec::new();
    for (name, window) in claim.schedule.windows() {
        let (start, end) = (i64::from(window.start().minutes()), i64::from(window.end().minutes()));
        let usual = (end - start).rem_euclid(24 * 60);
        for date in from.series(Span::new().days(1)).take_while(|date| *date < to) {
            if !window.days().contains(&tenancy::window::Day::of(date)) {
                continue;
            }
            let seconds = |interval: Interval| interval.closes.as_second() - interval.opens.as_second();
            let minutes = window.on(date).map_or(0, |interval| seconds(interval) / 60);
            if minutes != usual {
                changes.push(ClockChange {
                    tenant: claim.floor.tenant.to_string(),
                    window: name.to_string(),
                    date,
                    minutes,
                    usual_minutes: usual,
                });
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests;
