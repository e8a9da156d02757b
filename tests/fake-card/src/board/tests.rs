use super::*;
use crate::wire::{HolderKind, Owner, RefusedCounts};

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn board() -> Board {
    let mut board = Board::default();
    board.add_card("name=t4,uuid=GPU-1,total-mib=1000,reserved-mib=100".parse().unwrap()).unwrap();
    board
}

fn request(mib: u64) -> AllocationRequest {
    let owner = Owner {
        namespace: "tts".into(),
        pod: "chatterbox".into(),
        container: "server".into(),
        process_name: "fake-model".into(),
        pid: None,
        pod_uid: None,
    };
    AllocationRequest { owner, mib, scripted: false, lease_s: 2.0, leaves_leak: false }
}

fn step(after_s: f64, mib: u64) -> Step {
    Step { after_s, resident: "llama".into(), mib, scripted: false, hidden: false }
}

#[test]
fn a_lease_ends_without_a_sign_of_life() {
    let mut board = board();
    let id = board.allocate("t4", request(300), at(0.0)).unwrap().id;
    board.keep_alive(id, at(1.9)).unwrap();
    assert_eq!(board.state("t4", at(3.8)).unwrap().used_mib, 300);
    assert_eq!(board.state("t4", at(3.9)).unwrap().used_mib, 0);
    assert_eq!(board.keep_alive(id, at(4.0)), Err(BoardError::NoAllocation(id)));
    assert_eq!(board.take_happened(at(4.0)), ["t4: the lease of allocation 1 ended"]);
}

#[test]
fn growing_is_a_sign_of_life() {
    let mut board = board();
    let id = board.allocate("t4", request(300), at(0.0)).unwrap().id;
    let grown = board.resize(id, &ResizeRequest { mib: 500, scripted: false }, at(1.5)).unwrap();
    assert_eq!((grown.mib, grown.free_mib), (500, 400));
    assert!(board.is_held(id, at(3.4)));
    assert!(!board.is_held(id, at(3.5)));
}

/// The outcome is that of the order of events, not of when somebody looks: the
/// lease ends at 2 s, so the step at 3 s fits although nothing asked in between.
#[test]
fn what_fell_due_happens_in_order() {
    let mut board = board();
    board.add_script("t4", vec![step(3.0, 900), step(1.0, 500)], at(0.0)).unwrap();
    board.allocate("t4", request(400), at(0.0)).unwrap();
    let state = board.state("t4", at(10.0)).unwrap();
    assert_eq!((state.used_mib, state.steps_to_come), (900, 0));
    assert_eq!(state.refused, RefusedCounts::default());
    assert_eq!(state.peak_used_mib, 900);
}

#[test]
fn a_step_that_does_not_fit_is_counted_as_its_script_says() {
    let mut board = board();
    let expected = Step { scripted: true, ..step(2.0, 902) };
    board.add_script("t4", vec![step(1.0, 901), expected], at(0.0)).unwrap();
    let refusals = board.refusals(Some("t4"), at(5.0));
    assert_eq!(refusals.refused, RefusedCounts { scripted: 1, unscripted: 1 });
    assert_eq!(refusals.refusals[0].at_s, 1.0);
    assert_eq!(board.state("t4", at(5.0)).unwrap().used_mib, 0);
}

#[test]
fn a_removed_card_is_gone_but_not_its_refusals() {
    let mut board = board();
    let id = board.allocate("t4", request(900), at(0.0)).unwrap().id;
    let error = board.allocate("t4", request(1), at(0.0)).unwrap_err();
    assert_eq!(error.to_string(), "out of memory: tts/chatterbox asked t4 for 1 MiB more, 0 are free");
    board.remove_card("t4").unwrap();
    assert_eq!(board.state("t4", at(0.0)), Err(BoardError::NoCard("t4".into())));
    assert_eq!(board.release(id, at(0.0)), Err(BoardError::NoAllocation(id)));
    assert_eq!(board.refusals(Some("t4"), at(0.0)).refused.unscripted, 1);
    assert_eq!(board.refusals(Some("other"), at(0.0)).refused.unscripted, 0);
}

#[test]
fn cards_do_not_share_memory() {
    let mut board = board();
    board.add_card("name=l4,uuid=GPU-2,total-mib=50".parse().unwrap()).unwrap();
    board.allocate("t4", request(900), at(0.0)).unwrap();
    assert!(matches!(board.allocate("l4", request(51), at(0.0)), Err(BoardError::OutOfMemory(_))));
    assert!(board.allocate("l4", request(50), at(0.0)).is_ok());
    let again = "name=l4,uuid=GPU-3,total-mib=1".parse().unwrap();
    assert_eq!(board.add_card(again), Err(BoardError::CardExists("l4".into())));
}

#[test]
fn a_stale_reading_is_of_the_moment_of_the_fault() {
    let mut board = board();
    board.set_fault("t4", Fault::Stale, at(0.0)).unwrap();
    board.allocate("t4", request(300), at(1.0)).unwrap();
    assert_eq!(board.reading("t4", at(1.0)).unwrap().0.free_mib, 900);
    assert_eq!(board.state("t4", at(1.0)).unwrap().free_mib, 600);
    board.set_fault("t4", Fault::None, at(1.0)).unwrap();
    assert_eq!(board.reading("t4", at(1.0)).unwrap().0.free_mib, 600);
}

#[test]
fn an_ended_lease_can_leave_a_leak() {
    let mut board = board();
    board.allocate("t4", AllocationRequest { leaves_leak: true, ..request(300) }, at(0.0)).unwrap();
    assert_eq!(board.state("t4", at(9.0)).unwrap().holders[0].kind, HolderKind::Leak);
    assert_eq!(board.clear_leaks("t4", at(9.0)), Ok(300));
}

#[test]
fn impossible_times_are_refused() {
    let mut board = board();
    for value in [-1.0, f64::INFINITY, 1e9] {
        let error = BoardError::Seconds { field: "after_s", value };
        assert_eq!(board.add_script("t4", vec![step(value, 1)], at(0.0)), Err(error));
    }
    let request = AllocationRequest { lease_s: f64::NAN, ..request(1) };
    assert!(matches!(board.allocate("t4", request, at(0.0)), Err(BoardError::Seconds { .. })));
}
