//! A claim that is filled while its tenant sleeps.

use super::world::*;
use crate::decide::Rule;
use crate::observation::{Prefetch, PrefetchSeen};

fn fetching(state: Prefetch) -> Option<PrefetchSeen> {
    Some(PrefetchSeen { pod: "prefetch-1".into(), created: at("2026-11-21T00:48:00Z"), state })
}

#[test]
fn a_prefetch_that_is_under_way_is_told_and_changes_nothing() {
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T01:00:00Z");
    world.of(CHATTERBOX).prefetch = fetching(Prefetch::UnderWay(Some("ImagePullBackOff".into())));
    let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
    let words = " Its claim is being filled, for 12 min (ImagePullBackOff).";
    assert!(decision.reason.ends_with(words), "{}", decision.reason);
    assert_eq!(decision.status.map(|status| status.reason), Some(decision.reason));
    world.of(CHATTERBOX).prefetch = fetching(Prefetch::Done);
    let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
    assert!(!decision.reason.contains("claim"), "{}", decision.reason);
    world.of(CHATTERBOX).prefetch = fetching(Prefetch::UnderWay(None));
    world.now = at("2026-11-21T02:00:00Z");
    world.expect(CHATTERBOX, Rule::Admitted);
}

#[test]
fn a_try_that_failed_is_told_once_and_stands_in_the_status() {
    let mut world = World::t4(0).with_chatterbox();
    world.now = at("2026-11-21T01:00:00Z");
    world.expect(CHATTERBOX, Rule::OutsideWindow);
    let failed = |at| fetching(Prefetch::Failed { at, why: "Error, exit status 3".into() });
    world.of(CHATTERBOX).prefetch = failed(at("2026-11-21T01:20:00Z"));
    let told = |world: &mut World| {
        let decision = world.expect(CHATTERBOX, Rule::OutsideWindow);
        assert!(decision.reason.ends_with(" The last try to fill its claim failed: Error, exit status 3."));
        decision.events.iter().filter(|event| event.reason == "PrefetchFailed").count()
    };
    let mut count = |when: &str| {
        world.now = at(when);
        told(&mut world)
    };
    assert_eq!(count("2026-11-21T01:30:00Z"), 1);
    assert_eq!(count("2026-11-21T01:30:05Z"), 0);
    assert_eq!(count("2026-11-21T01:35:05Z"), 0, "nothing new has failed since");
    world.of(CHATTERBOX).prefetch = failed(at("2026-11-21T01:36:00Z"));
    world.now = at("2026-11-21T01:40:00Z");
    assert_eq!(told(&mut world), 1, "another try");
}
