//! What the generator takes for a thousand tenants, beside what people use
//! instead: `terragrunt stack generate` of as many units, and copying a template
//! folder as many times with `cp`. No cluster is needed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::watch::Watch;

/// How many tenants there are.
const TENANTS: usize = 1_000;
/// How many share a card, each in a window of its own.
const PER_CARD: usize = 4;
/// The plans of a pull request, from the root of the repository; the review's own tests read them.
const PLANS: &str = "generator/tests/review/pull-request/plans";

const GENERATE: &str = "generate";
const CHECK: &str = "check";
const FIT: &str = "fit";
const REVIEW: &str = "review, 1,000 tenants and 250 cards";

/// One line of the table.
struct Row {
    what: &'static str,
    took: Duration,
    peak_rss_kib: Option<u64>,
}

/// Measures and prints the table; `arguments` are the `gpu-stacks` and the `terragrunt` to run.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [gpu_stacks, terragrunt] = arguments else {
        anyhow::bail!("name gpu-stacks and terragrunt");
    };
    let folder = tempfile::tempdir()?;
    let live = folder.path().join("live");
    write_fleet(&live)?;
    let ours = |what, arguments: &[&str]| -> Result<Row> {
        let watch = Watch::start(gpu_stacks);
        let took = timed(Command::new(gpu_stacks).args(arguments).current_dir(&live))?;
        Ok(Row { what, took, peak_rss_kib: Some(watch.stop()) })
    };
    let mut rows = vec![
        ours(GENERATE, &["generate"])?,
        ours("generate again, nothing to write", &["generate"])?,
        ours(CHECK, &["check"])?,
        ours(FIT, &["fit"])?,
    ];
    let plans = folder.path().join("plans");
    write_plans(&plans)?;
    let (page, report) = (folder.path().join("page.html"), folder.path().join("report.json"));
    write_report(&plans, &report)?;
    let [plans, page, report] = [plans, page, report].map(|path| path.display().to_string());
    let whole = ["review", &plans, "--report", &report, "--stacks", ".", "--out", &page];
    rows.push(ours(REVIEW, &whole)?);

    let units = folder.path().join("units");
    write_units(&units, &live.join("tenant-0"))?;
    let generated = timed(
        Command::new(terragrunt).args(["stack", "generate", "--log-level", "error"]).current_dir(&units),
    )?;
    rows.push(Row { what: "terragrunt stack generate", took: generated, peak_rss_kib: None });
    let copy = format!("mkdir copies; for i in $(seq {TENANTS}); do cp -r live/tenant-0 copies/$i; done");
    let copied = timed(Command::new("sh").args(["-ec", &copy]).current_dir(folder.path()))?;
    rows.push(Row { what: "cp -r, once for each", took: copied, peak_rss_kib: None });
    println!("{}", table(&rows, generated, copied));
    let missed = missed(&rows, generated, copied);
    println!("{}", if missed.is_empty() { "Every aim is met.".to_owned() } else { missed.join("\n") });
    Ok(())
}

/// Runs a command, which must succeed or, as a review does, ask for a person.
fn timed(command: &mut Command) -> Result<Duration> {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {command:?}"))?;
    let took = started.elapsed();
    ensure!(
        matches!(output.status.code(), Some(0 | 2)),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(took)
}

fn write(path: PathBuf, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

/// A thousand readers of stories on two hundred and fifty cards.
fn write_fleet(live: &Path) -> Result<()> {
    let mut cards = String::new();
    for card in 0..TENANTS.div_ceil(PER_CARD) {
        let _ = writeln!(
            cards,
            "  card-{card}:\n    node: node-{card}\n    index: 0\n    model: T4\n    reserved: 450MiB\n    \
             source: {{ dcgm: http://dcgm.example.org:9400/metrics }}"
        );
    }
    let defaults = "defaults: { headroom: 1GiB, time_zone: UTC, agent_image: gpu-agent:dev }\n";
    write(live.join("fleet.yaml"), &format!("cards:\n{cards}{defaults}"))?;
    for tenant in 0..TENANTS {
        let (card, window) = (tenant / PER_CARD, tenant % PER_CARD * 6);
        let text = format!(
            "namespace: tenant-{tenant}\nserver: chatterbox\ncard: card-{card}\npeak: 7GiB\n\
             windows:\n  own: {{ start: \"{window:02}:00\", end: \"{:02}:00\" }}\n",
            window + 5
        );
        write(live.join(format!("tenants/tenant-{tenant}.yaml")), &text)?;
    }
    Ok(())
}

/// The pull request's tenant and its card, as often as there are tenants and cards.
fn write_plans(plans: &Path) -> Result<()> {
    let read = |unit: &str| {
        let path = Path::new(PLANS).join(unit).join("tfplan.json");
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    let (tenant_plan, card_plan) = (read("whisper")?, read("fleet")?);
    for tenant in 0..TENANTS {
        let card = format!("card-{}", tenant / PER_CARD);
        let own = |text: &str| text.replace("whisper", &format!("whisper-{tenant}")).replace("t4", &card);
        write(plans.join(format!("tenant-{tenant}/tfplan.json")), &own(&tenant_plan))?;
        if tenant % PER_CARD == 0 {
            write(plans.join(&card).join("tfplan.json"), &own(&card_plan))?;
        }
    }
    Ok(())
}

/// terragrunt's report of these plans.
fn write_report(plans: &Path, report: &Path) -> Result<()> {
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(plans)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        runs.push(json!({ "Name": name, "Result": "succeeded", "Cmd": "plan", "Args": ["-no-color"] }));
    }
    write(report.to_owned(), &Value::Array(runs).to_string())
}

/// A stack file with a unit for each tenant, each a copy of one that the generator wrote.
fn write_units(folder: &Path, unit: &Path) -> Result<()> {
    let mut text = String::new();
    for tenant in 0..TENANTS {
        let _ = writeln!(
            text,
            "unit \"tenant_{tenant}\" {{\n  source = \"{}\"\n  path = \"tenant-{tenant}\"\n}}",
            unit.display()
        );
    }
    write(folder.join("terragrunt.stack.hcl"), &text)
}

fn table(rows: &[Row], generated: Duration, copied: Duration) -> String {
    let mut text = String::from("| 1,000 tenants | took | x terragrunt | x cp | peak RSS |\n|-|-|-|-|-|\n");
    for row in rows {
        let ratio = |reference: Duration| row.took.as_secs_f64() / reference.as_secs_f64().max(0.001);
        let memory = row.peak_rss_kib.map_or_else(String::new, |kib| format!("{} MiB", kib / 1024));
        let _ = writeln!(
            text,
            "| {} | {:.2} s | {:.2} | {:.2} | {memory} |",
            row.what,
            row.took.as_secs_f64(),
            ratio(generated),
            ratio(copied)
        );
    }
    text.push_str(
        "\nAims: generate below 1 in both, check and fit below 0.5 of terragrunt, review under 3 s.\n",
    );
    text
}

/// The aims that these rows miss, a line each.
fn missed(rows: &[Row], generated: Duration, copied: Duration) -> Vec<String> {
    let limit = |what: &str| match what {
        GENERATE => Some((generated.min(copied), "the faster of terragrunt and cp")),
        CHECK | FIT => Some((generated / 2, "half of terragrunt")),
        REVIEW => Some((Duration::from_secs(3), "its aim")),
        _ => None,
    };
    let over = |row: &Row| {
        let (limit, of) = limit(row.what).filter(|(limit, _)| row.took > *limit)?;
        Some(format!(
            "AIM MISSED: {} took {:.2} s, over {:.2} s, {of}.",
            row.what,
            row.took.as_secs_f64(),
            limit.as_secs_f64()
        ))
    };
    rows.iter().filter_map(over).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_that_is_missed_is_told() {
        let row = |what, millis| Row { what, took: Duration::from_millis(millis), peak_rss_kib: None };
        let rows = [row(GENERATE, 900), row(CHECK, 401), row(FIT, 400), row(REVIEW, 3_001), row("cp", 9_000)];
        let missed = missed(&rows, Duration::from_millis(800), Duration::from_millis(1_700));
        let told: Vec<&str> =
            missed.iter().map(|line| line.split(" took").next().unwrap_or_default()).collect();
        assert_eq!(told, [GENERATE, CHECK, REVIEW].map(|what| format!("AIM MISSED: {what}")));
    }
}
