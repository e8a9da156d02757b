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

/// What is told by an object is read back, so that nothing but its spelling is left to the next plan.
#[test]
fn volumes_sidecars_placement_and_bounds_are_read_back() -> Result<()> {
    let scratch = Scratch::reserve("import");
    let namespace = scratch.namespace.as_str();
    let card = format!("card-{namespace}");
    let settings = [
        (
            "volumes",
            r#"{
              scratch = { mount_path = "/scratch", empty_dir = { size = "1Gi", in_memory = true } }
              voices  = { mount_path = "/voices", claim = "voices", sub_path = "en", read_only = true }
              limits  = { mount_path = "/etc/limits", config_map = "limits" }
              key     = { mount_path = "/etc/key", secret = "key", optional = true }
            }"#,
        ),
        ("shm_size", r#""64Mi""#),
        (
            "sidecars",
            r#"{ side = {
              image = "side:1", command = ["run"], env = { A = "b" }, ports = { side = 9000 }
              env_from_secrets = { KEY = { secret = "s", key = "k" } }, limits = { memory = "32Mi" }
            } }"#,
        ),
        ("labels", r#"{ Pod = { tier = "speech" } }"#),
        (
            "topology_spread",
            r#"{ "kubernetes.io/hostname" = { max_skew = 2, when_unsatisfiable = "ScheduleAnyway", match_labels = { tier = "speech" } } }"#,
        ),
        ("runtime_class", r#""nvidia""#),
        ("host_aliases", r#"{ "192.0.2.1" = ["a", "b"] }"#),
        ("quota", r#"{ pods = "20" }"#),
        ("service", r#"{ port = 8000, type = "NodePort" }"#),
    ];
    let source = "http://dcgm.example.org:9400/metrics";
    let example = settings
        .iter()
        .fold(Example::asleep(&scratch, &card, source), |example, (name, value)| example.set(name, value));
    let first = Workspace::new(Binary::Terraform, &example.hcl())?;
    first.apply()?;
    let second = Workspace::new(Binary::Terraform, &example.hcl())?;
    let tenant = format!("{namespace}/chatterbox-tts");
    second.ok(&["import", "-input=false", "-no-color", "gpu_windowed_service.chatterbox", &tenant])?;
    let plan = second.plan_json()?;
    let changes = plan["resource_changes"].as_array().into_iter().flatten();
    let change = changes
        .map(|it| (&it["address"], &it["change"]))
        .find(|(address, _)| *address == "gpu_windowed_service.chatterbox")
        .map(|(_, change)| change.clone())
        .unwrap_or_default();
    for name in settings.iter().map(|(name, _)| *name).chain(["objects"]) {
        let (before, after) = (&change["before"][name], &change["after"][name]);
        ensure!(!before.is_null() && before == after, "{name}: {before} is to become {after}");
    }
    first.destroy().map(drop)
}
