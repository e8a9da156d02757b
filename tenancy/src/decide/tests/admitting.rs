//! Rows 22 to 33, as far as they let a tenant in, and the pod's own check.

use super::world::*;
use crate::admit::Admission;
use crate::decide::Rule;
use crate::ledger::State;
use crate::quantity::Mib;

#[test]
fn row_33_admitted() {
    let mut world = World::t4(4096).with_chatterbox();
    let decision = world.expect(CHATTERBOX, Rule::Admitted);
    assert_eq!((decision.scale, decision.rule.number()), (Some(1), 33));
    assert!(decision.again_in.is_some(), "an admission is followed up");
    let entry = world.entry(CHATTERBOX);
    assert_eq!(entry.state, State::Reserved);
    let admission = entry.admission.unwrap();
    assert_eq!((admission.peak_mib, admission.headroom_mib), (Mib(4096), Mib(2048)));
    assert_eq!(entry.until, Some(at("2026-11-21T06:00:00Z")));
    assert!(world.told("Admitted"));
}

/// Reserved until the pod itself is admitted, loading until it is ready.
#[test]
fn row_22_starting() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    world.pod(CHATTERBOX).0.waiting = Some("ContainerCreating".into());
    world.wait(480);
    let decision = world.expect(CHATTERBOX, Rule::Starting);
    insta::assert_snapshot!(decision.reason, @"It is reserved for 8 min (ContainerCreating); 10,814 MiB are free.");
    assert_eq!(world.state(CHATTERBOX), State::Reserved);
    assert!(world.admit(CHATTERBOX));
    world.expect(CHATTERBOX, Rule::Starting);
    assert_eq!(world.state(CHATTERBOX), State::Loading);
    world.pod(CHATTERBOX).0.ready = true;
    world.expect(CHATTERBOX, Rule::Hold);
    assert!(world.told("Awake"));
}

#[test]
fn row_23_hold() {
    let mut world = World::t4(4096).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    let decision = world.expect(CHATTERBOX, Rule::Hold);
    assert_eq!((decision.scale, decision.again_in, decision.events.len()), (None, None, 0));
    insta::assert_snapshot!(decision.reason, @"It is awake and may stay until Sat 06:00 GMT; 6,718 MiB are free.");
}

/// Our call was lost: the ledger says 1, the Deployment 0, and no hand was at work.
#[test]
fn a_scale_call_that_was_lost_is_made_again() {
    let mut world = World::t4(4096).with_chatterbox();
    let decision = super::super::decide(&world.situation(CHATTERBOX));
    world.data = decision.ledger.to_data();
    let decision = world.expect(CHATTERBOX, Rule::Starting);
    assert_eq!(decision.scale, Some(1));
    world.expect(CHATTERBOX, Rule::Starting);
    assert_eq!(world.of(CHATTERBOX).replicas, 1);
}

/// Awake needs a fresh sample besides Ready.
#[test]
fn a_ready_pod_is_not_awake_while_the_card_is_unknown() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    assert!(world.admit(CHATTERBOX));
    world.pod(CHATTERBOX).0.ready = true;
    world.blind = Some("the scrape timed out".into());
    world.expect(CHATTERBOX, Rule::BlindHold);
    assert_eq!(world.state(CHATTERBOX), State::Loading);
}

#[test]
fn row_25_found_awake() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    world.pod(CHATTERBOX).0.ready = true;
    world.pod(CHATTERBOX).1 = 4096;
    let decision = world.expect(CHATTERBOX, Rule::FoundAwake);
    assert_eq!(decision.scale, None, "a working tenant is not put to sleep");
    assert_eq!(world.state(CHATTERBOX), State::Awake);
    world.expect(CHATTERBOX, Rule::Hold);
}

/// Running, but not there yet, and unknown to the ledger: it asks like anybody.
#[test]
fn a_pod_that_loads_without_an_entry_is_admitted_or_sent_away() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    world.expect(CHATTERBOX, Rule::Admitted);

    let mut world = World::t4(12_000).with_chatterbox();
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    let decision = world.expect(CHATTERBOX, Rule::Refused);
    assert_eq!(decision.scale, Some(0));
}

#[test]
fn several_windows_and_days_each_open() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule = windows(
        r#"{"late":{"start":"22:30","end":"01:30","days":["fri"],"time_zone":"UTC"},
            "noon":{"start":"12:00","end":"13:00","time_zone":"UTC"}}"#,
    );
    for (now, rule) in [
        ("2026-11-21T00:30:00Z", Rule::Admitted), // Saturday morning, Friday's window
        ("2026-11-22T00:30:00Z", Rule::OutsideWindow),
        ("2026-11-22T12:00:00Z", Rule::Admitted),
        ("2026-11-22T13:00:00Z", Rule::OutsideWindow),
    ] {
        world.now = at(now);
        world.data.clear();
        world.of(CHATTERBOX).replicas = 0;
        world.of(CHATTERBOX).pods.clear();
        world.expect(CHATTERBOX, rule);
    }
}

/// One that ends as the other begins is the same night.
#[test]
fn windows_without_a_gap_between_them_are_one() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule = windows(
        r#"{"a":{"start":"02:00","end":"04:00","time_zone":"UTC"},
            "b":{"start":"04:00","end":"06:00","time_zone":"UTC"}}"#,
    );
    world.now = at("2026-11-21T03:55:00Z");
    world.wake(CHATTERBOX, 4096);
    world.now = at("2026-11-21T04:00:00Z");
    world.expect(CHATTERBOX, Rule::Hold);
    assert_eq!(world.entry(CHATTERBOX).until, Some(at("2026-11-21T06:00:00Z")));
}

/// London sets its clocks forward at 01:00 UTC: 01:30 is 02:00 on that morning.
#[test]
fn a_start_that_does_not_exist_is_the_first_instant_after_the_gap() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule =
        windows(r#"{"n":{"start":"01:30","end":"06:00","time_zone":"Europe/London"}}"#);
    world.now = at("2027-03-28T00:59:59Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.now = at("2027-03-28T01:00:00Z");
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn a_pod_that_starts_unasked_asks_again() {
    let mut world = World::t4(4096).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    let first = world.entry(CHATTERBOX).pod.unwrap();
    world.of(CHATTERBOX).pods.clear();
    world.run_deployments();
    world.residents.insert("llama".into(), 9216);
    assert!(!world.admit(CHATTERBOX), "the card is short now");
    world.residents.insert("llama".into(), 4096);
    assert!(world.admit(CHATTERBOX));
    let entry = world.entry(CHATTERBOX);
    assert_eq!(entry.state, State::Loading);
    assert_ne!(entry.pod.unwrap().uid, first.uid);
}

/// Between the old pod and the new one room is kept.
#[test]
fn a_tenant_whose_pod_was_replaced_keeps_its_room() {
    let mut world = World::t4(4096).with_chatterbox();
    world.tenant(WHISPER, 4096, 2048);
    world.wake(CHATTERBOX, 4096);
    world.of(CHATTERBOX).pods.clear();
    world.expect(CHATTERBOX, Rule::Starting);
    assert_eq!(world.state(CHATTERBOX), State::Reserved);
    let decision = world.expect(WHISPER, Rule::Admitted);
    assert!(decision.reason.contains("4,096 MiB owed to tts/chatterbox"), "{}", decision.reason);
}

/// The old pod is on its way out and still holds its memory; room is kept for the
/// new one beside it. What the old one holds is nothing that the new one has.
#[test]
fn a_pod_on_its_way_out_takes_nothing_off_what_its_successor_is_owed() {
    let mut world = World::t4(0).with_chatterbox();
    world.tenant(WHISPER, 3072, 2048);
    world.wake(CHATTERBOX, 4096);
    world.of(CHATTERBOX).pods[0].0.deleting = true;
    world.run_deployments();
    world.expect(CHATTERBOX, Rule::Starting);
    assert_eq!(world.free(), 10_814);
    // 10,814 - 4,096 - 3,072 = 3,646.
    let decision = world.expect(WHISPER, Rule::Admitted);
    assert!(decision.reason.contains("4,096 MiB owed to tts/chatterbox"), "{}", decision.reason);
}

#[test]
fn a_pod_at_noon_waits() {
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T12:00:00Z");
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    let Admission::Wait { reason } = world.asks(CHATTERBOX) else { panic!("it must wait") };
    assert_eq!(reason, "No window is open.");
}

#[test]
fn a_pod_waits_for_its_gate_for_a_sample_and_for_its_own_key() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    let waits = |world: &mut World| match world.asks(CHATTERBOX) {
        Admission::Wait { reason } => reason,
        Admission::Go { reason, .. } => panic!("it must wait: {reason}"),
    };
    assert!(waits(&mut world).contains("asleep; its gate has not admitted it"));
    world.expect(CHATTERBOX, Rule::Admitted);
    assert!(matches!(world.asks(CHATTERBOX), Admission::Go { .. }));
    world.blind = Some("the scrape timed out".into());
    assert!(waits(&mut world).contains("the scrape timed out"));
    world.blind = None;
    world.data.insert("x.y".into(), "{".into());
    assert!(waits(&mut world).contains("key x.y cannot be read"));
    world.data.remove("x.y");
    world.of(CHATTERBOX).annotation = Some("off".into());
    assert!(waits(&mut world).contains("off keeps it asleep"));
    world.of(CHATTERBOX).annotation = None;
    world.of(CHATTERBOX).gate.suspend = true;
    assert!(waits(&mut world).contains("suspended"));
}
