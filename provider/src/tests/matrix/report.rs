//! What a run says of the matrix: which calls there are, and which rows it left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::SUBJECTS;
use super::fault::{FAULTS, Fault};
use super::proxy::Call;
use super::rows::{Op, Row};

/// How many calls each operation makes.
pub(super) fn calls(recorded: &[BTreeMap<Op, Vec<Call>>]) {
    for (subject, recorded) in SUBJECTS.iter().zip(recorded) {
        let counts: Vec<String> =
            recorded.iter().map(|(op, calls)| format!("{op} {}", calls.len())).collect();
        println!("calls of {subject}: {}", counts.join(", "));
    }
}

/// Writes every row that a sample left out into a file, and prints for each call which faults it met instead.
pub(super) fn left_out(by_subject: &[BTreeMap<(Op, Call), Vec<Fault>>]) {
    let mut rows = String::new();
    let mut calls = String::new();
    for (subject, left_out) in SUBJECTS.iter().zip(by_subject) {
        for ((op, call), faults) in left_out {
            for fault in faults {
                let row = Row { op: *op, call: call.clone(), fault: *fault };
                writeln!(rows, "{subject}: {row}").unwrap();
            }
            let met = FAULTS.iter().filter(|fault| !faults.contains(fault)).map(ToString::to_string);
            writeln!(calls, "  {subject}: {op}: {call}: {}", met.collect::<Vec<_>>().join("; ")).unwrap();
        }
    }
    let file = file();
    std::fs::write(&file, &rows).unwrap();
    println!(
        "left out: {} rows, each of them in {}; GPU_TENANCY_MATRIX=whole runs all. Of {} faults, each call met:",
        rows.lines().count(),
        file.display(),
        FAULTS.len()
    );
    print!("{calls}");
}

/// Beside the programs that were built.
fn file() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("matrix-left-out.txt")
}
