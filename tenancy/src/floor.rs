//! A tenant's claim on a card.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::TenantId;
use crate::quantity::Mib;

/// What one tenant claims of its card: peak, headroom and rank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Whose claim it is.
    pub tenant: TenantId,
    /// The most video memory it ever holds.
    pub peak_mib: Mib,
    /// Where that figure comes from.
    #[serde(default)]
    pub basis: Basis,
    /// What must stay free on the card beside everything while it is awake.
    pub headroom_mib: Mib,
    /// Who yields first when the card is short: the lowest. Equal ranks: the
    /// one admitted last.
    #[serde(default)]
    pub priority: i32,
    /// Counted as protected: it is awake at all times and no gate runs for it.
    #[serde(default)]
    pub always: bool,
}

impl Floor {
    /// Peak plus headroom: what must be free for the tenant to be admitted to
    /// a card that owes nothing to anybody.
    pub fn floor_mib(&self) -> Mib {
        Mib(self.peak_mib.0.saturating_add(self.headroom_mib.0))
    }
}

/// Where a peak comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A person wrote it down.
    #[default]
    Guessed,
    /// It was seen.
    Measured {
        /// What reported it, such as a metric's name and where it was read.
        source: String,
        /// When it was read.
        at: Timestamp,
    },
}
