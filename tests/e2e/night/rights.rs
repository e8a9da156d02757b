//! What gates and watchers may do with their tokens, tried with their tokens:
//! everything that they need, and nothing else.

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Example, Kubectl, Scratch, Surroundings, Workspace, wait};
use serde_json::{Value, json};

use super::inside::{self, Keep};
use super::{DEPLOYMENT, PATIENCE};
use crate::account::{Account, with_token};

const SYSTEM: &str = "gpu-tenancy";
const RESIDENT: &str = "llama";

/// What was applied for the tests of rights, and where.
struct Applied {
    workspace: Workspace,
    /// The tenant's namespace.
    own: String,
    /// The namespace of the resident that makes room.
    beside: String,
    /// The tenant's card.
    card: String,
    /// A card that has a watcher and no tenant.
    other: String,
}

/// A tenant that sleeps, with a resident that makes room, and another card that is watched.
fn applied(scratch: &Scratch, resident: &Scratch) -> Result<Applied> {
    let labels = json!({"app": RESIDENT});
    let of = |name: &str| json!({"name": name, "namespace": resident.namespace});
    Kubectl
        .apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": resident.namespace}}))?;
    Kubectl.apply(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": of(RESIDENT),
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "server", "image": "gpu-tenancy.local/fake-model:dev"}]},
            },
        },
    }))?;
    let (own, beside) = (scratch.namespace.clone(), resident.namespace.clone());
    let (card, other) = (format!("card-{own}"), format!("other-{own}"));
    let example = Example::asleep(scratch, &card, "http://dcgm.example.org:9400/metrics");
    let example = example.with(&format!("  pauses = [\"{beside}/{RESIDENT}\"]"));
    let mut second = Example::asleep(scratch, &other, &example.source);
    second.watch = true;
    let second = second.card_hcl_as("other");
    let workspace = Workspace::new(Binary::Terraform, &format!("{}{second}", example.hcl()))?;
    workspace.apply()?;
    Ok(Applied { workspace, own, beside, card, other })
}

const ASLEEP: &str = r#"{"spec":{"replicas":0}}"#;

#[test]
fn gates_and_watchers_may_do_what_they_do_and_nothing_else() -> Result<()> {
    let (scratch, resident) = (Scratch::reserve("rights"), Scratch::reserve("rights-resident"));
    let applied = applied(&scratch, &resident)?;
    let Applied { own, card, other, .. } = &applied;
    // The gate and admit have one account, and from within admit it is tried where it is used.
    let gate = if Surroundings::get().pods {
        inside::container(own, Keep::All, "admit")?
    } else {
        Account::of(own, &format!("{DEPLOYMENT}-gate"))?
    };
    of_a_tenant(&gate, &applied).context("as the gate")?;
    gate.may_not(SYSTEM, &["get", "configmap", &format!("card.{other}.declared")])?;
    let rules = gate.rules(SYSTEM)?;
    let expected = [
        format!("get configmaps card.{card}.declared,tenant.{own}.{DEPLOYMENT}"),
        format!("get,update configmaps card.{card}.ledger"),
    ];
    ensure!(rules == expected, "in the system's namespace: {rules:#?}");

    let watcher = Account::of(SYSTEM, "watcher")?;
    of_a_tenant(&watcher, &applied).context("as the watcher")?;
    of_a_watcher(&watcher, &applied).context("as the watcher")?;
    applied.workspace.destroy().map(drop)
}

/// What is done for a tenant, by its gate or by a watcher in its place.
fn of_a_tenant(account: &Account, applied: &Applied) -> Result<()> {
    let Applied { own, beside, card, other, .. } = applied;
    let patch = ["patch", "deployment", RESIDENT, "--subresource=scale", "--type=merge", "-p", ASLEEP];
    account.may(own, &["get", "deployment", DEPLOYMENT])?;
    account.may(own, &["get", "deployment", DEPLOYMENT, "--subresource=scale"])?;
    account.may(
        own,
        &["patch", "deployment", DEPLOYMENT, "--subresource=scale", "--type=merge", "-p", ASLEEP],
    )?;
    account.may(own, &["get", "configmap", &format!("{DEPLOYMENT}-gate")])?;
    account.may(own, &["get", "pods"])?;
    account.may(beside, &["get", "deployment", RESIDENT, "--subresource=scale"])?;
    account.may(beside, &patch)?;
    account.may(SYSTEM, &["get", "configmap", &format!("tenant.{own}.{DEPLOYMENT}")])?;
    account.may(SYSTEM, &["get", "configmap", &format!("card.{card}.declared")])?;
    let ledger = account.may(SYSTEM, &["get", "configmap", &format!("card.{card}.ledger"), "-o", "json"])?;
    let ledger: Value = serde_json::from_str(&ledger)?;
    account.run(SYSTEM, &["replace", "--validate=false", "-f", "-"], &ledger)?;
    account.run(own, &["create", "--validate=false", "-f", "-"], &event(own))?;

    for refused in [
        ["get", "secrets"].as_slice(),
        &["get", "configmaps"],
        &["get", "pod", "any"],
        &["delete", "pod", "any"],
        &["delete", "deployment", DEPLOYMENT],
        &["get", "deployments"],
        &["patch", "deployment", DEPLOYMENT, "--type=merge", "-p", ASLEEP],
        &["get", "cronjobs"],
        &["get", "roles"],
    ] {
        account.may_not(own, refused)?;
    }
    account.may_not(beside, &["get", "deployment", RESIDENT])?;
    account.may_not(beside, &["patch", "deployment", RESIDENT, "--type=merge", "-p", ASLEEP])?;
    account.may_not(beside, &["get", "pods"])?;
    account.may_not(SYSTEM, &["get", "configmap", &format!("card.{other}.ledger")])?;
    account.may_not(SYSTEM, &["get", "configmaps"])?;
    account.may_not(SYSTEM, &["get", "secrets"])?;
    let declared = format!("card.{card}.declared");
    account.may_not(SYSTEM, &["patch", "configmap", &declared, "--type=merge", "-p", r#"{"data":{}}"#])?;
    account.may_not(SYSTEM, &["delete", "configmap", &format!("card.{card}.ledger")])?;
    for everywhere in ["pods", "secrets", "nodes", "namespaces", "deployments", "configmaps", "leases"] {
        account.may_not(own, &["get", everywhere, "--all-namespaces"])?;
    }

    // The same by the API server's own account, so that nothing was forgotten above.
    let expected = [
        "create events".to_owned(),
        format!("get configmaps {DEPLOYMENT}-gate"),
        format!("get deployments {DEPLOYMENT}"),
        format!("get,patch deployments/scale {DEPLOYMENT}"),
        "list pods".to_owned(),
    ];
    let rules = account.rules(own)?;
    ensure!(rules == expected, "in the tenant's namespace: {rules:#?}");
    let rules = account.rules(beside)?;
    ensure!(rules == [format!("get,patch deployments/scale {RESIDENT}")], "beside the resident: {rules:#?}");
    let rules = account.rules("kube-system")?;
    ensure!(rules.is_empty(), "in another's namespace: {rules:#?}");
    Ok(())
}

/// What a watcher does besides. Its account is that of every card's watcher, so other tests' cards are
/// in its rights too.
fn of_a_watcher(watcher: &Account, Applied { own, card, other, .. }: &Applied) -> Result<()> {
    watcher.may(SYSTEM, &["get", "configmap", &format!("card.{other}.declared")])?;
    let followed = |name: &str| {
        let of_one = format!("fieldSelector=metadata.name%3D{name}&timeoutSeconds=1");
        format!("/api/v1/namespaces/{SYSTEM}/configmaps?watch=true&{of_one}")
    };
    let told = watcher.may(SYSTEM, &["get", "--raw", &followed(&format!("card.{other}.declared"))])?;
    ensure!(told.starts_with("{\"type\":\"ADDED\""), "{told}");
    watcher.may_not(SYSTEM, &["get", "--raw", &followed(&format!("card.{card}.declared"))])?;
    let lease = format!("card.{other}.watcher");
    wait::until("the Lease may be written", PATIENCE, || {
        // The card's own watcher writes it too, and who comes second is refused once.
        let seen = watcher.may(SYSTEM, &["get", "lease", &lease, "-o", "json"])?;
        let replace = ["replace", "--dry-run=server", "--validate=false", "-f", "-"];
        watcher.run(SYSTEM, &replace, &serde_json::from_str(&seen)?).map(Some)
    })?;
    for refused in [
        ["delete", "lease", &lease].as_slice(),
        &["get", "leases"],
        &["get", "pods"],
        &["get", "deployments"],
        &["get", "lease", &format!("card.{card}.watcher")],
        &["patch", "deployment", &format!("watcher-{other}"), "--type=merge", "-p", ASLEEP],
    ] {
        watcher.may_not(SYSTEM, refused)?;
    }
    let rules = watcher.rules(SYSTEM)?;
    let (ours, others): (Vec<&String>, Vec<&String>) = rules.iter().partition(|rule| rule.contains(own));
    let expected = [
        format!("get configmaps card.{card}.declared,tenant.{own}.{DEPLOYMENT}"),
        format!("get,update configmaps card.{card}.ledger"),
        format!("get,update leases card.{other}.watcher"),
        format!("get,watch configmaps card.{other}.declared"),
    ];
    ensure!(ours.iter().copied().eq(&expected), "in the system's namespace: {ours:#?}");
    for rule in others {
        let kinds = ["get configmaps", "get,update configmaps", "get,update leases", "get,watch configmaps"];
        ensure!(
            kinds.iter().any(|kind| rule.starts_with(&format!("{kind} card."))),
            "in the system's namespace: {rule}"
        );
    }
    Ok(())
}

/// An Event as the gate writes it.
fn event(namespace: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"generateName": "rights-", "namespace": namespace},
        "eventTime": "2026-11-21T02:00:00.000000Z", "action": "Gate", "reason": "Rights", "type": "Normal",
        "note": "A test.", "reportingController": "gpu-tenancy.dev/gate", "reportingInstance": "test",
        "regarding": {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT, "namespace": namespace},
    })
}

#[test]
fn the_token_is_in_the_gate_and_in_admit_alone() -> Result<()> {
    let scratch = Scratch::reserve("token");
    let card = format!("card-{}", scratch.namespace);
    let example = Example::asleep(&scratch, &card, "http://dcgm.example.org:9400/metrics")
        .with("  config_mode = \"copy\"");
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    let namespace = scratch.namespace.as_str();
    // A pod is made of the template and of what admission adds to it, so one is asked for.
    let template = if Surroundings::get().pods {
        Kubectl.run(&["-n", namespace, "scale", "deployment", DEPLOYMENT, "--replicas=1"])?;
        wait::until("a pod is made", PATIENCE, || super::pod(namespace).map(Some))?
    } else {
        Kubectl.get(namespace, "deployment", DEPLOYMENT)?["spec"]["template"].clone()
    };
    let holders = with_token(&template);
    ensure!(holders == ["admit"], "these have a token: {holders:?}");
    let count = |kind: &str| template["spec"][kind].as_array().map_or(0, Vec::len);
    let all = count("initContainers") + count("containers");
    ensure!(all == 3, "expected admit, copy-config and server: {template:#}");
    if Surroundings::get().pods {
        let server = inside::container(namespace, Keep::Servers, "server")?;
        let why = server.may(namespace, &["get", "pods"]).err().context("the server has a token")?;
        // This is what kubectl tries where it finds neither a kubeconfig nor a token.
        ensure!(format!("{why:#}").contains("localhost:8080"), "another failure than no token: {why:#}");
    }
    workspace.destroy().map(drop)
}
