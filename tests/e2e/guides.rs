//! The configurations of the guides: terraform accepts them as they are printed, and needs no cluster to plan them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Workspace};

fn is_planned(name: &str, resources: usize) -> Result<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(repository.join(format!("examples/guides/{name}/main.tf")))?;
    let guide = std::fs::read_to_string(repository.join(format!("docs/guides/{name}.md")))?;
    ensure!(guide.contains(&text), "docs/guides/{name}.md does not show examples/guides/{name} as it is");
    let plan = Workspace::whole(Binary::Terraform, &text)?.without_cluster()?.plan_json()?;
    let planned = plan["resource_changes"].as_array().context("no changes")?;
    ensure!(planned.len() == resources, "{} resources are planned", planned.len());
    Ok(())
}

#[test]
fn the_first_tenant_is_planned_as_its_guide_prints_it() -> Result<()> {
    is_planned("first-tenant", 4)
}

#[test]
fn several_tenants_are_planned_as_their_guide_prints_them() -> Result<()> {
    is_planned("several-tenants", 8)
}

#[test]
fn a_tenant_that_moves_over_is_planned_as_its_guide_prints_it() -> Result<()> {
    is_planned("moving-over", 3)
}
