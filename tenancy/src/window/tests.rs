use super::*;
use proptest::prelude::*;

fn window(start: &str, end: &str, days: &[Day], zone: &str) -> Window {
    Window::new(start.parse().unwrap(), end.parse().unwrap(), days.to_vec(), zone.parse().unwrap()).unwrap()
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
