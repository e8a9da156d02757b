//! Plays worlds drawn from seeds, with our gates and with the shell gate, and says how they went.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use simulator::generate::{Shape, script_of};
use simulator::tally::Tally;
use simulator::{Keeper, play};

/// Years of a card in minutes.
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// How many days each world lasts.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// The most tenants of a world.
    #[arg(long, default_value_t = 4)]
    tenants: usize,
    /// The most troubles of a world.
    #[arg(long, default_value_t = 100)]
    troubles: usize,
    /// Prints the trace of each world in which our gates break a promise.
    #[arg(long)]
    trace: bool,
    /// Prints the figures of each world.
    #[arg(long)]
    each: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let shape = Shape { tenants: arguments.tenants, days: arguments.days, troubles: arguments.troubles };
    let (mut ours, mut shell, mut broken) = (Tally::default(), Tally::default(), 0);
    let started = Instant::now();
    for seed in arguments.first_seed..arguments.first_seed + arguments.seeds {
        let script = script_of(seed, shape).map_err(anyhow::Error::msg)?;
        let context = || format!("seed {seed}");
        let outcome = play(&script, Keeper::Ours, arguments.trace).with_context(context)?;
        if let Some(what) = &outcome.broken {
            broken += 1;
            println!("seed {seed}: {what}");
            if arguments.trace {
                println!("{}", outcome.trace);
            }
        }
        let beside = play(&script, Keeper::Shell, false).with_context(context)?.tally;
        if arguments.each {
            println!("seed {seed} ours:  {:?}\nseed {seed} shell: {beside:?}", outcome.tally);
        }
        ours += outcome.tally;
        shell += beside;
    }
    println!("ours:  {ours:?}\nshell: {shell:?}");
    println!(
        "{} worlds, {broken} with a broken promise, {:.1} s",
        arguments.seeds,
        started.elapsed().as_secs_f64()
    );
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
