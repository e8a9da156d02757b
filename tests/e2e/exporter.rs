//! Our exporter on a real node: without a driver, and with a fake one beneath it
//! by which a gate admits.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::example::in_minutes;
use e2e::{Binary, Example, Kubectl, Scratch, Workspace, wait};
use serde_json::{Value, json};

use crate::account::{Account, none_has_a_token};
use crate::night::{entry, needs_pods, tick};
use crate::peak::floor;

const SYSTEM: &str = "gpu-tenancy";
/// A pod's name as the Deployment `llama` would give it.
const RESIDENT: &str = "llama-7f9c8-x2x4z";
/// For a pod of a small image on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn exporter_hcl(name: &str, more: &str) -> String {
    format!("resource \"gpu_exporter\" \"this\" {{\n  name = \"{name}\"\n{more}\n}}\n")
}

/// The page as the exporter's Service gives it, once it has some words.
fn page(name: &str, words: &str) -> Result<String> {
    let path = format!("/api/v1/namespaces/{SYSTEM}/services/http:{name}:metrics/proxy/metrics");
    wait::until(&format!("the exporter's page says {words}"), PATIENCE, || {
        let page = Kubectl.run(&["get", "--raw", &path])?;
        ensure!(page.contains(words), "{page}");
        Ok(Some(page))
    })
}

fn nothing_is_left(name: &str) -> Result<()> {
    let left: Vec<String> = Kubectl.names(SYSTEM, "daemonsets,services,serviceaccounts")?;
    let left: Vec<&String> = left.iter().filter(|object| object.contains(name)).collect();
    ensure!(left.is_empty(), "destroy left {left:?}");
    Ok(())
}

#[test]
fn without_a_driver_the_exporter_runs_says_so_and_goes() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("exporter");
    let name = scratch.namespace.as_str();
    let monitored = exporter_hcl(name, "  service_monitor = {}");
    let workspace = Workspace::new(Binary::Terraform, &monitored)?;
    // The cluster has no Prometheus operator.
    let said = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(said.contains("ServiceMonitor"), "{said}");
    nothing_is_left(name).with_context(|| format!("after {said}"))?;

    workspace.write(&exporter_hcl(name, ""))?;
    workspace.apply()?;
    let page = page(name, "gpu_tenancy_exporter_up")?;
    ensure!(page.contains("gpu_tenancy_exporter_up{node=\"gpu-1\"} 0\n"), "{page}");
    ensure!(!page.contains("gpu_tenancy_card_"), "no driver and a card: {page}");
    wait::until("the DaemonSet has rolled out", PATIENCE, || {
        let status = Kubectl.get(SYSTEM, "daemonset", name)?["status"].clone();
        ensure!(status["numberReady"] == 1 && status["desiredNumberScheduled"] == 1, "{status}");
        Ok(Some(()))
    })?;
    none_has_a_token(SYSTEM, &format!("gpu-tenancy.dev/exporter={name}"))?;
    let rules = Account::of(SYSTEM, name)?.rules(SYSTEM)?;
    ensure!(rules.is_empty(), "an exporter needs no right: {rules:?}");
    workspace.plan_is_empty()?;
    workspace.destroy()?;
    nothing_is_left(name)
}

/// A driver that is a fake: its library is put into an exporter's pods when they
/// are made, as NVIDIA's container runtime does it with the real one, and the
/// DaemonSet knows nothing of it.
struct FakeDriver {
    name: String,
}

impl FakeDriver {
    /// For the exporter of a name, with a state as `fake_nvml.c` has it.
    fn beneath(exporter: &str, state: &str) -> Result<Self> {
        let driver = Self { name: exporter.to_owned() };
        let (name, library) = (exporter, STANDARD.encode(library()?));
        create(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": SYSTEM},
            "binaryData": {"libnvidia-ml.so.1": library}, "data": {"fake-nvml.state": state},
        }))?;
        let mutation = format!(
            r#"Object{{spec: Object.spec{{
                containers: [Object.spec.containers{{
                    name: "exporter",
                    env: [Object.spec.containers.env{{name: "LD_LIBRARY_PATH", value: "/fake-nvml"}}],
                    volumeMounts: [Object.spec.containers.volumeMounts{{name: "fake-nvml", mountPath: "/fake-nvml"}}]
                }}],
                volumes: [Object.spec.volumes{{
                    name: "fake-nvml", configMap: Object.spec.volumes.configMap{{name: "{name}"}}
                }}]
            }}}}"#
        );
        let label = json!({"gpu-tenancy.dev/exporter": name});
        create(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "objectSelector": {"matchLabels": label},
                    "resourceRules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
                    ],
                },
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": mutation}}],
            },
        }))?;
        create(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name}, "spec": {"policyName": name},
        }))?;
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "tried-", "namespace": SYSTEM, "labels": label},
            "spec": {"containers": [{"name": "exporter", "image": "none"}]},
        });
        wait::until("the API server puts the fake driver into pods", PATIENCE, || {
            let tried = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
            let made: Value = serde_json::from_str(&Kubectl.run_with_input(&tried, &pod.to_string())?)?;
            ensure!(made["spec"]["containers"][0]["env"][0]["value"] == "/fake-nvml", "{made}");
            Ok(Some(()))
        })?;
        Ok(driver)
    }
}

impl Drop for FakeDriver {
    fn drop(&mut self) {
        for kind in ["mutatingadmissionpolicybinding", "mutatingadmissionpolicy"] {
            let _ = Kubectl.run(&["delete", kind, &self.name, "--ignore-not-found"]);
        }
    }
}

fn create(object: &Value) -> Result<()> {
    Kubectl.run_with_input(&["create", "-f", "-"], &object.to_string()).map(drop)
}

/// The fake NVML of gpu-agent's tests, compiled.
fn library() -> Result<Vec<u8>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/tests/fake-nvml/fake_nvml.c");
    let folder = tempfile::tempdir()?;
    let library = folder.path().join("libnvidia-ml.so.1");
    let mut compiler = Command::new("cc");
    compiler.args(["-Os", "-s", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
    ensure!(compiler.status().context("start cc")?.success(), "the fake NVML does not compile");
    Ok(std::fs::read(library)?)
}

/// A pod that says which process of the node it is, and its number.
fn resident(namespace: &str) -> Result<u32> {
    // Kubernetes makes one `$` of two.
    let says_its_number = "echo $$$$; exec sleep 600";
    create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": RESIDENT, "namespace": namespace},
        "spec": {
            "hostPID": true, "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "server", "image": "gpu-tenancy.local/busybox:dev", "imagePullPolicy": "Never",
                "command": ["sh", "-c", says_its_number],
            }],
        },
    }))?;
    wait::until("the resident runs", PATIENCE, || {
        let said = Kubectl.run(&["-n", namespace, "logs", RESIDENT])?;
        Ok(Some(said.trim().parse::<u32>().with_context(|| format!("it said {said:?}"))?))
    })
}

#[test]
fn a_gate_admits_by_what_the_exporter_of_its_card_s_node_reads() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("driver");
    let name = scratch.namespace.as_str();
    Kubectl.run(&["create", "namespace", name])?;
    let process = resident(name)?;
    let _driver = FakeDriver::beneath(
        name,
        &format!(
            "driver 570.124.06\n\
             card 0 0 GPU-{name} 16106127360 471859200 4294967296 37 Tesla T4\n\
             process 0 c {process} 4294967296\n"
        ),
    )?;
    let card = format!("card-{name}");
    let mut tenant = Example::asleep(&scratch, &card, "");
    tenant.window = (in_minutes(-5), in_minutes(240));
    let hcl = format!(
        r#"{}
resource "gpu_card" "t4" {{
  name   = "{card}"
  node   = "gpu-1"
  index  = 0
  source = {{ exporter = gpu_exporter.this.url }}
}}

resource "gpu_vram_floor" "llama" {{
  card     = gpu_card.t4.id
  tenant   = "{name}/llama"
  headroom = "1GiB"
  measured = {{ exporter = "{SYSTEM}/{name}:metrics", guess = "2GiB", image = "llama:1" }}
}}
{}"#,
        exporter_hcl(name, ""),
        tenant.tenant_hcl("chatterbox", "gpu_card.t4.id")
    );
    let workspace = Workspace::new(Binary::Terraform, &hcl)?;
    workspace.apply()?;
    // Its node's process, which cgroups and the kubelet's links make a pod.
    let page = page(name, "gpu_tenancy_container_memory_used_bytes{")?;
    let held = page.lines().find(|line| line.starts_with("gpu_tenancy_container_memory_used_bytes{"));
    let held = held.context("nobody holds anything")?;
    let of_llama =
        [format!("namespace=\"{name}\""), format!("pod=\"{RESIDENT}\""), "} 4294967296".to_owned()];
    ensure!(of_llama.iter().all(|part| held.contains(part)), "{held}");
    // More than the guess counts at once, however few the samples.
    workspace.apply()?;
    let measured = floor(&workspace, "gpu_vram_floor.llama")?;
    ensure!(measured["peak"] == "4GiB" || measured["peak"] == "4096MiB", "{measured:#}");
    let basis = &measured["measurement"];
    let source = basis["source"].as_str().unwrap_or_default();
    ensure!(basis["basis"] == "measured" && source.contains("the exporter's page"), "{basis:#}");
    workspace.plan_is_empty()?;

    let said = tick(name, &tenant.name)?;
    ensure!(said.contains("free 10,814 MiB"), "{said}");
    ensure!(Kubectl.replicas(name, &tenant.name)? == 1, "it was not admitted: {said}");
    let entry = entry(&card, name, &tenant.name)?.context("the ledger has no entry")?;
    ensure!(entry["admission"]["peak_mib"] == 4096, "{entry}");
    workspace.destroy()?;
    nothing_is_left(name)
}
