//! A container of a tenant's own pod with kubectl in it, so that what the container may do is tried where it would
//! be done.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{Kubectl, Surroundings, wait};
use serde_json::{Value, json};

use super::DEPLOYMENT;
use crate::account::Account;

/// Where kubectl lies in the container.
const FOLDER: &str = "/kubectl";

/// The folder and the name of the program that kubectl is here. It is linked statically, so it starts in an image
/// that has nothing but a model server.
fn program() -> Result<(PathBuf, String)> {
    let script = std::fs::read_to_string(Surroundings::get().tool("kubectl")).context("read kubectl")?;
    let path = script.split('\'').nth(1).context("kubectl is no script with the program in quotes")?;
    let path = PathBuf::from(path);
    let name = path.file_name().and_then(|name| name.to_str()).context("the program has no name")?;
    Ok((path.parent().context("the program lies nowhere")?.to_owned(), name.to_owned()))
}

/// The kinds of containers that go into such a pod.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// All, so that `admit` runs for as long as no window is open.
    All,
    /// Those of the model server alone, which `admit` would hold back.
    Servers,
}

/// A pod after the tenant's template, of no Deployment and behind no Service, and kubectl in one of its containers.
pub(super) fn container(namespace: &str, keep: Keep, container: &str) -> Result<Account> {
    let (folder, program) = program()?;
    let mut spec = Kubectl.get(namespace, "deployment", DEPLOYMENT)?["spec"]["template"]["spec"].take();
    if matches!(keep, Keep::Servers) {
        spec["initContainers"] = json!([]);
    }
    for kind in ["initContainers", "containers"] {
        for one in spec[kind].as_array_mut().into_iter().flatten() {
            // What the card has room for is not asked here.
            one["resources"] = json!({});
            append(one, "volumeMounts", json!({"name": "kubectl", "mountPath": FOLDER, "readOnly": true}));
        }
    }
    append(
        &mut spec,
        "volumes",
        json!({"name": "kubectl", "hostPath": {"path": folder, "type": "Directory"}}),
    );
    let pod = format!("inside-{container}");
    let meta = json!({"name": pod, "namespace": namespace});
    Kubectl.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}))?;
    let begin = ["-n", namespace, "exec", "-i", &pod, "-c", container, "--"].map(str::to_owned);
    let kubectl = [format!("{FOLDER}/{program}"), "kubectl".to_owned()];
    wait::until("the container runs", Duration::from_secs(120), || {
        let seen = Kubectl.get(namespace, "pod", &pod)?;
        let all = ["initContainerStatuses", "containerStatuses"].map(|kind| seen["status"][kind].as_array());
        let mut all = all.into_iter().flatten().flatten();
        Ok(all.any(|one| one["name"] == container && one["state"]["running"].is_object()).then_some(()))
    })?;
    Ok(Account::behind(begin.into_iter().chain(kubectl).collect()))
}

fn append(object: &mut Value, list: &str, item: Value) {
    match object[list].as_array_mut() {
        Some(items) => items.push(item),
        None => object[list] = json!([item]),
    }
}
