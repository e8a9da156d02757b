//! Rows 12 and 31: Option B, and that every resident gets back what it had.

use super::world::*;
use crate::decide::{Rule, decide};
use crate::ledger::State;
use crate::observation::PauseSeen;

#[test]
fn row_31_pausing() {
    let mut world = option_b();
    let first = world.expect(CHATTERBOX, Rule::Pausing);
    assert!(first.pauses.is_empty(), "first it is only written down");
    assert_eq!(first.again_in, Some(std::time::Duration::ZERO));
    assert_eq!(world.entry(CHATTERBOX).paused[0].replicas, 2);
    let second = world.expect(CHATTERBOX, Rule::Pausing);
    assert_eq!(second.pauses, [(target("llama", "llama"), 0)]);
    assert_eq!(llama(&world), 0);
    // Its memory takes a while.
    let third = world.expect(CHATTERBOX, Rule::Refused);
    assert!(third.again_in.is_some(), "what was just paused is waited for");
    world.residents.insert("llama".into(), 0);
    world.expect(CHATTERBOX, Rule::Admitted);
}

/// The gate died after it wrote and before it scaled.
#[test]
fn a_pause_that_was_only_written_down_is_no_pause_after_the_window() {
    let mut world = option_b();
    world.expect(CHATTERBOX, Rule::Pausing);
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert_eq!((llama(&world), world.entry(CHATTERBOX).paused.len()), (2, 0));
}

#[test]
fn row_12_restoring() {
    let mut world = paused();
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert_eq!(llama(&world), 0, "not while chatterbox holds its memory");
    world.run_deployments();
    world.bury();
    world.wait(5);
    let decision = world.expect(CHATTERBOX, Rule::Restoring);
    assert_eq!(decision.pauses, [(target("llama", "llama"), 2)]);
    assert_eq!(world.entry(CHATTERBOX).paused.len(), 1, "it is remembered until it was seen");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert_eq!((llama(&world), world.entry(CHATTERBOX).paused.len()), (2, 0));
    assert!(world.told("Restored"));
}

#[test]
fn a_restore_that_was_lost_is_made_again_by_any_later_tick() {
    let mut world = paused();
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.drain(CHATTERBOX);
    world.scales.insert(target("llama", "llama"), 0);
    world.wait(3600);
    world.expect(CHATTERBOX, Rule::Restoring);
    assert_eq!(llama(&world), 2);
}

#[test]
fn suspend_and_off_restore_too() {
    for suspend in [true, false] {
        let mut world = paused();
        world.of(CHATTERBOX).gate.suspend = suspend;
        world.of(CHATTERBOX).annotation = Some("off".into());
        world.look(CHATTERBOX);
        world.drain(CHATTERBOX);
        assert_eq!(llama(&world), 2);
    }
}

#[test]
fn a_resident_that_somebody_changed_meanwhile_is_left_alone() {
    let mut world = paused();
    world.scales.insert(target("llama", "llama"), 1);
    world.expect(CHATTERBOX, Rule::Hold);
    assert!(world.told("PauseLeftAlone"));
    assert_eq!(llama(&world), 1, "neither paused again");
    world.wait(300);
    world.expect(CHATTERBOX, Rule::Hold);
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.drain(CHATTERBOX);
    assert_eq!(llama(&world), 1, "nor restored");
    assert_eq!(world.entry(CHATTERBOX).paused.len(), 0);
}

#[test]
fn a_change_that_no_tick_saw_is_left_alone_at_the_end() {
    let mut world = paused();
    world.scales.insert(target("llama", "llama"), 5);
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.drain(CHATTERBOX);
    assert_eq!(llama(&world), 5);
    assert!(world.told("PauseLeftAlone"));
}

#[test]
fn a_resident_that_is_gone_or_unreadable_stops_nobody() {
    let mut world = paused();
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.run_deployments();
    world.bury();
    let mut situation = world.situation(CHATTERBOX);
    let unreadable = PauseSeen::Unreadable("deployments/scale is forbidden".into());
    situation.observation.pauses.insert(target("llama", "llama"), unreadable);
    let decision = decide(&situation);
    assert_eq!((decision.rule, decision.pauses.len()), (Rule::Restoring, 0));
    assert!(decision.events.iter().any(|event| event.reason == "RestoreUnreadable"));
    situation.observation.pauses.insert(target("llama", "llama"), PauseSeen::Absent);
    let decision = decide(&situation);
    assert_eq!(decision.rule, Rule::OutsideWindow);
    assert_eq!(decision.ledger.entry(&id(CHATTERBOX)).paused.len(), 0);
}

/// Residents do not wait for memory that never returns.
#[test]
fn residents_are_restored_even_when_the_memory_is_missing() {
    let mut world = paused();
    world.attributes = false;
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.bury();
    world.lost_mib = 4096;
    world.wait(181);
    world.expect(CHATTERBOX, Rule::Restoring);
    assert_eq!(llama(&world), 2);
    world.expect(CHATTERBOX, Rule::MemoryMissing);
}

/// Whoever lets go last restores.
#[test]
fn a_resident_that_two_tenants_pause_stays_down_until_both_sleep() {
    let mut world = paused();
    world.tenant(WHISPER, 3072, 2048).gate.pauses = vec![target("llama", "llama")];
    world.expect(WHISPER, Rule::Pausing);
    world.wake(WHISPER, 3072);
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.drain(CHATTERBOX);
    assert_eq!((llama(&world), world.entry(CHATTERBOX).paused.len()), (0, 0));
    world.of(WHISPER).gate.suspend = true;
    world.expect(WHISPER, Rule::Suspended);
    world.drain(WHISPER);
    assert_eq!(llama(&world), 2);
}

/// Chatterbox and whisper pause llama, and whisper's gate does not tick any more.
fn shared_with_a_silent_gate() -> World {
    let mut world = paused();
    world.tenant(WHISPER, 3072, 2048).gate.pauses = vec![target("llama", "llama")];
    world.expect(WHISPER, Rule::Pausing);
    world.wake(WHISPER, 3072);
    for _ in 0..20 {
        world.wait(60);
        world.expect(CHATTERBOX, Rule::Hold);
    }
    world
}

/// Puts chatterbox to sleep, whose gate is the only one that ticks.
fn end_of_the_window(world: &mut World) {
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.run_deployments();
    world.bury();
    world.wait(5);
}

#[test]
fn a_resident_is_kept_down_for_nobody_whose_gate_is_silent_and_who_is_not_in() {
    for state in [State::Asleep, State::Draining] {
        let mut world = shared_with_a_silent_gate();
        world.amend(WHISPER, |entry| entry.state = state);
        end_of_the_window(&mut world);
        world.expect(CHATTERBOX, Rule::Restoring);
        assert_eq!(llama(&world), 2, "{state}");
    }
}

/// Its server may still hold the resident's memory, and somebody who ticks has to know what the resident had.
#[test]
fn a_resident_that_a_silent_gate_keeps_down_is_remembered_by_one_that_ticks() {
    let mut world = shared_with_a_silent_gate();
    end_of_the_window(&mut world);
    let decision = world.expect(CHATTERBOX, Rule::Restoring);
    assert_eq!((decision.pauses.len(), decision.again_in), (0, None));
    let told = decision.events.iter().find(|event| event.reason == "RestoreWaits").unwrap();
    insta::assert_snapshot!(told.note, @"llama/llama is not given back its 2 replicas yet: stt/whisper pauses it too and is not asleep, and nothing was heard of its gate for 3 h 58 min.");
    assert_eq!((llama(&world), world.entry(CHATTERBOX).paused.len()), (0, 1));
    // Whisper's Terraform took it out of the ledger.
    let mut ledger = world.ledger();
    ledger.take(&id(WHISPER));
    world.data = ledger.to_data();
    world.wait(1800);
    world.expect(CHATTERBOX, Rule::Restoring);
    assert_eq!(llama(&world), 2);
}

/// A suspended gate is asked no more; what the other tenant remembers is left to whoever mends its gate.
#[test]
fn a_gate_that_will_not_look_again_remembers_nothing_for_a_silent_one() {
    let mut world = shared_with_a_silent_gate();
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.drain(CHATTERBOX);
    assert_eq!((world.entry(CHATTERBOX).paused.len(), world.entry(WHISPER).paused.len()), (0, 1));
}

#[test]
fn a_resident_is_kept_down_for_nobody_who_may_not_restore_it() {
    let mut world = paused();
    world.tenant(WHISPER, 3072, 2048).gate.pauses = vec![target("llama", "llama")];
    world.expect(WHISPER, Rule::Pausing);
    world.wake(WHISPER, 3072);
    world.amend(WHISPER, |entry| entry.paused[0].told_unreadable = true);
    end_of_the_window(&mut world);
    world.expect(CHATTERBOX, Rule::Restoring);
    assert_eq!(llama(&world), 2);
}

/// Protected, but scaled to 0 for the window: its room is not owed meanwhile.
#[test]
fn a_protected_resident_is_owed_nothing_while_it_is_paused() {
    let mut world = option_b();
    world.protect_llama(12_000);
    let llama = world.declared.card.residents.get_mut(&"llama".parse().unwrap()).unwrap();
    llama.pod_prefix = Some("llama-".into());
    world.expect(CHATTERBOX, Rule::Pausing);
    world.expect(CHATTERBOX, Rule::Pausing);
    world.residents.insert("llama".into(), 0);
    // Whisper does not pause it, and will be there when it comes back.
    world.tenant(WHISPER, 3072, 2048);
    world.expect(WHISPER, Rule::Refused);
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn nobody_is_paused_for_a_start_that_will_not_be() {
    let mut world = option_b();
    world.now = at("2026-11-21T05:50:00Z");
    world.expect(CHATTERBOX, Rule::TooLate);
    assert_eq!(world.entry(CHATTERBOX).paused.len(), 0);
}
