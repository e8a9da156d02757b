//! How long the provider takes, as ratios: to the same API calls sent raw over
//! ten connections, and to as many resources that do nothing, in the same run.
//!
//! `cargo xtask bench` builds the provider in release and starts this, and ends
//! with a stack for each tenant ([`fleet`]), which `--fleet` measures alone; with `--gate` it is
//! the agent, and [`gate`] measures that instead, with `--stacks` the generator
//! and [`stacks`].

mod fleet;
mod gate;
mod raw;
mod remote;
mod stacks;
mod start;
mod table;
mod watch;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::{Binary, Example, Scratch, Workspace};

use raw::Raw;
use remote::Remote;

/// So many tenants are planned, and no more than planned.
const LARGEST: usize = 1_000;

/// So many tenants share a card. Each claim is a field manager of the card's declared object, and the API server's
/// apply takes the longer the more an object has.
const PER_CARD: usize = 20;

/// The storage of the tenants.
const STORAGE: &str =
    r#"{ size = "1Gi", class = "local-stand-in", mount_path = "/data", deletion_policy = "delete" }"#;

/// From so many tenants on the state is kept by a server, as a remote backend keeps it: the local one writes
/// the whole state after each resource.
const REMOTE_FROM: usize = 200;

/// What one size took.
#[derive(Debug)]
struct Row {
    tenants: usize,
    objects: usize,
    plan: Duration,
    apply: Duration,
    plan_again: Duration,
    destroy: Duration,
    peak_rss_kib: u64,
    raw_apply: Duration,
    raw_reads: Duration,
    raw_delete: Duration,
    nothing_plan: Duration,
    nothing_apply: Duration,
    nothing_plan_again: Duration,
    /// How many calls apply, plan again and destroy made: ours, counted in a run of their own, and raw.
    calls: Option<[usize; 3]>,
    raw_calls: [usize; 3],
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("fleet", rest)) => return fleet::run(rest),
        Some(("gate", rest)) => return gate::run(rest),
        Some(("stacks", rest)) => return stacks::run(rest),
        _ => {}
    }
    let sizes = arguments
        .iter()
        .map(|size| size.parse::<usize>().with_context(|| format!("{size:?} is not a number of tenants")));
    let mut sizes: Vec<usize> = sizes.collect::<Result<_>>()?;
    let standard = sizes.is_empty();
    if standard {
        sizes = vec![1, 10, 100];
    }
    let start = start::measure()?;
    let mut rows = Vec::new();
    for tenants in sizes {
        eprintln!("{tenants} tenants ...");
        rows.push(measure(tenants)?);
    }
    println!("{start}\n\n{}", table::render(&rows));
    if standard {
        eprintln!("{LARGEST} tenants, plan alone ...");
        let (ours, nothing) = plans(LARGEST)?;
        println!("The plan of {LARGEST} new tenants in one state: {}.\n", table::ratio(ours, nothing));
        fleet::run(&[])?;
    }
    Ok(())
}

/// A tenant that sleeps. Its claim goes with it, so that a destroy deletes what the raw calls delete.
fn example(scratch: &Scratch, card: &str) -> Example {
    Example::asleep(scratch, card, "http://dcgm.example.org:9400/metrics").set("storage", STORAGE)
}

/// All of them and their cards in one state.
fn configuration(examples: &[Example]) -> String {
    let mut hcl = String::new();
    for (index, example) in examples.iter().enumerate() {
        let card = format!("c{}", index / PER_CARD);
        if index % PER_CARD == 0 {
            hcl.push_str(&example.card_hcl_as(&card));
        }
        hcl.push_str(&example.tenant_hcl(&format!("t{index}"), &format!("gpu_card.{card}.id")));
    }
    hcl
}

/// As many resources that do nothing as so many tenants have of ours.
fn nothing(tenants: usize) -> Result<Workspace> {
    nothing_in(tenants, None)
}

/// The same, with the state where the tenants' state is.
fn nothing_in(tenants: usize, remote: Option<&Remote>) -> Result<Workspace> {
    let count = 2 * tenants + tenants.div_ceil(PER_CARD);
    let mut hcl =
        format!("resource \"terraform_data\" \"nothing\" {{\n  count = {count}\n  input = \"x\"\n}}\n");
    hcl.push_str(&remote.map(|remote| remote.hcl("nothing")).unwrap_or_default());
    Workspace::new(Binary::Terraform, &hcl)
}

/// How long the plan of so many new tenants takes, and the plan of as many resources that do nothing.
fn plans(count: usize) -> Result<(Duration, Duration)> {
    // One name for all: nothing of them is made, and so nothing is to be cleared away.
    let scratch = Scratch::reserve("bench");
    let one = example(&scratch, "bench");
    let named = |index| Example {
        namespace: format!("{}-{index}", scratch.namespace),
        card: format!("bench-{}", index / PER_CARD),
        ..one.clone()
    };
    let examples: Vec<Example> = (0..count).map(named).collect();
    let workspace = Workspace::new(Binary::Terraform, &configuration(&examples))?;
    let ours = timed(|| workspace.plan())?;
    let nothing = nothing(count)?;
    Ok((ours, timed(|| nothing.plan())?))
}

fn measure(count: usize) -> Result<Row> {
    let scratches: Vec<Scratch> = (0..count).map(|_| Scratch::reserve("bench")).collect();
    let mut examples = Vec::new();
    for group in scratches.chunks(PER_CARD) {
        let card = format!("card-{}", group[0].namespace);
        examples.extend(group.iter().map(|scratch| example(scratch, &card)));
    }
    let remote = if count < REMOTE_FROM { None } else { Some(Remote::start()?) };
    let mut hcl = configuration(&examples);
    hcl.push_str(&remote.as_ref().map(|remote| remote.hcl("ours")).unwrap_or_default());
    let workspace = Workspace::new(Binary::Terraform, &hcl)?;
    let watch = watch::Watch::start("terraform-provider-gpu");
    let plan = timed(|| workspace.plan())?;
    let apply = timed(|| workspace.apply())?;
    let plan_again = timed(|| workspace.plan_is_empty())?;
    let mut raw = Raw::connect()?;
    raw.learn(&examples)?;
    let destroy = timed(|| workspace.destroy())?;
    let peak_rss_kib = watch.stop();
    let calls = if count < REMOTE_FROM { Some(counted(&workspace)?) } else { None };
    raw.clear()?;
    let raw_apply = timed(|| raw.apply())?;
    let raw_reads = timed(|| raw.read())?;
    let raw_delete = timed(|| raw.delete())?;

    let nothing = nothing_in(count, remote.as_ref())?;
    let nothing_plan = timed(|| nothing.plan())?;
    let nothing_apply = timed(|| nothing.apply())?;
    let nothing_plan_again = timed(|| nothing.plan_is_empty())?;
    Ok(Row {
        tenants: count,
        objects: raw.count(),
        plan,
        apply,
        plan_again,
        destroy,
        peak_rss_kib,
        raw_apply,
        raw_reads,
        raw_delete,
        nothing_plan,
        nothing_apply,
        nothing_plan_again,
        calls,
        raw_calls: raw.calls(),
    })
}

/// The API calls of apply, plan again and destroy, by the provider's own log; what is logged is not timed.
fn counted(workspace: &Workspace) -> Result<[usize; 3]> {
    Ok([
        workspace.api_calls(&["apply", "-auto-approve"])?,
        workspace.api_calls(&["plan"])?,
        workspace.api_calls(&["destroy", "-auto-approve"])?,
    ])
}

pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    let took = started.elapsed();
    // The table comes when all is measured, which may be half an hour away, or never where a step fails.
    eprintln!("  {:.2} s", took.as_secs_f64());
    Ok(took)
}
