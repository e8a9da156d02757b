//! The rows of the design's table "A T4 as it is", with its numbers.

use super::world::*;
use crate::admit::Admission;
use crate::decide::Rule;
use crate::quantity::Mib;

#[test]
fn at_two_chatterbox_asks_and_6718_would_be_left() {
    let mut world = World::t4(4096).with_chatterbox();
    assert_eq!(world.free(), 10_814);
    let decision = world.expect(CHATTERBOX, Rule::Admitted);
    assert_eq!(decision.scale, Some(1));
    insta::assert_snapshot!(decision.reason, @"10,814 MiB are free; after its 4,096 MiB at least 6,718 MiB stay free, 2,048 MiB must.");
}

#[test]
fn whisper_comes_in_beside_a_loaded_chatterbox() {
    let mut world = World::t4(4096).with_chatterbox();
    world.tenant(WHISPER, 3072, 2048);
    world.wake(CHATTERBOX, 4096);
    world.settle();
    assert_eq!(world.free(), 6718);
    let decision = world.expect(WHISPER, Rule::Admitted);
    insta::assert_snapshot!(decision.reason, @"6,718 MiB are free; after its 3,072 MiB at least 3,646 MiB stay free, 2,048 MiB must.");
}

/// No guard is fast enough for llama; what is left of the card is judged.
#[test]
fn an_unprotected_llama_is_owed_nothing() {
    let mut world = World::t4(4096).with_chatterbox();
    world.tenant(WHISPER, 3072, 2048);
    world.wake(CHATTERBOX, 4096);
    world.settle();
    world.wake(WHISPER, 3072);
    assert_eq!(world.free(), 3646);
    let decision = world.expect(WHISPER, Rule::Hold);
    assert_eq!(decision.status.unwrap().owed_mib, Some(Mib(0)));
}

#[test]
fn a_protected_llama_is_owed_its_growth_and_450_are_short() {
    let mut world = World::t4(4096).with_chatterbox();
    world.protect_llama(9216);
    let decision = world.expect(CHATTERBOX, Rule::Refused);
    assert_eq!(decision.scale, None);
    insta::assert_snapshot!(decision.reason, @"450 MiB short: 10,814 MiB are free, 5,120 MiB owed to llama, it may take 4,096 MiB and 2,048 MiB must stay free.");
}

#[test]
fn llama_grew_so_chatterbox_yields_and_stays_asleep() {
    let mut world = World::t4(4096).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    world.residents.insert("llama".into(), 9216);
    assert_eq!(world.free(), 1598);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(31);
    let decision = world.expect(CHATTERBOX, Rule::ShortYield);
    insta::assert_snapshot!(decision.reason, @"For 31 s, the card is 450 MiB short: 1,598 MiB are free, 2,048 MiB must stay free. It yields.");
    world.drain(CHATTERBOX);
    assert_eq!(world.free(), 5694);
    world.wait(600);
    let decision = world.expect(CHATTERBOX, Rule::Refused);
    insta::assert_snapshot!(decision.reason, @"450 MiB short: 5,694 MiB are free, it may take 4,096 MiB and 2,048 MiB must stay free.");
}

#[test]
fn a_leaking_chatterbox_yields() {
    let mut world = World::t4(4096).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    world.pod(CHATTERBOX).1 = 9216;
    assert_eq!(world.free(), 1598);
    world.expect(CHATTERBOX, Rule::ShortHold);
    world.wait(30);
    let decision = world.expect(CHATTERBOX, Rule::ShortYield);
    insta::assert_snapshot!(decision.reason, @"For 30 s, the card is 450 MiB short: 1,598 MiB are free, 2,048 MiB must stay free. It holds 9,216 MiB itself, 5,120 MiB more than its peak. It yields.");
    // One that leaks faster is told the same.
    let mut world = World::t4(4096).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    world.pod(CHATTERBOX).1 = 10_400;
    let decision = world.expect(CHATTERBOX, Rule::CriticalYield);
    insta::assert_snapshot!(decision.reason, @"Below the critical line, the card is 1,634 MiB short: 414 MiB are free, 2,048 MiB must stay free. It holds 10,400 MiB itself, 6,304 MiB more than its peak. It yields at once.");
}

/// Defect 1 of the shell gate: its guard compared what is free, its own use
/// taken away, with the admission floor, and so wanted twice the peak.
#[test]
fn an_awake_tenant_needs_its_headroom_and_not_its_floor_again() {
    let mut world = World::t4(8000).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    assert_eq!(world.free(), 2814);
    world.expect(CHATTERBOX, Rule::Hold);
}

/// Defect 6: two windows at one minute both passed.
#[test]
fn two_that_ask_in_one_minute_never_both_pass_on_memory_for_one() {
    let mut world = World::t4(6000).with_chatterbox();
    world.tenant(WHISPER, 4096, 2048);
    let (first, second) = (world.situation(CHATTERBOX), world.situation(WHISPER));
    let (first, second) = (super::super::decide(&first), super::super::decide(&second));
    assert_eq!((first.rule, second.rule), (Rule::Admitted, Rule::Admitted));
    let version = world.version;
    assert!(world.act(CHATTERBOX, &first, version));
    assert!(!world.act(WHISPER, &second, version), "the loser of the swap must not act");
    let again = world.expect(WHISPER, Rule::Refused);
    insta::assert_snapshot!(again.reason, @"1,330 MiB short: 8,910 MiB are free, 4,096 MiB owed to tts/chatterbox, it may take 4,096 MiB and 2,048 MiB must stay free.");
}

/// Without attribution a loaded neighbour is still owed its whole peak.
#[test]
fn a_series_that_attributes_nothing_lets_nobody_in_on_a_guess() {
    let mut world = World::t4(4096).with_chatterbox();
    world.attributes = false;
    world.tenant(WHISPER, 3072, 2048);
    world.wake(CHATTERBOX, 4096);
    world.expect(WHISPER, Rule::Refused);
    // And it makes nobody yield either: 6,718 are free.
    world.expect(CHATTERBOX, Rule::Hold);
}

#[test]
fn the_largest_headroom_counts_once() {
    let mut world = World::t4(0);
    world.tenant(CHATTERBOX, 4096, 4096);
    world.tenant(WHISPER, 6000, 1024);
    world.wake(CHATTERBOX, 4096);
    world.settle();
    // 10,814 - 6,000 = 4,814: enough for the larger of both, not for their sum.
    world.expect(WHISPER, Rule::Admitted);

    // Whisper itself would do with 1,024, but chatterbox is awake.
    let mut world = World::t4(0);
    world.tenant(CHATTERBOX, 4096, 4096);
    world.tenant(WHISPER, 6719, 1024);
    world.wake(CHATTERBOX, 4096);
    world.settle();
    let decision = world.expect(WHISPER, Rule::Refused);
    assert!(decision.reason.starts_with("1 MiB short"), "{}", decision.reason);
}

#[test]
fn a_tenant_that_is_always_awake_counts_as_protected() {
    let mut world = World::t4(0).with_chatterbox();
    world.tenant(WHISPER, 9000, 1024);
    world.declared.floors.get_mut(&id(WHISPER)).unwrap().always = true;
    let decision = world.expect(CHATTERBOX, Rule::Refused);
    assert!(decision.reason.contains("9,000 MiB owed to stt/whisper"), "{}", decision.reason);
}

#[test]
fn the_pod_itself_is_told_the_same_sum() {
    let mut world = World::t4(4096).with_chatterbox();
    world.expect(CHATTERBOX, Rule::Admitted);
    world.residents.insert("llama".into(), 9216);
    let Admission::Wait { reason } = world.asks(CHATTERBOX) else { panic!("it must wait") };
    insta::assert_snapshot!(reason, @"450 MiB short: 5,694 MiB are free, it may take 4,096 MiB and 2,048 MiB must stay free.");
}
