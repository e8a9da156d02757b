//! The rows of the table, by number and name.

use serde::{Deserialize, Serialize};

use super::draft::Voice;

/// The rows of the table at [`super::decide`], with their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the table at `decide` says it")]
pub enum Rule {
    AlwaysAwake = 1,
    LedgerUnreadable = 2,
    Draining = 3,
    MemoryMissing = 4,
    Suspended = 5,
    NoDeployment = 6,
    SwitchedOff = 7,
    HeldByHand = 8,
    StartedByHand = 9,
    OutsideWindow = 10,
    Idle = 11,
    Restoring = 12,
    BlindYield = 13,
    CriticalYield = 14,
    WrongCard = 15,
    CrashLoop = 16,
    PodPending = 17,
    LoadingLimit = 18,
    ShortYield = 19,
    BlindHold = 20,
    ShortHold = 21,
    Starting = 22,
    Hold = 23,
    NoFloor = 24,
    FoundAwake = 25,
    BackingOff = 26,
    TooLate = 27,
    NoDemand = 28,
    Blind = 29,
    WaitForMemory = 30,
    Pausing = 31,
    Refused = 32,
    Admitted = 33,
}

impl Rule {
    /// Its number in the table.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether a person should look.
    pub fn is_trouble(self) -> bool {
        use Rule::*;
        matches!(
            self,
            LedgerUnreadable
                | MemoryMissing
                | NoDeployment
                | StartedByHand
                | BlindYield
                | CriticalYield
                | WrongCard
                | CrashLoop
                | PodPending
                | LoadingLimit
                | ShortYield
                | BlindHold
                | ShortHold
                | NoFloor
                | Blind
                | Refused
        )
    }

    /// Whether it sends a tenant away for the card's sake or its own, and not
    /// because its time is over.
    pub fn is_yield(self) -> bool {
        use Rule::*;
        matches!(
            self,
            BlindYield | CriticalYield | WrongCard | CrashLoop | PodPending | LoadingLimit | ShortYield
        )
    }

    /// Whether it keeps a tenant asleep that may be awake.
    pub fn is_refusal(self) -> bool {
        use Rule::*;
        matches!(self, NoFloor | BackingOff | TooLate | Blind | WaitForMemory | Refused)
    }

    /// Whether it was taken without the card's figures.
    pub fn is_blind(self) -> bool {
        matches!(self, Rule::BlindHold | Rule::Blind | Rule::BlindYield)
    }

    /// Whether a start came to nothing by the tenant's own fault or its place's.
    pub(super) fn is_failed_start(self) -> bool {
        use Rule::*;
        matches!(self, WrongCard | CrashLoop | PodPending | LoadingLimit)
    }

    /// Whether the tenant may be scaled to 0 although that could not be written
    /// down: the next tick finds by the time, the configuration or the annotation
    /// that it should sleep, and does not take the gate's own call for a hand.
    /// A yield is nowhere else to be read, so it has to wait until it is written.
    pub fn may_close_unwritten(self) -> bool {
        use Rule::*;
        matches!(self, LedgerUnreadable | Draining | MemoryMissing | Suspended | SwitchedOff | OutsideWindow)
    }

    /// How often people hear of it by an Event.
    pub(super) fn voice(self) -> Voice {
        use Rule::*;
        match self {
            AlwaysAwake | Draining | Starting | Hold => Voice::Quiet,
            Suspended | SwitchedOff | HeldByHand | OutsideWindow | Idle | Restoring | NoDemand => {
                Voice::OnChange
            }
            LedgerUnreadable | MemoryMissing | NoDeployment | StartedByHand | BlindYield | CriticalYield
            | WrongCard | CrashLoop | PodPending | LoadingLimit | ShortYield | BlindHold | ShortHold
            | NoFloor | FoundAwake | BackingOff | TooLate | Blind | WaitForMemory | Pausing | Refused
            | Admitted => Voice::Repeated,
        }
    }
}
