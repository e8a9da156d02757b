//! Windows: when a tenant may be awake, in its own time zone.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Invalid;
use crate::names::WindowName;

/// A time of day to the minute, `HH:MM` from `00:00` to `23:59`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    minutes: u16,
}

impl TimeOfDay {
    /// Minutes since midnight, 0 to 1439.
    pub fn minutes(self) -> u16 {
        self.minutes
    }

    /// The hour, 0 to 23.
    pub fn hour(self) -> u16 {
        self.minutes / 60
    }

    /// The minute within the hour, 0 to 59.
    pub fn minute(self) -> u16 {
        self.minutes % 60
    }

    /// The time of day that lies `minutes` since midnight, counted round the clock.
    pub fn from_minutes(minutes: u16) -> Self {
        Self { minutes: minutes % 1440 }
    }
}

impl FromStr for TimeOfDay {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: &str| {
            Err(Invalid::new("time of day", text, reason, "Write `HH:MM` from `00:00` to `23:59`."))
        };
        if text == "24:00" {
            return refuse("a day ends at 23:59; write `00:00` for midnight");
        }
        let bytes = text.as_bytes();
        if bytes.len() != 5 || bytes[2] != b':' {
            return refuse("it is not two digits, a colon and two digits");
        }
        let digits = |from: usize| {
            let part = text.get(from..from + 2).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse::<u16>().ok())
        };
        match (digits(0), digits(3)) {
            (Some(hour), Some(minute)) if hour < 24 && minute < 60 => {
                Ok(Self { minutes: hour * 60 + minute })
            }
            (Some(hour), Some(_)) if hour > 23 => refuse("a day has hours from 00 to 23"),
            (Some(_), Some(_)) => refuse("an hour has minutes from 00 to 59"),
            _ => refuse("it is not two digits, a colon and two digits"),
        }
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

/// An IANA time zone, by the exact name that the Kubernetes CronJob controller
/// accepts (it looks the name up as a file, so case counts).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// The zone's name, such as `Europe/London`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone's rules.
    pub fn rules(&self) -> &TimeZone {
        &self.zone
    }
}

impl FromStr for Zone {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ACCEPTED: &str = "Write an IANA name such as `Europe/London` or `UTC`.";
        let database = jiff::tz::db();
        let known = database.get(text).ok().and_then(|zone| {
            let name = zone.iana_name().map(str::to_owned);
            name.map(|name| (zone, name))
        });
        match known {
            Some((zone, name)) if name == text => Ok(Self { name, zone }),
            Some((_, name)) => {
                Err(Invalid::new("time zone", text, format!("its name is spelled {name:?}"), ACCEPTED))
            }
            None => {
                let nearest = nearest(text, database.available().map(|name| name.to_string()));
                let reason = match nearest {
                    Some(name) => format!("no zone has this name; {name:?} is the nearest"),
                    None => "no zone has this name".to_owned(),
                };
                Err(Invalid::new("time zone", text, reason, ACCEPTED))
            }
        }
    }
}

/// The candidate within a third of the text's length in edits, if there is one.
pub fn nearest(text: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let limit = (text.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (edits(text, &candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

impl TryFrom<String> for Zone {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A day of the week, spelled `mon` to `sun`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    /// All days, Monday first.
    pub const ALL: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

    /// The day of a date.
    pub fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Day::Mon,
            Weekday::Tuesday => Day::Tue,
            Weekday::Wednesday => Day::Wed,
            Weekday::Thursday => Day::Thu,
            Weekday::Friday => Day::Fri,
            Weekday::Saturday => Day::Sat,
            Weekday::Sunday => Day::Sun,
        }
    }

    /// The three letters.
    pub fn as_str(self) -> &'static str {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][self as usize]
    }

    /// The day after this one.
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % 7]
    }
}

impl FromStr for Day {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|day| day.as_str() == text).ok_or_else(|| {
            Invalid::new(
                "day",
                text,
                "it is not one of the seven",
                "Write mon, tue, wed, thu, fri, sat or sun.",
            )
        })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(start: &str, end: &str, days: &[Day], zone: &str) -> Window {
        Window::new(start.parse().unwrap(), end.parse().unwrap(), days.to_vec(), zone.parse().unwrap())
            .unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_is_open_from_its_start_to_just_before_its_end() {
        let night = window("02:00", "06:00", &[], "Europe/London");
        assert_eq!(night.open_at(at("2026-11-21T01:59:59Z")), None);
        assert!(night.open_at(at("2026-11-21T02:00:00Z")).is_some());
        assert!(night.open_at(at("2026-11-21T05:59:59Z")).is_some());
        assert_eq!(night.open_at(at("2026-11-21T06:00:00Z")), None);
        assert_eq!(night.next_after(at("2026-11-21T06:00:00Z")).unwrap().opens, at("2026-11-22T02:00:00Z"));
        assert_eq!(night.last_before(at("2026-11-21T06:00:00Z")).unwrap().closes, at("2026-11-21T06:00:00Z"));
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_on_which_it_starts() {
        let late = window("22:30", "01:30", &[Day::Fri], "UTC");
        assert!(late.open_at(at("2026-11-20T23:00:00Z")).is_some(), "Friday night");
        assert!(late.open_at(at("2026-11-21T01:00:00Z")).is_some(), "after midnight");
        assert!(late.open_at(at("2026-11-21T23:00:00Z")).is_none(), "Saturday night");
        assert!(late.open_at(at("2026-11-20T01:00:00Z")).is_none(), "Friday morning");
    }

    #[test]
    fn a_start_that_does_not_exist_is_the_first_instant_after_the_gap() {
        // London skips 01:00 to 02:00 on 2027-03-28; the gap ends at 01:00 UTC.
        let early = window("01:30", "04:00", &[], "Europe/London");
        let interval = early.on("2027-03-28".parse().unwrap()).unwrap();
        assert_eq!(interval.opens, at("2027-03-28T01:00:00Z"));
        assert_eq!(interval.closes, at("2027-03-28T03:00:00Z"));
    }

    #[test]
    fn a_repeated_time_starts_at_its_first_and_ends_at_its_last() {
        // London repeats 01:00 to 02:00 on 2026-10-25.
        let start = window("01:30", "04:00", &[], "Europe/London").on("2026-10-25".parse().unwrap()).unwrap();
        assert_eq!(start.opens, at("2026-10-25T00:30:00Z"));
        let end = window("00:30", "01:30", &[], "Europe/London").on("2026-10-25".parse().unwrap()).unwrap();
        assert_eq!(end.closes, at("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn a_window_that_lies_in_the_gap_does_not_open_that_day() {
        let lost = window("01:10", "01:50", &[], "Europe/London");
        assert_eq!(lost.on("2027-03-28".parse().unwrap()), None);
        assert!(lost.on("2027-03-29".parse().unwrap()).is_some());
    }

    #[test]
    fn bad_windows_are_refused_with_what_would_be_accepted() {
        let zone: Zone = "UTC".parse().unwrap();
        let noon: TimeOfDay = "12:00".parse().unwrap();
        insta::assert_snapshot!(Window::new(noon, noon, vec![], zone).unwrap_err(), @r#""12:00-12:00" is not a window: it has no length. Let it end at another time than it starts; for a tenant that is always awake say `always`."#);
        insta::assert_snapshot!("Europe/Lundon".parse::<Zone>().unwrap_err(), @r#""Europe/Lundon" is not a time zone: no zone has this name; "Europe/London" is the nearest. Write an IANA name such as `Europe/London` or `UTC`."#);
        insta::assert_snapshot!("europe/london".parse::<Zone>().unwrap_err(), @r#""europe/london" is not a time zone: its name is spelled "Europe/London". Write an IANA name such as `Europe/London` or `UTC`."#);
        for bad in ["2:00", "24:00", "02:60", "ab:cd", "", "02-00", "+2:00", "ä1:00"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_window_survives_json() {
        let json = r#"{"start":"02:00","end":"06:00","days":["sat","mon"],"time_zone":"Europe/London"}"#;
        let parsed: Window = serde_json::from_str(json).unwrap();
        assert_eq!(parsed.to_string(), "02:00-06:00 mon,sat Europe/London");
        assert_eq!(serde_json::from_str::<Window>(&serde_json::to_string(&parsed).unwrap()).unwrap(), parsed);
    }

    proptest! {
        #[test]
        fn open_next_and_last_agree(
            start in 0u16..1440, length in 1u16..1440, days in 1u8..128, second in 1_700_000_000i64..1_900_000_000,
            zone in prop::sample::select(vec!["Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]),
        ) {
            let days: Vec<Day> = Day::ALL.into_iter().filter(|day| days & (1 << (*day as u8)) != 0).collect();
            let end = TimeOfDay::from_minutes(start + length);
            let start = TimeOfDay::from_minutes(start);
            let window = Window::new(start, end, days, zone.parse().unwrap()).unwrap();
            let now = Timestamp::from_second(second).unwrap();
            if let Some(open) = window.open_at(now) {
                prop_assert!(open.contains(now));
            }
            let next = window.next_after(now).unwrap();
            prop_assert!(next.opens > now && next.opens < next.closes);
            prop_assert!(window.open_at(next.opens).is_some());
            let last = window.last_before(now).unwrap();
            prop_assert!(last.closes <= now);
        }
    }
}
