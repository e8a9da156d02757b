//! A tenant put to sleep for good: before it is destroyed, and when it is suspended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tenancy::declared::{POINTER_KEY, SYSTEM_NAMESPACE, ledger_name, pointer_name};
use tenancy::expand::TENANT_LABEL;
use tenancy::ledger::{Ledger, Paused};
use tenancy::names::{CardName, TenantId};
use tenancy::objects::{Key, Kind};
use tfplugin::{Diagnostic, Diagnostics};

use crate::api::{Failure, Ref};
use crate::engine::{Engine, Kept};

/// Between two looks at pods that should end.
const LOOK: Duration = Duration::from_millis(300);
/// How often the ledger's compare-and-swap is tried against gates that write it too.
const SWAPS: u32 = 10;

/// Before a destroy: the gate's CronJobs go first, so that no tick wakes what
/// is put to sleep; then the tenant sleeps, residents get their replicas back,
/// and its place on the card is released. Says what could not be put back.
pub(super) async fn to_bed(
    engine: &Engine<'_>,
    tenant: &TenantId,
    kept: &Kept,
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let ticks = kept.objects.iter().filter_map(|(key, object)| {
        let key: Key = key.parse().ok()?;
        (key.kind == Kind::CronJob).then(|| (object.reference(&key), object.uid.clone()))
    });
    let ticks: Vec<(Ref, String)> = ticks.collect();
    for outcome in join_all(ticks.iter().map(|(name, uid)| engine.api.delete(name, Some(uid)))).await {
        outcome?;
    }
    let deployment = Key { kind: Kind::Deployment, name: tenant.name.to_string() };
    let ours = kept.objects.get(&deployment.to_string());
    sleep_as(engine, tenant, ours.map(|it| it.uid.as_str()), deadline).await
}

/// Scales the tenant to 0, waits for its pods to end, restores residents and
/// releases its entry in the ledger.
pub(super) async fn sleep(
    engine: &Engine<'_>,
    tenant: &TenantId,
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let name = Ref::deployment(tenant.namespace.as_str(), tenant.name.as_str());
    let live = engine.api.get(&name).await?;
    sleep_as(engine, tenant, live.as_ref().map(|live| live.uid()), deadline).await
}

/// The remarks as one warning.
pub(super) fn remarks(title: &str, remarks: Vec<String>) -> Diagnostics {
    if remarks.is_empty() {
        return Diagnostics::new();
    }
    Diagnostic::warning(format!("{title} went to sleep with remarks"), remarks.join("\n")).into()
}

async fn sleep_as(
    engine: &Engine<'_>,
    tenant: &TenantId,
    uid: Option<&str>,
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let name = Ref::deployment(tenant.namespace.as_str(), tenant.name.as_str());
    if let Some(uid) = uid
        && let Some(live) = engine.api.get(&name).await?.filter(|live| live.uid() == uid)
    {
        if live.replicas() != Some(0) {
            let patch = json!({"metadata": {"uid": uid}, "spec": {"replicas": 0}});
            engine.api.merge(&name, Some("scale"), &engine.manager, patch).await?;
        }
        pods_end(engine, tenant, deadline).await?;
    }
    release(engine, tenant).await
}

/// Waits until no pod of the tenant is left, a tick's included: an unfinished
/// tick could enter the ledger again.
async fn pods_end(engine: &Engine<'_>, tenant: &TenantId, deadline: Instant) -> Result<(), Failure> {
    let label = tenancy::names::fit(&tenant.key(), "", tenancy::names::LABEL_LIMIT);
    let labels = format!("{TENANT_LABEL}={label}");
    loop {
        let pods = engine.api.list("v1", "Pod", tenant.namespace.as_str(), &labels).await?;
        let left: Vec<&str> = pods
            .iter()
            .filter(|pod| !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")))
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        if engine.cancel.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        if Instant::now() >= deadline {
            return Err(Failure::Waited {
                summary: format!("{tenant} does not go to sleep"),
                detail: format!(
                    "It was scaled to 0, and these pods have not ended: {}. Nothing was deleted. Look at them \
                     with kubectl, then apply again; `timeouts.delete` gives them longer.",
                    left.join(", ")
                ),
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes the tenant out of its card's ledger, once residents that it paused
/// have their replicas back.
async fn release(engine: &Engine<'_>, tenant: &TenantId) -> Result<Vec<String>, Failure> {
    let pointer = Ref::config_map(SYSTEM_NAMESPACE, &pointer_name(tenant));
    let Some(live) = engine.api.get(&pointer).await? else { return Ok(Vec::new()) };
    let card = live.0["data"][POINTER_KEY].as_str().and_then(|card| card.parse::<CardName>().ok());
    let Some(card) = card else { return Ok(Vec::new()) };
    let name = Ref::config_map(SYSTEM_NAMESPACE, &ledger_name(&card));
    let mut remarks = None;
    for _ in 0..SWAPS {
        let Some(live) = engine.api.get(&name).await? else { return Ok(Vec::new()) };
        let data: BTreeMap<String, String> =
            serde_json::from_value(live.0["data"].clone()).unwrap_or_default();
        let mut ledger = Ledger::parse(&data);
        if ledger.is_unreadable(tenant) {
            return Ok(vec![format!(
                "The entry of {tenant} in {name} cannot be read and stays. Look at it with kubectl."
            )]);
        }
        let Some(entry) = ledger.entries.remove(tenant) else { return Ok(remarks.unwrap_or_default()) };
        if remarks.is_none() {
            remarks = Some(restore(engine, &entry.paused).await);
        }
        let mut body = live.0.clone();
        body["data"] = json!(ledger.to_data());
        match engine.api.replace(&name, &engine.manager, body).await {
            Ok(_) => return Ok(remarks.unwrap_or_default()),
            Err(failure) if failure.status() == Some(409) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Waited {
        summary: format!("The ledger of card {card} is busy"),
        detail: format!("Gates wrote it at every one of {SWAPS} tries to release {tenant}. Apply again."),
    })
}

/// Option B: gives residents the replicas that they had. Who was changed
/// meanwhile is left alone.
async fn restore(engine: &Engine<'_>, paused: &[Paused]) -> Vec<String> {
    let mut remarks = Vec::new();
    for one in paused.iter().filter(|one| !one.left_alone) {
        let name = Ref::deployment(one.target.namespace.as_str(), one.target.deployment.as_str());
        let outcome = match engine.api.get(&name).await {
            Ok(Some(live)) if live.replicas() == Some(0) => {
                let patch: Value = json!({"spec": {"replicas": one.replicas}});
                engine.api.merge(&name, Some("scale"), &engine.manager, patch).await.map(drop)
            }
            Ok(_) => continue,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = outcome {
            let why = failure.diagnostic(tfplugin::Path::root());
            remarks.push(format!(
                "{name} was paused for this tenant and could not be given its {} replicas back: {} Scale it by hand.",
                one.replicas, why.detail
            ));
        }
    }
    remarks
}
