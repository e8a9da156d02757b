//! A stage of a long run, with the time it may take.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::step;

/// A part of a run and its budget, on two cores and a cold machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    /// What it is called in the output.
    pub(crate) name: &'static str,
    /// How many minutes it may take.
    pub(crate) budget_minutes: u64,
}

impl Stage {
    /// Does the work and says how long it took; a stage over its budget says so, but does not fail for it:
    /// a slow machine is no defect of the code.
    ///
    /// # Errors
    /// Those of the work.
    pub(crate) fn run<T>(self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        step::say(format!("== {} (budget {} min)", self.name, self.budget_minutes));
        let done = work();
        step::say(self.verdict(started.elapsed()));
        done
    }

    fn verdict(self, took: Duration) -> String {
        let minutes = took.as_secs_f64() / 60.0;
        let name = self.name;
        match took > Duration::from_secs(self.budget_minutes * 60) {
            true => format!("== {name}: OVER BUDGET, {minutes:.1} of {} min", self.budget_minutes),
            false => format!("== {name}: {minutes:.1} of {} min", self.budget_minutes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: Stage = Stage { name: "unit", budget_minutes: 8 };

    #[test]
    fn a_stage_over_its_budget_says_so() {
        assert_eq!(STAGE.verdict(Duration::from_secs(540)), "== unit: OVER BUDGET, 9.0 of 8 min");
        assert_eq!(STAGE.verdict(Duration::from_secs(480)), "== unit: 8.0 of 8 min");
    }
}
