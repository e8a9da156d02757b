//! One tenant a stack: what `terragrunt run --all` takes for a live repository
//! of our own making, beside the same API calls sent raw and as many stacks of
//! resources that do nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::example::in_minutes;
use e2e::terraform::printed;
use e2e::{Binary, Example, Scratch, Surroundings};

use crate::raw::Raw;
use crate::watch::Watch;
use crate::{table, timed};

/// How many tenants share a card, each in a window of its own.
const PER_CARD: usize = 4;

/// What the four steps took.
#[derive(Debug)]
struct Steps {
    plan: Duration,
    apply: Duration,
    plan_again: Duration,
    destroy: Duration,
}

/// Measures each number of stacks and prints the table; 20 and 100 when none is given.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let sizes = arguments
        .iter()
        .map(|size| size.parse::<usize>().with_context(|| format!("{size:?} is not a number of stacks")));
    let mut sizes: Vec<usize> = sizes.collect::<Result<_>>()?;
    if sizes.is_empty() {
        sizes = vec![20, 100];
    }
    let mut text = String::from(
        "| stacks | plan (x nothing) | apply (x nothing) | plan again (x nothing) | destroy (x nothing) | \
         raw apply / reads / delete | provider peak RSS |\n|-|-|-|-|-|-|-|\n",
    );
    for stacks in sizes {
        eprintln!("{stacks} stacks ...");
        measure(stacks, &mut text)?;
    }
    println!("{text}");
    Ok(())
}

fn measure(stacks: usize, text: &mut String) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let scratches: Vec<Scratch> = (0..stacks).map(|_| Scratch::reserve("bench")).collect();
    let examples: Vec<Example> = scratches
        .chunks(PER_CARD)
        .filter_map(|group| group.first().map(|first| (group, format!("card-{}", first.namespace))))
        .flat_map(|(group, card)| {
            group.iter().zip(0..).map(move |(scratch, place)| {
                let mut example = Example::asleep(scratch, &card, "http://dcgm.example.org:9400/metrics");
                example.window = (in_minutes(120 + 240 * place), in_minutes(320 + 240 * place));
                example
            })
        })
        .collect();
    let ours = folder.path().join("ours");
    write_live(&ours, &examples)?;
    let generated = Command::new(&Surroundings::get().stacks).arg("generate").arg(&ours).output()?;
    ensure!(generated.status.success(), "gpu-stacks generate: {}", printed(&generated));
    let watch = Watch::start("terraform-provider-gpu");
    let mut raw = Raw::connect()?;
    let took = steps(&ours, || raw.learn(&examples))?;
    let peak_rss_kib = watch.stop();
    raw.clear()?;
    let (raw_apply, raw_reads) = (timed(|| raw.apply())?, timed(|| raw.read())?);
    let raw_delete = timed(|| raw.delete())?;
    let nothing = folder.path().join("nothing");
    write_nothing(&nothing, stacks)?;
    let reference = steps(&nothing, || Ok(()))?;
    let _ = writeln!(
        text,
        "| {stacks} | {} | {} | {} | {} | {} / {} / {} s | {} MiB |",
        table::ratio(took.plan, reference.plan),
        table::ratio(took.apply, reference.apply),
        table::ratio(took.plan_again, reference.plan_again),
        table::ratio(took.destroy, reference.destroy),
        table::seconds(raw_apply),
        table::seconds(raw_reads),
        table::seconds(raw_delete),
        peak_rss_kib / 1024,
    );
    Ok(())
}

/// The four steps, with something done between the last two. The first one initialises every stack.
fn steps(live: &Path, between: impl FnOnce() -> Result<()>) -> Result<Steps> {
    let plan = timed(|| run_all(live, &["plan"]))?;
    let apply = timed(|| run_all(live, &["apply", "-auto-approve"]))?;
    let plan_again = timed(|| run_all(live, &["plan", "-detailed-exitcode"]))?;
    between()?;
    let destroy = timed(|| run_all(live, &["destroy", "-auto-approve"]))?;
    Ok(Steps { plan, apply, plan_again, destroy })
}

fn run_all(live: &Path, arguments: &[&str]) -> Result<()> {
    let cores = std::thread::available_parallelism()?.to_string();
    let options = ["--parallelism", &cores];
    let output = Surroundings::get()
        .run_all(live, Binary::Terraform, &options, arguments)
        .output()
        .context("start terragrunt")?;
    ensure!(output.status.success(), "terragrunt run --all -- {}: {}", arguments.join(" "), printed(&output));
    Ok(())
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

/// The examples as a person would have them written: a fleet file and a file for each.
fn write_live(live: &Path, examples: &[Example]) -> Result<()> {
    let mut fleet = format!(
        "backend: {{ local: {{}} }}\nprovider: {{ config_path: {} }}\n\
         defaults: {{ agent_image: \"gpu-tenancy.local/gpu-agent:dev\" }}\ncards:\n",
        Surroundings::get().kubeconfig.display()
    );
    for (index, example) in examples.iter().step_by(PER_CARD).enumerate() {
        let Example { card, source, .. } = example;
        let _ = writeln!(
            fleet,
            "  {card}: {{ node: gpu-1, index: {index}, memory: 15360MiB, source: {{ dcgm: \"{source}\" }} }}"
        );
    }
    write(live, "fleet.yaml", &fleet)?;
    for (index, example) in examples.iter().enumerate() {
        let Example { namespace, name, card, image, peak, window: (start, end), .. } = example;
        let tenant = format!(
            "namespace: {namespace}\nname: {name}\ncard: {card}\npeak: {peak}\nheadroom: 2GiB\nimage: {image}\n\
             port: 8004\nservice: {{ port: 8000 }}\n\
             windows: {{ night: {{ start: \"{start}\", end: \"{end}\", time_zone: UTC }} }}\n\
             storage: {{ size: 1Gi, class: local-stand-in, mount_path: /data, deletion_policy: delete }}\n\
             config:\n  /app/config.yaml: |\n    server:\n      port: 8004\n\
             env: {{ TTS_BF16: \"off\", HF_HOME: /data/hf_cache }}\n"
        );
        write(live, &format!("tenants/tenant-{index}.yaml"), &tenant)?;
    }
    Ok(())
}

/// As many stacks, and one for the fleet's, each with two resources that do nothing.
fn write_nothing(live: &Path, stacks: usize) -> Result<()> {
    for stack in 0..=stacks {
        write(live, &format!("stack-{stack}/terragrunt.hcl"), "")?;
        let hcl = "resource \"terraform_data\" \"nothing\" {\n  count = 2\n  input = \"x\"\n}\n";
        write(live, &format!("stack-{stack}/main.tf"), hcl)?;
    }
    Ok(())
}
