use super::*;

/// A fleet with the T4 of the design: llama may grow to 9 GiB beside the tenants given.
fn fleet(protected: bool, tenants: &[(&str, u64, &str)]) -> Fleet {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    let fleet = format!(
        "cards:\n  t4:\n    node: gpu-1\n    index: 0\n    memory: 15360MiB\n    reserved: 450MiB\n    source: {{ dcgm: \"http://dcgm\" }}\n    \
         residents: {{ llama: {{ namespace: llama, peak: 9GiB, protected: {protected} }} }}\n\
         defaults: {{ agent_image: a, headroom: 2GiB, time_zone: Europe/London }}\n"
    );
    std::fs::write(folder.path().join("fleet.yaml"), fleet).unwrap();
    for (name, peak, windows) in tenants {
        let tenant = format!("namespace: {name}\ncard: t4\npeak: {peak}MiB\nimage: i\nport: 80\n{windows}\n");
        std::fs::write(folder.path().join(format!("tenants/{name}.yaml")), tenant).unwrap();
    }
    crate::load(folder.path()).unwrap_or_else(|problems| panic!("{}", problems[0].line()))
}

fn report(fleet: &Fleet) -> String {
    let london = TimeZone::get("Europe/London").unwrap();
    let cards = fit(fleet, "2026-11-23".parse().unwrap(), &london);
    text(&cards, &london, "Europe/London")
}

const NIGHT: &str = "windows: { night: { start: \"02:00\", end: \"06:00\" } }";

#[test]
fn a_resident_that_may_grow_is_told_beforehand() {
    insta::assert_snapshot!(report(&fleet(false, &[("chatterbox", 4096, NIGHT), ("whisper", 3072, NIGHT)])));
}

#[test]
fn a_protected_resident_refuses_the_tenant_by_the_figures_of_the_design() {
    let fleet = fleet(true, &[("chatterbox", 4096, NIGHT)]);
    insta::assert_snapshot!(report(&fleet));
    let week = &fit(&fleet, "2026-11-23".parse().unwrap(), &TimeZone::UTC)[0].week;
    assert_eq!((week.len(), week[0].sum.left_mib, week[0].sum.verdict), (7, Some(1598), Verdict::Refuses));
}

#[test]
fn overlaps_midnight_and_days_are_separate_stretches() {
    let late = "windows: { late: { start: \"23:00\", end: \"03:00\", days: [fri] } }";
    let always = "always: true";
    insta::assert_snapshot!(report(&fleet(
        false,
        &[("a", 512, NIGHT), ("b", 1024, late), ("c", 256, always)]
    )));
}

#[test]
fn tenants_that_meet_only_when_one_zone_has_changed_its_clocks_are_found() {
    let london = "windows: { a: { start: \"05:00\", end: \"06:00\" } }";
    let new_york = "windows: { b: { start: \"01:00\", end: \"02:00\", time_zone: America/New_York } }";
    let fleet = fleet(true, &[("a", 2048, london), ("b", 2048, new_york)]);
    let card = &fit(&fleet, "2026-11-23".parse().unwrap(), &TimeZone::UTC)[0];
    assert!(card.week.iter().all(|stretch| stretch.sum.tenants.len() == 1));
    // New York changes on the 14th of March, after 01:00, two weeks before London does.
    assert_eq!(card.only_on.len(), 1);
    assert_eq!(card.only_on[0].from.to_string(), "2027-03-15T05:00:00Z");
    assert_eq!(
        (card.only_on[0].sum.verdict, worst(std::slice::from_ref(card))),
        (Verdict::Refuses, Verdict::Refuses)
    );
}

#[test]
fn a_window_over_midnight_is_named_by_the_day_it_starts_on() {
    let late = "windows: { late: { start: \"22:00\", end: \"03:00\" } }";
    let report = report(&fleet(false, &[("a", 512, late)]));
    let notes: Vec<&str> = report.lines().filter(|line| line.contains("clocks")).collect();
    // London changes its clocks on the 28th of March and on the 31st of October, after midnight.
    assert_eq!(
        notes,
        [
            "  note: clocks change in the late of a/a that starts on 2027-03-27: it lasts 4h00 instead of 5h00",
            "  note: clocks change in the late of a/a that starts on 2027-10-30: it lasts 6h00 instead of 5h00",
        ]
    );
}

#[test]
fn the_weekday_of_the_run_makes_no_difference() {
    let late = "windows: { late: { start: \"22:00\", end: \"03:00\" } }";
    let friday = "windows: { friday: { start: \"23:00\", end: \"03:00\", days: [fri] } }";
    let always = "always: true";
    let london = TimeZone::get("Europe/London").unwrap();
    for tenants in [
        &[("a", 512, late)][..],
        &[("a", 512, friday)],
        &[("a", 512, always)],
        &[("a", 512, late), ("b", 1024, friday), ("c", 256, always)],
    ] {
        let fleet = fleet(false, tenants);
        // From Monday the 4th to Sunday the 10th, weeks without a change of the clocks.
        let reports: BTreeSet<String> = (4..=10)
            .map(|day| text(&fit(&fleet, jiff::civil::date(2027, 1, day), &london), &london, "Europe/London"))
            .collect();
        assert_eq!(reports.len(), 1, "{}", reports.into_iter().collect::<Vec<_>>().join("---\n"));
    }
}

/// Going from moment to moment must be going through every minute.
#[test]
fn the_stretches_agree_with_every_minute_of_the_week() {
    let split = "windows: { x: { start: \"22:15\", end: \"02:30\" }, y: { start: \"02:30\", end: \"04:01\", time_zone: UTC } }";
    let fleet = fleet(false, &[("a", 512, NIGHT), ("b", 1024, split)]);
    let start: Date = "2027-03-25".parse().unwrap();
    let card = &fit(&fleet, start, &TimeZone::UTC)[0];
    let first = start.to_zoned(TimeZone::UTC).unwrap().timestamp();
    for minute in 0..7 * 24 * 60 {
        let now = first + Span::new().minutes(minute);
        let open = |stack: &&crate::fleet::Stack| stack.tenant.schedule.open_at(now).is_some();
        let awake: BTreeSet<String> =
            fleet.stacks.values().filter(open).map(|stack| stack.tenant.id.to_string()).collect();
        // What begins the week may be the end of what the week ends with.
        let week_later = now + Span::new().hours(7 * 24);
        let covers = |stretch: &Stretch, at: Timestamp| stretch.from <= at && at < stretch.to;
        let found = card.week.iter().find(|stretch| covers(stretch, now) || covers(stretch, week_later));
        assert_eq!(found.map(|stretch| stretch.sum.tenants.clone()).unwrap_or_default(), awake, "{now}");
    }
}

#[test]
fn who_is_suspended_is_not_counted_and_no_gate_keeps_its_room() {
    let suspended = "always: true\nsuspend: true";
    let fleet = fleet(true, &[("chatterbox", 2048, NIGHT), ("whisper", 3072, suspended)]);
    let [card] = &fit(&fleet, "2026-11-23".parse().unwrap(), &TimeZone::UTC)[..] else { panic!() };
    assert_eq!(card.suspended, BTreeSet::from(["whisper/whisper".to_owned()]));
    let counted: BTreeSet<_> = card.week.iter().flat_map(|stretch| &stretch.sum.tenants).collect();
    assert_eq!(counted, BTreeSet::from([&"chatterbox/chatterbox".to_owned()]));
    assert!(report(&fleet).contains("  note: whisper/whisper is suspended and is not counted\n"));
    let claim = fleet.stacks.values().find_map(|it| it.claim.as_ref().filter(|_| it.tenant.suspend));
    assert!(!claim.unwrap().floor.always, "gates would keep its room all the same");
}

/// By the design's sum: 14,910 MiB, 9 GiB of llama's and 2 GiB of whisper's may be in use, and as much is owed again.
#[test]
fn a_source_that_does_not_tell_whose_memory_is_in_use_is_told_with_who_may_be_refused() {
    let always = "always: true";
    let tenants = [("chatterbox", 1024, NIGHT), ("whisper", 512, always)];
    let blind = fleet(true, &tenants);
    let [card] = &fit(&blind, "2026-11-23".parse().unwrap(), &TimeZone::UTC)[..] else { panic!() };
    assert_eq!(worst(std::slice::from_ref(card)), Verdict::Fits);
    let short = 2 * (9216 + 512) + 1024 + 2048 - 14_910;
    assert_eq!(
        card.doubts.as_ref().unwrap().short_mib,
        BTreeMap::from([("chatterbox/chatterbox".to_owned(), short)]),
        "no gate asks for who is always awake"
    );
    insta::assert_snapshot!(report(&blind));

    let mut sees = fleet(true, &tenants);
    for card in sees.cards.values_mut() {
        card.source.device = tenancy::card::DeviceSource::Exporter("http://exporter".to_owned());
    }
    assert_eq!(fit(&sees, "2026-11-23".parse().unwrap(), &TimeZone::UTC)[0].doubts, None);
}

#[test]
fn a_stretch_of_more_than_a_day_names_the_day_it_ends_on() {
    let week = "windows: { week: { start: \"02:00\", end: \"06:00\", days: [mon, tue, wed, thu, fri] }, \
                end: { start: \"10:00\", end: \"14:00\", days: [sat, sun] } }";
    let report = report(&fleet(false, &[("a", 512, week), ("b", 256, "always: true")]));
    assert!(report.contains("  fri 06:00-sat 10:00: b/b (peak guessed)\n"), "{report}");
}
