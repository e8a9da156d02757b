//! Years of a card in minutes.
//!
//! A [`script::Script`] says what befalls a card and those who want it. [`play`]
//! plays it with one of two keepers: our gates, which are `tenancy::decide`,
//! `tenancy::admit` and the ledger with real compare-and-swap, or the rules of
//! the shell gate that they replace. Everything around them is simulated in the
//! time of an event queue: CronJobs with their deadlines, pods that start and
//! go, a device that answers too large allocations with out-of-memory, an
//! exporter, an API server. While it plays, an audit that knows the device as it
//! really is, and not as it was observed, checks what a gate promises.

mod audit;
mod cron;
mod gates;
pub mod generate;
pub mod page;
mod queue;
pub mod script;
pub mod tally;
mod trace;
mod world;

use tenancy::Invalid;

use script::Script;
use tally::Tally;
pub use trace::Trace;

/// Who keeps the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// `decide`, `admit_pod` and the ledger.
    Ours,
    /// The shell CronJobs of seed 000.
    Shell,
}

/// How a script went.
#[derive(Debug)]
pub struct Outcome {
    /// What is counted.
    pub tally: Tally,
    /// The first promise that was broken, in words with its time.
    pub broken: Option<String>,
    /// What happened, if it was asked for, until a promise was broken.
    pub trace: Trace,
}

/// Plays a script to its end. Only our gates promise anything.
///
/// # Errors
/// A script that means no legal world, such as a window without a length.
pub fn play(script: &Script, keeper: Keeper, traced: bool) -> Result<Outcome, Invalid> {
    let mut world = world::World::new(script, keeper, traced)?;
    world.play();
    let (tally, broken) = world.audit.outcome();
    Ok(Outcome { tally, broken, trace: world.trace })
}
