//! Rows 3 to 6, 10 and 11: how a tenant goes to sleep.

use super::world::*;
use crate::decide::{Rule, decide};
use crate::ledger::State;
use crate::observation::{Demand, Trigger};
use crate::window::Schedule;

#[test]
fn row_10_outside_window() {
    let mut world = awake();
    world.now = at("2026-11-21T05:59:59Z");
    world.expect(CHATTERBOX, Rule::Hold);
    world.now = at("2026-11-21T06:00:00Z");
    let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert_eq!(decision.scale, Some(0));
    insta::assert_snapshot!(decision.reason, @"No window is open: window night opens Sun 02:00 GMT. To wake it before, annotate gpu-tenancy.dev/gate=awake-until= and a time. It was awake and is sent to sleep.");
    world.drain(CHATTERBOX);
    assert_eq!(world.state(CHATTERBOX), State::Asleep);
    // The window-down ticks after 5, 15 and 60 minutes find nothing to do.
    for minutes in [5, 10, 45] {
        world.wait(minutes * 60);
        let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
        assert_eq!((decision.scale, decision.again_in, decision.events.len()), (None, None, 0));
    }
}

/// Defect 9: a window-down that was missed left the tenant up. Any tick closes.
#[test]
fn a_missed_window_down_is_made_good_by_any_tick() {
    for trigger in [Trigger::Up, Trigger::Guard, Trigger::Down] {
        let mut world = awake();
        world.now = at("2026-11-21T06:55:00Z");
        let mut situation = world.situation(CHATTERBOX);
        situation.trigger = trigger;
        let decision = decide(&situation);
        assert_eq!((decision.rule, decision.scale), (Rule::OutsideWindow, Some(0)));
        assert_eq!(decision.status.unwrap().overrun_seconds, Some(3300));
    }
}

#[test]
fn a_window_that_closes_on_a_load_releases_it() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    world.now = at("2026-11-21T06:00:00Z");
    let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert_eq!(decision.scale, Some(0));
    world.drain(CHATTERBOX);
    assert_eq!(world.state(CHATTERBOX), State::Asleep);
    assert_eq!(world.entry(CHATTERBOX).admission, None);
}

/// The API server was away as we called: the entry drains, the replicas are 1.
#[test]
fn a_scale_to_0_that_was_lost_is_made_again() {
    let mut world = awake();
    world.now = at("2026-11-21T06:00:00Z");
    let decision = decide(&world.situation(CHATTERBOX));
    world.data = decision.ledger.to_data();
    world.wait(300);
    let decision = world.expect(CHATTERBOX, Rule::MemoryMissing);
    assert_eq!(decision.scale, Some(0));
    assert!(!world.told("StartedByHand"));
}

#[test]
fn row_03_draining() {
    let mut world = awake();
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.wait(7);
    let decision = world.expect(CHATTERBOX, Rule::Draining);
    insta::assert_snapshot!(decision.reason, @"It was told to go 7 s ago; waiting for pod chatterbox-5d4f8-00001 to go.");
    assert!(decision.again_in.is_some());
    world.drain(CHATTERBOX);
    assert!(world.told("MemoryReturned"));
}

/// The pod is gone, its memory is not: a process that the driver did not reap.
#[test]
fn row_04_memory_missing() {
    let mut world = awake();
    world.attributes = false;
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.bury();
    world.lost_mib = 4096;
    world.wait(180);
    world.expect(CHATTERBOX, Rule::Draining);
    world.wait(1);
    let decision = world.expect(CHATTERBOX, Rule::MemoryMissing);
    insta::assert_snapshot!(decision.reason, @"It was told to go 3 min ago and the card still waits for the 4,096 MiB that it held to return; nobody is admitted meanwhile. Look on node gpu-1 for the pod or for a process that nvidia-smi still lists.");
    assert!(world.told("MemoryMissing"));
    world.tenant(WHISPER, 1024, 1024);
    world.expect(WHISPER, Rule::WaitForMemory);
    world.lost_mib = 0;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.expect(WHISPER, Rule::Admitted);
}

/// As above, where the exporter attributes: the process lost its pod, so no pod
/// is listed and the memory is as gone as before.
#[test]
fn memory_that_became_nobodys_has_not_returned() {
    let mut world = awake();
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.bury();
    world.lost_mib = 4096;
    world.wait(5);
    world.expect(CHATTERBOX, Rule::Draining);
    world.wait(200);
    world.expect(CHATTERBOX, Rule::MemoryMissing);
    assert!(!world.told("MemoryReturned"));
    world.lost_mib = 0;
    world.expect(CHATTERBOX, Rule::Suspended);
    assert!(world.told("MemoryReturned"));
}

/// A neighbour takes as much as was given back: attributed, it explains itself.
#[test]
fn a_neighbour_that_takes_what_returned_keeps_nobody_waiting() {
    let mut world = awake();
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.residents.insert("llama".to_owned(), 4096 + 4096);
    world.drain(CHATTERBOX);
    assert_eq!(world.state(CHATTERBOX), State::Asleep);
}

/// Node not ready: its pod is marked and stays, and so does the entry.
#[test]
fn the_entry_is_kept_until_a_pod_of_a_lost_node_is_gone() {
    let mut world = awake();
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.wait(3600);
    world.expect(CHATTERBOX, Rule::MemoryMissing);
    assert_eq!(world.state(CHATTERBOX), State::Draining);
    world.drain(CHATTERBOX);
    assert_eq!(world.state(CHATTERBOX), State::Asleep);
}

#[test]
fn without_attribution_a_fair_part_of_what_it_held_must_be_free_again() {
    let mut world = World::t4(4096).with_chatterbox();
    world.attributes = false;
    world.wake(CHATTERBOX, 4096);
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.bury();
    world.lost_mib = 3073;
    world.wait(5);
    world.expect(CHATTERBOX, Rule::Draining);
    world.lost_mib = 3072;
    world.expect(CHATTERBOX, Rule::Suspended);
}

#[test]
fn row_05_suspended() {
    let mut world = awake();
    world.of(CHATTERBOX).gate.suspend = true;
    let decision = world.expect(CHATTERBOX, Rule::Suspended);
    assert_eq!(decision.scale, Some(0));
    world.drain(CHATTERBOX);
    let decision = world.expect(CHATTERBOX, Rule::Suspended);
    assert_eq!((decision.scale, decision.again_in), (None, None));
    assert_eq!(world.state(CHATTERBOX), State::Asleep);
    world.of(CHATTERBOX).gate.suspend = false;
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn row_06_no_deployment() {
    let mut world = awake();
    world.of(CHATTERBOX).is_deleted = true;
    let decision = world.expect(CHATTERBOX, Rule::NoDeployment);
    insta::assert_snapshot!(decision.reason, @"Its Deployment does not exist. Apply its `gpu_windowed_service` again. It was awake and is sent to sleep.");
    assert_eq!((decision.scale, world.told("NoDeployment")), (None, true));
    // Its pod outlives it for a while.
    world.wait(5);
    world.expect(CHATTERBOX, Rule::Draining);
    world.bury();
    let decision = world.expect(CHATTERBOX, Rule::NoDeployment);
    assert_eq!((decision.scale, world.state(CHATTERBOX)), (None, State::Asleep));
    // It is told at each guard tick, inside a window and outside.
    for minutes in [5, 300] {
        world.events.clear();
        world.wait(60 * minutes);
        world.expect(CHATTERBOX, Rule::NoDeployment);
        assert!(world.told("NoDeployment"));
    }
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
}

#[test]
fn row_11_idle() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule = Schedule::OnDemand;
    world.of(CHATTERBOX).demand = Demand::Yes;
    world.wake(CHATTERBOX, 4096);
    world.of(CHATTERBOX).demand = Demand::No;
    world.expect(CHATTERBOX, Rule::Hold);
    world.wait(599);
    world.expect(CHATTERBOX, Rule::Hold);
    world.wait(1);
    let decision = world.expect(CHATTERBOX, Rule::Idle);
    assert_eq!(decision.scale, Some(0));
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::NoDemand);
}

/// Demand flaps: the ten minutes begin anew.
#[test]
fn only_ten_empty_minutes_in_a_row_count() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule = Schedule::OnDemand;
    world.of(CHATTERBOX).demand = Demand::Yes;
    world.wake(CHATTERBOX, 4096);
    for demand in [Demand::No, Demand::Yes, Demand::No] {
        world.wait(599);
        world.of(CHATTERBOX).demand = demand;
        world.expect(CHATTERBOX, Rule::Hold);
    }
}

/// A probe that fails now and then keeps no idle tenant awake, and one that fails for long puts none to sleep:
/// time in which nobody knows counts neither way.
#[test]
fn minutes_that_nobody_knows_of_neither_count_as_empty_nor_begin_them_anew() {
    for unknown in [unanswered(), Demand::NotAsked] {
        let mut world = World::t4(0).with_chatterbox();
        world.of(CHATTERBOX).gate.demand = probe(600);
        world.of(CHATTERBOX).demand = Demand::Yes;
        world.wake(CHATTERBOX, 4096);
        world.wait(600);
        // Empty at 0, 200 and 400 s, then unknown for an hour.
        for _ in 0..3 {
            world.of(CHATTERBOX).demand = Demand::No;
            world.expect(CHATTERBOX, Rule::Hold);
            world.wait(200);
        }
        for wait in [200, 3400] {
            world.of(CHATTERBOX).demand = unknown.clone();
            world.expect(CHATTERBOX, Rule::Hold);
            world.wait(wait);
        }
        world.expect(CHATTERBOX, Rule::Hold);
        world.of(CHATTERBOX).demand = Demand::No;
        world.wait(199);
        world.expect(CHATTERBOX, Rule::Hold);
        world.wait(1);
        world.expect(CHATTERBOX, Rule::Idle);
    }
}

/// A tenant may say how long its work may be away; ten minutes awake it has in any case.
#[test]
fn a_tenant_s_own_patience_counts_and_a_start_is_not_thrown_away() {
    for (idle_after, sleeps_after) in [(60, 600), (1800, 1800)] {
        let mut world = World::t4(0).with_chatterbox();
        world.of(CHATTERBOX).gate.demand = probe(idle_after);
        world.of(CHATTERBOX).demand = Demand::Yes;
        world.wake(CHATTERBOX, 4096);
        world.of(CHATTERBOX).demand = Demand::No;
        world.expect(CHATTERBOX, Rule::Hold);
        world.wait(sleeps_after - 1);
        world.expect(CHATTERBOX, Rule::Hold);
        world.wait(1);
        world.expect(CHATTERBOX, Rule::Idle);
    }
}

/// Defects 10 and 11: a probe that fails neither wakes nor puts to sleep, however long it does.
#[test]
fn a_probe_that_fails_changes_nothing() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.demand = probe(600);
    for unknown in [unanswered(), Demand::NotAsked] {
        world.of(CHATTERBOX).demand = unknown;
        world.expect(CHATTERBOX, Rule::NoDemand);
    }
    world.of(CHATTERBOX).demand = Demand::Yes;
    world.wake(CHATTERBOX, 4096);
    for unknown in [unanswered(), Demand::NotAsked] {
        world.of(CHATTERBOX).demand = unknown;
        world.wait(3600);
        world.expect(CHATTERBOX, Rule::Hold);
    }
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
}

/// Work that comes outside the windows waits for one.
#[test]
fn work_outside_the_windows_wakes_nobody() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.demand = probe(600);
    world.of(CHATTERBOX).demand = Demand::Yes;
    world.now = at("2026-11-21T01:59:59Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.wait(1);
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn closing_ignores_demand() {
    let mut world = awake();
    world.of(CHATTERBOX).demand = Demand::Yes;
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
}

/// London's clocks go back at 02:00: 01:30 comes twice and the window ends at the second.
#[test]
fn an_end_that_comes_twice_is_the_last() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule =
        windows(r#"{"n":{"start":"22:00","end":"01:30","time_zone":"Europe/London"}}"#);
    world.now = at("2026-10-24T21:00:00Z");
    world.wake(CHATTERBOX, 4096);
    world.now = at("2026-10-25T00:45:00Z");
    world.expect(CHATTERBOX, Rule::Hold);
    world.now = at("2026-10-25T01:30:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
}
