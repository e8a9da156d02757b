//! The check inside the pod: an init container that lets the model server start
//! only when the card has room for it now, whoever started the pod.

use jiff::Timestamp;

use crate::declared::Declared;
use crate::gate::GateConfig;
use crate::ledger::{Ledger, PodRef};
use crate::observation::{Sample, Unknown};

/// Everything the check rests on.
#[derive(Debug, Clone)]
pub struct AdmitSituation {
    /// The API server's time.
    pub now: Timestamp,
    /// What the gate is told of the tenant.
    pub gate: GateConfig,
    /// The card and every floor on it.
    pub declared: Declared,
    /// The ledger as it was read.
    pub ledger: Ledger,
    /// The pod that asks: this one.
    pub pod: PodRef,
    /// The value of [`crate::gate::OVERRIDE_ANNOTATION`] on the Deployment, if it is there.
    pub override_annotation: Option<String>,
    /// The card's own figures from one scrape, or why there are none.
    pub device: Result<Sample, Unknown>,
}

/// The answer to a pod that wants to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Write this ledger by compare-and-swap; when that succeeded, exit 0. On
    /// 409 observe and ask again.
    Go {
        /// The ledger with the pod as loading.
        ledger: Ledger,
        /// Why, as one sentence.
        reason: String,
    },
    /// Write nothing, sleep some seconds, observe and ask again.
    Wait {
        /// Why, as one sentence.
        reason: String,
    },
}

/// Whether the pod may start now.
pub fn admit_pod(input: &AdmitSituation) -> Admission {
    Admission::Wait { reason: format!("{} is not judged yet.", input.pod.name) }
}
