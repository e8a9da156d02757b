//! What may become of a call instead of its answer.

use std::fmt;

/// What the proxy does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It is answered with this status, and the API server never hears of it.
    Refused(u16),
    /// The connection is dropped before the API server hears of it.
    Dropped,
    /// The API server does what it was asked, and the connection is dropped before its answer.
    AnswerLost,
    /// Nothing is heard of it any more, and the API server never hears of it.
    Hung,
    /// The API server does what it was asked, and its answer never comes.
    HungAfter,
}

/// A fate, and whether it meets the same call again when it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    pub(super) fate: Fate,
    pub(super) lasting: bool,
}

const fn lasting(fate: Fate) -> Fault {
    Fault { fate, lasting: true }
}

const fn once(fate: Fate) -> Fault {
    Fault { fate, lasting: false }
}

/// All of them. Those that pass are those that a repeated call outlives.
pub(super) const FAULTS: [Fault; 17] = [
    lasting(Fate::Refused(401)),
    lasting(Fate::Dropped),
    lasting(Fate::Refused(403)),
    once(Fate::Refused(429)),
    lasting(Fate::Refused(404)),
    lasting(Fate::AnswerLost),
    lasting(Fate::Refused(409)),
    once(Fate::Refused(503)),
    lasting(Fate::Refused(410)),
    lasting(Fate::Hung),
    lasting(Fate::Refused(422)),
    once(Fate::Dropped),
    lasting(Fate::Refused(429)),
    lasting(Fate::HungAfter),
    lasting(Fate::Refused(500)),
    once(Fate::AnswerLost),
    lasting(Fate::Refused(503)),
];

impl Fault {
    /// Whether nothing comes back, so that only the operation's own time ends it.
    pub(super) fn hangs(self) -> bool {
        matches!(self.fate, Fate::Hung | Fate::HungAfter)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fate {
            Fate::Refused(429) => f.write_str("429 with Retry-After")?,
            Fate::Refused(status) => write!(f, "{status}")?,
            Fate::Dropped => f.write_str("a dropped connection")?,
            Fate::AnswerLost => f.write_str("a lost answer")?,
            Fate::Hung => f.write_str("a hang")?,
            Fate::HungAfter => f.write_str("a hang after the work")?,
        }
        f.write_str(if self.lasting { "" } else { ", once" })
    }
}
