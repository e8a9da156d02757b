//! Import into an empty state.

use anyhow::{Result, ensure};
use e2e::{Binary, Example, Kubectl, Scratch, Workspace};

#[test]
fn an_imported_tenant_is_neither_replaced_nor_woken() -> Result<()> {
    for binary in Binary::BOTH {
        let scratch = Scratch::reserve("import");
        let namespace = scratch.namespace.as_str();
        let card = format!("card-{namespace}");
        let example = Example::asleep(&scratch, &card, "http://dcgm.example.org:9400/metrics");
        let first = Workspace::new(binary, &example.hcl())?;
        first.apply()?;
        let uid = Kubectl.get(namespace, "deployment", "chatterbox-tts")?["metadata"]["uid"].clone();

        let second = Workspace::new(binary, &example.hcl())?;
        let tenant = format!("{namespace}/chatterbox-tts");
        second.ok(&["import", "-input=false", "-no-color", "gpu_card.t4", &card])?;
        second.ok(&["import", "-input=false", "-no-color", "gpu_vram_floor.chatterbox", &tenant])?;
        second.ok(&["import", "-input=false", "-no-color", "gpu_windowed_service.chatterbox", &tenant])?;
        let plan = second.plan_json()?;
        for change in plan["resource_changes"].as_array().into_iter().flatten() {
            let actions = change["change"]["actions"].to_string();
            ensure!(
                !actions.contains("delete") && !actions.contains("create"),
                "{}: {actions}",
                change["address"]
            );
        }
        second.apply()?;
        second.plan_is_empty()?;
        ensure!(Kubectl.get(namespace, "deployment", "chatterbox-tts")?["metadata"]["uid"] == uid);
        ensure!(Kubectl.replicas(namespace, "chatterbox-tts")? == 0);
        second.destroy()?;
    }
    Ok(())
}
