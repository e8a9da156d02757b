//! The rows of the matrix: each call of each operation with each fault, or a sample of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::fault::{FAULTS, Fault};
use super::proxy::Call;

/// How often the same look counts as a call of its own; a wait looks as often as it takes.
const LOOKS: u32 = 2;

/// What Terraform asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Create,
    Read,
    /// From the first shape to the second.
    Update,
    /// From the second shape to the first.
    Back,
    Delete,
}

impl Op {
    pub(super) const ALL: [Op; 5] = [Op::Create, Op::Read, Op::Update, Op::Back, Op::Delete];
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Create => "create",
            Op::Read => "read",
            Op::Update => "update",
            Op::Back => "update back",
            Op::Delete => "delete",
        })
    }
}

/// One call of one operation, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) op: Op,
    pub(super) call: Call,
    pub(super) fault: Fault,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.op, self.call, self.fault)
    }
}

/// What is still to be done, by operation.
#[derive(Debug, Default)]
pub(super) struct Rows {
    left: BTreeMap<Op, VecDeque<Row>>,
    /// How many rows the whole matrix has.
    pub(super) whole: usize,
}

impl Rows {
    /// The rows of recorded calls: all, or a sample in which each call meets a fault and each operation meets
    /// every fault. The faults go round from call to call.
    pub(super) fn of(recorded: &BTreeMap<Op, Vec<Call>>, whole: bool) -> Rows {
        let mut rows = Rows::default();
        for (op, calls) in recorded {
            // Calls that go out together come in another order each time.
            let calls: BTreeSet<&Call> =
                calls.iter().filter(|call| call.method != "GET" || call.nth <= LOOKS).collect();
            rows.whole += calls.len() * FAULTS.len();
            // Where there are few calls, each meets more of them.
            let of_each = if whole { FAULTS.len() } else { FAULTS.len().div_ceil(calls.len().max(1)) };
            let left = rows.left.entry(*op).or_default();
            for (number, call) in calls.into_iter().enumerate() {
                for turn in 0..of_each {
                    let fault = FAULTS[(number * of_each + turn) % FAULTS.len()];
                    left.push_back(Row { op: *op, call: call.clone(), fault });
                }
            }
        }
        rows
    }

    /// Takes out every so-manieth row of those that pass.
    pub(super) fn take_every(&mut self, step: usize, which: impl Fn(&Row) -> bool) -> Vec<Row> {
        let mut number = 0;
        let mut taken = Vec::new();
        for left in self.left.values_mut() {
            left.retain(|row| {
                number += usize::from(which(row));
                let stays = !which(row) || number % step != 0;
                if !stays {
                    taken.push(row.clone());
                }
                stays
            });
        }
        taken
    }

    pub(super) fn take(&mut self, op: Op) -> Option<Row> {
        self.left.get_mut(&op)?.pop_front()
    }

    pub(super) fn has(&self, op: Op) -> bool {
        self.left.get(&op).is_some_and(|left| !left.is_empty())
    }

    pub(super) fn len(&self) -> usize {
        self.left.values().map(VecDeque::len).sum()
    }
}
