//! A tenant that is always awake and whose image is not there: told, remembered, and mended by an apply.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::example::UNSET;
use e2e::{Binary, Example, Kubectl, Scratch, Workspace};
use serde_json::Value;

/// What the resource in the state says of itself.
fn state(workspace: &Workspace, attribute: &str) -> Result<Value> {
    let shown: Value = serde_json::from_str(&workspace.ok(&["show", "-json"])?)?;
    let resources = shown["values"]["root_module"]["resources"].as_array().context("no resource")?;
    let service = resources.iter().find(|it| it["type"] == "gpu_windowed_service").context("no tenant")?;
    ensure!(service["tainted"] != true, "the tenant is tainted: {service}");
    Ok(service["values"][attribute].clone())
}

#[test]
fn a_missing_image_is_told_and_remembered_and_its_correction_applies() -> Result<()> {
    let scratch = Scratch::reserve("waiting");
    let card = format!("card-{}", scratch.namespace);
    let mut example = Example::asleep(&scratch, &card, "http://dcgm.example.org:9400/metrics")
        .set("windows", UNSET)
        .set("config", UNSET)
        .set("vram_floor", UNSET)
        .set("always", "true")
        .set("slices", "0")
        .set("image_pull_policy", "\"Never\"")
        .set("timeouts", r#"{ create = "60s", update = "60s" }"#);
    let right = std::mem::replace(&mut example.image, "gpu-tenancy.local/no-such-image:1".to_owned());
    let started = Instant::now();
    let workspace = Workspace::new(Binary::Terraform, &tenant(&example))?;
    let told = e2e::terraform::unwrapped(&workspace.apply()?);
    ensure!(told.contains("is not ready") && told.contains("ErrImageNeverPull"), "{told}");
    ensure!(started.elapsed().as_secs() < 60, "it waited for what waiting does not mend");
    ensure!(state(&workspace, "not_ready")?.as_str().is_some_and(|it| it.contains("ErrImageNeverPull")));
    let claim = Kubectl.get(&example.namespace, "pvc", "chatterbox-tts-data")?["metadata"]["uid"].clone();

    let plan = workspace.plan()?;
    ensure!(plan.contains("0 to add, 1 to change, 0 to destroy") && plan.contains("not_ready"), "{plan}");
    let again = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(again.contains("ErrImageNeverPull"), "{again}");

    example.image = right;
    workspace.write(&tenant(&example))?;
    workspace.apply()?;
    workspace.plan_is_empty()?;
    ensure!(state(&workspace, "not_ready")?.is_null());
    let kept = Kubectl.get(&example.namespace, "pvc", "chatterbox-tts-data")?["metadata"]["uid"].clone();
    ensure!(kept == claim, "the claim was made anew");
    workspace.destroy().map(drop)
}

/// The service's block alone: without a slice it needs no claim on a card.
fn tenant(example: &Example) -> String {
    let whole = example.tenant_hcl("chatterbox", "\"none\"");
    let service = whole.find("resource \"gpu_windowed_service\"").unwrap_or_default();
    whole[service..]
        .lines()
        .filter(|line| !line.trim_start().starts_with("vram_floor"))
        .collect::<Vec<_>>()
        .join("\n")
}
