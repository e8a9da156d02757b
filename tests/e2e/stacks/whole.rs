//! A fleet that says everything that the provider can be told, planned. Nobody applies it: its nodes, exports and
//! addresses are nobody's.

use anyhow::{Result, ensure};
use e2e::Binary;

use super::Live;

/// The backend of that fleet, which no plan without a network can reach.
const BUCKET: &str = r#"s3: { bucket: states, region: eu-west-1, key_prefix: "/gpu/${live}/", endpoint: "https://s3.example.org" }"#;

/// Every stack of it has a plan, and no tool has anything against its files.
fn is_planned(layout: &str) -> Result<()> {
    let mut live = Live::copied(Binary::Terraform, "generator/tests/whole")?;
    let fleet = live.read("fleet.yaml")?;
    ensure!(fleet.contains(BUCKET), "the fleet's backend is another: {fleet}");
    let fleet = fleet.replace(BUCKET, "local: { path: states }");
    live.write("fleet.yaml", &format!("layout: {layout}\n{fleet}"))?;
    live.stacks_ok(&["generate", "--allow-overcommit"])?;
    live.tools_find_nothing()?;
    let stacks = 1 + std::fs::read_dir(live.path().join("tenants"))?
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()))
        .count();
    for binary in Binary::BOTH {
        live = live.with(binary)?;
        let said = live.terragrunt(4, &["plan"])?;
        let plans = said.matches("Plan: ").count();
        ensure!(plans == stacks, "{plans} of {stacks} stacks have a plan with {}: {said}", binary.name());
    }
    Ok(())
}

#[test]
fn all_that_a_fleet_can_say_is_planned_by_both_without_a_cluster() -> Result<()> {
    is_planned("root")
}

#[test]
fn all_that_a_fleet_can_say_is_planned_by_both_as_units_of_a_stack() -> Result<()> {
    is_planned("stack")
}
