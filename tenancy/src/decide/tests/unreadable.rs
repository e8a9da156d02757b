//! Something that a gate rests on cannot be read: nobody comes in, and whoever
//! should go goes all the same.

use super::world::*;
use crate::admit::Admission;
use crate::decide::{Decision, Rule, Situation, decide};
use crate::declared::Declared;
use crate::ledger::State;
use crate::observation::Unknown;

fn unknown(reason: &str) -> Unknown {
    Unknown { reason: reason.to_owned() }
}

/// Looks with something taken out of what is seen, and acts.
fn look(world: &mut World, without: impl FnOnce(&mut Situation)) -> Decision {
    let mut situation = world.situation(CHATTERBOX);
    without(&mut situation);
    let decision = decide(&situation);
    if situation.ledger.is_ok() {
        world.data = decision.ledger.to_data();
    } else {
        assert!(decision.ledger.to_data().is_empty(), "a ledger that was not read is not written");
    }
    world.of(CHATTERBOX).replicas = decision.scale.unwrap_or(world.tenants[&id(CHATTERBOX)].replicas);
    world.run_deployments();
    decision
}

#[test]
fn a_floor_of_another_that_cannot_be_read_admits_nobody_and_keeps_nobody_awake() {
    let broken = |situation: &mut Situation| {
        let declared = situation.declared.as_mut().unwrap();
        declared.unreadable.insert("floor.stt.whisper".into(), "unknown field `rank`".into());
    };
    let mut world = World::t4(0).with_chatterbox();
    let decision = look(&mut world, broken);
    assert_eq!((decision.rule, decision.scale), (Rule::Blind, None));
    insta::assert_snapshot!(decision.reason, @"The key floor.stt.whisper of card gpu-1-0's declared object cannot be read (unknown field `rank`), so what it claims is not known; apply the stack that writes it again.");

    let mut world = awake();
    assert_eq!(look(&mut world, broken).rule, Rule::Hold);
    world.residents.insert("llama".into(), 10_400);
    assert_eq!(look(&mut world, broken).rule, Rule::CriticalYield);
    let mut world = awake();
    world.now = at("2026-11-21T06:00:00Z");
    let decision = look(&mut world, broken);
    assert_eq!((decision.rule, decision.scale), (Rule::OutsideWindow, Some(0)));
}

#[test]
fn a_floor_of_its_own_that_cannot_be_read_admits_it_no_more_and_closes_all_the_same() {
    let broken = |situation: &mut Situation| {
        let declared = situation.declared.as_mut().unwrap();
        declared.floors.clear();
        declared.unreadable.insert("floor.tts.chatterbox".into(), "EOF".into());
    };
    let mut world = World::t4(0).with_chatterbox();
    let decision = look(&mut world, broken);
    assert_eq!(decision.rule, Rule::Blind);
    assert!(decision.reason.contains("floor.tts.chatterbox"), "{}", decision.reason);
    let mut world = awake();
    assert_eq!(look(&mut world, broken).rule, Rule::Hold);
    world.of(CHATTERBOX).gate.suspend = true;
    assert_eq!(look(&mut world, broken).scale, Some(0));
}

#[test]
fn a_card_that_cannot_be_read_holds_for_the_bounded_time_and_closes() {
    let broken = |situation: &mut Situation| situation.declared = Err(unknown("the card's key is absent"));
    let mut world = World::t4(0).with_chatterbox();
    let decision = look(&mut world, broken);
    assert_eq!((decision.rule, decision.scale), (Rule::Blind, None));
    insta::assert_snapshot!(decision.reason, @"The card's key is absent; nobody is admitted to a card unseen.");

    let mut world = awake();
    assert_eq!(look(&mut world, broken).rule, Rule::BlindHold);
    world.wait(601);
    assert_eq!(look(&mut world, broken).rule, Rule::BlindYield);
    let mut world = awake();
    world.now = at("2026-11-21T06:00:00Z");
    assert_eq!(look(&mut world, broken).rule, Rule::OutsideWindow);
    world.bury();
    world.wait(1000);
    assert_eq!(look(&mut world, broken).rule, Rule::MemoryMissing);
    assert_eq!(world.state(CHATTERBOX), State::Draining, "what is not seen has not returned");
}

#[test]
fn a_ledger_that_cannot_be_read_closes_and_does_nothing_else() {
    let broken = |situation: &mut Situation| situation.ledger = Err(unknown("configmaps is forbidden"));
    let mut world = World::t4(0).with_chatterbox();
    let decision = look(&mut world, broken);
    assert_eq!((decision.rule, decision.scale), (Rule::LedgerUnreadable, None));
    let mut world = awake();
    let decision = look(&mut world, broken);
    assert_eq!((decision.rule, decision.scale), (Rule::LedgerUnreadable, None));
    world.now = at("2026-11-21T06:00:00Z");
    let decision = look(&mut world, broken);
    assert_eq!(decision.scale, Some(0));
    assert!(
        decision.reason.starts_with("The ledger of its card cannot be read: configmaps is forbidden."),
        "{}",
        decision.reason
    );
}

#[test]
fn pods_that_cannot_be_listed_let_nobody_in_and_keep_nobody_awake() {
    let broken = |situation: &mut Situation| situation.observation.pods = Err(unknown("pods is forbidden"));
    let mut world = World::t4(0).with_chatterbox();
    let decision = look(&mut world, broken);
    assert_eq!((decision.rule, decision.scale), (Rule::Blind, None));
    let mut world = awake();
    assert_eq!(look(&mut world, broken).rule, Rule::Hold);
    assert_eq!(world.state(CHATTERBOX), State::Awake);
    world.now = at("2026-11-21T06:00:00Z");
    assert_eq!(look(&mut world, broken).scale, Some(0));
    world.wait(5);
    let decision = look(&mut world, broken);
    insta::assert_snapshot!(decision.reason, @"It was told to go 5 s ago; waiting for its pods to be seen, but pods is forbidden.");
    assert_eq!(world.state(CHATTERBOX), State::Draining);
    // One that sleeps is not sent to sleep again and again.
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T12:00:00Z");
    look(&mut world, broken);
    assert_eq!(world.state(CHATTERBOX), State::Asleep);
}

#[test]
fn a_declared_object_is_read_as_far_as_it_can_be() {
    let world = World::t4(0).with_chatterbox();
    let card = serde_json::to_string(&world.declared.card).unwrap();
    let floor = serde_json::to_string(&world.declared.floors[&id(CHATTERBOX)]).unwrap();
    let mut data = std::collections::BTreeMap::from([
        ("card".to_owned(), card),
        ("floor.tts.chatterbox".to_owned(), floor),
        ("floor.stt.whisper".to_owned(), "{".to_owned()),
    ]);
    let declared = Declared::from_data(&data).unwrap();
    assert_eq!(declared.floors, world.declared.floors);
    assert_eq!(declared.unreadable.keys().collect::<Vec<_>>(), ["floor.stt.whisper"]);
    data.insert("card".into(), "{".into());
    assert!(Declared::from_data(&data).is_err());
}

#[test]
fn the_pod_itself_waits_for_a_floor_that_cannot_be_read() {
    let mut world = World::t4(0).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    world.declared.unreadable.insert("floor.stt.whisper".into(), "EOF".into());
    let Admission::Wait { reason } = world.asks(CHATTERBOX) else { panic!("it must wait") };
    assert!(reason.contains("floor.stt.whisper"), "{reason}");
}

/// A rolling update's leftover, or a pod on its way out, holds memory until it is gone.
#[test]
fn a_second_pod_of_the_tenant_waits_for_the_first_to_go() {
    let mut world = awake();
    world.pod(CHATTERBOX).0.deleting = true;
    world.run_deployments();
    let Admission::Wait { reason } = world.asks(CHATTERBOX) else { panic!("it must wait") };
    assert_eq!(reason, "Pod chatterbox-5d4f8-00001 of the same tenant is not gone yet.");
    world.bury();
    assert!(world.admit(CHATTERBOX));
}

#[test]
fn of_two_pods_that_ask_at_once_one_is_let_in() {
    let mut world = World::t4(0).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    let mut second = world.pod(CHATTERBOX).clone();
    (second.0.name, second.0.uid) = ("chatterbox-5d4f8-00002".into(), "uid-2".into());
    // The first was entered, and its container has not ended yet.
    let Admission::Go { ledger, .. } = world.asks(CHATTERBOX) else { panic!("it may go") };
    world.data = ledger.to_data();
    world.of(CHATTERBOX).pods.insert(0, second);
    let Admission::Wait { reason } = world.asks(CHATTERBOX) else { panic!("it must wait") };
    assert_eq!(reason, "Pod chatterbox-5d4f8-00001 of the same tenant is not gone yet.");
}

#[test]
fn a_pod_waits_for_a_neighbour_s_memory() {
    let mut world = World::t4(0).with_chatterbox();
    world.tenant(WHISPER, 1024, 1024);
    world.wake(WHISPER, 1024);
    world.expect(CHATTERBOX, Rule::Admitted);
    world.of(WHISPER).gate.suspend = true;
    world.expect(WHISPER, Rule::Suspended);
    let Admission::Wait { reason } = world.asks(CHATTERBOX) else { panic!("it must wait") };
    assert!(reason.starts_with("stt/whisper was told to go"), "{reason}");
    world.drain(WHISPER);
    assert!(world.admit(CHATTERBOX));
}
