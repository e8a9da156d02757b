//! Windows: when a tenant may be awake, in its own time zone.

mod clock;
#[cfg(test)]
mod tests;
mod zone;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::clock::{Day, TimeOfDay};
pub use self::zone::Zone;
use crate::Invalid;
use crate::names::WindowName;

/// One window: from `start` to `end` on each of `days`, in `zone`.
///
/// A window whose end is not after its start ends on the following day; `days`
/// are the days on which it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawWindow")]
pub struct Window {
    start: TimeOfDay,
    end: TimeOfDay,
    days: Vec<Day>,
    time_zone: Zone,
}

#[derive(Deserialize)]
struct RawWindow {
    start: TimeOfDay,
    end: TimeOfDay,
    #[serde(default)]
    days: Vec<Day>,
    time_zone: Zone,
}

impl TryFrom<RawWindow> for Window {
    type Error = Invalid;

    fn try_from(raw: RawWindow) -> Result<Self, Invalid> {
        Self::new(raw.start, raw.end, raw.days, raw.time_zone)
    }
}

/// A stretch of real time, from `opens` (included) to `closes` (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// The first instant of it.
    pub opens: Timestamp,
    /// The first instant after it.
    pub closes: Timestamp,
}

impl Interval {
    /// Whether `now` lies within.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.opens <= now && now < self.closes
    }
}

impl Window {
    /// Builds a window; no days means every day.
    ///
    /// # Errors
    /// A window whose start is its end has no length.
    pub fn new(
        start: TimeOfDay,
        end: TimeOfDay,
        mut days: Vec<Day>,
        time_zone: Zone,
    ) -> Result<Self, Invalid> {
        if start == end {
            return Err(Invalid::new(
                "window",
                format!("{start}-{end}"),
                "it has no length",
                "Let it end at another time than it starts; for a tenant that is always awake say `always`.",
            ));
        }
        days.sort_unstable();
        days.dedup();
        if days.is_empty() {
            days = Day::ALL.to_vec();
        }
        Ok(Self { start, end, days, time_zone })
    }

    /// When it starts.
    pub fn start(&self) -> TimeOfDay {
        self.start
    }

    /// When it ends.
    pub fn end(&self) -> TimeOfDay {
        self.end
    }

    /// The days on which it starts, Monday first, at least one.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// Its time zone.
    pub fn time_zone(&self) -> &Zone {
        &self.time_zone
    }

    /// Whether it ends on the day after it started.
    pub fn crosses_midnight(&self) -> bool {
        self.end < self.start
    }

    /// The interval of this window that started on `date`, if it starts on that day.
    ///
    /// A start or end that does not exist (spring) is the first instant after
    /// the gap; one that exists twice (autumn) is the first for a start and the
    /// last for an end. `None` also when nothing is left between them.
    pub fn on(&self, date: Date) -> Option<Interval> {
        if !self.days.contains(&Day::of(date)) {
            return None;
        }
        let end_date = if self.crosses_midnight() { date.tomorrow().ok()? } else { date };
        let opens = instant(date, self.start, &self.time_zone, Repeated::First)?;
        let closes = instant(end_date, self.end, &self.time_zone, Repeated::Last)?;
        (opens < closes).then_some(Interval { opens, closes })
    }

    /// The interval that contains `now`, if the window is open.
    pub fn open_at(&self, now: Timestamp) -> Option<Interval> {
        self.around(now).into_iter().find(|interval| interval.contains(now))
    }

    /// The next interval that opens after `now`.
    pub fn next_after(&self, now: Timestamp) -> Option<Interval> {
        self.around(now).into_iter().find(|interval| interval.opens > now)
    }

    /// The last interval that had closed by `now`.
    pub fn last_before(&self, now: Timestamp) -> Option<Interval> {
        self.around(now).into_iter().rev().find(|interval| interval.closes <= now)
    }

    /// All intervals that start within nine days of `now`, oldest first.
    fn around(&self, now: Timestamp) -> Vec<Interval> {
        let today = self.time_zone.rules().to_datetime(now).date();
        (-9..=9)
            .filter_map(|days| today.checked_add(Span::new().days(days)).ok())
            .filter_map(|date| self.on(date))
            .collect()
    }
}

impl fmt::Display for Window {
    /// `02:00-06:00 Europe/London`, with the days when they are not all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)?;
        if self.days.len() < 7 {
            let days: Vec<&str> = self.days.iter().map(|day| day.as_str()).collect();
            write!(f, " {}", days.join(","))?;
        }
        write!(f, " {}", self.time_zone)
    }
}

enum Repeated {
    First,
    Last,
}

fn instant(date: Date, time: TimeOfDay, zone: &Zone, repeated: Repeated) -> Option<Timestamp> {
    let hour = i8::try_from(time.hour()).ok()?;
    let minute = i8::try_from(time.minute()).ok()?;
    let datetime = DateTime::from_parts(date, Time::new(hour, minute, 0, 0).ok()?);
    let ambiguous = zone.rules().to_ambiguous_timestamp(datetime);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => ambiguous.unambiguous().ok(),
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.rules().following(before).next().map(|transition| transition.timestamp())
        }
        AmbiguousOffset::Fold { .. } => match repeated {
            Repeated::First => ambiguous.earlier().ok(),
            Repeated::Last => ambiguous.later().ok(),
        },
    }
}

/// When a tenant may be awake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Only within its windows, by name; at least one.
    Windows(BTreeMap<WindowName, Window>),
    /// Whenever there is demand.
    OnDemand,
    /// At all times: Terraform owns its replicas and no gate runs for it.
    Always,
}

impl Schedule {
    /// The open interval that closes last, with the window's name, if any is open.
    /// `OnDemand` and `Always` have no intervals: `None`.
    pub fn open_at(&self, now: Timestamp) -> Option<(&WindowName, Interval)> {
        self.windows()
            .filter_map(|(name, window)| Some((name, window.open_at(now)?)))
            .max_by_key(|(_, interval)| interval.closes)
    }

    /// The interval that opens next after `now`, with the window's name.
    pub fn next_after(&self, now: Timestamp) -> Option<(&WindowName, Interval)> {
        self.windows()
            .filter_map(|(name, window)| Some((name, window.next_after(now)?)))
            .min_by_key(|(_, interval)| interval.opens)
    }

    /// The windows by name; none for the other schedules.
    pub fn windows(&self) -> impl Iterator<Item = (&WindowName, &Window)> {
        match self {
            Schedule::Windows(windows) => Some(windows.iter()),
            Schedule::OnDemand | Schedule::Always => None,
        }
        .into_iter()
        .flatten()
    }
}
