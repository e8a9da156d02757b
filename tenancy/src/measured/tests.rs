use serde_json::{Value, json};

use super::*;
use crate::card::Unit;

const NOW: &str = "2026-11-21T12:00:00Z";
const LOOK_BACK_S: u32 = 7 * 86_400;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tenant() -> TenantId {
    "tts/chatterbox-tts".parse().unwrap()
}

fn reading(peak_mib: u64, samples: u64) -> Reading {
    Reading {
        peak_mib: Mib(peak_mib),
        held_at: at("2026-11-21T03:00:00Z"),
        samples,
        early_peak_mib: Mib(peak_mib),
        known_from: at("2026-11-14T12:00:00Z"),
        read_at: at(NOW),
    }
}

/// What a source said that knows of nothing before that moment.
fn forgetful(peak_mib: u64, known_from: &str) -> Option<Reading> {
    Some(Reading { known_from: at(known_from), ..reading(peak_mib, 9_000) })
}

#[test]
fn a_reading_takes_the_place_of_what_stands_by_the_table() {
    let guess = Standing { peak_mib: Mib(4096), held_at: None };
    let fresh = Standing { peak_mib: Mib(6976), held_at: Some(at("2026-11-20T03:00:00Z")) };
    let old = Standing { peak_mib: Mib(6976), held_at: Some(at("2026-11-01T03:00:00Z")) };
    let on_the_edge = Standing { peak_mib: Mib(6976), held_at: Some(at("2026-11-14T12:00:00Z")) };
    let table = [
        ("1: nothing was read of a guess", guess, None, Verdict::Stands),
        ("1: nothing was read of a measurement", old, None, Verdict::Stands),
        ("2: one sample over a guess", guess, Some(reading(4097, 1)), Verdict::Grew),
        ("2: one sample over a measurement", fresh, Some(reading(6977, 1)), Verdict::Grew),
        ("3: enough samples over a guess", guess, Some(reading(4900, 60)), Verdict::Measured),
        ("3: enough samples below a guess", guess, Some(reading(3000, 60)), Verdict::Measured),
        ("3: enough samples at the guess", guess, Some(reading(4096, 60)), Verdict::Measured),
        ("4: few samples below a guess", guess, Some(reading(3000, 59)), Verdict::TooFew),
        ("5: a source that forgot", fresh, Some(reading(1000, 9_000)), Verdict::Stands),
        ("5: held at the look-back's first moment", on_the_edge, Some(reading(1000, 9_000)), Verdict::Stands),
        (
            "5: the source knows of less than nine tenths",
            old,
            forgetful(1000, "2026-11-15T04:49:00Z"),
            Verdict::Stands,
        ),
        ("6: it knows of nine tenths", old, forgetful(1000, "2026-11-15T04:48:00Z"), Verdict::Shrank),
        ("6: a whole look-back held less", old, Some(reading(6720, 60)), Verdict::Shrank),
        ("6: but in few samples", old, Some(reading(6720, 59)), Verdict::TooFew),
        ("7: it held a little less", old, Some(reading(6721, 9_000)), Verdict::Stands),
        ("7: it held the same", old, Some(reading(6976, 9_000)), Verdict::Stands),
    ];
    for (row, standing, reading, verdict) in table {
        assert_eq!(judge(standing, reading.as_ref(), LOOK_BACK_S), verdict, "{row}");
    }
}

#[test]
fn a_peak_that_was_taken_stands_when_the_same_nights_are_read_again() {
    for mib in [1, 63, 64, 65, 4095, 4096, 4097, 6963] {
        let read = reading(mib, 100);
        let taken = Standing { peak_mib: rounded(read.peak_mib), held_at: Some(read.held_at) };
        assert!(taken.peak_mib.0 >= mib && taken.peak_mib.0 < mib + 64);
        assert_eq!(judge(taken, Some(&read), LOOK_BACK_S), Verdict::Stands, "{mib}");
    }
}

/// Samples: seconds since 1970 and the value.
type Points = [(i64, &'static str)];

/// The answer of a Prometheus: series by pod, each with its samples.
fn answer(series: &[(&str, &[(i64, &str)])]) -> Value {
    let result: Vec<Value> = series
        .iter()
        .map(|(pod, samples)| {
            let values: Vec<Value> = samples.iter().map(|(at, value)| json!([at, value])).collect();
            json!({"metric": {"namespace": "tts", "pod": pod}, "values": values})
        })
        .collect();
    json!({"status": "success", "data": {"resultType": "matrix", "result": result}})
}

const GIB: &str = "1073741824";
const SIX_GIB: &str = "6442450944";
const MONDAY: i64 = 1_763_350_200; // 2025-11-17T03:30:00Z

fn own() -> Question {
    Question::of_own_exporter(&tenant())
}

fn scrapes(unit: Unit) -> Question {
    Question { selector: "DCGM_FI_DEV_FB_USED{pod=\"x\"}".into(), unit, samples: Samples::Scrapes }
}

#[test]
fn the_peak_is_the_most_of_one_container_and_the_samples_are_those_of_all() {
    let held = answer(&[
        ("a", &[(MONDAY, GIB), (MONDAY + 60, SIX_GIB), (MONDAY + 120, SIX_GIB)]),
        ("b", &[(MONDAY + 86_400, GIB)]),
    ]);
    let counted = answer(&[
        ("a", &[(MONDAY, "10"), (MONDAY + 120, "70")]),
        ("b", &[(MONDAY + 86_400, "50")]),
        ("stranger", &[(MONDAY, "1000")]),
    ]);
    let read = of_answers(&own(), [&held, &counted], None, at(NOW)).unwrap().unwrap();
    assert_eq!(read.peak_mib, Mib(6144));
    assert_eq!(read.held_at, Timestamp::from_second(MONDAY + 60).unwrap(), "the earliest moment of the peak");
    assert_eq!(read.samples, 8, "70 s and 50 s are eight scrapes, and the page repeats the 70");
    let by_scrapes = of_answers(&scrapes(Unit::Bytes), [&held, &counted], None, at(NOW)).unwrap().unwrap();
    assert_eq!(by_scrapes.samples, 130, "scrapes are added up");
}

#[test]
fn containers_from_before_the_image_do_not_count() {
    let held = answer(&[
        ("old", &[(MONDAY, SIX_GIB), (MONDAY + 7_200, SIX_GIB)]),
        ("new", &[(MONDAY + 7_200, GIB)]),
    ]);
    let counted = answer(&[("old", &[(MONDAY, "500")]), ("new", &[(MONDAY + 7_200, "135")])]);
    let since = Some(Timestamp::from_second(MONDAY + 3_600).unwrap());
    let read = of_answers(&own(), [&held, &counted], since, at(NOW)).unwrap().unwrap();
    assert_eq!((read.peak_mib, read.samples), (Mib(1024), 9));
    let later = Some(Timestamp::from_second(MONDAY + 7_200).unwrap());
    assert_eq!(of_answers(&own(), [&held, &counted], later, at(NOW)), Ok(None));
}

#[test]
fn growth_is_told_from_chance() {
    let cases: [(&Points, Option<u64>); 5] = [
        (&[(0, "1000"), (100, "1000")], None),
        (&[(0, "4900"), (40, "4900"), (60, "6900"), (100, "6900")], Some(2000)),
        (&[(0, "4900"), (60, "5027")], None),
        (&[(0, "6900"), (60, "4900")], None),
        (&[(0, "6900")], None),
    ];
    for (points, grown) in cases {
        let points: Vec<(i64, &str)> = points.iter().map(|(at, mib)| (MONDAY + at, *mib)).collect();
        let held = answer(&[("a", &points)]);
        let read = of_answers(&scrapes(Unit::Mib), [&held, &held], None, at(NOW)).unwrap().unwrap();
        assert_eq!(read.growth_mib(), grown.map(Mib), "{points:?}");
    }
}

#[test]
fn an_answer_that_is_none_says_why_and_an_empty_one_is_no_zero() {
    let empty = answer(&[]);
    assert_eq!(of_answers(&own(), [&empty, &empty], None, at(NOW)), Ok(None));
    let zero = answer(&[("a", &[(MONDAY, "0")])]);
    assert_eq!(of_answers(&own(), [&zero, &zero], None, at(NOW)), Ok(None));
    let bad = [
        (json!({"status": "error", "error": "parse error"}), "parse error"),
        (json!("<html>"), "not one of Prometheus"),
        (
            json!({"status": "success", "data": {"resultType": "vector", "result": []}}),
            "no series of samples",
        ),
        (answer(&[("a", &[(MONDAY, "NaN")])]), "no amount"),
        (answer(&[("a", &[(MONDAY, "-1")])]), "no amount"),
        (answer(&[("a", &[(MONDAY, "9223372036854775794000")])]), "no amount"),
        (answer(&[("a", &[(MONDAY, "many")])]), "a sample that is none"),
    ];
    for (answer, why) in bad {
        let said = of_answers(&own(), [&answer, &empty], None, at(NOW)).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_grid_covers_the_look_back_and_has_a_moment_at_the_change() {
    let now = at(NOW);
    for (look_back_s, since) in [
        (LOOK_BACK_S, None),
        (LOOK_BACK_S, Some("2026-11-20T16:43:17Z")),
        (3_600, Some("2026-11-21T11:59:59Z")),
        (LOOK_BACK_S, Some("2026-10-01T00:00:00Z")),
        (LOOK_BACK_S, Some("2027-01-01T00:00:00Z")),
    ] {
        let grid = Grid::new(look_back_s, since.map(at), now);
        assert!(grid.start_s <= now.as_second() - i64::from(look_back_s));
        assert!((now.as_second()..now.as_second() + grid.step_s).contains(&grid.end_s));
        assert_eq!((grid.end_s - grid.start_s) % grid.step_s, 0);
        assert!((grid.end_s - grid.start_s) / grid.step_s <= 202, "Prometheus answers 11,000 points at most");
        if since == Some("2026-11-20T16:43:17Z") {
            assert_eq!((at("2026-11-20T16:43:17Z").as_second() - grid.start_s) % grid.step_s, 0);
        }
    }
}

#[test]
fn what_is_asked_of_our_own_exporter() {
    let grid = Grid { start_s: 0, end_s: 120, step_s: 60 };
    let labels = "{namespace=\"tts\",pod=~\"chatterbox-tts-[a-z0-9]{1,10}-[a-z0-9]{5}\"}";
    assert_eq!(
        own().queries(&grid),
        [
            format!("max_over_time(gpu_tenancy_container_memory_peak_bytes{labels}[60s])"),
            format!(
                "max_over_time(gpu_tenancy_container_last_seen_timestamp_seconds{labels}[60s]) - \
                 max_over_time(gpu_tenancy_container_first_seen_timestamp_seconds{labels}[60s])"
            ),
        ]
    );
    assert_eq!(grid.parameters(), "start=0&end=120&step=60");
}

#[test]
fn pods_of_a_tenant_are_told_from_those_of_one_named_alike() {
    for (pod, is_own) in [
        ("chatterbox-tts-7c9d8f5b6d-x2x7q", true),
        ("chatterbox-tts-2-7c9d8f5b6d-x2x7q", false),
        ("chatterbox-tts-guard-night-29391240-abcde", false),
        ("chatterbox-tts", false),
        ("chatterbox-ttsx-7c9d8f5b6d-x2x7q", false),
        ("chatterbox-tts-7c9d8f5b6d-x2x7", false),
    ] {
        assert_eq!(is_pod_of(&tenant(), pod), is_own, "{pod}");
    }
}

/// A page of our exporter with one container a line: pod, peak, readings, first and last seen.
fn page(rows: &[(&str, &str, u64, &str, &str)]) -> String {
    let mut page = "gpu_tenancy_exporter_up{node=\"gpu-1\"} 1\n".to_owned();
    for (index, (pod, peak, readings, first, last)) in rows.iter().enumerate() {
        let labels = format!(
            "{{node=\"gpu-1\",index=\"0\",uuid=\"GPU-1\",namespace=\"tts\",pod=\"{pod}\",container=\"server\",container_id=\"{index}\"}}"
        );
        page += &format!("gpu_tenancy_container_memory_peak_bytes{labels} {peak}\n");
        page += &format!("gpu_tenancy_container_readings_total{labels} {readings}\n");
        let times = [("first", first), ("last", last)];
        for (which, time) in times {
            let second = at(time).as_second();
            page += &format!("gpu_tenancy_container_{which}_seen_timestamp_seconds{labels} {second}\n");
        }
    }
    page + "# EOF\n"
}

#[test]
fn the_page_of_the_exporter_is_read_like_its_series() {
    let page = page(&[
        ("chatterbox-tts-7c9d8f5b6d-aaaaa", SIX_GIB, 400, "2026-11-19T02:00:00Z", "2026-11-19T06:00:00Z"),
        ("chatterbox-tts-7c9d8f5b6d-bbbbb", GIB, 300, "2026-11-21T02:00:00Z", "2026-11-21T06:00:00Z"),
        (
            "chatterbox-tts-2-7c9d8f5b6d-ccccc",
            "99999999999",
            1,
            "2026-11-21T02:00:00Z",
            "2026-11-21T06:00:00Z",
        ),
    ]);
    let read = |since: Option<&str>, look_back_s| {
        of_page(&page, &tenant(), since.map(at), look_back_s, at(NOW)).unwrap()
    };
    let whole = read(None, LOOK_BACK_S).unwrap();
    assert_eq!((whole.peak_mib, whole.samples), (Mib(6144), 1920), "eight hours by the quarter minute");
    assert_eq!(whole.held_at, at("2026-11-19T06:00:00Z"));
    let new = read(Some("2026-11-20T12:00:00Z"), LOOK_BACK_S).unwrap();
    assert_eq!((new.peak_mib, new.samples), (Mib(1024), 960));
    assert_eq!(read(None, 86_400).unwrap().peak_mib, Mib(1024), "the look-back bounds it too");
    assert_eq!(read(Some("2026-11-21T07:00:00Z"), LOOK_BACK_S), None);
}

#[test]
fn a_model_that_was_only_loaded_is_not_measured_by_an_exporter_that_reads_every_second() {
    let judged = |last: &str, readings| {
        let pod = "chatterbox-tts-7c9d8f5b6d-aaaaa";
        let page = page(&[(pod, GIB, readings, "2026-11-21T11:00:00Z", last)]);
        let read = of_page(&page, &tenant(), None, LOOK_BACK_S, at(NOW)).unwrap();
        judge(Standing { peak_mib: Mib(7168), held_at: None }, read.as_ref(), LOOK_BACK_S)
    };
    assert_eq!(judged("2026-11-21T11:02:00Z", 120), Verdict::TooFew);
    assert_eq!(judged("2026-11-21T11:14:59Z", 899), Verdict::TooFew);
    assert_eq!(judged("2026-11-21T11:15:00Z", 900), Verdict::Measured);
}

#[test]
fn a_source_knows_no_more_than_it_remembers() {
    let known_from = |first: &str| {
        let pod = "chatterbox-tts-7c9d8f5b6d-aaaaa";
        let page = page(&[
            (pod, GIB, 1, "2026-11-21T11:00:00Z", "2026-11-21T11:20:00Z"),
            ("another-7c9d8f5b6d-bbbbb", GIB, 1, first, "2026-11-21T11:00:00Z"),
        ]);
        of_page(&page, &tenant(), None, LOOK_BACK_S, at(NOW)).unwrap().unwrap().known_from
    };
    assert_eq!(known_from("2026-11-21T10:00:00Z"), at("2026-11-21T10:00:00Z"), "it was restarted");
    assert_eq!(known_from("2026-10-01T10:00:00Z"), at("2026-11-19T12:00:00Z"), "who was gone is forgotten");
    let held = answer(&[("a", &[(MONDAY, GIB)]), ("b", &[(MONDAY - 60, GIB)])]);
    let read = of_answers(&own(), [&held, &held], None, at(NOW)).unwrap().unwrap();
    assert_eq!(read.known_from, Timestamp::from_second(MONDAY - 60).unwrap());
}

#[test]
fn another_page_is_no_empty_one() {
    let of = |page: &str| of_page(page, &tenant(), None, LOOK_BACK_S, at(NOW));
    assert!(of("up 1\n").unwrap_err().contains("not that of gpu-agent's exporter"));
    assert!(of("gpu_tenancy_exporter_up 1").unwrap_err().contains("cut off"));
    assert_eq!(of("gpu_tenancy_exporter_up 1\n"), Ok(None));
}
