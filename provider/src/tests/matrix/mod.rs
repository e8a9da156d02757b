//! Half-way failures: each API call of create, read, update, import, look-up, bedtime and delete fails in
//! turn, on a real API server.
//!
//! The provider is driven through the code that serves Terraform, and one row in twenty by terraform itself.
//! A run without faults finds out which calls there are, so a new call is in the matrix by itself. A row is
//! one call and one fault, and after it:
//!
//! - what is told names the object, the verb and what to do;
//! - nothing is tainted, no state is lost, and what no state knows is not there;
//! - the next apply ends without an error, the plan after it is empty, and nothing is there twice;
//! - a claim is the same as before.

mod bedtime;
mod circle;
mod cli;
mod drift;
mod fault;
mod judge;
mod looks;
mod proxy;
mod report;
mod rows;
mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use circle::{Bench, Circle, Tally};
use proxy::Call;
use rows::{Op, Row, Rows};
use subject::{Card, Exporter, Floor, Subject, Tenant};

/// How many lives are led at once. Most of them wait: for a retry, for a hang, for a namespace to go.
const WORKERS: usize = 16;
/// How many of the workers run terraform, which is what takes the processor's time.
const RUNNERS: usize = 3;
/// One row in so many runs through terraform.
const THROUGH_TERRAFORM: usize = 20;
/// Of a hundred rows at most so many may find that their call does not come this time.
const NOT_MET_PERCENT: usize = 10;
/// After so many problems a run says enough.
const PROBLEMS: usize = 12;
/// The resource types, by number.
const SUBJECTS: [&str; 4] = [Tenant::TYPE, Card::TYPE, Floor::TYPE, Exporter::TYPE];

/// What `cargo xtask test` says of where a run is.
fn surrounding(name: &str) -> OsString {
    std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run this with `cargo xtask test`"))
}

/// What no other run has in its names.
fn run_name() -> String {
    format!("{:x}", jiff::Timestamp::now().as_millisecond() & 0xfff_ffff)
}

/// Everything that the workers share.
struct Matrix {
    run: String,
    rows: [Mutex<Rows>; 4],
    terraform: Mutex<Vec<(usize, Row)>>,
    installed: cli::Installed,
    lives: AtomicUsize,
    tally: Mutex<Tally>,
    /// How many rows ran through terraform.
    ran: AtomicUsize,
}

#[test]
#[ignore = "needs a real API server, and tools: `cargo xtask test` runs it"]
fn every_call_fails_in_turn_and_the_next_apply_mends_it() {
    let begun = Instant::now();
    let whole = std::env::var("GPU_TENANCY_MATRIX").is_ok_and(|it| it == "whole");
    let run = run_name();
    let recorded: Vec<_> = std::thread::scope(|scope| {
        let all = [
            scope.spawn(|| record::<Tenant>(&run)),
            scope.spawn(|| record::<Card>(&run)),
            scope.spawn(|| record::<Floor>(&run)),
            scope.spawn(|| record::<Exporter>(&run)),
        ];
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut rows: Vec<Rows> = recorded.iter().map(|calls| Rows::of(calls, whole)).collect();
    report::calls(&recorded);
    let (all, taken): (usize, usize) =
        (rows.iter().map(|it| it.whole).sum(), rows.iter().map(Rows::len).sum());
    let ops: BTreeSet<Op> = rows.iter().flat_map(Rows::ops).collect();
    let left_out: Vec<_> = rows.iter_mut().map(|it| std::mem::take(&mut it.left_out)).collect();
    let mut terraform = Vec::new();
    for (number, rows) in rows.iter_mut().enumerate() {
        let through =
            rows.take_every(THROUGH_TERRAFORM, |row| !row.fault.hangs() || has_a_say(number, row.op));
        terraform.extend(through.into_iter().map(|row| (number, row)));
    }
    let mut rows = rows.into_iter().map(Mutex::new);
    let matrix = Matrix {
        run,
        rows: std::array::from_fn(|_| rows.next().unwrap()),
        terraform: Mutex::new(terraform),
        installed: block(cli::Installed::new()),
        lives: AtomicUsize::new(0),
        tally: Mutex::default(),
        ran: AtomicUsize::new(0),
    };
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let matrix = &matrix;
            scope.spawn(move || work(matrix, worker < RUNNERS));
        }
    });
    let tally = matrix.tally.into_inner().unwrap();
    let ran = matrix.ran.into_inner();
    println!("{taken} of {all} rows in {} s", begun.elapsed().as_secs());
    println!("  through terraform: {ran}");
    let count = |of: &BTreeMap<Op, usize>, op: Op| of.get(&op).copied().unwrap_or_default();
    for op in &ops {
        let (mended, withstood) = (count(&tally.mended, *op), count(&tally.withstood, *op));
        println!("  {op}: {mended} told and mended, {withstood} withstood");
    }
    if !whole {
        report::left_out(&left_out);
    }
    for row in &tally.not_met {
        println!("left out, because the call did not come this time: {row}");
    }
    assert!(tally.problems.is_empty(), "{} rows:\n{}", tally.problems.len(), tally.problems.join("\n\n"));
    // A matrix that meets nothing proves nothing.
    assert!(tally.not_met.len() * 100 <= taken * NOT_MET_PERCENT, "{} rows not met", tally.not_met.len());
    assert!(ran > 0, "no row ran through terraform");
    for op in Op::ALL {
        assert!(count(&tally.mended, op) > 0, "no fault of {op} was told");
    }
}

/// Whether the operation's time is in the resource's own hand. The installed provider waits for minutes
/// where it is not, and this test's for seconds.
fn has_a_say(subject: usize, op: Op) -> bool {
    SUBJECTS[subject] == Tenant::TYPE && matches!(op, Op::Create | Op::Update | Op::Back | Op::Suspend)
}

/// A runtime of one thread, which ends with what it ran.
fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn record<S: Subject>(run: &str) -> BTreeMap<Op, Vec<Call>> {
    block(async {
        let bench = Bench::new(run);
        let label = format!("r{}", S::TYPE.trim_start_matches("gpu_").chars().next().unwrap_or_default());
        Circle::<S>::begin(&bench, &label).await.record().await.unwrap()
    })
}

/// Leads one life after the other, of the type of which most rows are left.
fn work(matrix: &Matrix, runs_terraform: bool) {
    block(async {
        let bench = Bench::new(&matrix.run);
        loop {
            if matrix.tally.lock().unwrap().problems.len() >= PROBLEMS {
                return;
            }
            let label = matrix.lives.fetch_add(1, Ordering::Relaxed).to_string();
            let row = if runs_terraform { matrix.terraform.lock().unwrap().pop() } else { None };
            if let Some((subject, row)) = row {
                match subject {
                    0 => through_terraform::<Tenant>(matrix, &bench, &label, row).await,
                    1 => through_terraform::<Card>(matrix, &bench, &label, row).await,
                    2 => through_terraform::<Floor>(matrix, &bench, &label, row).await,
                    _ => through_terraform::<Exporter>(matrix, &bench, &label, row).await,
                }
                continue;
            }
            let left = |number: &usize| matrix.rows[*number].lock().unwrap().len();
            let Some(subject) = (0..SUBJECTS.len()).max_by_key(left).filter(|number| left(number) > 0) else {
                return;
            };
            let rows = &matrix.rows[subject];
            let mut tally = Tally::default();
            match subject {
                0 => Circle::<Tenant>::begin(&bench, &label).await.live(rows, &mut tally).await,
                1 => Circle::<Card>::begin(&bench, &label).await.live(rows, &mut tally).await,
                2 => Circle::<Floor>::begin(&bench, &label).await.live(rows, &mut tally).await,
                _ => Circle::<Exporter>::begin(&bench, &label).await.live(rows, &mut tally).await,
            }
            matrix.tally.lock().unwrap().add(tally);
        }
    });
}

async fn through_terraform<S: Subject>(matrix: &Matrix, bench: &Bench, label: &str, row: Row) {
    let circle = Circle::<S>::begin(bench, label).await;
    let outcome = cli::run(&circle, &matrix.installed, &row).await;
    matrix.ran.fetch_add(1, Ordering::Relaxed);
    if outcome.is_err() {
        circle.sweep().await;
    }
    let mut tally = matrix.tally.lock().unwrap();
    match outcome {
        Ok(true) => {}
        Ok(false) => tally.not_met.push(row),
        Err(why) => tally.problems.push(format!("{} through terraform: {row}: {why}", S::TYPE)),
    }
}
