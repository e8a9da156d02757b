//! What is left when something breaks half-way, and what a bad input is told.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Binary, Example, Kubectl, Scratch, Workspace, wait};

const NO_SOURCE: &str = "http://dcgm.example.org:9400/metrics";

#[test]
fn an_apply_whose_provider_is_killed_is_finished_by_the_next() -> Result<()> {
    let scratch = Scratch::reserve("killed");
    let namespace = scratch.namespace.as_str();
    let example = Example::asleep(&scratch, &format!("card-{namespace}"), NO_SOURCE);
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    let mut apply = workspace.start(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    wait::until("the namespace appears", Duration::from_secs(60), || {
        Ok(Kubectl.exists("default", "namespace", namespace)?.then_some(()))
    })?;
    for child in children(apply.id())? {
        std::process::Command::new("kill").args(["-9", &child.to_string()]).status()?;
    }
    apply.wait()?;
    workspace.apply()?;
    workspace.plan_is_empty()?;
    ensure!(Kubectl.exists(namespace, "deployment", "chatterbox-tts")?);
    ensure!(Kubectl.names(namespace, "deployments")?.len() == 1);
    ensure!(Kubectl.names(namespace, "pvc")?.len() == 1);
    workspace.destroy().map(drop)
}

/// Processes whose parent is `parent`, from `/proc`.
fn children(parent: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        if after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str()) {
            found.push(pid);
        }
    }
    Ok(found)
}

#[test]
fn a_token_without_rights_names_the_verb_and_the_resource() -> Result<()> {
    let scratch = Scratch::reserve("rights");
    let namespace = scratch.namespace.as_str();
    Kubectl.run(&["create", "namespace", namespace])?;
    Kubectl.run(&["-n", namespace, "create", "serviceaccount", "poor"])?;
    let token = Kubectl.run(&["-n", namespace, "create", "token", "poor"])?;
    let config = Kubectl.run(&["config", "view", "--raw", "--minify", "-o", "json"])?;
    let mut config: serde_json::Value = serde_json::from_str(&config)?;
    config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("poor.kubeconfig");
    std::fs::write(&path, config.to_string())?;
    let example = Example::asleep(&scratch, &format!("card-{namespace}"), NO_SOURCE);
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?.with_kubeconfig(&path);
    let refused = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(
        refused.contains("namespaces") || refused.contains("configmaps"),
        "no resource is named: {refused}"
    );
    ensure!(refused.contains("get") || refused.contains("patch"), "no verb is named: {refused}");
    Ok(())
}

/// What only a real API server shows: whose a field is, and who holds an object that is to go.
#[test]
fn who_steers_a_field_or_holds_an_object_is_named() -> Result<()> {
    let scratch = Scratch::reserve("holders");
    let namespace = scratch.namespace.as_str();
    let example = Example::asleep(&scratch, &format!("card-{namespace}"), NO_SOURCE)
        .with("  timeouts = { delete = \"10s\" }");
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;

    // As Argo CD and another program mark what they know.
    let argo =
        ["-n", namespace, "label", "deployment,service", "--all", "argocd.argoproj.io/instance=models"];
    Kubectl.run(&argo)?;
    let tracking = "argocd.argoproj.io/tracking-id=models:apps/Deployment:tts/chatterbox-tts";
    Kubectl.run(&["-n", namespace, "annotate", "deployment,service,configmap", "--all", tracking])?;
    let theirs = serde_json::json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "chatterbox-tts", "namespace": namespace, "annotations": {"team": "speech"}},
    });
    let apply = ["apply", "--server-side", "--field-manager=colleague", "-f", "-"];
    Kubectl.run_with_input(&apply, &theirs.to_string())?;
    workspace.plan_is_empty()?;

    // After the plan somebody takes a field that it does not show as changed.
    let ours = example.set("annotations", r#"{ Service = { owner = "models" } }"#);
    workspace.write(&ours.hcl())?;
    workspace.ok(&["plan", "-input=false", "-no-color", "-out=saved.tfplan"])?;
    let mut taken = theirs.clone();
    taken["metadata"]["labels"] = serde_json::json!({"app.kubernetes.io/managed-by": "colleague"});
    let force = [&apply[..], &["--force-conflicts"]].concat();
    Kubectl.run_with_input(&force, &taken.to_string())?;
    let refused = workspace.fails(&["apply", "-input=false", "-no-color", "saved.tfplan"])?;
    for word in ["Service", "colleague", "app.kubernetes.io/managed-by"] {
        ensure!(refused.contains(word), "{word} is not named: {refused}");
    }
    workspace.write(&example.hcl())?;
    workspace.apply()?;
    workspace.plan_is_empty()?;

    let finalizers = |list: &str| {
        let patch = format!(r#"{{"metadata":{{"finalizers":{list}}}}}"#);
        Kubectl.run(&["-n", namespace, "patch", "service/chatterbox-tts", "--type=merge", "-p", &patch])
    };
    finalizers(r#"["e2e.example.org/hold"]"#)?;
    let refused = workspace.fails(&["destroy", "-auto-approve", "-input=false", "-no-color"])?;
    for word in ["chatterbox-tts", "e2e.example.org/hold"] {
        ensure!(refused.contains(word), "{word} is not named: {refused}");
    }
    finalizers("null")?;
    workspace.destroy()?;
    ensure!(!Kubectl.exists(namespace, "service", "chatterbox-tts")?);
    Ok(())
}
