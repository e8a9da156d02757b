use proptest::prelude::*;

use super::*;

const T0: Duration = Duration::ZERO;

fn t4() -> Card {
    Card::new("name=t4,uuid=GPU-1,total-mib=15360,reserved-mib=450".parse().unwrap())
}

fn owner(pod: &str) -> Owner {
    Owner {
        namespace: "tts".into(),
        pod: pod.into(),
        container: "server".into(),
        process_name: "python".into(),
        pid: None,
        pod_uid: None,
    }
}

fn allocation(pod: &str, mib: u64) -> Allocation {
    let lease = Duration::from_secs(2);
    Allocation { owner: owner(pod), mib, lease, expires: lease, leaves_leak: false }
}

/// The night of the design page: llama holds 4,096, chatterbox and whisper load,
/// llama then asks for more than is left.
#[test]
fn the_first_night() {
    let mut card = t4();
    card.set_resident("llama", None, false, 4096, false, T0).unwrap();
    assert_eq!(card.free_mib(), 10_814);
    card.allocate(1, allocation("chatterbox", 4096), false, T0).unwrap();
    assert_eq!(card.free_mib(), 6_718);
    card.allocate(2, allocation("whisper", 3072), false, T0).unwrap();
    assert_eq!(card.free_mib(), 3_646);

    let refusal = card.set_resident("llama", None, false, 9216, true, T0).unwrap_err();
    assert_eq!((refusal.requested_mib, refusal.free_mib, refusal.scripted), (5_120, 3_646, true));
    assert_eq!(card.free_mib(), 3_646, "a refusal takes nothing");
    assert_eq!(card.refused(), RefusedCounts { scripted: 1, unscripted: 0 });
    assert_eq!(card.peak_used_mib(), 4096 + 4096 + 3072);
}

#[test]
fn exactly_what_is_free_fits_and_one_more_does_not() {
    let mut card = t4();
    let refusal = card.allocate(1, allocation("a", 14_911), false, T0).unwrap_err();
    assert_eq!((refusal.holder.as_str(), refusal.requested_mib, refusal.free_mib), ("tts/a", 14_911, 14_910));
    card.allocate(1, allocation("a", 14_910), false, T0).unwrap();
    assert_eq!(card.free_mib(), 0);
    assert!(card.resize(1, 14_911, false, T0).unwrap().is_err());
    assert!(card.resize(1, 1, false, T0).unwrap().is_ok());
    assert_eq!(card.free_mib(), 14_909);
    assert_eq!(card.refused(), RefusedCounts { scripted: 0, unscripted: 2 });
}

#[test]
fn what_is_gone_is_not_found() {
    let mut card = t4();
    card.allocate(1, allocation("a", 10), false, T0).unwrap();
    assert!(card.release(1));
    assert!(!card.release(1));
    assert!(!card.keep_alive(1, T0));
    assert!(card.resize(1, 5, false, T0).is_none());
}

#[test]
fn a_leak_holds_memory_that_no_pod_explains() {
    let mut card = t4();
    let leaky = Allocation { leaves_leak: true, ..allocation("a", 1000) };
    card.allocate(1, leaky, false, T0).unwrap();
    card.release(1);
    assert_eq!(card.used_mib(), 1000);
    let holders = card.snapshot().holders;
    assert_eq!((holders[0].kind, holders[0].in_pod_metrics), (HolderKind::Leak, false));
    assert_eq!(card.clear_leaks(), 1000);
    assert_eq!(card.used_mib(), 0);
}

#[test]
fn a_resident_keeps_its_process_and_goes_at_zero() {
    let mut card = t4();
    card.set_resident("llama", Some(owner("llama-0")), false, 100, false, T0).unwrap();
    let before = card.snapshot().holders[0].owner.clone();
    card.set_resident("llama", None, false, 200, false, T0).unwrap();
    assert_eq!(card.snapshot().holders[0].owner, before);
    card.set_resident("llama", None, false, 0, false, T0).unwrap();
    assert!(card.snapshot().holders.is_empty());
}

#[derive(Debug, Clone)]
enum Act {
    Allocate { id: u64, mib: u64, leaky: bool },
    Resize { id: u64, mib: u64 },
    Release { id: u64 },
    Resident { name: &'static str, mib: u64 },
    ClearLeaks,
}

fn act() -> impl Strategy<Value = Act> {
    // Sizes that fit, that just do not, and that would overflow a careless sum.
    let mib = || prop_oneof![4 => 0..20_000_u64, 1 => Just(u64::MAX)];
    prop_oneof![
        3 => (0..8_u64, mib(), any::<bool>()).prop_map(|(id, mib, leaky)| Act::Allocate { id, mib, leaky }),
        3 => (0..8_u64, mib()).prop_map(|(id, mib)| Act::Resize { id, mib }),
        2 => (0..8_u64).prop_map(|id| Act::Release { id }),
        2 => (prop::sample::select(vec!["llama", "frigate"]), mib())
            .prop_map(|(name, mib)| Act::Resident { name, mib }),
        1 => Just(Act::ClearLeaks),
    ]
}

proptest! {
    /// Whatever happens, everything on the card adds up to its size; and what is
    /// refused changes nothing but the count of refusals.
    #[test]
    fn the_card_always_adds_up(acts in prop::collection::vec(act(), 1..60)) {
        let mut card = t4();
        for act in acts {
            let before = card.snapshot();
            let (refused_before, peak_before) = (card.refusals().len(), card.peak_used_mib());
            let outcome = match act {
                // An id is used once: the board counts upwards.
                Act::Allocate { id, .. } if card.snapshot().holders.iter().any(|h| h.id == Some(id)) => Ok(()),
                Act::Allocate { id, mib, leaky } => {
                    let wanted = Allocation { leaves_leak: leaky, ..allocation("a", mib) };
                    card.allocate(id, wanted, false, T0)
                }
                Act::Resize { id, mib } => card.resize(id, mib, false, T0).unwrap_or(Ok(())),
                Act::Release { id } => { card.release(id); Ok(()) }
                Act::Resident { name, mib } => card.set_resident(name, None, false, mib, false, T0),
                Act::ClearLeaks => { card.clear_leaks(); Ok(()) }
            };
            let after = card.snapshot();
            let held: u64 = after.holders.iter().map(|holder| holder.mib).sum();
            prop_assert_eq!(held + after.spec.reserved_mib + after.free_mib, after.spec.total_mib);
            prop_assert_eq!(held, after.used_mib);
            prop_assert!(card.peak_used_mib() >= after.used_mib);
            if outcome.is_err() {
                prop_assert_eq!(&before, &after);
                prop_assert_eq!(card.refusals().len(), refused_before + 1);
                prop_assert_eq!(card.peak_used_mib(), peak_before);
            } else {
                prop_assert_eq!(card.refusals().len(), refused_before);
            }
        }
    }
}
