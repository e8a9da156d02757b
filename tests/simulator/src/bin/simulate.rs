//! Plays worlds drawn from seeds, with our gates and with the shell gate, and says how they went.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

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
    /// Whether the source attributes memory to pods; in some worlds, if it is not said.
    #[arg(long)]
    attributes: Option<bool>,
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
    let shape =
        Shape { tenants, attributes: worlds.attributes, days: worlds.days, troubles: worlds.troubles };
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
    let before = busy_ns()?;
    let outcome = play(&script, Keeper::Ours, trace).with_context(context)?;
    set.seconds += busy_ns()?.saturating_sub(before) as f64 / 1e9;
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

/// For how long a core has worked for this thread, in nanoseconds: others may want it too.
fn busy_ns() -> Result<u64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")
        .context("the kernel does not say how long a thread ran: it lacks CONFIG_SCHED_INFO")?;
    told.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .context("/proc/thread-self/schedstat is not as known")
}

/// The worlds of the page: about two troubles a day, with and without a source that attributes, and a
/// card full of tenants, whom twice as many befall.
fn sets() -> [Set; 3] {
    let few = |attributes| Shape { tenants: (1, 4), attributes: Some(attributes), days: 365, troubles: 1000 };
    let many = Shape { tenants: (30, 50), attributes: Some(true), days: 30, troubles: 120 };
    [
        Set::new("A few tenants, and a source that says which pod holds what", few(true), 4),
        Set::new("A few tenants, and a source that knows the device alone", few(false), 4),
        Set::new("A card that very many want", many, 13),
    ]
}

fn write_page(path: &Path) -> Result<ExitCode> {
    let mut sets = sets();
    for set in &mut sets {
        play_all(set)?;
    }
    std::fs::write(path, page(&sets)).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("wrote {}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// Plays a set's seeds on all cores.
fn play_all(set: &mut Set) -> Result<()> {
    let (next, shape) = (AtomicU64::new(1), *set);
    let workers = available_parallelism().map_or(1, |cores| cores.get());
    let played: Vec<Result<Set>> = std::thread::scope(|scope| {
        let work = || {
            let mut mine = shape;
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > mine.seeds {
                    return Ok(mine);
                }
                one_world(&mut mine, seed, false)?;
                eprintln!("{}: played seed {seed} of {}", mine.title, mine.seeds);
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Set>>| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a world could not be played to its end")))
        };
        threads.into_iter().map(join).collect()
    });
    for mine in played {
        set.add(&mine?);
    }
    Ok(())
}
