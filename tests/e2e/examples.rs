//! The examples of the registry's pages, run as they stand there but for names and an NFS export.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Scratch, Workspace};
use serde_json::{Value, json};

/// What the examples refer to and do not show.
const BESIDE: &str = r#"
locals {
  whisper_image = "registry.example.org/whisper:1"
}

resource "gpu_vram_floor" "images" {
  card     = gpu_card.t4.id
  tenant   = "images/comfyui"
  peak     = "4GiB"
  headroom = "2GiB"
}
"#;

const EXPORT: &str = r#"nfs        = { server = "nfs.example.org", path = "/srv/nfs-ssd/chatterbox" }"#;
const STAND_IN: &str = r#"class      = "local-stand-in""#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn read(example: &str) -> Result<String> {
    let path = folder().join(example);
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

fn listed(kind: &str) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder().join(kind))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn all(kind: &str, file: &str) -> Result<String> {
    listed(kind)?.iter().map(|name| read(&format!("{kind}/{name}/{file}"))).collect()
}

/// The text with a card and namespaces of the test's own, and with a volume that can be mounted here.
fn in_scratch(text: &str, namespace: &str) -> String {
    let mut text = text.replace("gpu-1-0", &format!("card-{namespace}")).replace(EXPORT, STAND_IN);
    for (name, own) in [("tts", namespace.to_owned()), ("images", format!("{namespace}-images"))] {
        text = text.replace(&format!("\"{name}/"), &format!("\"{own}/"));
        text = text.replace(&format!("namespace  = \"{name}\""), &format!("namespace  = \"{own}\""));
        text = text.replace(&format!(" {name}/"), &format!(" {own}/"));
    }
    text.replace("\"stt/", &format!("\"{namespace}-stt/"))
}

/// Everything that the provider has is shown.
#[test]
fn each_resource_data_source_and_function_has_an_example_and_each_resource_an_import() -> Result<()> {
    let workspace = Workspace::new(Binary::Terraform, "")?.without_cluster()?;
    let schema: Value = serde_json::from_str(&workspace.ok(&["providers", "schema", "-json"])?)?;
    let all = schema["provider_schemas"].as_object().context("no schema")?;
    let provider = all.values().next().context("no provider")?;
    for (kind, schemas) in [
        ("resources", "resource_schemas"),
        ("data-sources", "data_source_schemas"),
        ("functions", "functions"),
    ] {
        let has: BTreeSet<String> = provider[schemas].as_object().context("none")?.keys().cloned().collect();
        ensure!(has == listed(kind)?, "{kind}: {has:?}, and examples of {:?}", listed(kind)?);
    }
    for resource in listed("resources")? {
        let import = read(&format!("resources/{resource}/import.sh"))?;
        let configuration = read(&format!("resources/{resource}/resource.tf"))?;
        let address = import.split_whitespace().nth(2).context("no address")?;
        let (of, label) = address.split_once('.').context("no label")?;
        ensure!(
            of == resource && configuration.contains(&format!("resource \"{of}\" \"{label}\"")),
            "{import}"
        );
    }
    Workspace::whole(Binary::Terraform, &read("provider/provider.tf")?)?.ok(&["validate"]).map(drop)
}

/// What the example of an exporter asks of the Prometheus operator, which this cluster has not.
const MONITOR: &str = r#"
  service_monitor = {
    labels = { release = "kube-prometheus-stack" }
  }
"#;

/// No node here has the label of a GPU, so its pods run nowhere.
#[test]
fn the_exporter_s_example_is_applied_and_imported() -> Result<()> {
    let scratch = Scratch::reserve("exporter");
    let namespace = scratch.namespace.as_str();
    let own = |text: &str| in_scratch(text, namespace).replace("gpu-exporter", &format!("{namespace}-x"));
    let example = read("resources/gpu_exporter/resource.tf")?;
    ensure!(example.contains(MONITOR), "the example asks for no ServiceMonitor");
    let resources = own(&example.replace(MONITOR, ""));
    let workspace = Workspace::new(Binary::Terraform, &resources)?;
    workspace.apply()?;
    workspace.plan_is_empty()?;
    let import = own(&read("resources/gpu_exporter/import.sh")?);
    let words: Vec<&str> = import.split_whitespace().collect();
    let second = Workspace::new(Binary::Terraform, &resources)?;
    second.ok(&["import", "-input=false", "-no-color", words[2], words[3]])?;
    let plan = second.plan_json()?;
    let changes = plan["resource_changes"].as_array().into_iter().flatten();
    let exporter = changes.filter(|it| it["address"] == words[2]).map(|it| it["change"]["actions"].clone());
    let exporter: Vec<Value> = exporter.collect();
    ensure!(exporter == [json!(["no-op"])] || exporter == [json!(["update"])], "{exporter:?}");
    workspace.destroy().map(drop)
}

#[test]
fn examples_are_applied_looked_up_computed_and_imported() -> Result<()> {
    let scratch = Scratch::reserve("examples");
    let namespace = scratch.namespace.as_str();
    let types = ["gpu_card", "gpu_vram_floor", "gpu_windowed_service"];
    let mut resources = BESIDE.to_owned();
    for name in types {
        resources.push_str(&read(&format!("resources/{name}/resource.tf"))?);
    }
    ensure!(resources.contains(EXPORT), "the example has no export");
    let resources = in_scratch(&resources, namespace);
    let workspace = Workspace::new(Binary::Terraform, &resources)?;
    workspace.apply()?;

    let looking = format!("{}{}", all("data-sources", "data-source.tf")?, all("functions", "function.tf")?);
    workspace.write(&format!("{resources}{}", in_scratch(&looking, namespace)))?;
    workspace.apply()?;
    let outputs: Value = serde_json::from_str(&workspace.ok(&["output", "-json"])?)?;
    let value = |name: &str| outputs[name]["value"].clone();
    ensure!(value("claimed_mib") == json!(4096 + 3072 + 4096), "{outputs}");
    ensure!(value("claimed_bytes") == json!(6_442_450_944_u64) && value("memory") == "6Gi", "{outputs}");
    ensure!(value("ticks")["night"]["up"] == json!(["0 2 * * *"]), "{outputs}");
    ensure!(value("chatterbox_may_be_awake").is_boolean(), "{outputs}");

    let second = Workspace::new(Binary::Terraform, &resources)?;
    for name in types {
        let import = in_scratch(&read(&format!("resources/{name}/import.sh"))?, namespace);
        let words: Vec<&str> = import.split_whitespace().collect();
        ensure!(words.len() == 4 && words[..2] == ["terraform", "import"], "{import}");
        second.ok(&["import", "-input=false", "-no-color", words[2], words[3]])?;
    }

    // Of the tools, tofu is the one that imports by identity.
    let blocks: String = types
        .iter()
        .map(|name| read(&format!("resources/{name}/import-by-identity.tf")))
        .collect::<Result<Vec<_>>>()?
        .join("\n")
        .replace("= \"tts\"", &format!("= \"{namespace}\""));
    let third = Workspace::new(Binary::Tofu, &format!("{resources}{}", in_scratch(&blocks, namespace)))?;
    let plan = third.plan()?;
    ensure!(plan.contains(&format!("Plan: {} to import", types.len())), "{plan}");
    workspace.destroy().map(drop)
}
