//! A stack that somebody wrote by hand moves over, as `docs/guides/moving-over.md` tells it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Kubectl, Scratch, Surroundings, Workspace, wait};
use serde_json::Value;

const BY_HAND: &str = include_str!("moving/by-hand.yaml");
/// The stack that made it, and under which address each object is in its state.
const OLD_STACK: &str = include_str!("moving/by-hand.tf");
const IN_OLD_STATE: [(&str, &str); 7] = [
    ("kubernetes_namespace.tts", ""),
    ("kubernetes_persistent_volume_claim.models", "/chatterbox-models"),
    ("kubernetes_config_map.chatterbox_config", "/chatterbox-config"),
    ("kubernetes_deployment.chatterbox", "/chatterbox-tts"),
    ("kubernetes_service.chatterbox", "/chatterbox-tts"),
    ("kubernetes_role.window", "/chatterbox-window"),
    ("kubernetes_role_binding.window", "/chatterbox-window"),
];
/// What the old stack's provider cannot read of a Deployment.
const GPU_LIMIT: &str = "          resources: { limits: { nvidia.com/gpu: 1 } }\n";
/// The server's image in the guide, and one that is in the cluster.
const IMAGES: (&str, &str) =
    ("registry.example.org/chatterbox-tts:915ae289", "gpu-tenancy.local/fake-model:dev");
const AGENT: (&str, &str) =
    ("registry.example.org/gpu-tenancy/gpu-agent:0.1.0", "gpu-tenancy.local/gpu-agent:dev");
const TENANT: &str = "chatterbox-tts";
const BY_HAND_LABEL: &str = "app=chatterbox-tts";
const OUR_LABEL: &str = "app.kubernetes.io/name=chatterbox-tts";

fn examples(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/guides/moving-over").join(file);
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// The text with a namespace of the test's own.
fn in_scratch(text: &str, namespace: &str) -> String {
    text.replace("name: tts\n", &format!("name: {namespace}\n"))
        .replace("namespace: tts", &format!("namespace: {namespace}"))
        .replace("= \"tts\"", &format!("= \"{namespace}\""))
        .replace("\"tts/", &format!("\"{namespace}/"))
        .replace("gpu-1-0", &format!("card-{namespace}"))
        .replace(IMAGES.0, IMAGES.1)
        .replace(AGENT.0, AGENT.1)
}

/// The pods with that label; the gate's own pods have neither of the two that are asked for.
fn pods(namespace: &str, label: &str) -> Result<Vec<Value>> {
    let text = Kubectl.run(&["-n", namespace, "get", "pods", "-l", label, "-o", "json"])?;
    let mut list: Value = serde_json::from_str(&text)?;
    Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

/// The pod's identity, and how often its container was started again.
fn working(namespace: &str) -> Result<Option<(Value, Value)>> {
    let pods = pods(namespace, BY_HAND_LABEL)?;
    let one = pods.first().filter(|pod| pod["status"]["phase"] == "Running");
    Ok(one.map(|pod| {
        (pod["metadata"]["uid"].clone(), pod["status"]["containerStatuses"][0]["restartCount"].clone())
    }))
}

/// What the stack by hand consists of, beside its namespace.
fn objects(namespace: &str) -> Result<Vec<String>> {
    let names = Kubectl
        .names(namespace, "pvc,configmap,deployment,service,serviceaccount,role,rolebinding,cronjob")?;
    Ok(names
        .into_iter()
        .filter(|name| !name.ends_with("/kube-root-ca.crt") && !name.ends_with("/default"))
        .collect())
}

fn uid(namespace: &str, kind: &str, name: &str) -> Result<Value> {
    Ok(Kubectl.get(namespace, kind, name)?["metadata"]["uid"].clone())
}

/// Every object of the stack by hand, with its identity.
fn uids(namespace: &str) -> Result<Vec<(String, Value)>> {
    let uid_of = |name: String| {
        let (kind, object) = name.split_once('/').context("a name without a kind")?;
        let uid = uid(namespace, kind, object)?;
        Ok((name, uid))
    };
    let mut all: Vec<(String, Value)> = objects(namespace)?.into_iter().map(uid_of).collect::<Result<_>>()?;
    all.push(("namespace".to_owned(), uid("default", "namespace", namespace)?));
    Ok(all)
}

/// Lets a state hold the stack by hand, and then forget it as the guide says. Nothing in the cluster changes.
fn forget(binary: Binary, namespace: &str) -> Result<()> {
    let kubeconfig = Surroundings::get().kubeconfig.display().to_string();
    let own = |text: &str| in_scratch(text, namespace).replace("KUBECONFIG", &kubeconfig);
    let before = uids(namespace)?;
    let stack = Workspace::of_kubernetes(binary, &own(OLD_STACK))?;
    for (address, name) in IN_OLD_STATE {
        let id = format!("{namespace}{name}");
        stack.ok(&["import", "-input=false", "-no-color", address, &id])?;
    }
    // Only its provider stays of what was written.
    let provider = OLD_STACK.split("resource \"").next().context("no provider")?;
    stack.write(&own(&format!("{provider}{}", examples("forget.tf")?)))?;
    let plan = stack.plan()?;
    ensure!(plan.contains("Plan: 0 to add, 0 to change, 0 to destroy"), "{plan}");
    let kept = match binary {
        Binary::Terraform => "will no longer be managed by Terraform, but will not be destroyed",
        Binary::Tofu => "will be removed from the OpenTofu state but will not be destroyed",
    };
    ensure!(plan.matches(kept).count() == IN_OLD_STATE.len(), "{plan}");
    if binary == Binary::Tofu {
        ensure!(plan.contains(&format!("{} to forget", IN_OLD_STATE.len())), "{plan}");
    }
    stack.apply()?;
    let left = stack.ok(&["state", "list"])?;
    ensure!(left.trim().is_empty(), "still in the state: {left}");
    ensure!(uids(namespace)? == before, "forgetting changed the cluster");
    Ok(())
}

#[test]
fn a_stack_by_hand_is_taken_over_asleep_and_never_while_it_works() -> Result<()> {
    let scratch = Scratch::reserve("moving");
    let namespace = scratch.namespace.as_str();
    ensure!(BY_HAND.contains(GPU_LIMIT));
    Kubectl.run_with_input(&["apply", "-f", "-"], &in_scratch(&BY_HAND.replace(GPU_LIMIT, ""), namespace))?;
    let by_hand = objects(namespace)?;
    ensure!(by_hand.len() == 10, "{by_hand:?}");
    Kubectl.run(&["-n", namespace, "scale", "deployment", TENANT, "--replicas=1"])?;
    let worked = wait::until("the pod by hand works", Duration::from_secs(90), || working(namespace))?;

    for binary in Binary::BOTH {
        forget(binary, namespace)?;
    }
    ensure!(working(namespace)?.as_ref() == Some(&worked), "the pod that worked is not as it was");

    let workspace = Workspace::whole(Binary::Terraform, &in_scratch(&examples("main.tf")?, namespace))?;
    let refused = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(refused.contains(&format!("Deployment {namespace}/{TENANT} is awake")), "{refused}");
    ensure!(working(namespace)?.as_ref() == Some(&worked), "the pod that worked is not as it was");
    ensure!(objects(namespace)? == by_hand, "a refused apply left {:?}", objects(namespace)?);

    let imported = workspace.fails(&[
        "import",
        "-input=false",
        "-no-color",
        "gpu_windowed_service.chatterbox",
        &format!("{namespace}/{TENANT}"),
    ])?;
    ensure!(imported.contains("list it in `adopt`"), "{imported}");

    Kubectl.run(&["-n", namespace, "scale", "deployment", TENANT, "--replicas=0"])?;
    wait::until("the pod by hand is gone", Duration::from_secs(90), || {
        Ok(pods(namespace, BY_HAND_LABEL)?.is_empty().then_some(()))
    })?;
    let (claim, service) = (uid(namespace, "pvc", "chatterbox-models")?, uid(namespace, "service", TENANT)?);
    let said = workspace.apply()?.split_whitespace().collect::<Vec<_>>().join(" ").replace(" │ ", " ");
    ensure!(said.contains("made anew while it slept, because a selector can never change"), "{said}");
    ensure!(said.contains("env[LOG_LEVEL]"), "what is lost is not said: {said}");
    ensure!(Kubectl.replicas(namespace, TENANT)? == 0, "the card was woken");
    for label in [BY_HAND_LABEL, OUR_LABEL] {
        ensure!(pods(namespace, label)?.is_empty(), "there is a pod with {label}");
    }
    ensure!(
        uid(namespace, "pvc", "chatterbox-models")? == claim && uid(namespace, "service", TENANT)? == service
    );
    workspace.plan_is_empty()?;

    let left: Vec<&str> = by_hand
        .iter()
        .map(String::as_str)
        .filter(|name| !name.ends_with(&format!("/{TENANT}")) && !name.starts_with("persistentvolumeclaim/"))
        .collect();
    ensure!(left.len() == 7, "{left:?}");
    for name in &left {
        let name = name.replacen(".batch/", "/", 1).replacen(".rbac.authorization.k8s.io/", "/", 1);
        ensure!(said.contains(&name), "{name} is not named as left: {said}");
    }
    Kubectl.run(&[&["-n", namespace, "delete"], left.as_slice()].concat())?;
    workspace.plan_is_empty()?;
    workspace.destroy()?;
    ensure!(uid(namespace, "pvc", "chatterbox-models")? == claim, "the claim went with its tenant");
    Ok(())
}

/// The old stack forgets each of its objects.
#[test]
fn the_guide_forgets_every_object_that_the_stack_by_hand_had() -> Result<()> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/moving-over.md");
    let guide = std::fs::read_to_string(guide)?;
    let forget = examples("forget.tf")?;
    for text in [&forget, &examples("main.tf")?] {
        ensure!(
            guide.contains(text.as_str()),
            "docs/guides/moving-over.md does not show its example as it is"
        );
    }
    let forgotten = |kind: &str| forget.matches(&format!("from = kubernetes_{kind}.")).count();
    let had = |kind: &str| {
        BY_HAND.lines().filter(|line| line.trim_start_matches("- ").trim() == format!("kind: {kind}")).count()
    };
    let kinds = [
        ("namespace", "Namespace"),
        ("persistent_volume_claim", "PersistentVolumeClaim"),
        ("config_map", "ConfigMap"),
        ("deployment", "Deployment"),
        ("service", "Service"),
        ("service_account", "ServiceAccount"),
        ("role", "Role"),
        ("role_binding", "RoleBinding"),
        ("cron_job_v1", "CronJob"),
    ];
    for (resource, kind) in kinds {
        ensure!(
            forgotten(resource) == had(kind) && had(kind) > 0,
            "{kind}: {} of {}",
            forgotten(resource),
            had(kind)
        );
    }
    ensure!(forget.matches("destroy = false").count() == 11 && forget.matches("removed {").count() == 11);
    Ok(())
}
