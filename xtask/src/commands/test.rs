//! `cargo xtask test`: every test, in stages with budgets.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::cargo;
use crate::commands::docs;
use crate::environment;
use crate::places::{Places, Profile};
use crate::runner::Closing;
use crate::stage::Stage;
use crate::step;
use crate::surroundings::Surroundings;
use crate::toolbox;

const TOOLS: Stage = Stage { name: "tools", budget_minutes: 12 };
const BUILD: Stage = Stage { name: "build", budget_minutes: 30 };
const UNIT: Stage = Stage { name: "unit tests", budget_minutes: 8 };
const END_TO_END: Stage = Stage { name: "end-to-end tests", budget_minutes: 25 };

/// The program in which the provider's tests are.
const PROVIDER: &str = "terraform-provider-gpu";
/// The provider's tests that need a cluster, by a part of their names.
const NEEDS_CLUSTER: &str = "tests::matrix::";

/// What to test against, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Start no cluster; use the one of KUBECONFIG, in namespaces of its own.
    #[arg(long)]
    use_kubeconfig: bool,
    /// How many end-to-end tests run at once; they mostly wait, so more than there are cores.
    #[arg(long, default_value_t = 4)]
    threads: u8,
    /// Only the end-to-end tests whose name contains this; the unit tests are left out.
    #[arg(long)]
    only: Option<String>,
}

/// Runs the tests. The output ends with the test runner's own closing lines.
///
/// # Errors
/// When a stage fails; the cluster is taken down all the same, unless it was up before.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let mut closing = Closing::default();
    let done = stages(places, options, &mut closing);
    closing.print();
    done
}

fn stages(places: &Places, options: &Options, closing: &mut Closing) -> Result<()> {
    let tools = TOOLS.run(|| {
        toolbox::cluster_binaries(places)?;
        toolbox::user_tools(places)
    })?;
    BUILD.run(|| {
        step::visible(&mut cargo::command(places, &["build", "--workspace", "--bins", "--locked"]))?;
        let end_to_end_alone: &[&str] = match &options.only {
            None => &[],
            Some(_) if has_matrix(options) => &["--test", "e2e", "--bin", PROVIDER],
            Some(_) => &["--test", "e2e"],
        };
        let tests = [&["test", "--workspace", "--no-run", "--locked"], end_to_end_alone].concat();
        step::visible(&mut cargo::command(places, &tests))
    })?;
    if options.only.is_none() {
        let mut unit = cargo::command(
            places,
            // Those that a plain `cargo test` ignores need the tools, which are there now.
            &[
                "test",
                "--workspace",
                "--exclude",
                "e2e",
                "--locked",
                "--no-fail-fast",
                "--",
                "--include-ignored",
                "--skip",
                NEEDS_CLUSTER,
            ],
        );
        unit.env(environment::TOOLS, &tools).env("PATH", tools_first(&tools)?);
        UNIT.run(|| {
            // The pages are generated from the schema of the provider that was just built.
            docs::run(places, &docs::Options { check: true })?;
            closing.run(&mut unit)
        })?;
    }
    END_TO_END.run(|| end_to_end(places, options, &tools, closing))
}

/// Whether the half-way failures of the provider are asked for: always, or by `--only matrix`.
fn has_matrix(options: &Options) -> bool {
    options.only.as_ref().is_none_or(|only| NEEDS_CLUSTER.contains(only.as_str()))
}

/// The search path with the tools before everything else.
fn tools_first(tools: &Path) -> Result<OsString> {
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.to_path_buf()).chain(env::split_paths(&rest));
    env::join_paths(folders).context("a folder of PATH cannot be named in it")
}

fn end_to_end(places: &Places, options: &Options, tools: &Path, closing: &mut Closing) -> Result<()> {
    let surroundings = Surroundings::prepare(places, tools, Profile::Dev, options.use_kubeconfig)?;
    if let Some(reason) = &surroundings.cluster.no_pods {
        step::say(format!("TESTS THAT NEED PODS DO NOT RUN: {reason}"));
    }
    let run = |closing: &mut Closing, threads: u8, which: &[&str]| {
        // By the name of the test binary, which is in that package alone; see the module about cargo.
        let mut command = cargo::command(places, &["test", "--workspace", "--test", "e2e", "--locked"]);
        command.envs(surroundings.variables()).args(options.only.iter());
        closing.run(command.args(["--", "--test-threads", &threads.to_string()]).args(which))
    };
    let together = run(closing, options.threads, &[]);
    let matrix = match has_matrix(options) {
        true => {
            let mut command = cargo::command(places, &["test", "--workspace", "--bin", PROVIDER, "--locked"]);
            command.envs(surroundings.variables());
            // What it leaves out, and its figures, are for the log.
            closing.run(command.args(["--", "--ignored", "--nocapture", NEEDS_CLUSTER]))
        }
        false => Ok(()),
    };
    // Those that a plain run ignores stop parts of the cluster, which no other test would survive.
    let alone = match options.use_kubeconfig {
        true => {
            step::say("TESTS THAT STOP PARTS OF A CLUSTER DO NOT RUN: this one is yours");
            Ok(())
        }
        false => run(closing, 1, &["--ignored"]),
    };
    surroundings.release(places)?;
    together.and(matrix).and(alone)
}
