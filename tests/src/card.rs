//! The fake card of a test: one allocator pod in the cluster serves them all, a card each.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fake_card::client::Client;
use fake_card::spec::CardSpec;
use fake_card::wire::{CardState, Fault, ResidentRequest};
use serde_json::json;

use crate::{Kubectl, kubectl, wait};

const NAMESPACE: &str = "fake-card";
const PORT: u16 = 9400;
/// Where the cards' own objects are.
const SYSTEM: &str = "gpu-tenancy";
/// The kinds of objects that a card has there, its watcher's pods included.
const OF_A_CARD: &str = "deployments,pods,configmaps,roles,rolebindings,leases.coordination.k8s.io";
/// The node of the cluster that `cargo xtask cluster` brings up.
pub const NODE: &str = "gpu-1";

/// One card in the allocator, removed with its test.
#[derive(Debug)]
pub struct FakeCard {
    /// The card's name.
    pub name: String,
    /// The device's UUID.
    pub uuid: String,
    node: String,
    base: String,
    client: Client,
}

impl FakeCard {
    /// A T4: 15,360 MiB of which the driver keeps 450.
    ///
    /// # Errors
    /// When the allocator does not come up.
    pub fn t4() -> Result<Self> {
        Self::t4_in(NODE)
    }

    /// Two such cards whose exporter has them both, and no third, on one page.
    ///
    /// # Errors
    /// When the allocator does not come up.
    pub fn two_t4s() -> Result<[Self; 2]> {
        let node = format!("node-{}", kubectl::unique());
        Ok([Self::t4_in(&node)?, Self::t4_in(&node)?])
    }

    fn t4_in(node: &str) -> Result<Self> {
        let name = format!("card-{}", kubectl::unique());
        let base = base()?.to_owned();
        let client = Client::new(&base);
        let uuid = format!("GPU-{name}");
        let flag = format!("name={name},uuid={uuid},total-mib=15360,reserved-mib=450,node={node}");
        client.add_card(&flag.parse::<CardSpec>()?)?;
        Ok(Self { name, uuid, node: node.to_owned(), base, client })
    }

    /// URL under which pods and tests reach the allocator.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// URL of this card's page in dcgm-exporter's format, with per-process series.
    pub fn dcgm(&self) -> String {
        format!("{}/cards/{}/dcgm/metrics?per_process=true", self.base, self.name)
    }

    /// URL of the same page with every card of its node.
    pub fn dcgm_of_its_node(&self) -> String {
        format!("{}/nodes/{}/dcgm/metrics?per_process=true", self.base, self.node)
    }

    /// Sets what a resident holds, in MiB.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn resident(&self, name: &str, mib: u64) -> Result<()> {
        let resident =
            ResidentRequest { name: name.to_owned(), mib, scripted: false, hidden: false, owner: None };
        self.client.set_resident(&self.name, &resident)?;
        Ok(())
    }

    /// Lets its metrics pages fail in some way.
    ///
    /// # Errors
    /// When the allocator does not answer.
    pub fn fault(&self, fault: Fault) -> Result<()> {
        self.client.set_fault(&self.name, fault)?;
        Ok(())
    }

    /// Gives back memory whose owners are gone, as a reset of the driver does.
    ///
    /// # Errors
    /// When the allocator does not answer.
    pub fn clear_leaks(&self) -> Result<()> {
        self.client.clear_leaks(&self.name)?;
        Ok(())
    }

    /// The allocator's own account.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn state(&self) -> Result<CardState> {
        Ok(self.client.state(&self.name)?)
    }

    /// Names of what there is of this card in the cluster, as `kind/name`.
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub fn objects(&self) -> Result<Vec<String>> {
        let names = Kubectl.names(SYSTEM, OF_A_CARD)?;
        Ok(names.into_iter().filter(|name| name.contains(&self.name)).collect())
    }

    /// That no allocation was refused which the script did not order.
    ///
    /// # Errors
    /// Names those that were.
    pub fn never_refused(&self) -> Result<()> {
        let refusals = self.client.refusals(Some(&self.name))?;
        ensure!(refusals.refused.unscripted == 0, "allocations were refused: {:?}", refusals.refusals);
        Ok(())
    }
}

impl Drop for FakeCard {
    fn drop(&mut self) {
        // What a test that failed half-way did not destroy.
        for name in self.objects().unwrap_or_default() {
            let _ = Kubectl.run(&["-n", SYSTEM, "delete", &name, "--ignore-not-found", "--wait=false"]);
        }
        // The allocator may be gone already, and with it the card.
        let _ = self.client.remove_card(&self.name);
    }
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
    let client = Client::new(&base);
    wait::until("fake-card answers", Duration::from_secs(60), || {
        client.health()?;
        Ok(Some(()))
    })?;
    Ok(base)
}
