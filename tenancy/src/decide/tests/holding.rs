//! Rows 13 to 21: reasons to yield, and whose turn it is.

use super::world::*;
use crate::decide::Rule;
use crate::ledger::State;

/// Both awake; whisper came last.
fn two_awake() -> World {
    let mut world = awake();
    world.settle();
    world.tenant(WHISPER, 3072, 2048);
    world.wake(WHISPER, 3072);
    world
}

#[test]
fn row_13_blind_yield() {
    let mut world = awake();
    world.blind = Some("the exporter refused the connection".into());
    world.expect(CHATTERBOX, Rule::BlindHold);
    world.wait(600);
    world.expect(CHATTERBOX, Rule::BlindHold);
    world.wait(1);
    let decision = world.expect(CHATTERBOX, Rule::BlindYield);
    insta::assert_snapshot!(decision.reason, @"The card's memory has not been known for 10 min: the exporter refused the connection. It yields.");
    assert_eq!(decision.scale, Some(0));
}

#[test]
fn row_20_blind_hold() {
    let mut world = awake();
    world.blind = Some("the exporter refused the connection".into());
    let decision = world.expect(CHATTERBOX, Rule::BlindHold);
    insta::assert_snapshot!(decision.reason, @"The card's memory is not known: the exporter refused the connection. It holds for 10 min more, then yields.");
    assert!(
        decision.again_in.is_some(),
        "the tick samples for as long as it may, however far away the next one is"
    );
    // The exporter restarted: its time begins anew.
    world.wait(300);
    world.blind = None;
    world.expect(CHATTERBOX, Rule::Hold);
    assert_eq!(world.entry(CHATTERBOX).unknown_since, None);
}

#[test]
fn row_14_critical_yield() {
    let mut world = awake();
    world.residents.insert("llama".into(), 10_400);
    assert_eq!(world.free(), 414);
    let decision = world.expect(CHATTERBOX, Rule::CriticalYield);
    insta::assert_snapshot!(decision.reason, @"Below the critical line, the card is 1,634 MiB short: 414 MiB are free, 2,048 MiB must stay free. It yields at once.");
}

/// A resident wakes during the load.
#[test]
fn critical_spares_no_one_who_loads_and_mere_shortage_does() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    assert!(world.admit(CHATTERBOX));
    world.residents.insert("llama".into(), 12_900);
    let decision = world.expect(CHATTERBOX, Rule::ShortHold);
    assert!(decision.reason.contains("is loading and may finish before it is judged"), "{}", decision.reason);
    world.wait(120);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.residents.insert("llama".into(), 14_500);
    world.expect(CHATTERBOX, Rule::CriticalYield);
}

#[test]
fn the_cards_own_critical_line_counts_where_it_has_one() {
    let mut world = awake();
    world.declared.card.critical_mib = Some(crate::quantity::Mib(1600));
    world.residents.insert("llama".into(), 9216);
    world.expect(CHATTERBOX, Rule::CriticalYield);
}

/// Defect 20: a loop of crashes filled a node with cores.
#[test]
fn row_16_crash_loop() {
    let mut world = awake();
    for restarts in 1..=2 {
        world.wait(60);
        world.pod(CHATTERBOX).0.restarts = restarts;
        world.pod(CHATTERBOX).0.ready = false;
        world.expect(CHATTERBOX, Rule::Starting);
        world.pod(CHATTERBOX).0.ready = true;
        world.expect(CHATTERBOX, Rule::Hold);
    }
    world.pod(CHATTERBOX).0.restarts = 3;
    let decision = world.expect(CHATTERBOX, Rule::CrashLoop);
    insta::assert_snapshot!(decision.reason, @"The model server crashed 3 times in a row. It yields and backs off.");
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::BackingOff);
}

#[test]
fn crashes_far_apart_are_not_in_a_row() {
    let mut world = awake();
    for restarts in 1..=5 {
        world.pod(CHATTERBOX).0.restarts = restarts;
        world.expect(CHATTERBOX, Rule::Starting);
        world.expect(CHATTERBOX, Rule::Hold);
        world.wait(600);
        world.expect(CHATTERBOX, Rule::Hold);
    }
}

#[test]
fn crashes_of_last_night_are_forgotten() {
    let mut world = awake();
    world.pod(CHATTERBOX).0.restarts = 2;
    world.expect(CHATTERBOX, Rule::Starting);
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.drain(CHATTERBOX);
    world.now = at("2026-11-22T02:00:00Z");
    world.wake(CHATTERBOX, 4096);
    world.pod(CHATTERBOX).0.restarts = 2;
    world.expect(CHATTERBOX, Rule::Starting);
}

#[test]
fn row_17_pod_pending() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    world.pod(CHATTERBOX).0.node = None;
    world.pod(CHATTERBOX).0.waiting = Some("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.".into());
    world.wait(120);
    world.expect(CHATTERBOX, Rule::Starting);
    world.wait(1);
    let decision = world.expect(CHATTERBOX, Rule::PodPending);
    insta::assert_snapshot!(decision.reason, @"Pod chatterbox-5d4f8-00001 found no node: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu, for 2 min. It is released and backs off.");
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::BackingOff);
}

#[test]
fn a_pod_that_is_never_made_counts_as_pending() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    world.of(CHATTERBOX).pods.clear();
    world.wait(121);
    world.expect(CHATTERBOX, Rule::PodPending);
}

#[test]
fn row_18_loading_limit() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    world.wait(1200);
    world.expect(CHATTERBOX, Rule::Starting);
    world.wait(1);
    world.pod(CHATTERBOX).0.waiting = Some("ImagePullBackOff".into());
    let decision = world.expect(CHATTERBOX, Rule::LoadingLimit);
    insta::assert_snapshot!(decision.reason, @"It is not ready after 20 min (ImagePullBackOff). It yields and backs off.");
}

#[test]
fn row_19_short_yield() {
    let mut world = awake();
    world.residents.insert("llama".into(), 9216);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(30);
    let decision = world.expect(CHATTERBOX, Rule::ShortYield);
    assert_eq!((decision.scale, world.state(CHATTERBOX)), (Some(0), State::Draining));
    let last = world.ledger().card.last_yield.unwrap();
    assert_eq!((last.tenant, last.rule), (id(CHATTERBOX), Rule::ShortYield));
}

#[test]
fn row_21_short_hold() {
    let mut world = awake();
    world.residents.insert("llama".into(), 9216);
    let decision = world.expect(CHATTERBOX, Rule::ShortHold);
    insta::assert_snapshot!(decision.reason, @"The card is 450 MiB short: 1,598 MiB are free, 2,048 MiB must stay free; tts/chatterbox yields if that lasts 30 s more.");
    assert!(decision.again_in.is_some(), "the tick samples through the grace");
    // A neighbour's spike.
    world.wait(20);
    world.residents.insert("llama".into(), 4096);
    world.expect(CHATTERBOX, Rule::Hold);
    world.residents.insert("llama".into(), 9216);
    world.wait(20);
    world.expect(CHATTERBOX, Rule::ShortHold);
}

/// The lowest priority, then the one admitted last; the other gate knows it too.
#[test]
fn exactly_one_yields_and_every_gate_names_the_same() {
    for (whisper_priority, goes, stays) in [(0, WHISPER, CHATTERBOX), (1, CHATTERBOX, WHISPER)] {
        let mut world = two_awake();
        world.declared.floors.get_mut(&id(WHISPER)).unwrap().priority = whisper_priority;
        world.residents.insert("llama".into(), 6200);
        world.expect(CHATTERBOX, Rule::ShortHold);
        world.wait(31);
        let decision = world.expect(stays, Rule::ShortHold);
        assert!(
            decision.reason.ends_with(&format!("it is the turn of {goes} to yield.")),
            "{}",
            decision.reason
        );
        world.expect(goes, Rule::ShortYield);
        // While it drains nobody else is judged, and then the card has room again.
        world.wait(31);
        world.expect(stays, Rule::Hold);
        world.drain(goes);
        world.expect(stays, Rule::Hold);
    }
}

#[test]
fn the_next_yields_only_when_the_first_did_not_suffice() {
    let mut world = two_awake();
    world.residents.insert("llama".into(), 7_700);
    assert_eq!(world.free(), 42);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.expect(WHISPER, Rule::CriticalYield);
    world.residents.insert("llama".into(), 9_700);
    world.wait(40);
    world.expect(CHATTERBOX, Rule::Hold);
    world.drain(WHISPER);
    assert_eq!(world.free(), 1114);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(30);
    world.expect(CHATTERBOX, Rule::ShortYield);
}

/// Defect 19 and the design: unload or drain first, then scale.
#[test]
fn the_unload_call_comes_with_the_yield_of_a_ready_pod() {
    let mut world = awake();
    world.of(CHATTERBOX).gate.unload = Some(crate::gate::UnloadCall {
        method: "POST".into(),
        path: "/api/unload".into(),
        port: 8004,
        body: None,
        timeout_s: 30,
    });
    world.residents.insert("llama".into(), 10_400);
    let decision = world.expect(CHATTERBOX, Rule::CriticalYield);
    assert!(decision.unload);
}
