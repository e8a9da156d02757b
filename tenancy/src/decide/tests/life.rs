//! What a gate cannot know of others: whether their gates still tick, whether two
//! figures are of one moment, whether a pod is on the card at all.

use super::world::*;
use crate::admit::Admission;
use crate::decide::Rule;
use crate::ledger::State;
use crate::quantity::Mib;

/// Its floor was moved or its CronJobs are gone: it would never yield, and the
/// card would be short for ever.
#[test]
fn a_shortage_does_not_wait_for_a_victim_whose_gate_is_silent() {
    let mut world = awake();
    world.settle();
    world.tenant(WHISPER, 3072, 2048);
    world.wake(WHISPER, 3072);
    world.residents.insert("llama".into(), 6200);
    for _ in 0..4 {
        world.wait(225);
        let decision = world.expect(CHATTERBOX, Rule::ShortHold);
        assert!(
            decision.reason.contains("it is the turn of stt/whisper")
                || decision.reason.contains("stt/whisper yields"),
            "{}",
            decision.reason
        );
    }
    world.wait(1);
    let decision = world.expect(CHATTERBOX, Rule::ShortYield);
    insta::assert_snapshot!(decision.reason, @"For 11 min, the card is 506 MiB short: 1,542 MiB are free, 2,048 MiB must stay free (nothing was heard of the gate of stt/whisper for 15 min, so nobody waits for it). It yields.");
}

/// Nobody would ever say that its memory is back.
#[test]
fn a_drain_of_a_silent_gate_blocks_nobody_and_is_owed_its_peak() {
    let mut world = awake();
    world.settle();
    world.tenant(WHISPER, 3072, 2048);
    world.wake(WHISPER, 3072);
    world.of(WHISPER).gate.suspend = true;
    world.expect(WHISPER, Rule::Suspended);
    world.now = at("2026-11-21T02:04:00Z");
    world.of(CHATTERBOX).annotation = Some("off".into());
    world.expect(CHATTERBOX, Rule::SwitchedOff);
    world.drain(CHATTERBOX);
    world.of(CHATTERBOX).annotation = None;
    world.expect(CHATTERBOX, Rule::WaitForMemory);
    world.wait(901);
    let decision = world.expect(CHATTERBOX, Rule::Admitted);
    assert!(decision.reason.contains("3,072 MiB owed to stt/whisper"), "{}", decision.reason);
}

/// Its floor was moved to another card while it was awake; its gate looks there now.
#[test]
fn what_a_floor_that_was_moved_left_behind_claims_nothing_once_its_gate_is_silent() {
    let mut world = World::t4(0).with_chatterbox();
    world.tenant(WHISPER, 9000, 2048);
    world.wake(WHISPER, 9000);
    world.declared.floors.remove(&id(WHISPER));
    world.of(WHISPER).replicas = 0;
    world.of(WHISPER).pods.clear();
    let decision = world.expect(CHATTERBOX, Rule::Refused);
    assert!(decision.reason.contains("9,000 MiB owed to stt/whisper"), "{}", decision.reason);
    world.wait(901);
    world.expect(CHATTERBOX, Rule::Admitted);
}

/// A page of dcgm-exporter has fresh figures of processes beside a cached `free`:
/// the load would be counted as taken and as free at once.
#[test]
fn what_a_tenant_holds_counts_only_when_free_knows_of_it_too() {
    let mut world = awake();
    world.tenant(WHISPER, 3072, 2048);
    let decision = world.expect(WHISPER, Rule::Refused);
    assert!(decision.reason.contains("4,096 MiB owed to tts/chatterbox"), "{}", decision.reason);
    assert!(decision.again_in.is_some(), "it is a matter of seconds");
    world.wait(44);
    world.expect(WHISPER, Rule::Refused);
    world.wait(1);
    world.expect(WHISPER, Rule::Admitted);
}

/// A protected resident grew: its process says so, the cached `free` does not yet.
#[test]
fn pods_that_hold_more_than_the_card_are_figures_of_another_moment() {
    let mut world = World::t4(4096).with_chatterbox();
    world.protect_llama(9216);
    let mut situation = world.situation(CHATTERBOX);
    let sample = situation.observation.device.as_mut().unwrap();
    let llama = sample.per_pod.as_mut().unwrap().values_mut().next().unwrap();
    *llama = Mib(9216);
    let decision = super::super::decide(&situation);
    assert_eq!(decision.rule, Rule::Refused);
    assert!(decision.reason.contains("9,216 MiB owed to llama"), "{}", decision.reason);
}

#[test]
fn row_15_wrong_card() {
    let mut world = awake();
    world.declared.card.device = crate::card::Device::Uuid("GPU-1".into());
    world.pod(CHATTERBOX).0.device_uuid = Some("GPU-1".into());
    world.expect(CHATTERBOX, Rule::Hold);
    world.pod(CHATTERBOX).0.device_uuid = Some("GPU-2".into());
    let decision = world.expect(CHATTERBOX, Rule::WrongCard);
    insta::assert_snapshot!(decision.reason, @"Pod chatterbox-5d4f8-00001 was given GPU-2, and card gpu-1-0 is GPU-1. It yields and backs off.");
    assert_eq!(decision.scale, Some(0));
    assert!(world.told("WrongCard"));
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::BackingOff);
}

#[test]
fn a_pod_on_another_node_is_not_on_the_card() {
    let mut world = awake();
    world.pod(CHATTERBOX).0.node = Some("gpu-2".parse().unwrap());
    let decision = world.expect(CHATTERBOX, Rule::WrongCard);
    insta::assert_snapshot!(decision.reason, @"Pod chatterbox-5d4f8-00001 is on node gpu-2, and card gpu-1-0 in gpu-1. It yields and backs off.");
}

/// The floor was moved to this card while the tenant was awake on another.
#[test]
fn a_tenant_that_runs_on_another_card_is_not_taken_in() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).replicas = 1;
    world.run_deployments();
    world.pod(CHATTERBOX).0.ready = true;
    world.pod(CHATTERBOX).0.node = Some("gpu-2".parse().unwrap());
    let decision = world.expect(CHATTERBOX, Rule::WrongCard);
    assert_eq!((decision.scale, world.state(CHATTERBOX)), (Some(0), State::Draining));
    world.drain(CHATTERBOX);
    assert_eq!(world.state(CHATTERBOX), State::Reserved);
    assert!(matches!(world.asks(CHATTERBOX), Admission::Go { .. }));
}
