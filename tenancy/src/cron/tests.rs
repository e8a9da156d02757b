use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::window::TimeOfDay;

fn window(start: &str, end: &str, days: &[Day]) -> Window {
    Window::new(start.parse().unwrap(), end.parse().unwrap(), days.to_vec(), "UTC".parse().unwrap()).unwrap()
}

fn spelled(lines: &[Line]) -> Vec<String> {
    lines.iter().map(Line::to_string).collect()
}

/// Reads one field of a cron line the way robfig/cron does.
fn members(field: &str, size: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (low.parse().unwrap(), high.parse().unwrap()),
            None if range == "*" => (0, size - 1),
            None => (range.parse().unwrap(), range.parse().unwrap()),
        };
        assert!(low <= high && high < size, "{part}");
        found.extend((low..=high).step_by(step.parse().unwrap()));
    }
    found
}

/// Every minute of the week (Sunday first) at which a cron text fires.
pub(crate) fn firings(cron: &str) -> Vec<u32> {
    let fields: Vec<&str> = cron.split(' ').collect();
    assert_eq!(fields.len(), 5, "{cron}");
    assert_eq!(fields[2..4], ["*", "*"], "{cron}");
    let mut found = Vec::new();
    for day in members(fields[4], 7) {
        for hour in members(fields[1], 24) {
            found.extend(
                members(fields[0], 60).into_iter().map(|minute| day * MINUTES_OF_DAY + hour * 60 + minute),
            );
        }
    }
    found
}

fn all_firings(lines: &[Line]) -> Vec<u32> {
    spelled(lines).iter().flat_map(|line| firings(line)).collect()
}

#[test]
fn the_seed_s_night() {
    let night = window("02:00", "06:00", &[]);
    assert_eq!(spelled(&up(&night)), ["0 2 * * *"]);
    assert_eq!(spelled(&guard(&night, 300)), ["*/5 2-6 * * *"]);
    assert_eq!(spelled(&down(&night)), ["0,5,15 6,7 * * *"]);
    assert_eq!(around_the_clock(300, 0).to_string(), "*/5 * * * *");
    assert_eq!(around_the_clock(300, 7).to_string(), "2-57/5 * * * *");
    assert_eq!(around_the_clock(60, 7).to_string(), "* * * * *");
    assert_eq!(around_the_clock(1800, 7).to_string(), "7,37 * * * *");
    assert_eq!(around_the_clock(3600, 119).to_string(), "59 * * * *");
}

#[test]
fn hours_that_a_range_cannot_express() {
    let odd = window("01:30", "05:45", &[]);
    assert_eq!(spelled(&guard(&odd, 300)), ["30-55/5 1 * * *", "*/5 2-6 * * *"]);
    assert_eq!(spelled(&down(&odd)), ["45,50 5 * * *", "0,45 6 * * *"]);
}

#[test]
fn weekdays_shift_past_midnight() {
    let late = window("22:30", "01:30", &[Day::Fri, Day::Sat]);
    assert_eq!(spelled(&up(&late)), ["30 22 * * 5,6"]);
    assert_eq!(spelled(&guard(&late, 600)), ["*/10 0-2 * * 0,6", "30-50/10 22 * * 5,6", "*/10 23 * * 5,6"]);
    assert_eq!(spelled(&down(&late)), ["30,35,45 1,2 * * 0,6"]);
}

#[test]
fn every_night_across_midnight_is_two_lines() {
    let late = window("22:30", "01:30", &[]);
    assert_eq!(spelled(&guard(&late, 600)), ["*/10 0-2,23 * * *", "30-50/10 22 * * *"]);
}

#[test]
fn a_window_of_almost_a_day_reaches_the_second_day_after() {
    let long = window("23:59", "23:58", &[Day::Sat]);
    let fired = all_firings(&down(&long));
    // Sunday is day 0, so the end on Sunday 23:58 plus an hour is Monday 00:58.
    assert!(fired.contains(&(23 * 60 + 58)) && fired.contains(&(MINUTES_OF_DAY + 58)));
}

/// The CronJob controller fires at every minute whose local time matches: times
/// that a spring skips never do, times that an autumn repeats do twice.
fn fires_at(lines: &[Line], window: &Window, at: jiff::Timestamp) -> bool {
    let local = window.time_zone().rules().to_datetime(at);
    let weekday = u32::try_from(local.weekday().to_sunday_zero_offset()).unwrap();
    let minute = weekday * MINUTES_OF_DAY
        + u32::try_from(local.hour()).unwrap() * 60
        + u32::try_from(local.minute()).unwrap();
    all_firings(lines).contains(&minute)
}

#[test]
fn nights_on_which_the_clock_changes_are_opened_and_closed() {
    let cases = [
        ("Europe/London", "01:30", "05:45", "2027-03-28", 5),
        ("Europe/London", "00:30", "01:30", "2027-03-28", 5),
        // The first half of the repeated hour lies before the start by its
        // local time, so nobody looks when it comes again.
        ("Europe/London", "01:30", "05:45", "2026-10-25", 35),
        ("Europe/London", "00:30", "01:30", "2026-10-25", 5),
        ("America/New_York", "22:00", "02:30", "2027-03-13", 5),
        ("America/New_York", "22:00", "01:30", "2026-10-31", 5),
        ("Australia/Lord_Howe", "01:00", "04:15", "2026-10-04", 5),
    ];
    for (zone, start, end, date, longest) in cases {
        let window =
            Window::new(start.parse().unwrap(), end.parse().unwrap(), vec![], zone.parse().unwrap()).unwrap();
        let interval = window.on(date.parse().unwrap()).unwrap();
        let mut ticks = up(&window);
        ticks.extend(guard(&window, 300));
        ticks.extend(down(&window));
        let fires_within = |from: jiff::Timestamp, minutes: i64| {
            (0..minutes)
                .any(|minute| fires_at(&ticks, &window, from + jiff::SignedDuration::from_mins(minute)))
        };
        assert!(fires_within(interval.opens, 5), "{zone} {start} on {date} is not opened");
        assert!(fires_within(interval.closes, 5), "{zone} {end} after {date} is not closed");
        let minutes = interval.closes.duration_since(interval.opens).as_mins();
        for minute in 0..minutes - longest {
            let from = interval.opens + jiff::SignedDuration::from_mins(minute);
            assert!(fires_within(from, longest), "{zone} {start} on {date}: nobody looks from {from}");
        }
    }
}

proptest! {
    #[test]
    fn ticks_cover_the_window_and_stay_near_it(
        start in 0u16..1440, length in 1u16..1440, days in 1u8..128, interval in 1u32..=60,
    ) {
        let days: Vec<Day> = Day::ALL.into_iter().filter(|day| days & (1 << (*day as u8)) != 0).collect();
        let end = TimeOfDay::from_minutes(start + length);
        let window = Window::new(TimeOfDay::from_minutes(start), end, days.clone(), "UTC".parse().unwrap()).unwrap();
        let week = 7 * MINUTES_OF_DAY;
        let starts: Vec<u32> =
            days.iter().map(|day| (*day as u32 + 1) % 7 * MINUTES_OF_DAY + u32::from(start)).collect();
        let length = u32::from(length);
        let (up, guard, down) = (up(&window), guard(&window, interval * 60), down(&window));

        let mut up_fired = all_firings(&up);
        up_fired.sort_unstable();
        let mut wanted = starts.clone();
        wanted.sort_unstable();
        prop_assert_eq!(up_fired, wanted);
        prop_assert_eq!(up.len(), 1);

        let guard_fired = all_firings(&guard);
        let once: HashSet<u32> = guard_fired.iter().copied().collect();
        prop_assert_eq!(once.len(), guard_fired.len(), "two guards fire at once");
        let guard_fired = once;
        let down_fired: HashSet<u32> = all_firings(&down).into_iter().collect();
        for opens in &starts {
            let closes = opens + length;
            for after in DOWN_MINUTES {
                prop_assert!(down_fired.contains(&((closes + after) % week)), "closing tick missing");
            }
            // From any minute of window and hour after, the next tick is at most an interval away.
            for minute in *opens..closes + AFTER_MINUTES - interval {
                let near = (minute..minute + interval).any(|m| guard_fired.contains(&(m % week)));
                prop_assert!(near, "no guard tick within {} of minute {}: {:?}", interval, minute, spelled(&guard));
            }
        }
        for fired in guard_fired.iter().chain(&down_fired) {
            let is_near = starts.iter().any(|opens| {
                let since = (fired + week - opens) % week;
                let last = (opens + length + AFTER_MINUTES) / 60 * 60 + 59 - opens;
                since <= last
            });
            prop_assert!(is_near, "{} fires far from the window: {:?} {:?}", fired, spelled(&guard), spelled(&down));
        }
        prop_assert!(guard.len() <= 9 && down.len() <= 9);
    }
}
