//! Peaks that are read: from Prometheus here, and from our own exporter in its test.

use anyhow::{Context, Result, ensure};
use e2e::prometheus::Container;
use e2e::terraform::unwrapped;
use e2e::{Binary, FakePrometheus, Kubectl, Scratch, Surroundings, Workspace, wait};
use serde_json::{Value, json};

/// What the state has of a floor.
pub(crate) fn floor(workspace: &Workspace, address: &str) -> Result<Value> {
    let state: Value = serde_json::from_slice(&workspace.run(&["show", "-json"])?.stdout)?;
    let resources = state["values"]["root_module"]["resources"].as_array().context("no resources")?;
    let found = resources.iter().find(|resource| resource["address"] == address);
    Ok(found.with_context(|| format!("no {address}"))?["values"].clone())
}

fn hcl(scratch: &Scratch, prometheus: &FakePrometheus, image: &str) -> String {
    format!(
        r#"
resource "gpu_card" "t4" {{
  name   = "card-{0}"
  node   = "gpu-1"
  index  = 0
  source = {{ dcgm = "http://dcgm.example.org:9400/metrics" }}
}}

resource "gpu_vram_floor" "voice" {{
  card     = gpu_card.t4.id
  tenant   = "{0}/voice"
  headroom = "2GiB"
  measured = {{
    prometheus = "{1}"
    guess      = "4GiB"
    image      = "{image}"
    model      = "large"
  }}
}}
"#,
        scratch.namespace, prometheus.url
    )
}

/// A pod as the tenant's Deployment would have it, so that there is a digest to be seen.
fn awake(scratch: &Scratch, image: &str) -> Result<()> {
    let namespace = scratch.namespace.as_str();
    Kubectl.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))?;
    let tenant = format!("{namespace}/voice").parse()?;
    Kubectl.apply(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "voice-7f9c8-x2x4z", "namespace": namespace, "labels": tenancy::expand::selector(&tenant),
        },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": tenancy::expand::SERVER, "image": image, "imagePullPolicy": "Never",
                "command": ["sleep", "600"],
            }],
        },
    }))?;
    wait::until("the kubelet tells the image's digest", std::time::Duration::from_secs(60), || {
        let status = Kubectl.get(namespace, "pod", "voice-7f9c8-x2x4z")?["status"].clone();
        let id = status["containerStatuses"][0]["imageID"].as_str();
        ensure!(id.is_some_and(|id| id.contains("sha256:")), "{status}");
        Ok(Some(()))
    })
}

fn holds(held: &[(i64, u64)]) -> [Container; 1] {
    [Container { pod: "voice-7f9c8-x2x4z".to_owned(), held: held.to_vec(), samples: 1000 }]
}

#[test]
fn a_peak_is_read_from_prometheus_kept_when_it_is_away_and_a_guess_again_for_another_image() -> Result<()> {
    const IMAGE: &str = "gpu-tenancy.local/busybox:dev";
    const HOUR_S: i64 = 3600;
    let scratch = Scratch::reserve("peak");
    let prometheus = FakePrometheus::start()?;
    let config = hcl(&scratch, &prometheus, IMAGE);
    let workspace = Workspace::new(Binary::Terraform, &config)?;
    workspace.apply()?;
    let before = floor(&workspace, "gpu_vram_floor.voice")?;
    ensure!(before["peak"] == "4GiB" && before["measurement"]["basis"] == "guessed", "{before:#}");

    let pods = Surroundings::get().pods;
    if pods {
        awake(&scratch, IMAGE)?;
    }
    prometheus.has(holds(&[(20 * HOUR_S, 5000), (0, 5000)]));
    let said = unwrapped(&workspace.apply()?);
    ensure!(said.contains("was measured anew"), "{said}");
    let measured = floor(&workspace, "gpu_vram_floor.voice")?;
    let basis = &measured["measurement"];
    ensure!(measured["peak"] == "5056MiB", "it is rounded up to 64 MiB: {measured:#}");
    ensure!(basis["basis"] == "measured" && basis["samples"] == 1000, "{basis:#}");
    ensure!(basis["image"] == IMAGE && basis["model"] == "large", "{basis:#}");
    let source = basis["source"].as_str().unwrap_or_default();
    let parts = ["gpu_tenancy_container_memory_peak_bytes", scratch.namespace.as_str(), &prometheus.url];
    ensure!(parts.iter().all(|part| source.contains(part)), "{source}");
    let held_at: jiff::Timestamp = basis["measured_at"].as_str().context("no time")?.parse()?;
    let ago_h = jiff::Timestamp::now().duration_since(held_at).as_hours();
    // A look-back of 30 days is asked for in steps of 3.6 hours, the last of which may be to come.
    ensure!((15..=20).contains(&ago_h), "it was held {ago_h} hours ago");
    if pods {
        let digest = basis["image_digest"].as_str().unwrap_or_default();
        ensure!(digest.starts_with("sha256:"), "no digest: {basis:#}");
    }
    workspace.plan_is_empty()?;

    // A voice cache fills.
    prometheus.has(holds(&[(20 * HOUR_S, 5000), (0, 6963)]));
    let said = unwrapped(&workspace.apply()?);
    ensure!(said.contains("It held 6,963 MiB") && said.contains("a cache was filling"), "{said}");
    ensure!(floor(&workspace, "gpu_vram_floor.voice")?["peak"] == "6976MiB", "{said}");

    prometheus.is_down(true);
    let plan = unwrapped(&workspace.plan()?);
    ensure!(plan.contains("was not read") && plan.contains("6976MiB, stays in force"), "{plan}");
    ensure!(plan.contains("No changes"), "{plan}");
    prometheus.is_down(false);

    workspace.write(&config.replace(IMAGE, "gpu-tenancy.local/busybox:next"))?;
    let plan = unwrapped(&workspace.plan()?);
    ensure!(plan.contains("is a guess again") && plan.contains("2,880 MiB less than was measured"), "{plan}");
    workspace.apply()?;
    let guessed = floor(&workspace, "gpu_vram_floor.voice")?;
    ensure!(guessed["peak"] == "4GiB" && guessed["measurement"]["basis"] == "guessed", "{guessed:#}");
    // What the image before held says nothing of this one.
    workspace.plan_is_empty()?;
    workspace.destroy().map(drop)
}
