//! No promise of the gates is broken in any world that chance finds.

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use simulator::generate::{Shape, script};
use simulator::script::Script;
use simulator::{Keeper, play};

/// The worlds are the same at each run, so that nobody's change fails by chance. To look for others:
/// `SIMULATOR_CASES=20000 SIMULATOR_SEED=7 cargo test --release -p simulator`.
fn config(usual_cases: u32) -> Config {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    Config {
        cases: given("SIMULATOR_CASES").unwrap_or(usual_cases),
        rng_seed: RngSeed::Fixed(given("SIMULATOR_SEED").map_or(0, u64::from)),
        max_shrink_iters: 4_000,
        failure_persistence: None,
        ..Config::default()
    }
}

/// A world in which a promise was broken, as a failed test prints it.
struct Told(String);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Plays worlds of this shape; the smallest one that breaks a promise is told with its trace.
fn hold_in_all_worlds(shape: Shape, usual_cases: u32) -> Result<(), Told> {
    let played = TestRunner::new(config(usual_cases)).run(&script(shape), |script| {
        let outcome =
            play(&script, Keeper::Ours, false).map_err(|why| TestCaseError::fail(why.to_string()))?;
        outcome.broken.map_or(Ok(()), |broken| Err(TestCaseError::fail(broken)))
    });
    played.map_err(|why| match why {
        TestError::Fail(why, script) => Told(format!("{why}\n\n{}\n{script:#?}", trace(&script))),
        TestError::Abort(why) => Told(why.to_string()),
    })
}

fn trace(script: &Script) -> String {
    play(script, Keeper::Ours, true).map_or_else(|why| why.to_string(), |outcome| outcome.trace.to_string())
}

#[test]
fn one_tenant_for_two_days() -> Result<(), Told> {
    hold_in_all_worlds(Shape { tenants: (1, 1), attributes: None, days: 2, troubles: 4 }, 20)
}

#[test]
fn a_few_tenants_for_two_days() -> Result<(), Told> {
    hold_in_all_worlds(Shape { tenants: (1, 4), attributes: None, days: 2, troubles: 10 }, 8)
}

/// One world is enough of a wait: `cargo xtask simulate` plays a year of them.
#[test]
fn very_many_tenants_for_a_day() -> Result<(), Told> {
    hold_in_all_worlds(Shape { tenants: (30, 50), attributes: Some(true), days: 1, troubles: 10 }, 1)
}
