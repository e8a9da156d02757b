//! What a gate and a watcher cost, and how fast a watcher is: the agent's release build, run on this machine
//! against the run's API server and fake cards in the cluster.

mod cost;
mod tick;
mod watcher;

use anyhow::{Context, Result, ensure};
use e2e::Surroundings;

/// One figure, and what it should be.
struct Figure {
    what: String,
    measured: String,
    aim: &'static str,
}

impl Figure {
    fn new(what: impl Into<String>, measured: impl Into<String>, aim: &'static str) -> Self {
        Self { what: what.into(), measured: measured.into(), aim }
    }
}

/// Measures everything and prints it as a table. The argument is the size of the image's layer, in bytes.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(Surroundings::get().pods, "the gate is measured on tenants that run, and pods cannot run here");
    let [bytes] = arguments else { anyhow::bail!("the gate's bench wants the size of the image in bytes") };
    let bytes: u64 = bytes.parse().context("the size of the image")?;
    println!("| what | measured | aim |\n|-|-|-|");
    let unpacked = format!("{} MiB", bytes >> 20);
    show([Figure::new("the agent's image, its one layer unpacked", unpacked, "")]);
    show(tick::measure()?);
    show(watcher::measure()?);
    show(cost::measure()?);
    Ok(())
}

/// Each as soon as it is known: the whole takes minutes.
fn show(figures: impl IntoIterator<Item = Figure>) {
    for Figure { what, measured, aim } in figures {
        println!("| {what} | {measured} | {aim} |");
    }
}

/// The median and the largest of some figures, as text.
fn spread(mut figures: Vec<f64>, unit: &str, decimals: usize) -> String {
    figures.sort_by(f64::total_cmp);
    let (Some(median), Some(largest)) = (figures.get(figures.len() / 2), figures.last()) else {
        return "nothing".to_owned();
    };
    format!("{median:.decimals$} {unit}, at most {largest:.decimals$} (of {})", figures.len())
}
