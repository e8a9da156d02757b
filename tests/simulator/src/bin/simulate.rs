//! Plays worlds drawn from seeds, with our gates and with the shell gate, and says how they went.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use simulator::generate::{Shape, script_of};
use simulator::page::{Set, page};
use simulator::{Keeper, play};

/// Years of a card in minutes.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays worlds and prints what became of them.
    Worlds(Worlds),
    /// Plays the worlds of the page and writes it.
    Page {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Worlds {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// How many days each world lasts.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// The fewest tenants of a world.
    #[arg(long, default_value_t = 1)]
    fewest_tenants: usize,
    /// The most tenants of a world.
    #[arg(long, default_value_t = 4)]
    tenants: usize,
    /// The most troubles of a world.
    #[arg(long, default_value_t = 100)]
    troubles: usize,
    /// Prints what happened in each world, until a promise was broken.
    #[arg(long)]
    trace: bool,
    /// Prints the figures of each world.
    #[arg(long)]
    each: bool,
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Worlds(worlds) => print(&worlds),
        Command::Page { path } => write_page(&path),
    }
}

fn print(worlds: &Worlds) -> Result<ExitCode> {
    let tenants = (worlds.fewest_tenants, worlds.tenants);
    let shape = Shape { tenants, days: worlds.days, troubles: worlds.troubles };
    let mut set = Set::new("", shape, worlds.seeds);
    for seed in worlds.first_seed..worlds.first_seed + worlds.seeds {
        let before = set;
        set.ours = simulator::tally::Tally::default();
        set.shell = set.ours;
        one_world(&mut set, seed, worlds.trace)?;
        if worlds.each {
            println!("seed {seed} ours:  {:?}\nseed {seed} shell: {:?}", set.ours, set.shell);
        }
        set.ours += before.ours;
        set.shell += before.shell;
    }
    println!("ours:  {:?}\nshell: {:?}", set.ours, set.shell);
    println!("{} worlds, {} with a broken promise, ours in {:.1} s", worlds.seeds, set.broken, set.seconds);
    Ok(if set.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the world of a seed with both and adds it to the set.
fn one_world(set: &mut Set, seed: u64, trace: bool) -> Result<()> {
    let script = script_of(seed, set.shape).map_err(anyhow::Error::msg)?;
    let context = || format!("seed {seed}");
    let started = Instant::now();
    let outcome = play(&script, Keeper::Ours, trace).with_context(context)?;
    set.seconds += started.elapsed().as_secs_f64();
    if let Some(what) = &outcome.broken {
        set.broken += 1;
        println!("seed {seed}: {what}");
    }
    if trace {
        println!("{}", outcome.trace);
    }
    set.ours += outcome.tally;
    set.shell += play(&script, Keeper::Shell, false).with_context(context)?.tally;
    Ok(())
}

/// The worlds of the page: about two troubles a day, and a card full of tenants.
fn sets() -> [Set; 2] {
    [
        Set::new("A few tenants", Shape { tenants: (1, 4), days: 365, troubles: 1_000 }, 20),
        Set::new("A card with very many", Shape { tenants: (30, 50), days: 60, troubles: 200 }, 5),
    ]
}

fn write_page(path: &PathBuf) -> Result<ExitCode> {
    let mut sets = sets();
    let mut said = Instant::now();
    for set in &mut sets {
        for seed in 1..=set.seeds {
            one_world(set, seed, false)?;
            if said.elapsed() > Duration::from_secs(5) {
                said = Instant::now();
                eprintln!("{}: seed {seed} of {}", set.title, set.seeds);
            }
        }
    }
    std::fs::write(path, page(&sets)).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("wrote {}", path.display());
    Ok(ExitCode::SUCCESS)
}
