//! Each row of the design's table of the night, and each defect of today's shell
//! gates, with the test that proves it; and those tests that belong nowhere else.

use super::world::*;
use crate::decide::Rule;
use crate::ledger::State;
use crate::observation::Demand;
use crate::quantity::Mib;

/// The rows of the night, each with its test.
const NIGHT: [(&str, &[&str]); 14] = [
    ("pod Pending", &["row_17_pod_pending", "a_pod_that_is_never_made_counts_as_pending"]),
    ("image pull of 8 min", &["row_22_starting", "a_pod_that_starts_unasked_asks_again"]),
    ("load of 3 min", &["a_ready_pod_is_not_awake_while_the_card_is_unknown", "row_18_loading_limit"]),
    ("resident wakes during the load", &["critical_spares_no_one_who_loads_and_mere_shortage_does"]),
    ("node not ready", &["the_entry_is_kept_until_a_pod_of_a_lost_node_is_gone"]),
    ("exporter restarts", &["row_20_blind_hold", "row_13_blind_yield", "row_29_blind"]),
    ("API server away at 06:00", &["a_missed_window_down_is_made_good_by_any_tick"]),
    ("05:50, room appears", &["row_27_too_late"]),
    ("window closes while loading", &["a_window_that_closes_on_a_load_releases_it"]),
    ("two gates at 02:00", &["two_that_ask_in_one_minute_never_both_pass_on_memory_for_one"]),
    ("clocks differ by more than 30 s", &["clocks_that_differ_are_in_the_status"]),
    (
        "DST",
        &[
            "a_start_that_does_not_exist_is_the_first_instant_after_the_gap",
            "a_start_that_comes_twice_is_the_first",
            "an_end_that_does_not_exist_is_the_first_instant_after_the_gap",
            "an_end_that_comes_twice_is_the_last",
        ],
    ),
    (
        "demand flaps",
        &[
            "row_11_idle",
            "only_ten_empty_minutes_in_a_row_count",
            "minutes_that_nobody_knows_of_neither_count_as_empty_nor_begin_them_anew",
            "closing_ignores_demand",
        ],
    ),
    ("memory does not come back", &["row_04_memory_missing", "memory_that_became_nobodys_has_not_returned"]),
];

/// The defects of today's shell gates, by number, each with its test. Of number 20 the bound on core files
/// is the one on scratch space, into which they go: Kubernetes knows no limit of its own for them.
const DEFECTS: [(u8, &[&str]); 22] = [
    (1, &["an_awake_tenant_needs_its_headroom_and_not_its_floor_again"]),
    (2, &["row_29_blind"]),
    (3, &["row_13_blind_yield"]),
    (4, &["a_card_is_as_large_as_it_says_itself"]),
    (5, &["no_figures_break_the_sums"]),
    (6, &["two_that_ask_in_one_minute_never_both_pass_on_memory_for_one"]),
    (7, &["room_is_kept_from_the_reservation_to_the_last_byte_of_the_load"]),
    (8, &["row_21_short_hold"]),
    (
        9,
        &[
            "a_missed_window_down_is_made_good_by_any_tick",
            "a_tenant_with_windows_is_looked_at_round_the_clock",
        ],
    ),
    (10, &["row_28_no_demand"]),
    (11, &["demand_does_not_wake_what_a_shortage_put_to_sleep"]),
    (12, &["a_field_that_is_handed_over_is_ours_at_birth_alone"]),
    (13, &["row_15_wrong_card", "a_sample_that_is_stale_of_another_device_or_impossible_is_none"]),
    (
        14,
        &[
            "a_reading_takes_the_place_of_what_stands_by_the_table",
            "containers_from_before_the_image_do_not_count",
            "growth_is_told_from_chance",
        ],
    ),
    (15, &["nothing_runs_but_the_tenant_s_image_and_the_agent_s"]),
    (16, &["a_gate_changes_one_scale_by_name_and_no_deployment"]),
    (17, &["a_port_that_is_open_makes_nobody_ready_before_the_startup_probe_has_passed"]),
    (18, &["quantities_are_spelled_as_the_api_server_spells_them"]),
    (19, &["the_unload_call_comes_with_the_yield_of_a_ready_pod"]),
    (
        20,
        &[
            "scratch_space_is_bounded_unless_the_tenant_says_how",
            "row_16_crash_loop",
            "the_pause_after_failed_starts_doubles_up_to_its_bound",
        ],
    ),
    (21, &["a_server_asks_for_its_slice_of_the_card"]),
    (22, &["nobody_is_told_to_scrape_a_model_server"]),
];

const SOURCES: [&str; 15] = [
    include_str!("admitting.rs"),
    include_str!("card.rs"),
    include_str!("hands.rs"),
    include_str!("holding.rs"),
    include_str!("life.rs"),
    include_str!("mended.rs"),
    include_str!("refusing.rs"),
    include_str!("rows.rs"),
    include_str!("sleeping.rs"),
    include_str!("../../arithmetic.rs"),
    include_str!("../../expand/defects.rs"),
    include_str!("../../expand/tests.rs"),
    include_str!("../../expand/tests/pod.rs"),
    include_str!("../../measured/tests.rs"),
    include_str!("../../quantity.rs"),
];

#[test]
fn every_row_of_the_night_and_every_defect_has_a_test() {
    let numbers: Vec<u8> = DEFECTS.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=22).collect::<Vec<u8>>());
    let named = NIGHT.iter().map(|(_, tests)| tests).chain(DEFECTS.iter().map(|(_, tests)| tests));
    for test in named.flat_map(|tests| tests.iter()) {
        let head = format!("fn {test}(");
        assert!(SOURCES.iter().any(|source| source.contains(&head)), "there is no {test}");
    }
}

/// London's clocks go back at 02:00: 01:15 comes twice and the window starts at the first.
#[test]
fn a_start_that_comes_twice_is_the_first() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule =
        windows(r#"{"n":{"start":"01:15","end":"05:00","time_zone":"Europe/London"}}"#);
    world.now = at("2026-10-25T00:14:59Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.now = at("2026-10-25T00:15:00Z");
    world.wake(CHATTERBOX, 4096);
    // In the second 01:00 to 01:15 the wall clock is before the start once more.
    world.now = at("2026-10-25T01:05:00Z");
    world.expect(CHATTERBOX, Rule::Hold);
    world.now = at("2026-10-25T05:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
}

/// London's clocks go forward at 01:00: 01:30 is not on that night's clock.
#[test]
fn an_end_that_does_not_exist_is_the_first_instant_after_the_gap() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule =
        windows(r#"{"n":{"start":"22:00","end":"01:30","time_zone":"Europe/London"}}"#);
    world.now = at("2027-03-27T22:00:00Z");
    world.wake(CHATTERBOX, 4096);
    world.now = at("2027-03-28T00:59:59Z");
    world.expect(CHATTERBOX, Rule::Hold);
    world.now = at("2027-03-28T01:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
}

/// Defect 4: 16 GiB were assumed where the device has 15,360 MiB.
#[test]
fn a_card_is_as_large_as_it_says_itself() {
    let mut world = World::t4(9000).with_chatterbox();
    world.declared.card.memory_mib = Some(Mib(16_384));
    assert_eq!(world.free(), 5910);
    // A declared GiB more would have been enough.
    let decision = world.expect(CHATTERBOX, Rule::Refused);
    assert!(decision.reason.starts_with("234 MiB short"), "{}", decision.reason);
}

/// Defect 7: between the look and the allocation lie a pull and a load, not milliseconds.
#[test]
fn room_is_kept_from_the_reservation_to_the_last_byte_of_the_load() {
    let mut world = World::t4(4096).with_chatterbox();
    world.tenant(WHISPER, 6000, 2048);
    let refused = |world: &mut World| {
        let decision = world.expect(WHISPER, Rule::Refused);
        assert!(decision.reason.contains("4,096 MiB owed to tts/chatterbox"), "{}", decision.reason);
    };
    world.expect(CHATTERBOX, Rule::Admitted);
    world.wait(480);
    refused(&mut world);
    assert!(world.admit(CHATTERBOX));
    for loaded in [0, 1000, 4000] {
        world.pod(CHATTERBOX).1 = loaded;
        world.wait(60);
        refused(&mut world);
    }
    assert_eq!(world.state(CHATTERBOX), State::Loading);
}

/// Defect 11: the job that follows the queue and the guard undid one another's work.
#[test]
fn demand_does_not_wake_what_a_shortage_put_to_sleep() {
    let mut world = World::t4(4096).with_chatterbox();
    world.of(CHATTERBOX).demand = Demand::Yes;
    world.wake(CHATTERBOX, 4096);
    world.residents.insert("llama".into(), 9216);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(30);
    world.expect(CHATTERBOX, Rule::ShortYield);
    world.drain(CHATTERBOX);
    for _ in 0..3 {
        world.wait(180);
        world.expect(CHATTERBOX, Rule::BackingOff);
        assert_eq!(world.of(CHATTERBOX).replicas, 0);
    }
    world.wait(60);
    world.expect(CHATTERBOX, Rule::Refused);
}

/// Idle, woken, idle: never faster than ten minutes awake and ten minutes empty.
#[test]
fn demand_that_flaps_wakes_no_more_often_than_the_cooldown() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule = crate::window::Schedule::OnDemand;
    let (mut woken, start) = (0, world.now);
    for minute in 0..240 {
        world.of(CHATTERBOX).demand = if minute % 2 == 0 { Demand::Yes } else { Demand::No };
        match world.look(CHATTERBOX).rule {
            Rule::Admitted => woken += 1,
            Rule::Starting => {
                world.admit(CHATTERBOX);
                world.pod(CHATTERBOX).0.ready = true;
            }
            Rule::Idle => panic!("put to sleep between two requests"),
            _ => {}
        }
        world.bury();
        world.wait(60);
    }
    assert_eq!((woken, world.now.duration_since(start).as_secs()), (1, 14_400));
}

/// However long: what runs beyond its window says by how much, until it is gone.
#[test]
fn an_overrun_is_in_the_status_until_the_tenant_is_gone() {
    let mut world = World::t4(4096).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    world.now = at("2026-11-21T07:30:00Z");
    let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert_eq!(decision.status.unwrap().overrun_seconds, Some(5400));
    world.wait(10);
    let decision = world.expect(CHATTERBOX, Rule::Draining);
    assert_eq!(decision.status.unwrap().overrun_seconds, Some(5410));
    world.drain(CHATTERBOX);
    assert_eq!(world.entry(CHATTERBOX).status.unwrap().overrun_seconds, None);
}
