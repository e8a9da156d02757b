//! What went wrong once, or could: each by its own test.

use super::world::*;
use crate::decide::{Rule, decide};
use crate::gate::UnloadCall;
use crate::ledger::State;
use crate::observation::{PauseSeen, Phase, PodSeen};
use crate::window::Schedule;

#[test]
fn a_target_that_is_paused_no_longer_gets_its_replicas_back_in_mid_window() {
    let mut world = paused();
    world.of(CHATTERBOX).gate.pauses.clear();
    world.expect(CHATTERBOX, Rule::Hold);
    assert_eq!(llama(&world), 2);
    assert_eq!(world.entry(CHATTERBOX).paused.len(), 1, "it is remembered until it was seen");
    world.expect(CHATTERBOX, Rule::Hold);
    assert!(world.entry(CHATTERBOX).paused.is_empty());
    assert!(world.told("Restored"));
}

#[test]
fn of_two_targets_only_the_one_that_was_taken_out_comes_back() {
    let mut world = paused();
    world.scales.insert(target("photos", "photos"), 1);
    world.of(CHATTERBOX).gate.pauses = vec![target("photos", "photos")];
    world.look(CHATTERBOX);
    world.look(CHATTERBOX);
    assert_eq!(
        (llama(&world), world.scales[&target("photos", "photos")]),
        (2, 1),
        "photos at the next admission"
    );
}

#[test]
fn windows_that_became_always_give_residents_back() {
    let mut world = paused();
    world.of(CHATTERBOX).gate.schedule = Schedule::Always;
    world.expect(CHATTERBOX, Rule::AlwaysAwake);
    assert_eq!(llama(&world), 2);
    world.expect(CHATTERBOX, Rule::AlwaysAwake);
    assert!(world.entry(CHATTERBOX).paused.is_empty());
}

/// The right to it went with the configuration: every look would say so anew.
#[test]
fn a_restore_without_the_right_is_told_once_and_says_what_to_do() {
    let mut world = paused();
    world.of(CHATTERBOX).gate.pauses.clear();
    let (mut notes, mut again) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut situation = world.situation(CHATTERBOX);
        let forbidden = PauseSeen::Unreadable("deployments/scale is forbidden".into());
        situation.observation.pauses.insert(target("llama", "llama"), forbidden);
        let decision = decide(&situation);
        world.data = decision.ledger.to_data();
        notes.extend(decision.events.into_iter().filter(|event| event.reason == "RestoreUnreadable"));
        again.push(decision.again_in);
        world.wait(600);
    }
    assert_eq!(notes.len(), 1);
    insta::assert_snapshot!(notes[0].note, @"llama/llama cannot be given back its 2 replicas: deployments/scale is forbidden. If the tenant no longer pauses it, scale it by hand: kubectl -n llama scale deployment/llama --replicas=2");
    assert_eq!(again, [None, None, None], "looking again soon changes nothing");
    // The right is there again.
    world.look(CHATTERBOX);
    assert_eq!(llama(&world), 2);
}

/// Defect 20, by another road: a node under pressure evicts the pod again and again.
#[test]
fn pods_that_go_before_they_are_ready_count_as_crashes() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    for _ in 0..2 {
        assert!(world.admit(CHATTERBOX));
        world.expect(CHATTERBOX, Rule::Starting);
        world.pod(CHATTERBOX).0.phase = Phase::Failed;
        world.pod(CHATTERBOX).0.deleting = true;
        world.bury();
        world.run_deployments();
        world.wait(30);
        world.expect(CHATTERBOX, Rule::Starting);
    }
    world.of(CHATTERBOX).pods.clear();
    world.run_deployments();
    let decision = world.expect(CHATTERBOX, Rule::CrashLoop);
    insta::assert_snapshot!(decision.reason, @"3 times in a row the model server crashed or its pod was gone before it was ready (3 of them gone; the namespace's Events may say who evicted them). It yields and backs off.");
}

/// People correct a ledger by hand, and need not know every field.
#[test]
fn an_entry_without_a_pod_is_awake_no_longer_when_there_is_none() {
    let mut world = awake();
    world.amend(CHATTERBOX, |entry| entry.pod = None);
    world.of(CHATTERBOX).pods.clear();
    world.expect(CHATTERBOX, Rule::Starting);
    assert_eq!(world.state(CHATTERBOX), State::Reserved);
}

/// A rollout in mid-window is no crash.
#[test]
fn an_awake_pod_that_is_replaced_is_no_crash() {
    let mut world = awake();
    for _ in 0..4 {
        world.of(CHATTERBOX).pods.clear();
        world.run_deployments();
        world.expect(CHATTERBOX, Rule::Starting);
        assert!(world.admit(CHATTERBOX));
        world.pod(CHATTERBOX).0.ready = true;
        world.expect(CHATTERBOX, Rule::Hold);
    }
    assert_eq!(world.entry(CHATTERBOX).crashes, 0);
}

#[test]
fn the_pause_after_failed_starts_doubles_up_to_its_bound() {
    let mut world = World::t4(0).with_chatterbox();
    world.of(CHATTERBOX).gate.schedule =
        windows(r#"{"n":{"start":"00:00","end":"23:59","time_zone":"UTC"}}"#);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        world.expect(CHATTERBOX, Rule::Admitted);
        world.pod(CHATTERBOX).0.node = None;
        world.wait(121);
        world.expect(CHATTERBOX, Rule::PodPending);
        let until = world.entry(CHATTERBOX).backoff_until.unwrap();
        pauses.push(until.duration_since(world.now).as_secs());
        world.run_deployments();
        world.bury();
        world.now = until;
        world.data = {
            let mut ledger = world.ledger();
            let mut entry = ledger.entry(&id(CHATTERBOX));
            entry.enter(State::Asleep, until);
            entry.drain = None;
            entry.replicas_confirmed = true;
            ledger.set(id(CHATTERBOX), entry);
            ledger.to_data()
        };
    }
    assert_eq!(pauses, [600, 1200, 2400, 4800, 7200, 7200]);
    // The window is over: the next one begins with the first pause.
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    assert_eq!(world.entry(CHATTERBOX).failures, 0);
}

/// The ledger could not be written as the window closed; the scale call went through.
#[test]
fn a_closing_that_was_not_written_down_is_no_hand() {
    for next in ["2026-11-21T06:05:00Z", "2026-11-22T02:00:00Z"] {
        let mut world = awake();
        world.now = at("2026-11-21T06:00:00Z");
        let decision = decide(&world.situation(CHATTERBOX));
        assert!(decision.rule.may_close_unwritten());
        world.of(CHATTERBOX).replicas = decision.scale.unwrap();
        world.run_deployments();
        world.bury();
        world.now = at(next);
        world.look(CHATTERBOX);
        let entry = world.entry(CHATTERBOX);
        assert_eq!(entry.held_by_hand_until, None, "at {next}");
        assert!(
            matches!(entry.state, State::Asleep | State::Draining | State::Reserved),
            "{:?}",
            entry.state
        );
        assert!(!world.told("HeldByHand"));
    }
}

/// Nothing but the ledger would tell the next tick who did it.
#[test]
fn a_yield_waits_until_it_is_written_down() {
    let mut world = awake();
    world.residents.insert("llama".into(), 10_400);
    let decision = decide(&world.situation(CHATTERBOX));
    assert_eq!((decision.rule, decision.scale), (Rule::CriticalYield, Some(0)));
    assert!(!decision.rule.may_close_unwritten());
}

/// A neighbour that nobody declared took as much as came back.
#[test]
fn memory_that_was_only_estimated_is_not_waited_for_for_ever() {
    let mut world = awake();
    world.attributes = false;
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.bury();
    world.residents.insert("llama".into(), 8192);
    world.wait(1860);
    world.expect(CHATTERBOX, Rule::MemoryMissing);
    world.wait(1);
    world.expect(CHATTERBOX, Rule::Suspended);
    assert_eq!(world.state(CHATTERBOX), State::Asleep);
    let told = world.events.iter().find(|event| event.reason == "MemoryGivenUp").unwrap();
    insta::assert_snapshot!(told.note, @"The card waited 31 min for 4,096 MiB to return. That was only an estimate of what it held, its pods are gone, and a neighbour may have grown by as much; it is waited for no longer.");
}

/// What the source named is missing as long as it is.
#[test]
fn memory_that_was_known_is_waited_for() {
    let mut world = awake();
    world.of(CHATTERBOX).gate.suspend = true;
    world.expect(CHATTERBOX, Rule::Suspended);
    world.bury();
    world.lost_mib = 4096;
    world.wait(36_000);
    world.expect(CHATTERBOX, Rule::MemoryMissing);
}

/// A card on the brink of shortage: two reasons take turns at each look.
#[test]
fn two_reasons_that_take_turns_are_each_told_once_in_a_while() {
    let mut world = World::t4(10_000).with_chatterbox();
    for _ in 0..12 {
        world.blind = None;
        world.expect(CHATTERBOX, Rule::Refused);
        world.wait(10);
        world.blind = Some("the scrape timed out".into());
        world.expect(CHATTERBOX, Rule::Blind);
        world.wait(10);
    }
    let count = |reason: &str| world.events.iter().filter(|event| event.reason == reason).count();
    assert_eq!((count("Refused"), count("Blind")), (1, 1));
    world.blind = None;
    world.look(CHATTERBOX);
    assert_eq!(
        world.events.iter().filter(|event| event.reason == "Refused").count(),
        2,
        "after four minutes"
    );
    assert!(world.entry(CHATTERBOX).told.len() <= 2, "what is old is forgotten");
}

#[test]
fn the_words_fit_one_resident_as_well_as_two() {
    let mut world = World::t4(10_000).with_chatterbox();
    world.scales.insert(target("llama", "llama"), 2);
    world.of(CHATTERBOX).gate.pauses = vec![target("llama", "llama")];
    let decision = world.expect(CHATTERBOX, Rule::Pausing);
    insta::assert_snapshot!(decision.reason, @"Wrote down the replicas of llama/llama before room is made for the window.");
    let mut world = paused();
    world.now = at("2026-11-21T06:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    world.run_deployments();
    world.bury();
    let decision = world.expect(CHATTERBOX, Rule::Restoring);
    insta::assert_snapshot!(decision.reason, @"Gives back the replicas of llama/llama after the window.");
}

/// Found by the simulator: its node restarted, it was let in and ready again, and the next tick came half an hour later.
#[test]
fn a_server_that_was_ready_again_long_before_a_tick_is_not_taken_for_one_that_still_loads() {
    let mut world = awake();
    world.wait(600);
    (world.pod(CHATTERBOX).0.ready, world.pod(CHATTERBOX).0.admitted) = (false, false);
    assert!(world.admit(CHATTERBOX));
    (world.pod(CHATTERBOX).0.ready, world.pod(CHATTERBOX).0.restarts) = (true, 1);
    world.wait(1500);
    world.expect(CHATTERBOX, Rule::Starting);
    world.wait(5);
    world.expect(CHATTERBOX, Rule::Hold);
    assert_eq!(world.state(CHATTERBOX), State::Awake);
}

/// A gate that decided nothing without the Deployment gave nobody anything back, and kept the room of a tenant
/// that was gone.
#[test]
fn a_deployment_that_was_deleted_gives_its_residents_and_its_room_back() {
    let mut world = paused();
    world.of(CHATTERBOX).is_deleted = true;
    world.expect(CHATTERBOX, Rule::NoDeployment);
    world.bury();
    world.wait(5);
    world.expect(CHATTERBOX, Rule::Restoring);
    world.expect(CHATTERBOX, Rule::NoDeployment);
    assert_eq!((llama(&world), world.state(CHATTERBOX)), (2, State::Asleep));
    assert!(world.entry(CHATTERBOX).paused.is_empty());
    // Terraform makes it anew, asleep; the hand that deleted it holds nothing.
    let one = world.of(CHATTERBOX);
    (one.is_deleted, one.replicas, one.uid) = (false, 0, "another".into());
    world.expect(CHATTERBOX, Rule::Pausing);
    world.expect(CHATTERBOX, Rule::Pausing);
    world.residents.insert("llama".into(), 0);
    world.expect(CHATTERBOX, Rule::Admitted);
    assert!(!world.told("HeldByHand"));
}

/// A window's last guard tick and its first closing tick fire in the same minute, and a CronJob that forbids two
/// ticks at once knows of its own alone.
#[test]
fn a_second_gate_does_not_cut_the_unload_call_of_the_first_off() {
    let unloading = || {
        let mut world = awake();
        world.of(CHATTERBOX).gate.unload = Some(UnloadCall {
            method: "POST".into(),
            path: "/api/unload".into(),
            port: 8004,
            body: None,
            timeout_s: 30,
        });
        world.now = at("2026-11-21T06:00:00Z");
        let first = decide(&world.situation(CHATTERBOX));
        assert_eq!((first.unload, first.scale), (true, Some(0)));
        // It has written that down and waits for the server, and has not scaled.
        world.data = first.ledger.to_data();
        world
    };
    let mut world = unloading();
    for (waits, scale) in [(1, None), (34, None), (1, Some(0))] {
        world.wait(waits);
        let decision = world.expect(CHATTERBOX, Rule::Draining);
        assert_eq!(decision.scale, scale, "{}", decision.reason);
        assert!(decision.again_in.is_some(), "a gate that died in its call is made good");
    }
    // It yielded while it loaded, so nobody was asked to unload, and became ready before it was scaled.
    let mut world = unloading();
    world.amend(CHATTERBOX, |entry| entry.drain.as_mut().unwrap().unloads = false);
    world.wait(1);
    assert_eq!(world.expect(CHATTERBOX, Rule::Draining).scale, Some(0));
    // There is nothing left of the call to spare.
    for change in [|pod: &mut PodSeen| pod.deleting = true, |pod: &mut PodSeen| pod.ready = false] {
        let mut world = unloading();
        change(&mut world.pod(CHATTERBOX).0);
        world.wait(1);
        assert_eq!(world.expect(CHATTERBOX, Rule::Draining).scale, Some(0));
    }
}

/// Woken by hand outside its windows, it is looked at by a tick of minutes in each half hour.
#[test]
fn a_card_that_was_not_looked_at_for_long_is_looked_at_twice_before_it_counts_as_unknown() {
    let mut world = awake();
    world.now = at("2026-11-21T03:00:00Z");
    world.blind = Some("the scrape timed out".into());
    world.expect(CHATTERBOX, Rule::BlindHold);
    world.wait(1_800);
    world.expect(CHATTERBOX, Rule::BlindHold);
    world.wait(5);
    world.expect(CHATTERBOX, Rule::BlindYield);
}
