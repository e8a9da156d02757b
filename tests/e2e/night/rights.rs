//! What a gate may do with its token, tried with its token: everything that it
//! needs, and nothing else.

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Example, Kubectl, Scratch, Surroundings, Workspace};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::DEPLOYMENT;

const SYSTEM: &str = "gpu-tenancy";
const RESIDENT: &str = "llama";

/// kubectl as the gate of a tenant.
struct Gate {
    kubeconfig: NamedTempFile,
    namespace: String,
}

impl Gate {
    fn of(namespace: &str) -> Result<Self> {
        let account = format!("{DEPLOYMENT}-gate");
        let token = Kubectl.run(&["-n", namespace, "create", "token", &account])?;
        let mut config: Value = serde_json::from_str(&Kubectl.run(&[
            "config",
            "view",
            "--raw",
            "--minify",
            "--flatten",
            "-o",
            "json",
        ])?)?;
        config["users"][0]["user"] = json!({"token": token.trim()});
        let kubeconfig = NamedTempFile::new()?;
        std::fs::write(kubeconfig.path(), config.to_string())?;
        Ok(Self { kubeconfig, namespace: namespace.to_owned() })
    }

    fn run(&self, namespace: &str, arguments: &[&str], input: &Value) -> Result<String> {
        let path = self.kubeconfig.path().to_str().context("the folder's name is no text")?;
        // Of two that are given, kubectl takes the last.
        let mut all = vec!["--kubeconfig", path, "-n", namespace];
        all.extend(arguments);
        Kubectl.run_with_input(&all, &input.to_string())
    }

    fn may(&self, namespace: &str, arguments: &[&str]) -> Result<String> {
        self.run(namespace, arguments, &Value::Null)
    }

    /// The API server says no, and that it is for want of a right.
    fn may_not(&self, namespace: &str, arguments: &[&str]) -> Result<()> {
        match self.may(namespace, arguments) {
            Ok(done) => anyhow::bail!("the gate may {}: {done}", arguments.join(" ")),
            Err(why) => {
                ensure!(format!("{why:#}").contains("Forbidden"), "another failure than a refusal: {why:#}");
                Ok(())
            }
        }
    }

    /// Every right in a namespace as `verbs resources names`, those left out
    /// that any account has: to ask who it is and what it may.
    fn rules(&self, namespace: &str) -> Result<Vec<String>> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        });
        let answer: Value = serde_json::from_str(&self.run(
            namespace,
            &["create", "--validate=false", "-o", "json", "-f", "-"],
            &review,
        )?)?;
        let rules = answer["status"]["resourceRules"].as_array().context("no rules")?;
        let words = |rule: &Value, key: &str| -> String {
            let mut words: Vec<&str> =
                rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            words.sort_unstable();
            words.join(",")
        };
        let mut told: Vec<String> = rules
            .iter()
            .filter(|rule| !words(rule, "resources").starts_with("selfsubject"))
            .map(|rule| {
                format!(
                    "{} {} {}",
                    words(rule, "verbs"),
                    words(rule, "resources"),
                    words(rule, "resourceNames")
                )
                .trim()
                .to_owned()
            })
            .collect();
        told.sort();
        Ok(told)
    }
}

/// A tenant that sleeps, with a resident that makes room, and another card.
fn applied(scratch: &Scratch, resident: &Scratch) -> Result<(Workspace, String, String)> {
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
    let (card, other) = (format!("card-{}", scratch.namespace), format!("other-{}", scratch.namespace));
    let example = Example::asleep(scratch, &card, "http://dcgm.example.org:9400/metrics");
    let example = example.with(&format!("  pauses = [\"{}/{RESIDENT}\"]", resident.namespace));
    let second = Example::asleep(scratch, &other, &example.source).card_hcl().replace("\"t4\"", "\"other\"");
    let workspace = Workspace::new(Binary::Terraform, &format!("{}{second}", example.hcl()))?;
    workspace.apply()?;
    Ok((workspace, card, other))
}

#[test]
fn a_gate_may_do_what_it_does_and_nothing_else() -> Result<()> {
    let (scratch, resident) = (Scratch::reserve("rights"), Scratch::reserve("rights-resident"));
    let (workspace, card, other) = applied(&scratch, &resident)?;
    let gate = Gate::of(&scratch.namespace)?;
    let own = gate.namespace.as_str();
    let asleep = r#"{"spec":{"replicas":0}}"#;
    let patch = ["patch", "deployment", RESIDENT, "--subresource=scale", "--type=merge", "-p", asleep];

    gate.may(own, &["get", "deployment", DEPLOYMENT])?;
    gate.may(own, &["get", "deployment", DEPLOYMENT, "--subresource=scale"])?;
    gate.may(own, &["patch", "deployment", DEPLOYMENT, "--subresource=scale", "--type=merge", "-p", asleep])?;
    gate.may(own, &["get", "pods"])?;
    gate.may(&resident.namespace, &["get", "deployment", RESIDENT, "--subresource=scale"])?;
    gate.may(&resident.namespace, &patch)?;
    gate.may(SYSTEM, &["get", "configmap", &format!("tenant.{own}.{DEPLOYMENT}")])?;
    gate.may(SYSTEM, &["get", "configmap", &format!("card.{card}.declared")])?;
    let ledger = gate.may(SYSTEM, &["get", "configmap", &format!("card.{card}.ledger"), "-o", "json"])?;
    let ledger: Value = serde_json::from_str(&ledger)?;
    gate.run(SYSTEM, &["replace", "--validate=false", "-f", "-"], &ledger)?;
    gate.run(own, &["create", "--validate=false", "-f", "-"], &event(own))?;

    for refused in [
        ["get", "secrets"].as_slice(),
        &["get", "configmaps"],
        &["get", "pod", "any"],
        &["delete", "pod", "any"],
        &["delete", "deployment", DEPLOYMENT],
        &["get", "deployments"],
        &["patch", "deployment", DEPLOYMENT, "--type=merge", "-p", asleep],
        &["get", "cronjobs"],
        &["get", "roles"],
    ] {
        gate.may_not(own, refused)?;
    }
    gate.may_not(&resident.namespace, &["get", "deployment", RESIDENT])?;
    gate.may_not(&resident.namespace, &["patch", "deployment", RESIDENT, "--type=merge", "-p", asleep])?;
    gate.may_not(&resident.namespace, &["get", "pods"])?;
    gate.may_not(SYSTEM, &["get", "configmap", &format!("card.{other}.ledger")])?;
    gate.may_not(SYSTEM, &["get", "configmap", &format!("card.{other}.declared")])?;
    gate.may_not(SYSTEM, &["get", "configmaps"])?;
    let declared = format!("card.{card}.declared");
    gate.may_not(SYSTEM, &["patch", "configmap", &declared, "--type=merge", "-p", r#"{"data":{}}"#])?;
    gate.may_not(SYSTEM, &["delete", "configmap", &format!("card.{card}.ledger")])?;
    for everywhere in ["pods", "secrets", "nodes", "namespaces", "deployments"] {
        gate.may_not(own, &["get", everywhere, "--all-namespaces"])?;
    }

    // The same by the API server's own account, so that nothing was forgotten above.
    let expected = [
        "create events".to_owned(),
        format!("get configmaps {DEPLOYMENT}-gate"),
        format!("get deployments {DEPLOYMENT}"),
        format!("get,patch deployments/scale {DEPLOYMENT}"),
        "list pods".to_owned(),
    ];
    let rules = gate.rules(own)?;
    ensure!(rules == expected, "in its own namespace: {rules:#?}");
    let rules = gate.rules(&resident.namespace)?;
    ensure!(rules == [format!("get,patch deployments/scale {RESIDENT}")], "beside the resident: {rules:#?}");
    let rules = gate.rules(SYSTEM)?;
    let expected = [
        format!("get configmaps card.{card}.declared,tenant.{own}.{DEPLOYMENT}"),
        format!("get,update configmaps card.{card}.ledger"),
    ];
    ensure!(rules == expected, "in the system's namespace: {rules:#?}");
    let rules = gate.rules("kube-system")?;
    ensure!(rules.is_empty(), "in another's namespace: {rules:#?}");
    workspace.destroy().map(drop)
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
    let has_token = |container: &Value| {
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        mounts.into_iter().any(|mount| {
            mount["mountPath"].as_str().is_some_and(|path| path.starts_with("/var/run/secrets/kubernetes.io"))
        })
    };
    // A pod is made of the template and of what admission adds to it, so one is asked for.
    let template = if Surroundings::get().pods {
        Kubectl.run(&["-n", namespace, "scale", "deployment", DEPLOYMENT, "--replicas=1"])?;
        e2e::wait::until("a pod is made", super::PATIENCE, || super::pod(namespace).map(Some))?
    } else {
        Kubectl.get(namespace, "deployment", DEPLOYMENT)?["spec"]["template"].clone()
    };
    let containers = |kind: &str| template["spec"][kind].as_array().cloned().unwrap_or_default();
    let all = [containers("initContainers"), containers("containers")].concat();
    let holders: Vec<&Value> = all.iter().filter(|it| has_token(it)).map(|it| &it["name"]).collect();
    ensure!(holders == ["admit"], "these have a token: {holders:?}");
    ensure!(all.len() == 3, "expected admit, copy-config and server: {all:#?}");
    workspace.destroy().map(drop)
}
