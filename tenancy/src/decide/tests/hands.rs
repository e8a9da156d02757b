//! Rows 7 to 9, and the annotation: people win, visibly.

use super::world::*;
use crate::decide::Rule;
use crate::ledger::State;

#[test]
fn row_07_switched_off() {
    let mut world = awake();
    world.of(CHATTERBOX).annotation = Some("off".into());
    let decision = world.expect(CHATTERBOX, Rule::SwitchedOff);
    assert_eq!(decision.scale, Some(0));
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::SwitchedOff);
    world.of(CHATTERBOX).annotation = Some("auto".into());
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn row_08_held_by_hand() {
    let mut world = awake();
    world.of(CHATTERBOX).replicas = 0;
    world.run_deployments();
    let decision = world.expect(CHATTERBOX, Rule::HeldByHand);
    insta::assert_snapshot!(decision.reason, @"It was scaled to 0 by hand and is held asleep until Sun 02:00 GMT; scale it to 1 or annotate gpu-tenancy.dev/gate=auto to end that. It was awake and is sent to sleep.");
    world.drain(CHATTERBOX);
    world.wait(600);
    let decision = world.expect(CHATTERBOX, Rule::HeldByHand);
    assert_eq!((decision.scale, world.state(CHATTERBOX)), (None, State::Asleep));
    world.now = at("2026-11-22T02:00:00Z");
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn a_hold_by_hand_ends_by_hand() {
    let held = || {
        let mut world = awake();
        world.of(CHATTERBOX).replicas = 0;
        world.run_deployments();
        world.expect(CHATTERBOX, Rule::HeldByHand);
        world.drain(CHATTERBOX);
        world
    };
    let mut world = held();
    world.of(CHATTERBOX).annotation = Some("auto".into());
    world.expect(CHATTERBOX, Rule::Admitted);

    let mut world = held();
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    world.expect(CHATTERBOX, Rule::Admitted);
    assert!(world.told("HoldLifted"));

    // The card has the last word about memory.
    let mut world = held();
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    world.residents.insert("llama".into(), 12_000);
    assert_eq!(world.expect(CHATTERBOX, Rule::Refused).scale, Some(0));
}

#[test]
fn row_09_started_by_hand() {
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T12:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    let decision = world.expect(CHATTERBOX, Rule::StartedByHand);
    assert_eq!(decision.scale, Some(0));
    insta::assert_snapshot!(decision.reason, @"It was scaled up by hand while the gate had it asleep; to wake it annotate gpu-tenancy.dev/gate=awake-until= and a time. It is sent to sleep.");
    assert!(world.told("StartedByHand"));
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::OutsideWindow);
}

#[test]
fn awake_until_opens_a_window_of_its_own() {
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T12:00:00Z");
    world.of(CHATTERBOX).annotation = Some("awake-until=2026-11-21T12:05:00Z".into());
    // Five minutes are less than a useful minimum, but a person asks.
    world.wake(CHATTERBOX, 4096);
    world.now = at("2026-11-21T12:05:00Z");
    let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert_eq!(decision.scale, Some(0));
}

#[test]
fn critical_yields_whatever_the_annotation_says() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).annotation = Some("awake-until=2026-11-21T12:00:00Z".into());
    world.wake(CHATTERBOX, 4096);
    world.residents.insert("llama".into(), 10_400);
    world.expect(CHATTERBOX, Rule::CriticalYield);
}

#[test]
fn an_annotation_that_is_no_override_is_told_once_and_counts_as_auto() {
    for bad in ["on", "awake-until=tomorrow", "awake-until=2026-11-22T12:00:01Z", ""] {
        let mut world = World::t4(0).with_chatterbox();
        world.now = at("2026-11-21T12:00:00Z");
        world.of(CHATTERBOX).annotation = Some(bad.into());
        world.expect(CHATTERBOX, Rule::OutsideWindow);
        assert!(world.told("OverrideRefused"), "{bad}");
        world.events.clear();
        // A day too far away does not become legal by waiting for it.
        world.wait(5);
        world.expect(CHATTERBOX, Rule::OutsideWindow);
        assert!(!world.told("OverrideRefused"), "{bad}");
    }
}

#[test]
fn more_than_one_replica_is_set_back_to_one() {
    let mut world = awake();
    world.of(CHATTERBOX).replicas = 3;
    let decision = world.expect(CHATTERBOX, Rule::Hold);
    assert_eq!(decision.scale, Some(1));
    assert!(world.told("OneReplica"));
}

/// Terraform replaced it: the new one is born at 0, and no hand was at work.
#[test]
fn a_deployment_that_was_made_anew_is_not_a_hand() {
    let mut world = awake();
    world.of(CHATTERBOX).uid = "another".into();
    world.of(CHATTERBOX).replicas = 0;
    world.of(CHATTERBOX).pods.clear();
    let decision = world.expect(CHATTERBOX, Rule::Starting);
    assert_eq!(decision.scale, Some(1));
}

/// On demand there is no next window: a hold lasts a day.
#[test]
fn a_hold_of_a_tenant_without_windows_lasts_a_day() {
    let mut world = awake();
    world.of(CHATTERBOX).gate.schedule = crate::window::Schedule::OnDemand;
    world.of(CHATTERBOX).replicas = 0;
    world.expect(CHATTERBOX, Rule::HeldByHand);
    assert_eq!(world.entry(CHATTERBOX).held_by_hand_until, Some(at("2026-11-22T02:01:00Z")));
}
