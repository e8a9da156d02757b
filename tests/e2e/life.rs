//! A tenant's life in Terraform's hands, with both CLIs.

use anyhow::{Result, ensure};
use e2e::{Binary, Example, Kubectl, Scratch, Workspace};

/// A source that nobody asks: these tenants sleep.
const NO_SOURCE: &str = "http://dcgm.example.org:9400/metrics";

fn asleep(scratch: &Scratch) -> Example {
    let card = format!("card-{}", scratch.namespace);
    Example::asleep(scratch, &card, NO_SOURCE)
}

#[test]
fn a_plan_for_a_new_tenant_needs_no_cluster() -> Result<()> {
    for binary in Binary::BOTH {
        let scratch = Scratch::reserve("offline");
        let workspace = Workspace::new(binary, &asleep(&scratch).hcl())?.without_cluster()?;
        let plan = workspace.plan()?;
        ensure!(plan.contains("3 to add, 0 to change, 0 to destroy"), "{plan}");
        ensure!(
            plan.contains("spec.template.spec.containers[server].image"),
            "the plan shows no objects: {plan}"
        );
        let refused = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
        ensure!(refused.contains("127.0.0.1:1"), "the error names no server: {refused}");
    }
    Ok(())
}

#[test]
fn a_tenant_is_made_changed_and_destroyed_by_terraform() -> Result<()> {
    lives(Binary::Terraform)
}

#[test]
fn a_tenant_is_made_changed_and_destroyed_by_tofu() -> Result<()> {
    lives(Binary::Tofu)
}

fn lives(binary: Binary) -> Result<()> {
    let scratch = Scratch::reserve("life");
    let example = asleep(&scratch);
    let namespace = scratch.namespace.as_str();
    let workspace = Workspace::new(binary, &example.hcl())?;
    workspace.ok(&["validate", "-no-color"])?;
    workspace.apply()?;
    workspace.plan_is_empty()?;
    ensure!(Kubectl.replicas(namespace, "chatterbox-tts")? == 0, "apply woke the tenant");
    ensure!(Kubectl.names(namespace, "cronjobs")?.len() >= 3);
    let service = Kubectl.get(namespace, "service", "chatterbox-tts")?;
    ensure!(
        service["spec"]["ports"][0]["port"] == 8000 && service["spec"]["ports"][0]["targetPort"].is_string(),
        "{service}"
    );

    let mut changed = example.clone();
    changed.image = "gpu-tenancy.local/fake-model:other".to_owned();
    workspace.write(&changed.hcl())?;
    let plan = workspace.plan()?;
    ensure!(
        plan.contains(r#"~ "spec.template.spec.containers[server].image" = "gpu-tenancy.local/fake-model:dev" -> "gpu-tenancy.local/fake-model:other""#),
        "the plan does not show the field in its object: {plan}"
    );
    ensure!(plan.contains("0 to add, 1 to change, 0 to destroy"), "{plan}");
    workspace.apply()?;
    workspace.plan_is_empty()?;
    let deployment = Kubectl.get(namespace, "deployment", "chatterbox-tts")?;
    ensure!(
        deployment["spec"]["template"]["spec"]["containers"][0]["image"]
            == "gpu-tenancy.local/fake-model:other"
    );
    ensure!(Kubectl.replicas(namespace, "chatterbox-tts")? == 0, "the change woke the tenant");

    let claim = Kubectl.names(namespace, "pvc")?;
    workspace.destroy()?;
    ensure!(Kubectl.names(namespace, "pvc")? == claim, "the claim was not retained");
    let left =
        Kubectl.names(namespace, "deployments,cronjobs,services,roles,rolebindings,serviceaccounts")?;
    ensure!(left == ["serviceaccount/default"], "left behind: {left:?}");
    for name in [format!("card.{}.declared", example.card), format!("card.{}.ledger", example.card)] {
        ensure!(!Kubectl.exists("gpu-tenancy", "configmap", &name)?, "{name} is left behind");
    }
    Ok(())
}

#[test]
fn a_card_with_tenants_is_not_destroyed_and_the_error_names_them() -> Result<()> {
    let scratch = Scratch::reserve("entered");
    let example = asleep(&scratch);
    let card = Workspace::new(Binary::Terraform, &example.card_hcl())?;
    card.apply()?;
    let tenant = Workspace::new(
        Binary::Terraform,
        &example.tenant_hcl("chatterbox", &format!("\"{}\"", example.card)),
    )?;
    tenant.apply()?;
    let refused = card.fails(&["destroy", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(refused.contains(&format!("{}/chatterbox-tts", scratch.namespace)), "{refused}");
    tenant.destroy()?;
    card.destroy()?;
    Ok(())
}

#[test]
fn a_floor_without_its_card_fails_by_naming_it() -> Result<()> {
    let scratch = Scratch::reserve("no-card");
    let example = asleep(&scratch);
    let tenant = Workspace::new(Binary::Terraform, &example.tenant_hcl("chatterbox", "\"no-such-card\""))?;
    let refused = tenant.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(refused.contains("no-such-card"), "{refused}");
    ensure!(!Kubectl.exists(&scratch.namespace, "deployment", "chatterbox-tts")?);
    Ok(())
}

#[test]
fn a_namespace_is_shared_ground() -> Result<()> {
    let scratch = Scratch::reserve("shared");
    let first = asleep(&scratch);
    let mut second = first.clone();
    second.name = "whisper".to_owned();
    let card = Workspace::new(Binary::Terraform, &first.card_hcl())?;
    card.apply()?;
    let reference = format!("\"{}\"", first.card);
    let one = Workspace::new(Binary::Terraform, &first.tenant_hcl("one", &reference))?;
    let two = Workspace::new(Binary::Terraform, &second.tenant_hcl("two", &reference))?;
    one.apply()?;
    two.apply()?;
    one.plan_is_empty()?;
    one.destroy()?;
    ensure!(Kubectl.exists(&scratch.namespace, "deployment", "whisper")?, "the neighbour is gone");
    two.plan_is_empty()?;
    two.destroy()?;
    card.destroy()?;
    Ok(())
}
