//! The rows of the matrix: each call of each operation with each fault, or a sample of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::fault::{FAULTS, Fate, Fault};
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
    /// What exists is taken into a state.
    Import,
    /// Its data source.
    LookUp,
    /// It is awake, and an update puts it to sleep.
    Suspend,
    Delete,
    /// It is awake when it is destroyed.
    DeleteAwake,
}

impl Op {
    pub(super) const ALL: [Op; 9] = [
        Op::Create,
        Op::Read,
        Op::Update,
        Op::Back,
        Op::Import,
        Op::LookUp,
        Op::Suspend,
        Op::Delete,
        Op::DeleteAwake,
    ];
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Create => "create",
            Op::Read => "read",
            Op::Update => "update",
            Op::Back => "update back",
            Op::Import => "import",
            Op::LookUp => "look-up",
            Op::Suspend => "suspend while awake",
            Op::Delete => "delete",
            Op::DeleteAwake => "delete while awake",
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

impl Row {
    /// Whether a look is told that something is not there, which is an answer and a wrong one.
    pub(super) fn is_misled(&self) -> bool {
        self.call.method == "GET" && self.fault.fate == Fate::Refused(404)
    }
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
    /// Those that a sample leaves out, by the call.
    pub(super) left_out: BTreeMap<(Op, Call), Vec<Fault>>,
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
                for turn in 0..FAULTS.len() {
                    let fault = FAULTS[(number * of_each + turn) % FAULTS.len()];
                    if turn < of_each {
                        left.push_back(Row { op: *op, call: call.clone(), fault });
                    } else {
                        rows.left_out.entry((*op, call.clone())).or_default().push(fault);
                    }
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

    /// The operations of which there is any row.
    pub(super) fn ops(&self) -> impl Iterator<Item = Op> + '_ {
        self.left.iter().filter(|(_, left)| !left.is_empty()).map(|(op, _)| *op)
    }

    pub(super) fn len(&self) -> usize {
        self.left.values().map(VecDeque::len).sum()
    }
}
