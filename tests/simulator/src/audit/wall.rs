//! When a window is open, as somebody finds out who looks at a clock on the wall once a minute.
//!
//! It shares nothing with `tenancy::window`, by whose word the gates go, so that a night in which the two
//! disagree breaks a promise. Nor does it name gaps and folds: who waits for a start goes by the first minute
//! that is not before it, and who waits for an end by the last that is.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::queue::Ms;
use crate::script::{WindowSpec, ZONES};

const DAY_MINUTES: i64 = 24 * 60;
/// No clock differs from UTC by more.
const FARTHEST_MINUTES: i64 = 15 * 60;

/// The spans in which a window is open, of those days of its zone that may touch the time from `start` to `end`.
pub(super) fn spans(spec: &WindowSpec, start: Ms, end: Ms) -> Vec<(Ms, Ms)> {
    let zone = TimeZone::get(ZONES[spec.zone % ZONES.len()]).unwrap_or(TimeZone::UTC);
    let first = start.div_euclid(60_000 * DAY_MINUTES) - 2;
    let last = end.div_euclid(60_000 * DAY_MINUTES) + 1;
    // 1970 began on a Thursday; bit 0 is Monday.
    let is_named = |day: &i64| spec.days & (1 << (day + 3).rem_euclid(7)) != 0;
    (first..=last).filter(is_named).filter_map(|day| span_of(spec, day, &zone)).collect()
}

/// The span that begins on this day since 1970.
fn span_of(spec: &WindowSpec, day: i64, zone: &TimeZone) -> Option<(Ms, Ms)> {
    let starts = day * DAY_MINUTES + i64::from(spec.start_minute);
    let ends = starts + i64::from(spec.minutes);
    let wall = |minute: i64| {
        let at = Timestamp::from_second(minute * 60).unwrap_or_default();
        minute + i64::from(zone.to_offset(at).seconds()).div_euclid(60)
    };
    let around = |wanted: i64| wanted - FARTHEST_MINUTES..=wanted + FARTHEST_MINUTES;
    let opens = around(starts).find(|minute| wall(*minute) >= starts)?;
    let closes = around(ends).rev().find(|minute| wall(*minute) < ends)? + 1;
    (opens < closes).then_some((opens * 60_000, closes * 60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window of a day, as UTC has it.
    fn on(day: &str, zone: &str, start: u16, minutes: u16) -> String {
        let zone = ZONES.iter().position(|one| *one == zone).unwrap();
        let spec = WindowSpec { start_minute: start, minutes, days: 0x7f, zone };
        let day = format!("{day}T00:00:00Z").parse::<Timestamp>().unwrap().as_second() / 86_400;
        let Some((opens, closes)) = span_of(&spec, day, &TimeZone::get(ZONES[zone]).unwrap()) else {
            return "closed".to_owned();
        };
        let told = |at: Ms| Timestamp::from_millisecond(at).unwrap().strftime("%d %H:%M").to_string();
        format!("{} to {}", told(opens), told(closes))
    }

    /// Worked out by hand from the dates on which clocks change.
    #[test]
    fn nights_in_which_clocks_change() {
        let table = [
            ("2026-11-21", "Europe/London", (120, 240), "21 02:00 to 21 06:00"),
            ("2026-07-01", "Europe/London", (1320, 480), "01 21:00 to 02 05:00"),
            // 01:00 to 02:00 comes twice: the first start, the last end.
            ("2026-10-25", "Europe/London", (75, 225), "25 00:15 to 25 05:00"),
            ("2026-10-24", "Europe/London", (1320, 210), "24 21:00 to 25 01:30"),
            // 01:00 to 02:00 does not come.
            ("2027-03-28", "Europe/London", (90, 210), "28 01:00 to 28 04:00"),
            ("2027-03-27", "Europe/London", (1320, 210), "27 22:00 to 28 01:00"),
            ("2027-03-28", "Europe/London", (65, 20), "closed"),
            ("2027-03-14", "America/New_York", (150, 240), "14 07:00 to 14 10:30"),
            ("2026-11-01", "America/New_York", (90, 240), "01 05:30 to 01 10:30"),
            // Half an hour, from 02:00 to 02:30.
            ("2026-10-04", "Australia/Lord_Howe", (135, 240), "03 15:30 to 03 19:15"),
            ("2026-11-21", "Asia/Kolkata", (0, 60), "20 18:30 to 20 19:30"),
        ];
        for (day, zone, (start, minutes), told) in table {
            assert_eq!(on(day, zone, start, minutes), told, "{day} {zone}");
        }
    }
}
