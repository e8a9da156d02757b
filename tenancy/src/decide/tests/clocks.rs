//! Gates that tick at different intervals, and clocks that were wrong for a while.

use super::world::*;
use crate::decide::Rule;
use crate::ledger::State;

/// Whisper is awake with the lowest priority and a gate that ticks every hour, chatterbox with a higher one
/// and a gate that ticks every five minutes. Whisper's last look is `minutes` ago, and llama makes the card short.
fn short_after(minutes: i64, whisper_until: Option<&str>) -> World {
    let mut world = World::t4(4096).with_chatterbox();
    world.tenant(WHISPER, 3072, 2048).gate.timing.guard_interval_s = 3600;
    world.declared.floors.get_mut(&id(CHATTERBOX)).unwrap().priority = 10;
    if let Some(until) = whisper_until {
        world.now = at("2026-11-21T12:00:00Z");
        for name in [WHISPER, CHATTERBOX] {
            world.of(name).annotation = Some(format!("awake-until={until}"));
        }
    }
    world.wake(CHATTERBOX, 4096);
    world.settle();
    world.wake(WHISPER, 3072);
    world.wait(60 * minutes);
    world.look(CHATTERBOX);
    world.residents.insert("llama".into(), 6500);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(30);
    world
}

#[test]
fn a_gate_that_ticks_rarely_is_not_taken_for_one_that_does_not() {
    // By its own interval whisper is silent after an hour and a half: its CronJobs tick every half hour at least.
    for (minutes, rule) in [(16, Rule::ShortHold), (80, Rule::ShortHold), (95, Rule::ShortYield)] {
        assert_eq!(short_after(minutes, None).look(CHATTERBOX).rule, rule, "after {minutes} min");
    }
}

#[test]
fn outside_the_windows_a_gate_ticks_every_half_hour() {
    for (minutes, rule) in [(16, Rule::ShortHold), (95, Rule::ShortYield)] {
        let mut world = short_after(minutes, Some("2026-11-21T20:00:00Z"));
        assert_eq!(world.look(CHATTERBOX).rule, rule, "after {minutes} min");
    }
}

/// A ledger of an older gate does not say how often its tenants' gates tick.
#[test]
fn an_entry_that_does_not_say_how_often_its_gate_ticks_is_judged_by_the_asker_s_interval() {
    for (minutes, rule) in [(14, Rule::ShortHold), (16, Rule::ShortYield)] {
        let mut world = short_after(minutes, None);
        world.amend(WHISPER, |entry| entry.status.as_mut().unwrap().looks_every_s = None);
        assert_eq!(world.look(CHATTERBOX).rule, rule, "after {minutes} min");
    }
}

const A_YEAR_S: i64 = 365 * 86_400;

/// The API server's clock leaps ahead by a year for some ticks, and back.
fn leap(world: &mut World, during: impl FnOnce(&mut World)) {
    world.wait(A_YEAR_S);
    during(world);
    world.wait(-A_YEAR_S);
}

#[test]
fn a_drain_that_ended_in_a_leap_hides_no_shortage_after_it() {
    let mut world = World::t4(4096).with_chatterbox();
    world.tenant(WHISPER, 1024, 512);
    world.wake(WHISPER, 1024);
    leap(&mut world, |world| {
        world.of(WHISPER).annotation = Some("off".into());
        world.expect(WHISPER, Rule::SwitchedOff);
        world.drain(WHISPER);
        world.wait(-5);
        assert_eq!(world.state(WHISPER), State::Asleep);
    });
    world.wake(CHATTERBOX, 4096);
    world.residents.insert("llama".into(), 9216);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(30);
    world.expect(CHATTERBOX, Rule::ShortYield);
}

#[test]
fn a_blindness_that_began_in_a_leap_ends_as_any_other() {
    let mut world = awake();
    world.blind = Some("the scrape timed out".into());
    leap(&mut world, |world| {
        world.expect(CHATTERBOX, Rule::BlindHold);
    });
    world.expect(CHATTERBOX, Rule::BlindHold);
    world.wait(601);
    world.expect(CHATTERBOX, Rule::BlindYield);
}

#[test]
fn a_shortage_that_began_in_a_leap_is_answered_after_its_grace() {
    let mut world = awake();
    world.residents.insert("llama".into(), 9216);
    leap(&mut world, |world| {
        world.expect(CHATTERBOX, Rule::ShortHold);
    });
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(30);
    world.expect(CHATTERBOX, Rule::ShortYield);
}

#[test]
fn a_pause_or_a_hold_from_a_leap_ends_with_the_longest_that_there_is() {
    let mut world = awake();
    leap(&mut world, |world| {
        world.pod(CHATTERBOX).0.restarts = 3;
        world.expect(CHATTERBOX, Rule::CrashLoop);
    });
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::BackingOff);
    world.wait(7199);
    world.expect(CHATTERBOX, Rule::BackingOff);
    world.wait(1);
    world.expect(CHATTERBOX, Rule::Admitted);

    let mut world = awake();
    leap(&mut world, |world| {
        world.expect(CHATTERBOX, Rule::Hold);
        world.of(CHATTERBOX).replicas = 0;
        world.expect(CHATTERBOX, Rule::HeldByHand);
    });
    world.drain(CHATTERBOX);
    world.expect(CHATTERBOX, Rule::HeldByHand);
    world.now = at("2026-11-22T02:00:00Z");
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn people_are_told_again_after_a_leap() {
    let mut world = World::t4(14_000).with_chatterbox();
    leap(&mut world, |world| {
        assert_eq!(world.expect(CHATTERBOX, Rule::Refused).events.len(), 1);
    });
    world.wait(240);
    world.look(CHATTERBOX);
    world.wait(240);
    assert_eq!(world.expect(CHATTERBOX, Rule::Refused).events.len(), 1);
}

/// A gate writes its own key and no other, however wrong that is.
#[test]
fn what_others_wrote_in_a_leap_is_left_to_them() {
    let mut world = World::t4(0).with_chatterbox();
    world.tenant(WHISPER, 1024, 512);
    leap(&mut world, |world| {
        world.look(WHISPER);
    });
    let before = world.data["stt.whisper"].clone();
    world.expect(CHATTERBOX, Rule::Admitted);
    assert_eq!(world.data["stt.whisper"], before);
}
