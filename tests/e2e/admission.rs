//! Mutating admission on the real API server: what it makes of our objects is neither a plan nor an error.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Binary, Example, Kubectl, Scratch, Workspace, wait};
use serde_json::{Value, json};

/// What the policy adds, which tells whether it is in force.
const MARK: &str = "e2e.example.org/admitted";

/// A policy for what a tenant consists of, in one namespace.
struct Policy<'a> {
    scratch: &'a Scratch,
}

impl Policy<'_> {
    /// Enforces it, and waits until it is in force.
    fn enforce(scratch: &Scratch) -> Result<Policy<'_>> {
        let policy = Policy { scratch };
        let namespace = scratch.namespace.as_str();
        for object in policy.objects() {
            Kubectl.apply(&object)?;
        }
        wait::until("the policy is in force", Duration::from_secs(60), || {
            let probe = ["-n", namespace, "create", "configmap", "probe", "--dry-run=server", "-o", "json"];
            let probe: Value = serde_json::from_str(&Kubectl.run(&probe)?)?;
            Ok((probe["metadata"]["labels"][MARK] == "yes").then_some(()))
        })?;
        Ok(policy)
    }

    fn objects(&self) -> [Value; 2] {
        let name = &self.scratch.namespace;
        let api_version = "admissionregistration.k8s.io/v1beta1";
        let rule = |group: &str, resource: &str| {
            json!({
                "apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": ["CREATE", "UPDATE"],
            })
        };
        // Adds a label to everything and a default to the pods of CronJobs; of a Deployment it also reorders the
        // environment, sets a default, adds a toleration beside ours, and takes the image from a mirror.
        let labels = format!(
            r#"has(object.metadata.labels)
                ? [JSONPatch{{op: "add", path: "/metadata/labels/{}", value: "yes"}}]
                : [JSONPatch{{op: "add", path: "/metadata/labels", value: {{"{MARK}": "yes"}}}}]"#,
            MARK.replace('/', "~1")
        );
        let pod = r#"object.kind != "Deployment" ? [] : [
            JSONPatch{op: "move", from: "/spec/template/spec/containers/0/env/0", path: "/spec/template/spec/containers/0/env/-"},
            JSONPatch{op: "add", path: "/spec/template/spec/dnsConfig", value: {"options": [{"name": "ndots", "value": "2"}]}},
            JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image",
                value: object.spec.template.spec.containers[0].image.replace("gpu-tenancy.local", "mirror.example.org")}
        ] + (has(object.spec.template.spec.tolerations) &&
              !object.spec.template.spec.tolerations.exists(it, has(it.key) && it.key == "spot")
            ? [JSONPatch{op: "add", path: "/spec/template/spec/tolerations/-", value: {"key": "spot", "operator": "Exists"}}]
            : [])"#;
        let tick = r#"object.kind != "CronJob" ? [] : [
            JSONPatch{op: "add", path: "/spec/jobTemplate/spec/template/spec/dnsConfig",
                value: {"options": [{"name": "ndots", "value": "2"}]}}
        ]"#;
        let patch =
            |expression: &str| json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}});
        [
            json!({
                "apiVersion": api_version, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name},
                "spec": {
                    "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                    "matchConstraints": {"resourceRules": [
                        rule("apps", "deployments"), rule("", "services"), rule("", "configmaps"),
                        rule("batch", "cronjobs"), rule("", "persistentvolumeclaims"),
                    ]},
                    "mutations": [patch(&labels), patch(pod), patch(tick)],
                },
            }),
            json!({
                "apiVersion": api_version, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name},
                "spec": {"policyName": name, "matchResources": {"namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": name},
                }}},
            }),
        ]
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        for kind in ["mutatingadmissionpolicybindings", "mutatingadmissionpolicies"] {
            let kind = format!("{kind}.v1beta1.admissionregistration.k8s.io");
            let _ = Kubectl.run(&["delete", &kind, &self.scratch.namespace, "--ignore-not-found"]);
        }
    }
}

/// What the policy has put in the place of ours is named, and nothing that it has added.
fn overrides_are_told(said: &str) -> Result<()> {
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ").replace(" │ ", " ");
    ensure!(said.contains("overrides what is set here"), "{said}");
    let image = r#"containers[server].image is "mirror.example.org/fake-model:dev" instead of"#;
    ensure!(said.contains(image), "{said}");
    for added in ["spot", "ndots", MARK, "env["] {
        let told = said.split("overrides what is set here").nth(1).unwrap_or_default();
        let told = told.split("The cluster's values stay").next().unwrap_or_default();
        ensure!(!told.contains(added), "{added} is no override: {told}");
    }
    Ok(())
}

#[test]
fn what_admission_makes_of_our_fields_is_told_once_and_never_planned() -> Result<()> {
    let scratch = Scratch::reserve("admission");
    let namespace = scratch.namespace.as_str();
    let example =
        Example::asleep(&scratch, &format!("card-{namespace}"), "http://dcgm.example.org:9400/metrics");
    // In force before anything of the tenant is there.
    Kubectl.run(&["create", "namespace", namespace])?;
    let _policy = Policy::enforce(&scratch)?;
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    overrides_are_told(&workspace.apply()?)?;
    for kind in ["deployment", "service", "configmap", "cronjob", "pvc"] {
        let all = Kubectl.run(&["-n", namespace, "get", kind, "-l", &format!("{MARK}=yes"), "-o", "name"])?;
        ensure!(!all.trim().is_empty(), "no {kind} went through the policy");
    }
    workspace.plan_is_empty()?;
    let again = workspace.apply()?;
    ensure!(!again.contains("overrides"), "it is told once: {again}");

    // Somebody else's write takes our fields through the policy.
    Kubectl.run(&["-n", namespace, "label", "deployment/chatterbox-tts", "team=speech"])?;
    let image = || -> Result<Value> {
        let deployment = Kubectl.get(namespace, "deployment", "chatterbox-tts")?;
        Ok(deployment["spec"]["template"]["spec"]["containers"][0]["image"].clone())
    };
    ensure!(image()? == "mirror.example.org/fake-model:dev", "{}", image()?);
    workspace.plan_is_empty()?;

    let changed = example.set("env", r#"{ TTS_BF16 = "on", HF_HOME = "/data/hf_cache", THREADS = "2" }"#);
    workspace.write(&changed.hcl())?;
    workspace.apply()?;
    let deployment = Kubectl.get(namespace, "deployment", "chatterbox-tts")?;
    let pod = &deployment["spec"]["template"]["spec"];
    ensure!(pod["dnsConfig"]["options"][0]["name"] == "ndots", "{pod}");
    ensure!(pod["containers"][0]["env"].as_array().is_some_and(|env| env.len() >= 3), "{pod}");
    workspace.plan_is_empty()?;
    let again = workspace.apply()?;
    ensure!(!again.contains("overrides"), "it is told once: {again}");
    workspace.destroy().map(drop)
}
