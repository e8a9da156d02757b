//! Everything a gate sees in one moment: its card's declared object and ledger,
//! the card's own figures, its Deployment and pods, and the Option B targets.
//!
//! Only what a tenant's gate has rights to is asked for, each object by its name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use tenancy::Invalid;
use tenancy::declared::{Declared, POINTER_KEY, declared_name, ledger_name, pointer_name};
use tenancy::gate::{GateConfig, ScaleTarget};
use tenancy::ledger::Ledger;
use tenancy::names::{CardName, TenantId};
use tenancy::observation::{Demand, Observation, PauseSeen, Sample, Unknown};
use tenancy::window::Schedule;

pub mod api;
pub mod object;
pub mod scrape;
pub mod seen;

use api::{Api, ApiError};
use object::Object;

/// Why nothing could be observed, and so nothing decided.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// An object is there and cannot be read.
    #[error("ConfigMap gpu-tenancy/{name} cannot be read: {why}")]
    Unreadable {
        /// The ConfigMap's name.
        name: String,
        /// What is wrong in it.
        why: Invalid,
    },
    /// The API server's time is not known, and this machine's is not believed.
    #[error("the API server's answers have no Date header; a proxy before it must let the header pass")]
    NoDate,
}

/// The card's side of a moment: what was declared and entered, and what the device says.
#[derive(Debug)]
pub struct CardScene {
    /// The card and every floor on it.
    pub declared: Declared,
    /// Its ledger.
    pub ledger: Ledger,
    /// The ledger's ConfigMap as it was read, to be written back with its resourceVersion.
    pub ledger_object: Value,
    /// The card's figures, or why there are none.
    pub device: Result<Sample, Unknown>,
}

/// Everything of one moment.
#[derive(Debug)]
pub struct Scene {
    /// The API server's time when the last answer came.
    pub now: Timestamp,
    /// The card's side.
    pub card: CardScene,
    /// What `decide` is told beside it.
    pub observation: Observation,
    /// The Deployment's resourceVersion, the lock of its scale.
    pub deployment_version: String,
    /// The resourceVersions of the Option B targets' scales.
    pub pause_versions: BTreeMap<ScaleTarget, String>,
    /// Addresses of the pods that are ready and stay.
    pub ready_ips: Vec<String>,
}

/// Sees everything that a gate's decision rests on.
///
/// # Errors
/// A failed call or an unreadable object. A card that does not answer is no
/// error: its figures are unknown, and that is part of what was seen.
pub async fn scene(api: &Api, gate: &GateConfig) -> Result<Scene, ObserveError> {
    let (card, tenant) = tokio::join!(card(api, &gate.tenant), tenant(api, &gate.tenant));
    let (card, (deployment, pods)) = (card?, tenant?);
    let (pauses, pause_versions) = pauses(api, gate, &card.ledger).await?;
    let stays = |pod: &&seen::Pod| pod.seen.ready && !pod.seen.deleting;
    let ready_ips = pods.iter().filter(stays).filter_map(|pod| pod.ip.clone()).collect();
    Ok(Scene {
        now: api.now().ok_or(ObserveError::NoDate)?,
        observation: Observation {
            device: card.device.clone(),
            deployment: deployment.seen,
            pods: pods.into_iter().map(|pod| pod.seen).collect(),
            pauses,
            demand: demand(gate),
            clock_skew_s: api.clock_skew_s(),
        },
        card,
        deployment_version: deployment.version,
        pause_versions,
        ready_ips,
    })
}

/// Sees the card of a tenant: who points to it, what is declared, the ledger, the device.
///
/// The device is scraped after the ledger was read, so that whatever an entry
/// in it already took is in the figures.
///
/// # Errors
/// A failed call or an unreadable object.
pub async fn card(api: &Api, tenant: &TenantId) -> Result<CardScene, ObserveError> {
    let pointer = pointer_name(tenant);
    let data = data(&api.get(&Object::system_config_map(&pointer)).await?);
    let name: CardName = data
        .get(POINTER_KEY)
        .map_or("", String::as_str)
        .parse()
        .map_err(|why| ObserveError::Unreadable { name: pointer, why })?;
    let (declared_object, ledger_object) =
        (declared_name(&name), Object::system_config_map(&ledger_name(&name)));
    let declared = Object::system_config_map(&declared_object);
    let (declared, ledger_object) = tokio::join!(api.get(&declared), api.get(&ledger_object));
    let (declared, ledger_object) = (declared?, ledger_object?);
    let declared = Declared::from_data(&self::data(&declared))
        .map_err(|why| ObserveError::Unreadable { name: declared_object, why })?;
    let device = match api.now() {
        Some(now) => scrape::card(&declared.card, now).await,
        None => return Err(ObserveError::NoDate),
    };
    Ok(CardScene { ledger: Ledger::parse(&self::data(&ledger_object)), declared, ledger_object, device })
}

/// Sees a tenant's Deployment.
///
/// # Errors
/// A failed call.
pub async fn deployment(api: &Api, tenant: &TenantId) -> Result<seen::Deployment, ObserveError> {
    Ok(seen::deployment(&api.get(&Object::deployment(tenant)).await?))
}

async fn tenant(api: &Api, tenant: &TenantId) -> Result<(seen::Deployment, Vec<seen::Pod>), ObserveError> {
    let deployment = deployment(api, tenant).await?;
    let labels: Vec<(&str, &str)> =
        deployment.selector.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let pods = seen::pods(&api.get(&Object::pods(tenant, &labels)).await?);
    Ok((deployment, pods))
}

/// What the Option B targets' scales say: those that are configured, and those
/// that are still paused although they are no longer configured.
async fn pauses(
    api: &Api,
    gate: &GateConfig,
    ledger: &Ledger,
) -> Result<(BTreeMap<ScaleTarget, PauseSeen>, BTreeMap<ScaleTarget, String>), ObserveError> {
    let paused = ledger.entry(&gate.tenant).paused;
    let targets: BTreeSet<ScaleTarget> =
        gate.pauses.iter().cloned().chain(paused.into_iter().map(|paused| paused.target)).collect();
    let (mut seen, mut versions) = (BTreeMap::new(), BTreeMap::new());
    for target in targets {
        let what = match api.get(&Object::scale(&target)).await {
            Ok(scale) => {
                let version = scale["metadata"]["resourceVersion"].as_str().unwrap_or_default();
                versions.insert(target.clone(), version.to_owned());
                PauseSeen::Replicas(seen::scale_replicas(&scale))
            }
            Err(ApiError::Absent { .. }) => PauseSeen::Absent,
            Err(away @ ApiError::Away { .. }) => return Err(away.into()),
            Err(why) => PauseSeen::Unreadable(why.clause()),
        };
        seen.insert(target, what);
    }
    Ok((seen, versions))
}

/// No source of demand exists yet, so windows are not asked and an on-demand
/// tenant's demand is unknown.
fn demand(gate: &GateConfig) -> Demand {
    match gate.schedule {
        Schedule::Windows(_) | Schedule::Always => Demand::NotAsked,
        Schedule::OnDemand => Demand::Unknown,
    }
}

/// The `data` of a ConfigMap; none is an empty map.
pub fn data(config_map: &Value) -> BTreeMap<String, String> {
    config_map["data"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
