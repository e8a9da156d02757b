//! The fake card of a test: one allocator pod in the cluster serves them all, a card each.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Kubectl, kubectl, wait};

const NAMESPACE: &str = "fake-card";
const PORT: u16 = 9400;

/// One card in the allocator, removed with its test.
#[derive(Debug)]
pub struct FakeCard {
    /// The card's name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
    base: String,
}

impl FakeCard {
    /// A T4: 15,360 MiB of which the driver keeps 450.
    ///
    /// # Errors
    /// When the allocator does not come up.
    pub fn t4() -> Result<Self> {
        let name = format!("card-{}", kubectl::unique());
        let uuid = format!("GPU-{}", kubectl::unique());
        let card = Self { name, uuid, base: base()?.to_owned() };
        card.post(
            "/cards",
            &json!({
                "name": card.name, "uuid": card.uuid, "index": 0, "total_mib": 15360, "reserved_mib": 450,
            }),
        )?;
        Ok(card)
    }

    /// URL under which pods and tests reach the allocator.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// URL of this card's page in dcgm-exporter's format, with per-process series.
    pub fn dcgm(&self) -> String {
        format!("{}/cards/{}/dcgm/metrics?per_process=true", self.base, self.name)
    }

    /// URL of this card's page of per-pod gauges.
    pub fn pods(&self) -> String {
        format!("{}/cards/{}/pods/metrics", self.base, self.name)
    }

    /// Sets what a resident holds, in MiB.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn resident(&self, name: &str, mib: u64) -> Result<()> {
        self.post(&format!("/cards/{}/residents", self.name), &json!({"name": name, "mib": mib}))
    }

    /// The allocator's own account: total, reserved, used, free, holders, refusals.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn state(&self) -> Result<Value> {
        let mut answer = agent().get(format!("{}/cards/{}/state", self.base, self.name)).call()?;
        Ok(answer.body_mut().read_json()?)
    }

    /// Free memory, in MiB.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn free_mib(&self) -> Result<u64> {
        self.state()?["free_mib"].as_u64().context("no free_mib")
    }

    /// That no allocation was refused which the script did not order.
    ///
    /// # Errors
    /// Names how many were.
    pub fn never_refused(&self) -> Result<()> {
        let state = self.state()?;
        let refused = &state["refused_unscripted"];
        ensure!(*refused == 0, "{} refused {refused} allocations: {state}", self.name);
        Ok(())
    }

    fn post(&self, path: &str, body: &Value) -> Result<()> {
        let answer = agent().post(format!("{}{path}", self.base)).send_json(body)?;
        ensure!(answer.status().is_success(), "POST {path}: {}", answer.status());
        Ok(())
    }
}

impl Drop for FakeCard {
    fn drop(&mut self) {
        let _ = agent().delete(format!("{}/cards/{}", self.base, self.name)).call();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().new_agent()
}

/// Address of the allocator's Service; brings the allocator up the first time.
fn base() -> Result<&'static str> {
    static BASE: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    BASE.get_or_init(|| start().map_err(|why| format!("{why:#}")))
        .as_deref()
        .map_err(|why| anyhow::anyhow!(why.clone()))
}

fn start() -> Result<String> {
    let labels = json!({"app": "fake-card"});
    Kubectl.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}))?;
    Kubectl.apply(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "fake-card", "namespace": NAMESPACE},
        "spec": {
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "fake-card", "image": "gpu-tenancy.local/fake-card:dev", "imagePullPolicy": "Never",
                    "ports": [{"containerPort": PORT}],
                }]},
            },
        },
    }))?;
    Kubectl.apply(&json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "fake-card", "namespace": NAMESPACE},
        "spec": {"selector": labels, "ports": [{"port": PORT}]},
    }))?;
    let service = Kubectl.get(NAMESPACE, "service", "fake-card")?;
    let address = service["spec"]["clusterIP"].as_str().context("the Service has no address")?;
    let base = format!("http://{address}:{PORT}");
    wait::until("fake-card answers", Duration::from_secs(60), || {
        agent().get(format!("{base}/refusals")).call()?;
        Ok(Some(()))
    })?;
    Ok(base)
}
