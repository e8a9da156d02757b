//! The repository that `gpu-stacks init` makes, on the way that a person goes with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::terraform::printed;
use e2e::{Binary, FakeBucket, Kubectl, Scratch, Surroundings};
use serde_json::Value;

use super::{Live, let_the_fake_stand_in};
use crate::night::needs_pods;

/// The stacks of the repository: the fleet's and three tenants'.
const STACKS: [&str; 4] = ["fleet", "narrator", "transcriber", "writer"];

/// What a person adds to the file that is theirs: an argument that the CLI refuses where it does not know it, and a
/// hook that says where it ran.
const OWN: &str = r#"# Mine.
terraform {
  extra_arguments "patience" {
    commands  = ["plan"]
    arguments = ["-lock-timeout=5m", "-target=gpu_windowed_service.narrator"]
  }
  before_hook "mine" {
    commands = ["plan"]
    execute  = ["echo", "mine ran before the plan of ${path_relative_to_include()}"]
  }
}
"#;

/// Goes the way that a person goes, and says how long it took.
fn begun_and_planned(binary: Binary) -> Result<Live> {
    let live = Live::new(binary)?;
    let started = Instant::now();
    live.stacks_ok(&["init"])?;
    let said = live.terragrunt(4, &["plan"])?;
    e2e::say(&format!(
        "from `gpu-stacks init` to the end of the plans of its {} stacks with {}: {:.1} s",
        STACKS.len(),
        binary.name(),
        started.elapsed().as_secs_f64()
    ));
    let plans = said.matches("Plan: ").count();
    ensure!(plans == STACKS.len(), "{plans} stacks have a plan: {said}");
    Ok(live)
}

#[test]
fn a_new_repository_is_planned_at_once_and_without_a_cluster() -> Result<()> {
    begun_and_planned(Binary::Tofu)?;
    let live = begun_and_planned(Binary::Terraform)?;
    live.stacks_ok(&["check"]).context("after a plan")?;
    live.tools_find_nothing()?;
    ensure!(live.path().join("narrator/.terraform.lock.hcl").exists(), "there is no lock file to commit");

    live.write("own.hcl", OWN)?;
    live.stacks_ok(&["generate", "--overwrite"])?;
    ensure!(live.read("own.hcl")? == OWN, "{}", live.read("own.hcl")?);
    let said = live.terragrunt(4, &["plan"])?;
    for stack in STACKS {
        ensure!(said.contains(&format!("mine ran before the plan of {stack}")), "no hook in {stack}: {said}");
    }
    // The target is in one stack.
    let plans = said.matches("Plan: ").count();
    ensure!(plans == 1, "{plans} stacks have a plan although one was chosen: {said}");
    live.tools_find_nothing()
}

/// Moves what `init` wrote into a namespace, onto a card and under an exporter of the test's own, with `more` in
/// fleet.yaml, and lets the fake model stand where the servers would.
fn moved_in(live: &Live, scratch: &Scratch, more: &str) -> Result<String> {
    let namespace = scratch.namespace.as_str();
    let card = format!("card-{namespace}");
    let defaults = format!("{more}defaults:\n  agent_image: gpu-tenancy.local/gpu-agent:dev\n");
    let fleet = live.read("fleet.yaml")?.replace("  gpu-1-0:", &format!("  {card}:"));
    let fleet = fleet.replace("gpu-exporter", &format!("exporter-{namespace}"));
    live.write("fleet.yaml", &fleet.replace("defaults:\n", &defaults))?;
    for tenant in &STACKS[1..] {
        let file = format!("tenants/{tenant}.yaml");
        let text = live.read(&file)?.replace("card: gpu-1-0", &format!("card: {card}"));
        let lines = text.lines().map(|line| match line.starts_with("namespace:") {
            true => format!("namespace: {namespace}\n"),
            false => format!("{line}\n"),
        });
        live.write(&file, &lines.collect::<String>())?;
    }
    for tenant in &STACKS[1..] {
        let_the_fake_stand_in(live, &format!("tenants/{tenant}.yaml"))?;
    }
    Ok(card)
}

/// By the commands that stand in it, word by word, on a cluster that has nothing of it yet.
#[test]
fn an_export_is_made_by_the_words_of_its_readme_and_its_tenants_are_born_asleep() -> Result<()> {
    let scratch = Scratch::reserve("export");
    let namespace = scratch.namespace.as_str();
    let live = Live::new(Binary::Terraform)?;
    live.stacks_ok(&["init"])?;
    moved_in(&live, &scratch, "")?;
    live.stacks_ok(&["export", "kustomize", "out"])?;
    let readme = live.read("out/README.md")?;
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("    kubectl ")).collect();
    ensure!(commands.len() == 3, "{readme}");
    for command in commands {
        let words = command.split('#').next().unwrap_or_default().split_whitespace();
        let folder = live.path().join("out");
        let words: Vec<String> = words
            .map(|word| match word {
                "." | "once" | "namespaces" => folder.join(word).display().to_string(),
                _ => word.to_owned(),
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Kubectl.run(&words).with_context(|| format!("kubectl {command}"))?;
    }
    for tenant in ["narrator", "writer"] {
        ensure!(Kubectl.replicas(namespace, tenant)? == 0, "{tenant} was not born asleep");
    }
    ensure!(Kubectl.replicas(namespace, "transcriber")? == 1, "whoever is always awake has no pod");
    Ok(())
}

/// Plans the units with their plans as JSON in `folder`, and reviews them.
fn planned(live: &Live, folder: &Path) -> Result<(Output, Value)> {
    let (plans, report) = (folder.join("plans"), folder.join("report.json"));
    let (plans, report) = (plans.to_str().context("no text")?, report.to_str().context("no text")?);
    let output = live.run_all(
        4,
        &["--json-out-dir", plans, "--report-file", report],
        &["plan", "-detailed-exitcode"],
    )?;
    let reviewed =
        live.stacks(&["review", plans, "--report", report, "--stacks", ".", "--format", "json"])?;
    let review = serde_json::from_slice(&reviewed.stdout)
        .with_context(|| format!("{}\n{}", printed(&reviewed), printed(&output)))?;
    Ok((output, review))
}

/// The units that a review finds changed, sorted, each once.
fn changed(review: &Value) -> Vec<String> {
    let tenants = review["tenants"].as_array().into_iter().flatten();
    let resources = tenants.flat_map(|tenant| tenant["resources"].as_array().into_iter().flatten());
    let others = review["others"].as_array().into_iter().flatten();
    let of_units = resources.chain(others).filter_map(|resource| {
        let stack = resource["stack"].as_str()?;
        Some(stack.strip_prefix(".terragrunt-stack/").unwrap_or(stack).to_owned())
    });
    of_units.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A tenant's file is removed, and what `check` says to do about it is done, word by word.
fn goes_by_the_words_of_check(live: &Live, namespace: &str) -> Result<()> {
    std::fs::remove_file(live.path().join("tenants/narrator.yaml"))?;
    let check = printed(&live.stacks(&["check"])?);
    let words = "run `terragrunt stack generate`, then `terragrunt destroy` in .terragrunt-stack/narrator";
    ensure!(check.contains(words), "{check}");
    // Where the unit was written it has no state, and nothing may be done there in the belief that it has.
    let destroy = ["destroy", "-auto-approve", "-no-color"];
    let aside = printed(&live.tool("terragrunt", "units/narrator", &destroy)?);
    ensure!(!aside.contains("Destroy complete"), "{aside}");
    ensure!(Kubectl.exists(namespace, "deployment", "narrator")?, "a unit ran where it was written: {aside}");

    live.typed("", "terragrunt stack generate")?;
    let output = live.tool("terragrunt", ".terragrunt-stack/narrator", &destroy)?;
    ensure!(output.status.success(), "{}", printed(&output));
    ensure!(
        !Kubectl.exists(namespace, "deployment", "narrator")?,
        "nothing was destroyed: {}",
        printed(&output)
    );
    live.stacks_ok(&["generate"])?;
    live.terragrunt(4, &["plan", "-detailed-exitcode"]).map(drop)
}

/// A tenant's file is renamed, and what `check` says to do about it is done, word by word.
fn moves_by_the_words_of_check(live: &Live) -> Result<()> {
    let writer = live.read("tenants/writer.yaml")?;
    live.write("tenants/scribe.yaml", &format!("{writer}name: writer\n"))?;
    std::fs::remove_file(live.path().join("tenants/writer.yaml"))?;
    let check = printed(&live.stacks(&["check"])?);
    let pull = "terragrunt state pull > ../../moved-writer.tfstate";
    let push = "terragrunt state push - < ../../moved-writer.tfstate";
    for (words, folder) in [(pull, "writer"), (push, "scribe")] {
        let told = format!("`terragrunt stack generate`, then `{words}` in .terragrunt-stack/{folder} on");
        ensure!(check.contains(&told), "{check}");
    }
    live.typed("", "terragrunt stack generate")?;
    live.typed(".terragrunt-stack/writer", pull)?;
    live.stacks_ok(&["generate"])?;
    live.typed("", "terragrunt stack generate")?;
    live.typed(".terragrunt-stack/scribe", push)?;
    live.terragrunt(4, &["plan", "-detailed-exitcode"]).map(drop)
}

/// The three tenants that `init` writes, in the layout that it writes, with their states in a bucket.
fn a_new_repository_lives(binary: Binary) -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("bucket");
    let bucket = FakeBucket::start()?;
    let mut live = Live::new(binary)?;
    live.environment.extend(FakeBucket::CREDENTIALS);
    e2e::say(&format!(
        "init's tenants with {}: the fake model's image stands in for every server's, gofakes3 for the bucket",
        binary.name()
    ));
    live.stacks_ok(&["init"])?;
    let more = format!(
        "provider: {{ config_path: {} }}\nbackend:\n  s3: {{ bucket: {}, region: eu-west-1, key_prefix: live, endpoint: \"{}\" }}\n",
        Surroundings::get().kubeconfig.display(),
        FakeBucket::NAME,
        bucket.url
    );
    moved_in(&live, &scratch, &more)?;
    live.stacks_ok(&["generate"])?;
    live.terragrunt(4, &["apply", "-auto-approve"])?;
    for stack in STACKS {
        let state: Value = serde_json::from_str(&bucket.get(&format!("live/{stack}/terraform.tfstate"))?)?;
        ensure!(state["resources"].as_array().is_some_and(|all| !all.is_empty()), "{stack}: {state}");
    }
    live.terragrunt(4, &["plan", "-detailed-exitcode"]).context("a second plan")?;

    let lock = "live/narrator/terraform.tfstate.tflock";
    bucket.put(lock, r#"{"ID":"1","Operation":"OperationTypeApply","Who":"somebody@elsewhere"}"#)?;
    let refused = live.tool("terragrunt", "narrator", &["plan", "-no-color"])?;
    let said = printed(&refused);
    ensure!(
        !refused.status.success() && said.contains("somebody@elsewhere"),
        "a held lock was passed over: {said}"
    );
    bucket.remove(lock)?;
    live.terragrunt(4, &["destroy", "-auto-approve"])?;
    ensure!(bucket.get(lock).is_err(), "the lock is still held");
    let left = Kubectl.names(&scratch.namespace, "deployments,services,cronjobs")?;
    ensure!(left.is_empty(), "{left:?} are left");
    Ok(())
}

#[test]
fn a_new_repository_is_applied_by_terraform_with_its_states_in_a_bucket() -> Result<()> {
    a_new_repository_lives(Binary::Terraform)
}

#[test]
fn a_new_repository_is_applied_by_tofu_with_its_states_in_a_bucket() -> Result<()> {
    a_new_repository_lives(Binary::Tofu)
}

/// The same repository as units of an explicit stack, with its states in the cluster: where people go when they
/// outgrow the first day.
#[test]
fn units_of_a_stack_are_reviewed_and_applied_with_their_states_in_secrets() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("units");
    let namespace = scratch.namespace.as_str();
    // Terraform as it can be built here is without this backend.
    let live = Live::new(Binary::Tofu)?;
    live.stacks_ok(&["init"])?;
    let kubeconfig = Surroundings::get().kubeconfig.display();
    let more = format!(
        "layout: stack\nprovider: {{ config_path: {kubeconfig} }}\nbackend:\n  kubernetes: {{ namespace: {namespace} }}\n"
    );
    let card = moved_in(&live, &scratch, &more)?;
    live.stacks_ok(&["generate"])?;
    live.tools_find_nothing()?;
    Kubectl.run(&["create", "namespace", namespace])?;

    let folder = tempfile::tempdir()?;
    let (output, review) = planned(&live, &folder.path().join("new"))?;
    ensure!(output.status.code() == Some(2), "the first plan: {}", printed(&output));
    ensure!(changed(&review) == STACKS, "changed: {:?}\n{review:#}", changed(&review));
    ensure!(review["unplanned"].as_array().is_some_and(Vec::is_empty), "{review:#}");

    live.terragrunt(4, &["apply", "-auto-approve"])?;
    let secrets = Kubectl.names(namespace, "secrets")?;
    for stack in STACKS {
        let state = format!("secret/tfstate-default-{stack}");
        ensure!(secrets.contains(&state), "the state of {stack} is not in {secrets:?}");
    }
    let (output, review) = planned(&live, &folder.path().join("again"))?;
    ensure!(output.status.code() == Some(0), "the second plan: {}", printed(&output));
    ensure!(changed(&review).is_empty(), "{review:#}");

    let narrator = live.read("tenants/narrator.yaml")?.replace("06:00", "05:00");
    live.write("tenants/narrator.yaml", &narrator)?;
    live.stacks_ok(&["generate"])?;
    let (_, review) = planned(&live, &folder.path().join("moved"))?;
    ensure!(changed(&review) == ["narrator"], "{review:#}");
    ensure!(review["cards"][0]["card"] == card.as_str(), "{review:#}");

    goes_by_the_words_of_check(&live, namespace)?;
    moves_by_the_words_of_check(&live)?;
    live.terragrunt(4, &["destroy", "-auto-approve"])?;
    let left = Kubectl.names(namespace, "deployments,services,cronjobs")?;
    ensure!(left.is_empty(), "{left:?} are left");
    Ok(())
}
