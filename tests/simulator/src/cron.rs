//! When a cron line fires, as the CronJob controller reads it: each minute of
//! real time is looked up on the clock of its zone. So a time that a spring
//! night skips never comes, and one that an autumn night repeats comes twice.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tenancy::Invalid;

use crate::queue::Ms;

const MINUTE_MS: Ms = 60_000;
/// Offsets from UTC and their changes are whole quarters of an hour.
const BLOCK_MINUTES: i64 = 15;

/// The offsets of a zone through a span of time.
#[derive(Debug, Clone)]
pub(crate) struct Offsets(Vec<(i64, i64)>);

impl Offsets {
    /// The offsets of `zone` from a day before `start_s` to `end_s`.
    pub(crate) fn of(zone: &TimeZone, start_s: i64, end_s: i64) -> Self {
        let start = Timestamp::from_second(start_s - 86_400).unwrap_or_default();
        let end = Timestamp::from_second(end_s).unwrap_or(Timestamp::MAX);
        let mut all = vec![(i64::MIN, i64::from(zone.to_offset(start).seconds()))];
        let changes = zone.following(start).take_while(|change| change.timestamp() <= end);
        all.extend(
            changes.map(|change| (change.timestamp().as_second(), i64::from(change.offset().seconds()))),
        );
        Self(all)
    }

    fn at(&self, second: i64) -> i64 {
        let after = self.0.partition_point(|(from, _)| *from <= second);
        self.0[after.saturating_sub(1)].1
    }
}

/// A line of five fields whose days of the month and months are all.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    minutes: u64,
    hours: u64,
    days: u64,
    offsets: Offsets,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// A field that is none, or a day of the month or a month that is not `*`.
    pub(crate) fn parse(text: &str, offsets: Offsets) -> Result<Self, Invalid> {
        let refuse = |reason: &str| Invalid::new("cron line", text, reason, "Write `M H * * D`.");
        let fields: Vec<&str> = text.split(' ').collect();
        let [minutes, hours, "*", "*", days] = fields.as_slice() else {
            return Err(refuse("it is not of this shape"));
        };
        let set = |field: &str, size| set_of(field, size).ok_or_else(|| refuse("a field cannot be read"));
        Ok(Self { minutes: set(minutes, 60)?, hours: set(hours, 24)?, days: set(days, 7)?, offsets })
    }

    /// The first firing after `now`, if there is one before `end`.
    pub(crate) fn next_after(&self, now: Ms, end: Ms) -> Option<Ms> {
        let mut minute = now.div_euclid(MINUTE_MS) + 1;
        while minute * MINUTE_MS <= end {
            let block_end = (minute.div_euclid(BLOCK_MINUTES) + 1) * BLOCK_MINUTES;
            let offset = self.offsets.at(minute * 60).div_euclid(60);
            let local = minute + offset;
            let hour = local.div_euclid(60).rem_euclid(24);
            // 1970 began on a Thursday; cron counts from Sunday.
            let day = (local.div_euclid(24 * 60) + 4).rem_euclid(7);
            if self.hours & (1 << hour) != 0 && self.days & (1 << day) != 0 {
                let fires = |minute: &i64| self.minutes & (1 << (minute + offset).rem_euclid(60)) != 0;
                if let Some(found) = (minute..block_end).find(fires) {
                    return Some(found * MINUTE_MS).filter(|at| *at <= end);
                }
            }
            minute = block_end;
        }
        None
    }
}

/// The bits of a field: `*`, `*/5`, `1,2,5-7`, `10-50/20`.
fn set_of(field: &str, size: u32) -> Option<u64> {
    let mut set = 0;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: u32 = step.parse().ok().filter(|step| *step > 0)?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (0, size - 1),
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => (range.parse().ok()?, range.parse().ok()?),
        };
        if last >= size {
            return None;
        }
        set |= (first..=last).step_by(step as usize).fold(0_u64, |set, bit| set | 1 << bit);
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firings(line: &str, zone: &str, from: &str, hours: i64) -> Vec<String> {
        let start = from.parse::<Timestamp>().unwrap();
        let end = start.as_millisecond() + hours * 3_600_000;
        let offsets = Offsets::of(&TimeZone::get(zone).unwrap(), start.as_second(), end / 1000);
        let line = Line::parse(line, offsets).unwrap();
        let all = std::iter::successors(Some(start.as_millisecond()), |at| line.next_after(*at, end)).skip(1);
        all.map(|at| Timestamp::from_millisecond(at).unwrap().to_string()).collect()
    }

    /// facts/gpu.md, section 6, and kubernetes#121594.
    #[test]
    fn a_skipped_time_never_comes_and_a_repeated_one_comes_twice() {
        assert_eq!(
            firings("30 1 * * *", "Europe/London", "2027-03-27T00:00:00Z", 48),
            ["2027-03-27T01:30:00Z"]
        );
        assert_eq!(
            firings("30 1 * * *", "Europe/London", "2026-10-25T00:00:00Z", 24),
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
        );
        assert_eq!(
            firings("0 2 * * *", "Europe/London", "2027-03-28T00:00:00Z", 12),
            ["2027-03-28T01:00:00Z"]
        );
        assert_eq!(
            firings("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", 24),
            Vec::<String>::new(),
            "half an hour is skipped there"
        );
    }

    #[test]
    fn steps_lists_and_days() {
        let week = firings("*/30 22,23 * * 0,6", "UTC", "2026-11-20T12:00:00Z", 72);
        assert_eq!(week.len(), 8, "{week:?}");
        assert!(week[0].starts_with("2026-11-21T22:00"), "Saturday");
        assert!(Line::parse("61 2 * * *", Offsets(vec![(0, 0)])).is_err());
        assert!(Line::parse("0 2 1 * *", Offsets(vec![(0, 0)])).is_err());
    }
}
