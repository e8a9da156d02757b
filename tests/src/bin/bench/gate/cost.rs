//! What watchers cost at rest.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Example, FakeCard, Scratch, Workspace, wait};

use super::watcher::Watcher;
use super::{Figure, spread};

/// How many cards, and tenants on each.
const CARDS: usize = 20;
const TENANTS: usize = 5;
/// How long they are looked at. A tenant at rest has its turn once a minute, so this is two turns of each.
const SPAN: Duration = Duration::from_secs(120);
/// Between the first turns and the span, so that none falls on an end of it, where it would count by chance.
const ASIDE: Duration = Duration::from_secs(30);
/// The kernel counts processor time in hundredths of a second for programs, whatever it counts in itself.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn measure() -> Result<Vec<Figure>> {
    let scratch = Scratch::reserve("bench-cost");
    let cards = (0..CARDS).map(|_| FakeCard::t4()).collect::<Result<Vec<_>>>()?;
    let workspace = Workspace::new(Binary::Terraform, &hcl(&scratch, &cards))?;
    workspace.apply()?;
    let watchers = cards.iter().map(|card| Watcher::start(&card.name)).collect::<Result<Vec<_>>>()?;
    for watcher in &watchers {
        wait::until("each watcher has looked at its tenants", Duration::from_secs(60), || {
            Ok((watcher.figure("gpu_tenancy_watcher_looks_total")? >= 2.0).then_some(()))
        })?;
    }
    std::thread::sleep(ASIDE);
    let before = sum(&watchers)?;
    std::thread::sleep(SPAN);
    let after = sum(&watchers)?;
    let resident = watchers.iter().map(|watcher| resident_mib(watcher.id())).collect::<Result<Vec<_>>>()?;
    drop(watchers);
    workspace.destroy()?;
    let minutes = SPAN.as_secs_f64() / 60.0;
    let of = format!("{CARDS} watchers of {} sleeping tenants", CARDS * TENANTS);
    Ok(vec![
        Figure::new(
            format!("{of}, processor time together"),
            format!("{:.1} s a minute", (after.0 - before.0) / minutes),
            "",
        ),
        Figure::new(format!("{of}, memory of each"), spread(resident, "MiB", 1), ""),
        Figure::new(
            format!("{of}, calls to the API server together"),
            format!("{:.0} a minute", (after.1 - before.1) / minutes),
            "",
        ),
    ])
}

/// Cards with tenants that sleep for hours to come.
fn hcl(scratch: &Scratch, cards: &[FakeCard]) -> String {
    let mut hcl = String::new();
    for (index, card) in cards.iter().enumerate() {
        let mut example =
            Example::asleep(scratch, &card.name, &card.dcgm()).set("storage", e2e::example::UNSET);
        example.peak = "2GiB".to_owned();
        example.watch = true;
        hcl += &example.card_hcl_as(&format!("c{index}"));
        for tenant in 0..TENANTS {
            example.name = format!("tenant-{index}-{tenant}");
            hcl += &example.tenant_hcl(&format!("t{index}-{tenant}"), &format!("gpu_card.c{index}.id"));
        }
    }
    hcl
}

/// Processor seconds and calls so far.
fn sum(watchers: &[Watcher]) -> Result<(f64, f64)> {
    let mut sum = (0.0, 0.0);
    for watcher in watchers {
        sum.0 += processor_s(watcher.id())?;
        sum.1 += watcher.figure("gpu_tenancy_watcher_api_calls_total")?;
    }
    Ok(sum)
}

fn processor_s(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; what follows it does not.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    ensure!(ticks.len() == 2, "no processor time in {stat}");
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

fn resident_mib(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib / 1024.0)
}
