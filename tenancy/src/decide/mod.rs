//! The judgement of a gate: what to do now, and why.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::declared::Declared;
use crate::gate::{GateConfig, ScaleTarget};
use crate::ledger::{Ledger, Status};
use crate::observation::{Observation, Trigger};

/// Everything a decision rests on.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The API server's time, from the `Date` of its last answer.
    pub now: Timestamp,
    /// Which CronJob fired.
    pub trigger: Trigger,
    /// What the gate is told of its own tenant.
    pub gate: GateConfig,
    /// The card and every floor on it.
    pub declared: Declared,
    /// The ledger as it was read.
    pub ledger: Ledger,
    /// What was seen.
    pub observation: Observation,
}

/// What to do, and why. The agent acts in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The rule that decided.
    pub rule: Rule,
    /// Why, as one sentence with the figures, for a person at 3 a.m.
    pub reason: String,
    /// First: write this ledger with the resourceVersion that was read, unless
    /// its data is the same. On 409 drop the decision; observe and decide again.
    pub ledger: Ledger,
    /// Second: call the model server's unload, and go on whatever it answers.
    pub unload: bool,
    /// Third: set the tenant's replicas.
    pub scale: Option<u32>,
    /// Fourth: set the replicas of Option B targets.
    pub pauses: Vec<(ScaleTarget, u32)>,
    /// Fifth: tell people, by Events on the tenant's Deployment.
    pub events: Vec<Event>,
    /// What was written into the ledger for this tenant. `None` when the
    /// tenant's own key cannot be read and is therefore left alone.
    pub status: Option<Status>,
    /// Last: observe and decide again after this time, within the same tick if
    /// it may last as long. Nothing breaks when it does not: the next tick finds
    /// everything it needs in the ledger. `None`: the tick is over.
    pub again_in: Option<Duration>,
}

/// Something to tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whether it is bad news.
    pub kind: EventKind,
    /// The machine's word for it, in CamelCase.
    pub reason: String,
    /// The sentence, at most 1,024 bytes.
    pub note: String,
}

/// An Event's type, in Kubernetes' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum EventKind {
    Normal,
    Warning,
}

/// The rows of the table at [`decide`], with their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the table at `decide` says it")]
pub enum Rule {
    AlwaysAwake = 1,
    LedgerUnreadable = 2,
    Draining = 3,
    MemoryMissing = 4,
    Suspended = 5,
    SwitchedOff = 6,
    HeldByHand = 7,
    StartedByHand = 8,
    OutsideWindow = 9,
    Idle = 10,
    Restoring = 11,
    BlindYield = 12,
    CriticalYield = 13,
    CrashLoop = 14,
    PodPending = 15,
    LoadingLimit = 16,
    ShortYield = 17,
    BlindHold = 18,
    ShortHold = 19,
    Starting = 20,
    Hold = 21,
    BackingOff = 22,
    TooLate = 23,
    NoDemand = 24,
    Blind = 25,
    WaitForMemory = 26,
    Pausing = 27,
    Refused = 28,
    Admitted = 29,
    FoundAwake = 30,
}

impl Rule {
    /// Its number in the table.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Decides what one tenant's gate does now.
pub fn decide(input: &Situation) -> Decision {
    Decision {
        rule: Rule::Hold,
        reason: "Nothing is judged yet.".to_owned(),
        ledger: input.ledger.clone(),
        unload: false,
        scale: None,
        pauses: Vec::new(),
        events: Vec::new(),
        status: None,
        again_in: None,
    }
}
