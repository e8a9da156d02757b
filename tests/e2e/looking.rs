//! Functions and data sources, with both CLIs.

use anyhow::{Result, ensure};
use e2e::{Binary, Example, Scratch, Workspace};
use serde_json::{Value, json};

fn outputs(workspace: &Workspace) -> Result<Value> {
    Ok(serde_json::from_str(&workspace.ok(&["output", "-json"])?)?)
}

#[test]
fn functions_compute_in_the_words_of_tenants() -> Result<()> {
    for binary in Binary::BOTH {
        let workspace = Workspace::new(
            binary,
            r#"
locals {
  windows = { night = { start = "02:00", end = "06:00", days = null, time_zone = "Europe/London" } }
}

output "bytes" {
  value = provider::gpu::bytes("6GiB")
}

output "quantity" {
  value = provider::gpu::quantity(6442450944)
}

output "night" {
  value = provider::gpu::in_window(local.windows, "2026-11-21T02:00:00Z")
}

output "noon" {
  value = provider::gpu::in_window(local.windows, "2026-11-21T12:00:00Z")
}

output "cron" {
  value = provider::gpu::cron(local.windows)
}
"#,
        )?
        .without_cluster()?;
        workspace.apply()?;
        let outputs = outputs(&workspace)?;
        for (name, value) in [
            ("bytes", json!(6_442_450_944_u64)),
            ("quantity", json!("6Gi")),
            ("night", json!(true)),
            ("noon", json!(false)),
        ] {
            ensure!(outputs[name]["value"] == value, "{binary:?} {name}: {outputs}");
        }
        ensure!(outputs["cron"]["value"]["night"]["up"] == json!(["0 2 * * *"]), "{binary:?}: {outputs}");
        workspace.write("output \"bytes\" {\n  value = provider::gpu::bytes(\"6GB\")\n}\n")?;
        let refused = workspace.fails(&["plan", "-input=false", "-no-color"])?;
        ensure!(refused.contains("decimal"), "{binary:?}: {refused}");
    }
    Ok(())
}

#[test]
fn a_card_and_a_tenant_s_status_are_looked_up() -> Result<()> {
    let scratch = Scratch::reserve("looking");
    let example = Example::asleep(
        &scratch,
        &format!("card-{}", scratch.namespace),
        "http://dcgm.example.org:9400/metrics",
    );
    let looking = r#"
data "gpu_card" "t4" {
  name       = gpu_card.t4.id
  depends_on = [gpu_vram_floor.chatterbox]
}

data "gpu_windowed_service_status" "chatterbox" {
  tenant     = gpu_vram_floor.chatterbox.id
  depends_on = [gpu_windowed_service.chatterbox]
}

output "tenants" {
  value = keys(data.gpu_card.t4.tenants)
}

output "state" {
  value = data.gpu_windowed_service_status.chatterbox.state
}
"#;
    let workspace = Workspace::new(Binary::Terraform, &format!("{}{looking}", example.hcl()))?;
    workspace.apply()?;
    let outputs = outputs(&workspace)?;
    let tenant = format!("{}/{}", example.namespace, example.name);
    ensure!(outputs["tenants"]["value"] == json!([tenant]), "{outputs}");
    ensure!(outputs["state"]["value"] == "asleep", "{outputs}");
    workspace.plan_is_empty()?;
    workspace.destroy().map(drop)
}
