//! Rows 24 to 32, as far as they keep a tenant out, and rows 1 and 2.

use super::world::*;
use crate::decide::Rule;
use crate::defaults::*;
use crate::ledger::State;
use crate::observation::{Demand, Trigger};
use crate::window::Schedule;

#[test]
fn row_01_always_awake() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule = Schedule::Always;
    world.of(CHATTERBOX).replicas = 1;
    let decision = world.expect(CHATTERBOX, Rule::AlwaysAwake);
    assert_eq!((decision.scale, decision.events.len()), (None, 0));
}

#[test]
fn row_02_ledger_unreadable() {
    let mut world = World::t4(0).with_chatterbox();
    world.data.insert("tts.chatterbox".into(), "not JSON".into());
    let before = world.data.clone();
    let decision = world.expect(CHATTERBOX, Rule::LedgerUnreadable);
    assert_eq!((decision.scale, decision.status), (None, None));
    assert!(decision.reason.contains("correct or delete the key"), "{}", decision.reason);
    assert_eq!(world.data, before, "what cannot be read is not written over");
    // Going to sleep needs no ledger.
    world.of(CHATTERBOX).replicas = 1;
    world.now = at("2026-11-21T07:00:00Z");
    let decision = world.expect(CHATTERBOX, Rule::LedgerUnreadable);
    assert_eq!(decision.scale, Some(0));
}

#[test]
fn row_24_no_floor() {
    let mut world = World::t4(0).with_chatterbox();
    world.declared.floors.clear();
    let decision = world.expect(CHATTERBOX, Rule::NoFloor);
    insta::assert_snapshot!(decision.reason, @"The declared object of card gpu-1-0 has no floor of it.");
}

#[test]
fn row_26_backing_off() {
    let mut world = World::t4(0).with_chatterbox();
    let until = world.now.checked_add(jiff::SignedDuration::from_secs(300)).unwrap();
    world.amend(CHATTERBOX, |entry| entry.backoff_until = Some(until));
    let decision = world.expect(CHATTERBOX, Rule::BackingOff);
    insta::assert_snapshot!(decision.reason, @"It backs off for 5 min more after it had to go.");
    world.wait(300);
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn row_27_too_late() {
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T05:50:00Z");
    let decision = world.expect(CHATTERBOX, Rule::TooLate);
    insta::assert_snapshot!(decision.reason, @"Only 10 min of the window are left; it takes 3 min to start and 10 min to be of use.");
    world.now = at("2026-11-21T05:47:00Z");
    world.expect(CHATTERBOX, Rule::Admitted);
}

/// Defect 10: a probe that failed was read as no work.
#[test]
fn row_28_no_demand() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule = Schedule::OnDemand;
    for (demand, rule) in [
        (Demand::No, Rule::NoDemand),
        (unanswered(), Rule::NoDemand),
        (Demand::NotAsked, Rule::NoDemand),
        (Demand::Yes, Rule::Admitted),
    ] {
        world.of(CHATTERBOX).demand = demand;
        world.expect(CHATTERBOX, rule);
    }
    world.of(CHATTERBOX).demand = unanswered();
    world.amend(CHATTERBOX, |entry| *entry = crate::ledger::Entry::asleep(entry.since));
    world.of(CHATTERBOX).replicas = 0;
    world.of(CHATTERBOX).pods.clear();
    let decision = world.expect(CHATTERBOX, Rule::NoDemand);
    insta::assert_snapshot!(decision.reason, @"It is not known whether there is work for it: asking http://queue/stats failed: connection refused. It stays asleep.");
    // Within a window nobody needs to ask; but an answer counts.
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).demand = Demand::No;
    world.expect(CHATTERBOX, Rule::NoDemand);
}

/// Defects 2 and 3: an empty scrape read as an idle card.
#[test]
fn row_29_blind() {
    let mut world = World::t4(0).with_chatterbox();
    world.blind = Some("the exporter answered without a sample of device 0".into());
    let decision = world.expect(CHATTERBOX, Rule::Blind);
    insta::assert_snapshot!(decision.reason, @"The card's memory is not known: the exporter answered without a sample of device 0. Nobody is admitted on a guess.");
    assert_eq!(decision.scale, None);
}

#[test]
fn a_sample_that_is_stale_of_another_device_or_impossible_is_none() {
    let world = World::t4(0).with_chatterbox();
    let mut stale = world.situation(CHATTERBOX);
    stale.now = stale.now.checked_add(jiff::SignedDuration::from_secs(SAMPLE_FRESH_S + 1)).unwrap();
    let decision = super::super::decide(&stale);
    assert_eq!(decision.rule, Rule::Blind);
    assert!(decision.reason.contains("the last sample is 61 s old"), "{}", decision.reason);
    let mut other = world.situation(CHATTERBOX);
    other.observation.device.as_mut().unwrap().index = Some(1);
    assert_eq!(super::super::decide(&other).rule, Rule::Blind);
    // Bytes read as MiB would admit anybody.
    let mut bytes = world.situation(CHATTERBOX);
    bytes.observation.device.as_mut().unwrap().free_mib = crate::quantity::Mib(14_910 << 20);
    assert_eq!(super::super::decide(&bytes).rule, Rule::Blind);
}

/// A claim that nobody can read may be for any amount.
#[test]
fn a_key_of_another_that_cannot_be_read_admits_nobody() {
    let mut world = World::t4(0).with_chatterbox();
    world.data.insert("stt.whisper".into(), "{\"state\":\"awake\"}".into());
    world.expect(CHATTERBOX, Rule::Blind);
    assert_eq!(world.data["stt.whisper"], "{\"state\":\"awake\"}");
}

#[test]
fn row_30_wait_for_memory() {
    let mut world = World::t4(0).with_chatterbox();
    world.tenant(WHISPER, 1024, 1024);
    world.wake(CHATTERBOX, 4096);
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.wait(10);
    let decision = world.expect(WHISPER, Rule::WaitForMemory);
    insta::assert_snapshot!(decision.reason, @"tts/chatterbox was told to go 10 s ago and its memory has not returned yet.");
    assert!(decision.again_in.is_some(), "that takes seconds");
    world.drain(CHATTERBOX);
    world.expect(WHISPER, Rule::Admitted);
}

#[test]
fn row_32_refused() {
    let mut world = World::t4(10_000).with_chatterbox();
    let decision = world.expect(CHATTERBOX, Rule::Refused);
    insta::assert_snapshot!(decision.reason, @"1,234 MiB short: 4,910 MiB are free, it may take 4,096 MiB and 2,048 MiB must stay free.");
    assert_eq!((decision.scale, world.state(CHATTERBOX)), (None, State::Asleep));
}

/// Every refusal is told, once a guard tick and not once a look.
#[test]
fn a_refusal_is_told_again_at_the_next_tick_and_not_at_the_next_look() {
    let mut world = World::t4(10_000).with_chatterbox();
    assert_eq!(world.look(CHATTERBOX).events.len(), 1);
    world.wait(5);
    assert_eq!(world.look(CHATTERBOX).events.len(), 0);
    world.wait(295);
    assert_eq!(world.look(CHATTERBOX).events.len(), 1);
}

#[test]
fn clocks_that_differ_are_in_the_status() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).skew_s = -31;
    assert_eq!(world.look(CHATTERBOX).status.unwrap().clock_skew_s, Some(-31));
    world.of(CHATTERBOX).skew_s = 30;
    assert_eq!(world.look(CHATTERBOX).status.unwrap().clock_skew_s, None);
}

#[test]
fn a_job_made_by_hand_at_noon_says_why_it_does_nothing() {
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T12:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    let mut situation = world.situation(CHATTERBOX);
    situation.trigger = Trigger::Up;
    let decision = super::super::decide(&situation);
    assert_eq!(decision.scale, None);
    insta::assert_snapshot!(decision.events[0].note, @"No window is open: window night opens Sun 02:00 GMT. To wake it before, annotate gpu-tenancy.dev/gate=awake-until= and a time.");
}
