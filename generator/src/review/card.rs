//! A card's days before and after: who may be awake, and what is left.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Span as Length, Timestamp};
use tenancy::card::model::CardModel;
use tenancy::defaults;
use tenancy::floor::{Basis, Floor};
use tenancy::names::{CardName, TenantId};
use tenancy::quantity::Mib;
use tenancy::window::{Day, Schedule, Zone};

use super::declared::{Claimed, Declared, Processor};
use super::model::{
    CardFacts, CardReview, ClaimFacts, ClaimReview, DayReview, Overlap, Remark, RemarkKind, ResidentFacts,
    Shortage, Side, Span,
};
use crate::fit::{self, CardFit, Claim, Space, Stretch, Sum, Verdict};

/// What the days of a card rest on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'g> {
    /// What is declared before.
    pub(super) before: &'g Declared,
    /// What is declared after.
    pub(super) after: &'g Declared,
    /// What the drivers keep.
    pub(super) reserved: &'g BTreeMap<CardName, Mib>,
    /// Which models the cards are.
    pub(super) models: &'g BTreeMap<CardName, &'static CardModel>,
    /// How many slices the device plugins offer of them.
    pub(super) slices: &'g BTreeMap<CardName, u32>,
    /// The first of the seven days that are looked at.
    pub(super) from: Date,
    /// Time zone of all times; unless given, that of most windows.
    pub(super) zone: Option<&'g Zone>,
    /// The fleet's, for cards without windows.
    pub(super) home: Option<&'g Zone>,
}

/// The cards on which something changes, by name.
pub(super) fn changed(ground: &Ground<'_>) -> BTreeSet<CardName> {
    let Ground { before, after, .. } = ground;
    let mut changed = BTreeSet::new();
    for name in before.cards.keys().chain(after.cards.keys()) {
        if before.cards.get(name) != after.cards.get(name) {
            changed.insert(name.clone());
        }
    }
    let tenants = before.floors.keys().chain(after.floors.keys()).collect::<BTreeSet<_>>();
    for tenant in tenants {
        let sides =
            [before, after].map(|side| (side.floors.get(tenant), side.services.get(tenant).map(part)));
        if sides[0] != sides[1] {
            changed.extend(sides.into_iter().filter_map(|(claimed, _)| Some(claimed?.card.clone())));
        }
    }
    changed
}

/// What of a service its card's days depend on.
fn part(service: &super::declared::Service) -> (&Schedule, bool, Processor, u32) {
    (&service.schedule, service.suspend, service.processor, service.slices)
}

/// One side of a card.
struct View<'g> {
    space: Space<'g>,
    /// The model whose usual size counts, as none was declared.
    of_model: Option<&'static CardModel>,
    known: bool,
    counted: Vec<Claim<'g>>,
    not_counted: Vec<Remark>,
}

impl<'g> View<'g> {
    fn of(name: &'g CardName, declared: &'g Declared, ground: &Ground<'_>) -> Self {
        let card = declared.cards.get(name);
        let reserved = ground.reserved.get(name).copied();
        let mut space = card.map_or_else(|| Space::unknown(name), |card| Space::of(card, reserved));
        let model = ground.models.get(name).copied();
        let of_model = model.filter(|_| card.is_some_and(fit::size_follows_from_model));
        space.memory = space.memory.or(of_model.map(|model| model.memory_mib));
        space.slices = ground.slices.get(name).copied();
        let mut view =
            Self { space, of_model, known: card.is_some(), counted: Vec::new(), not_counted: Vec::new() };
        for (tenant, claimed) in declared.floors.iter().filter(|(_, claimed)| claimed.card == *name) {
            match standing(tenant, claimed, declared) {
                Ok(schedule) => {
                    let slices = declared.services.get(tenant).map_or(defaults::SLICES, |it| it.slices);
                    view.counted.push(Claim { floor: &claimed.floor, schedule, slices });
                }
                Err(why) => view.not_counted.push(Remark {
                    kind: RemarkKind::NotCounted,
                    subject: tenant.to_string(),
                    text: format!("{tenant} is not counted on {name}: {why}."),
                }),
            }
        }
        view
    }

    fn fit(&self, from: Date, zone: &Zone) -> CardFit {
        fit::card_fit(&self.space, &self.counted, from, zone.rules())
    }

    fn facts(&self) -> Option<CardFacts> {
        let resident = |resident: &tenancy::card::Resident| ResidentFacts {
            peak_mib: resident.peak_mib.map(|peak| peak.0),
            protected: resident.protected,
        };
        self.known.then(|| CardFacts {
            memory_mib: self.space.memory.map(|memory| memory.0),
            memory_of_model: self.of_model.map(|model| model.name),
            reserved_mib: self.space.reserved.map(|reserved| reserved.0),
            residents: self
                .space
                .residents
                .iter()
                .map(|(name, it)| (name.to_string(), resident(it)))
                .collect(),
        })
    }
}

/// When a tenant may hold its claim, or why it never does.
fn standing<'g>(
    tenant: &TenantId,
    claimed: &Claimed,
    declared: &'g Declared,
) -> Result<&'g Schedule, String> {
    match declared.services.get(tenant) {
        None if claimed.floor.always => Ok(&Schedule::Always),
        None => {
            Err("no gpu_windowed_service of it could be read, so nobody knows when it may be awake"
                .to_owned())
        }
        Some(service) if service.suspend => Err("it is suspended".to_owned()),
        Some(service) if service.processor == Processor::Cpu => Err("it runs on the CPU".to_owned()),
        Some(service) => Ok(&service.schedule),
    }
}

/// The review of one card.
pub(super) fn review(name: &CardName, ground: &Ground<'_>) -> CardReview {
    let before = View::of(name, ground.before, ground);
    let after = View::of(name, ground.after, ground);
    let zone = ground.zone.cloned().unwrap_or_else(|| usual_zone(&before, &after, ground.home));
    let (fit_before, fit_after) = (before.fit(ground.from, &zone), after.fit(ground.from, &zone));
    let touched = claims(name, ground);
    let days = days(&before, &after, ground.from, &zone);
    let changed: BTreeSet<&str> = touched
        .iter()
        .filter(|claim| claim.before != claim.after)
        .map(|claim| claim.tenant.as_str())
        .collect();
    let clock_changes =
        fit_after.clock_changes.iter().filter(|change| changed.contains(change.tenant.as_str()));
    let mut not_counted = after.not_counted.clone();
    not_counted.extend(
        before
            .not_counted
            .iter()
            .filter(|remark| {
                // Told once for a tenant that stays as it is.
                !after.not_counted.iter().any(|told| told.subject == remark.subject)
                    && !ground.after.floors.keys().any(|tenant| tenant.to_string() == remark.subject)
            })
            .cloned(),
    );
    CardReview {
        card: name.to_string(),
        action: None,
        verdict_before: worst(&fit_before),
        verdict_after: worst(&fit_after),
        before: before.facts(),
        after: after.facts(),
        time_zone: zone.name().to_owned(),
        overlaps: overlaps((&before, &fit_before), (&after, &fit_after), &days, &zone),
        clock_changes: clock_changes.cloned().collect(),
        claims: touched,
        without_slice: shortages(&fit_before, &fit_after),
        days,
        not_counted,
    }
}

/// Tenants that want more slices than there are and did not before, or not as many.
fn shortages(before: &CardFit, after: &CardFit) -> Vec<Shortage> {
    let known = |it: &&fit::SliceShortage| {
        before.without_slice.iter().any(|was| was.tenants == it.tenants && was.wanted >= it.wanted)
    };
    let offered = after.slices.unwrap_or_default();
    let new = after.without_slice.iter().filter(|it| !known(it));
    new.map(|it| Shortage { from: it.from, tenants: it.tenants.clone(), wanted: it.wanted, offered })
        .collect()
}

/// The worst of a card. Without a size nothing is known of any stretch.
fn worst(fit: &CardFit) -> Verdict {
    match fit.memory_mib {
        None if !fit.week.is_empty() => Verdict::Unknown,
        _ => fit::worst(std::slice::from_ref(fit)),
    }
}

/// The zone of most windows, so that a night reads as its tenants' people write it.
fn usual_zone(before: &View<'_>, after: &View<'_>, home: Option<&Zone>) -> Zone {
    let mut counts: BTreeMap<&str, (usize, &Zone)> = BTreeMap::new();
    let schedules = after.counted.iter().chain(&before.counted).map(|claim| claim.schedule);
    for (_, window) in schedules.flat_map(Schedule::windows) {
        counts.entry(window.time_zone().name()).or_insert((0, window.time_zone())).0 += 1;
    }
    let most = counts.into_values().max_by_key(|(count, _)| *count);
    most.map(|(_, zone)| zone).or(home).cloned().unwrap_or_else(Zone::utc)
}

/// Claims of tenants that are on the card before or after.
fn claims(name: &CardName, ground: &Ground<'_>) -> Vec<ClaimReview> {
    let on_card = |declared: &Declared, tenant: &TenantId| -> Option<ClaimFacts> {
        let claimed = declared.floors.get(tenant).filter(|claimed| claimed.card == *name)?;
        let Floor { peak_mib, headroom_mib, basis, .. } = &claimed.floor;
        let measured = match basis {
            Basis::Guessed => None,
            Basis::Measured { source, at } => Some(format!("{source}, {at}")),
        };
        let schedule = match standing(tenant, claimed, declared) {
            Ok(schedule) => spelled(schedule),
            Err(why) => format!("not counted: {why}"),
        };
        let floor_mib = claimed.floor.floor_mib().0;
        Some(ClaimFacts { peak_mib: peak_mib.0, headroom_mib: headroom_mib.0, floor_mib, measured, schedule })
    };
    let tenants: BTreeSet<&TenantId> =
        ground.before.floors.keys().chain(ground.after.floors.keys()).collect();
    let review = |tenant: &TenantId| ClaimReview {
        tenant: tenant.to_string(),
        before: on_card(ground.before, tenant),
        after: on_card(ground.after, tenant),
    };
    tenants.into_iter().map(review).filter(|claim| claim.before.is_some() || claim.after.is_some()).collect()
}

/// A schedule in a line.
pub(super) fn spelled(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Always => "always".to_owned(),
        Schedule::OnDemand => "on demand, at any time".to_owned(),
        Schedule::Windows(windows) => {
            let windows: Vec<String> = windows.values().map(ToString::to_string).collect();
            windows.join(" and ")
        }
    }
}

/// The seven days, those alike once, the most frequent first.
fn days(before: &View<'_>, after: &View<'_>, from: Date, zone: &Zone) -> Vec<DayReview> {
    let mut kinds: Vec<DayReview> = Vec::new();
    for date in from.series(Length::new().days(1)).take(7) {
        let Some(day) = day(before, after, date, zone) else { continue };
        let alike = |kind: &&mut DayReview| kind.spans == day.spans && kind.minutes == day.minutes;
        match kinds.iter_mut().find(alike) {
            Some(kind) => kind.on.extend(day.on),
            None => kinds.push(day),
        }
    }
    for kind in &mut kinds {
        kind.days = fit::spelled(kind.on.clone());
    }
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.on.len()));
    kinds
}

fn day(before: &View<'_>, after: &View<'_>, date: Date, zone: &Zone) -> Option<DayReview> {
    let midnight = |date: Date| date.to_zoned(zone.rules().clone()).ok().map(|zoned| zoned.timestamp());
    let (start, end) = (midnight(date)?, midnight(date.tomorrow().ok()?)?);
    let stretches = |view: &View<'_>| fit::day_fit(&view.space, &view.counted, date, zone.rules());
    let (was, is) = (stretches(before), stretches(after));
    let mut moments: BTreeSet<Timestamp> = BTreeSet::from([start, end]);
    moments.extend(was.iter().chain(&is).flat_map(|stretch| [stretch.from, stretch.to]));
    let moments: Vec<Timestamp> = moments.into_iter().collect();
    let minutes =
        |moment: Timestamp| u32::try_from((moment.as_second() - start.as_second()) / 60).unwrap_or_default();
    let time = |moment: Timestamp| match moment == end {
        true => "24:00".to_owned(),
        false => moment.to_zoned(zone.rules().clone()).strftime("%H:%M").to_string(),
    };
    let span = |pair: &[Timestamp]| Span {
        from_minute: minutes(pair[0]),
        to_minute: minutes(pair[1]),
        from: time(pair[0]),
        to: time(pair[1]),
        before: side(before, &was, pair[0]),
        after: side(after, &is, pair[0]),
    };
    let spans = moments.windows(2).map(span).collect();
    Some(DayReview { days: String::new(), on: vec![Day::of(date)], date, minutes: minutes(end), spans })
}

fn side(view: &View<'_>, stretches: &[Stretch], at: Timestamp) -> Side {
    let stretch = stretches.iter().find(|stretch| stretch.from <= at && at < stretch.to);
    let sum: Sum = stretch.map_or_else(|| fit::asleep(&view.space), |stretch| stretch.sum.clone());
    let peaks = view.counted.iter().map(|claim| (claim.floor.tenant.to_string(), claim.floor.peak_mib.0));
    Side {
        tenants: peaks.filter(|(tenant, _)| sum.tenants.contains(tenant)).collect(),
        headroom_mib: sum.headroom_mib,
        left_mib: sum.left_mib,
        left_when_grown_mib: sum.left_when_grown_mib,
        verdict: sum.verdict,
    }
}

/// Pairs of tenants that meet only before or only after. With a tenant that is
/// always awake everybody meets, which is no news.
fn overlaps(
    (before, fit_before): (&View<'_>, &CardFit),
    (after, fit_after): (&View<'_>, &CardFit),
    days: &[DayReview],
    zone: &Zone,
) -> Vec<Overlap> {
    let always: BTreeSet<String> = before
        .counted
        .iter()
        .chain(&after.counted)
        .filter(|claim| *claim.schedule == Schedule::Always)
        .map(|claim| claim.floor.tenant.to_string())
        .collect();
    let (mut was, mut is) = (pairs(fit_before), pairs(fit_after));
    for side in [&mut was, &mut is] {
        side.retain(|pair, _| !pair.iter().any(|tenant| always.contains(tenant)));
    }
    let gone = was.iter().filter(|(pair, _)| !is.contains_key(*pair)).map(|pair| (pair, false));
    let new = is.iter().filter(|(pair, _)| !was.contains_key(*pair)).map(|pair| (pair, true));
    let overlap = |((pair, first), new): ((&[String; 2], &Timestamp), bool)| Overlap {
        tenants: pair.clone(),
        new,
        when: when(pair, new, days).unwrap_or_else(|| {
            format!("first on {}", first.to_zoned(zone.rules().clone()).strftime("%Y-%m-%d at %H:%M"))
        }),
    };
    new.chain(gone).map(overlap).collect()
}

/// All pairs of tenants that are ever awake together, with the first time.
fn pairs(fit: &CardFit) -> BTreeMap<[String; 2], Timestamp> {
    let mut found = BTreeMap::new();
    for stretch in fit.week.iter().chain(&fit.only_on) {
        let tenants: Vec<&String> = stretch.sum.tenants.iter().collect();
        for (index, first) in tenants.iter().enumerate() {
            for second in &tenants[index + 1..] {
                found.entry([(*first).clone(), (*second).clone()]).or_insert(stretch.from);
            }
        }
    }
    found
}

/// The times of the days at which both are awake: `daily 02:00-04:00`.
fn when(pair: &[String; 2], new: bool, days: &[DayReview]) -> Option<String> {
    let mut met: Vec<(&[Day], &str, &str)> = Vec::new();
    for day in days {
        for span in &day.spans {
            let side = if new { &span.after } else { &span.before };
            if !pair.iter().all(|tenant| side.tenants.contains_key(tenant)) {
                continue;
            }
            match met.last_mut().filter(|(on, _, to)| *on == day.on && *to == span.from) {
                Some((_, _, to)) => *to = &span.to,
                None => met.push((&day.on, &span.from, &span.to)),
            }
        }
    }
    (!met.is_empty()).then(|| times(&met))
}

/// Hours with their days in words, the same hours once.
pub(super) fn times(hours: &[(&[Day], &str, &str)]) -> String {
    let mut rows: Vec<(String, Vec<Day>)> = Vec::new();
    for (on, from, to) in hours {
        let hours = format!("{from}-{to}");
        match rows.iter_mut().find(|(known, _)| *known == hours) {
            Some((_, days)) => days.extend(*on),
            None => rows.push((hours, on.to_vec())),
        }
    }
    let rows: Vec<String> =
        rows.into_iter().map(|(hours, days)| format!("{} {hours}", fit::spelled(days))).collect();
    rows.join(", ")
}
