//! Cron lines of windows: when a tenant's gate is asked.
//!
//! A cron line is a rectangle of minutes, hours and weekdays, a window is not:
//! 01:30 to 05:45 needs several lines, and one that crosses midnight belongs
//! to two weekdays. The lines are found on a table of the week, so that no
//! case is special: first the exact instants, grouped into rectangles; then
//! rectangles are joined as long as every instant that the joint one adds is
//! one at which a tick does no harm.

use std::collections::BTreeMap;
use std::fmt;

use crate::window::{Day, Window};

const MINUTES_OF_DAY: u32 = 24 * 60;
/// Guard ticks go on this long after the window, and the last closing tick is
/// this late: a node or an API server that was away at the end is back by then.
pub const AFTER_MINUTES: u32 = 60;
/// When the closing ticks fire, in minutes after the end.
pub const DOWN_MINUTES: [u32; 4] = [0, 5, 15, AFTER_MINUTES];

/// One cron schedule of five fields, in the local time of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Bit 0 is Sunday.
    days: u8,
    /// Bit 0 is the hour after midnight.
    hours: u32,
    /// Bit 0 is the full hour.
    minutes: u64,
}

/// The line that fires at the window's start.
pub fn up(window: &Window) -> Vec<Line> {
    let mut week = Week::default();
    for day in window.days() {
        week.add(*day, u32::from(window.start().minutes()));
    }
    lines(&week, &week)
}

/// The lines that fire every `interval_s` from the start until
/// [`AFTER_MINUTES`] past the end, on the minutes of the hour that the interval
/// divides. The last may go on to the end of its hour.
///
/// On the night of an autumn in which the hour of the start is repeated, the
/// minutes before the start come again after it, and are without ticks: cron
/// knows only the local time.
pub fn guard(window: &Window, interval_s: u32) -> Vec<Line> {
    let step = step_minutes(interval_s);
    let mut exact = Week::default();
    let mut harmless = Week::default();
    for day in window.days() {
        let (start, end) = span(window);
        (start..end + AFTER_MINUTES)
            .filter(|minute| minute % 60 % step == 0)
            .for_each(|m| exact.add(*day, m));
        (start..end_of_hour(end + AFTER_MINUTES)).for_each(|minute| harmless.add(*day, minute));
    }
    lines(&exact, &harmless)
}

/// The lines that fire at the window's end and again after [`DOWN_MINUTES`].
/// They may fire a few times more within the hour in which the last one falls.
pub fn down(window: &Window) -> Vec<Line> {
    let mut exact = Week::default();
    let mut harmless = Week::default();
    for day in window.days() {
        let (_, end) = span(window);
        DOWN_MINUTES.iter().for_each(|after| exact.add(*day, end + after));
        (end..end_of_hour(end + AFTER_MINUTES)).for_each(|minute| harmless.add(*day, minute));
    }
    lines(&exact, &harmless)
}

/// The line that fires every `interval_s` of every day. Lines of another `place` fire at other minutes, so that
/// those of many tenants do not all start their pods at once.
pub fn around_the_clock(interval_s: u32, place: u32) -> Line {
    let step = step_minutes(interval_s);
    let is_due = |minute: &u32| minute % step == place % step;
    let minutes = (0..60).filter(is_due).fold(0, |set, minute| set | 1 << minute);
    Line { days: ALL_DAYS, hours: ALL_HOURS, minutes }
}

/// Cron counts in minutes and begins anew each hour.
fn step_minutes(interval_s: u32) -> u32 {
    (interval_s / 60).clamp(1, 60)
}

/// Start and end in minutes since midnight of the day on which the window starts.
fn span(window: &Window) -> (u32, u32) {
    let end = u32::from(window.end().minutes());
    let next_day = if window.crosses_midnight() { MINUTES_OF_DAY } else { 0 };
    (u32::from(window.start().minutes()), end + next_day)
}

fn end_of_hour(minute: u32) -> u32 {
    (minute / 60 + 1) * 60
}

const ALL_DAYS: u8 = 0x7f;
const ALL_HOURS: u32 = 0x00ff_ffff;

/// Minutes of a week, as a set of minutes for each weekday and hour.
#[derive(Default)]
struct Week([[u64; 24]; 7]);

impl Week {
    /// Adds the minute that lies `minute` after midnight of `day`, which may be days later.
    fn add(&mut self, day: Day, minute: u32) {
        let weekday = (day as u32 + 1 + minute / MINUTES_OF_DAY) % 7;
        let hour = minute / 60 % 24;
        self.0[weekday as usize][hour as usize] |= 1 << (minute % 60);
    }

    /// Every weekday and hour with its minutes.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
        self.0.iter().enumerate().flat_map(|(day, hours)| {
            hours.iter().enumerate().map(move |(hour, minutes)| (day, hour, *minutes))
        })
    }

    fn covers(&self, line: &Line) -> bool {
        self.cells().all(|(day, hour, minutes)| {
            let fires = line.days & (1 << day) != 0 && line.hours & (1 << hour) != 0;
            !fires || line.minutes & !minutes == 0
        })
    }
}

/// The fewest lines found that fire at every minute of `exact` and at none outside `harmless`.
fn lines(exact: &Week, harmless: &Week) -> Vec<Line> {
    let mut lines = rectangles(exact);
    while let Some((kept, joined, whole)) = joint(&lines, harmless) {
        lines[kept] = whole;
        lines.remove(joined);
    }
    lines.sort_by_key(|line| (line.days.trailing_zeros(), line.hours.trailing_zeros(), line.minutes));
    lines
}

/// Rectangles that together are the table: hours with the same minutes on the
/// same days are one.
fn rectangles(week: &Week) -> Vec<Line> {
    let mut days_of: BTreeMap<(u64, usize), u8> = BTreeMap::new();
    for (day, hour, minutes) in week.cells().filter(|(_, _, minutes)| *minutes != 0) {
        *days_of.entry((minutes, hour)).or_default() |= 1 << day;
    }
    let mut hours_of: BTreeMap<(u64, u8), u32> = BTreeMap::new();
    for ((minutes, hour), days) in days_of {
        *hours_of.entry((minutes, days)).or_default() |= 1 << hour;
    }
    hours_of.into_iter().map(|((minutes, days), hours)| Line { days, hours, minutes }).collect()
}

/// Two lines, by position, that can be one, and that one.
fn joint(lines: &[Line], harmless: &Week) -> Option<(usize, usize, Line)> {
    let pairs = (0..lines.len()).flat_map(|a| (a + 1..lines.len()).map(move |b| (a, b)));
    pairs.map(|(a, b)| (a, b, lines[a].hull(&lines[b]))).find(|(a, b, whole)| {
        let others = lines.iter().enumerate().filter(|(other, _)| other != a && other != b);
        harmless.covers(whole) && others.into_iter().all(|(_, other)| !whole.meets(other))
    })
}

impl Line {
    fn hull(&self, other: &Line) -> Line {
        Line {
            days: self.days | other.days,
            hours: self.hours | other.hours,
            minutes: self.minutes | other.minutes,
        }
    }

    /// Whether both fire at some minute.
    fn meets(&self, other: &Line) -> bool {
        self.days & other.days != 0 && self.hours & other.hours != 0 && self.minutes & other.minutes != 0
    }
}

impl fmt::Display for Line {
    /// `*/5 2-6 * * *`, as the CronJob controller reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = field(self.minutes, 60);
        let hours = field(u64::from(self.hours), 24);
        let days = field(u64::from(self.days), 7);
        write!(f, "{minutes} {hours} * * {days}")
    }
}

/// A field of a cron line for the set bits of `set` below `size`.
fn field(set: u64, size: u32) -> String {
    let members: Vec<u32> = (0..size).filter(|bit| set & (1 << bit) != 0).collect();
    let (Some(first), Some(last)) = (members.first(), members.last()) else {
        return String::new();
    };
    let step = members.get(1).map_or(size, |second| second - first);
    let is_even = members.windows(2).all(|pair| pair[1] - pair[0] == step);
    match (is_even, step) {
        (true, 1) if members.len() as u32 == size => "*".to_owned(),
        (true, _) if members.len() > 2 && *first == 0 && last + step >= size && step > 1 => {
            format!("*/{step}")
        }
        (true, _) if members.len() > 2 && step > 1 => format!("{first}-{last}/{step}"),
        _ => runs(&members),
    }
}

/// `0-2,22,23`: runs of three and more as ranges, the others one by one.
fn runs(members: &[u32]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for run in members.chunk_by(|a, b| a + 1 == *b) {
        match run {
            [first, _, .., last] => parts.push(format!("{first}-{last}")),
            few => parts.extend(few.iter().map(u32::to_string)),
        }
    }
    parts.join(",")
}

#[cfg(test)]
pub(crate) mod tests;
