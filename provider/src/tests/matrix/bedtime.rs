//! A tenant that is awake when it is suspended or destroyed: the one thing that the provider asks of a gate.
//!
//! The gate is the test. Its Job is made and never runs, and the proxy does at once what the gate would come
//! to: the tenant sleeps, and the ledger says so.

use http::Method;
use serde_json::{Value, json};
use tenancy::declared::{SYSTEM_NAMESPACE, ledger_name};
use tenancy::names::TenantId;

use super::circle::Circle;
use super::subject::Subject;
use crate::api::Ref;
use crate::cluster::Ask;

const GATE: &str = "matrix-gate";

fn entry(state: &str) -> String {
    let since = jiff::Timestamp::now().to_string();
    json!({"state": state, "since": since, "replicas_confirmed": true, "paused": []}).to_string()
}

impl<S: Subject> Circle<'_, S> {
    fn tenant(&self) -> TenantId {
        S::id(&self.names).parse().unwrap()
    }

    fn deployment(&self) -> Ref {
        let tenant = self.tenant();
        Ref::deployment(tenant.namespace.as_str(), tenant.name.as_str())
    }

    fn ledger(&self) -> Ref {
        Ref::config_map(SYSTEM_NAMESPACE, &ledger_name(&self.names.card.parse().unwrap()))
    }

    /// The tenant is awake, as its gate would have left it, and its gate answers from now on.
    pub(super) async fn wake(&self) -> Result<(), String> {
        let told = |failure| format!("it cannot be woken: {failure:?}");
        let key = self.tenant().key();
        let patch = |path: String, body: Value| Ask {
            method: Method::PATCH,
            path,
            content_type: Some("application/merge-patch+json"),
            body: Some(body),
        };
        self.proxy.play_gate(vec![
            patch(self.ledger().path(), json!({"data": {&key: entry("asleep")}})),
            patch(format!("{}/scale", self.deployment().path()), json!({"spec": {"replicas": 0}})),
        ]);
        let api = &self.bench.api;
        let awake = json!({"data": {&key: entry("awake")}});
        api.merge(&self.ledger(), None, GATE, awake).await.map_err(told)?;
        let one = json!({"spec": {"replicas": 1}});
        api.merge(&self.deployment(), Some("scale"), GATE, one).await.map(drop).map_err(told)
    }

    /// Nothing of it is awake, and the ledger keeps no place for it.
    pub(super) async fn is_at_rest(&self) -> Result<(), String> {
        let get = async |name: Ref| self.bench.api.get(&name).await.map_err(|failure| format!("{failure:?}"));
        let ledger = get(self.ledger()).await?.ok_or("the ledger is gone")?;
        let deployment = get(self.deployment()).await?.ok_or("the Deployment is gone")?;
        let entry = &ledger.0["data"][self.tenant().key()];
        if entry.is_null() && deployment.replicas() == Some(0) {
            return Ok(());
        }
        Err(format!("it is not at rest: {:?} replicas, and in the ledger {entry}", deployment.replicas()))
    }
}
