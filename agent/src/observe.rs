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
use tenancy::ledger::{Ledger, Paused};
use tenancy::names::{CardName, TenantId};
use tenancy::observation::{Observation, PauseSeen, PrefetchSeen, Unknown};

use crate::metrics::devices;

pub mod api;
pub mod demand;
pub mod fetch;
pub mod object;
pub mod scrape;
mod secret;
pub mod seen;
pub mod sources;

use api::{Api, ApiError};
use object::Object;
use scrape::Told;

/// Why nothing could be observed, and so nothing decided.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The API server's time is not known, and this machine's is not believed.
    #[error("the API server's answers have no Date header; a proxy before it must let the header pass")]
    NoDate,
}

/// The card's side of a moment: what was declared and entered, and what the device says.
#[derive(Debug)]
pub struct CardScene {
    /// The card and every floor on it, or why they cannot be read.
    pub declared: Result<Declared, Unknown>,
    /// Its ledger, or why it cannot be read.
    pub ledger: Result<Ledger, Unknown>,
    /// The ledger's ConfigMap as it was read, to be written back with its
    /// resourceVersion; null where it could not be read.
    pub ledger_object: Value,
    /// What its source tells, or why it tells nothing.
    pub told: Result<Told, Unknown>,
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
    /// The Deployment's resourceVersion, the lock of its scale; empty where there is none to scale.
    pub deployment_version: String,
    /// The resourceVersions of the Option B targets' scales.
    pub pause_versions: BTreeMap<ScaleTarget, String>,
    /// What the source of demand said, for people; `None` where nobody was asked.
    pub demand_said: Option<String>,
    /// Addresses of the pods that are ready and stay.
    pub ready_ips: Vec<String>,
    /// The names of the pods that asked for a single slice.
    pub of_one_slice: BTreeSet<String>,
}

impl Scene {
    /// Takes over what the card's source told: the figures, and on which device
    /// the tenant's pods are.
    pub fn tell(&mut self, tenant: &TenantId, told: Result<Told, Unknown>) {
        let own = told.as_ref().ok().and_then(|told| told.sample.uuid.as_deref());
        for pod in self.observation.pods.iter_mut().flatten() {
            let devices = told
                .as_ref()
                .ok()
                .and_then(|told| told.devices.get(&(tenant.namespace.to_string(), pod.name.clone())));
            let has_one_slice = self.of_one_slice.contains(&pod.name);
            pod.device_uuid = own.and_then(|own| devices::given(devices, own, has_one_slice));
        }
        self.observation.device = told.map(|told| told.sample);
    }

    /// What could not be read beside the device's figures, each as a clause.
    pub fn unseen(&self) -> impl Iterator<Item = &str> {
        let declared = self.card.declared.as_ref().err();
        let ledger = self.card.ledger.as_ref().err();
        let pods = self.observation.pods.as_ref().err();
        declared.into_iter().chain(ledger).chain(pods).map(|unknown| unknown.reason.as_str())
    }
}

/// Sees everything that a gate's decision rests on.
///
/// # Errors
/// The API server is away, or the tenant's own Deployment cannot be read.
/// Whatever else cannot be read is no error: it is unknown, and that is part of
/// what was seen. Nobody is admitted then, and whoever should go goes.
pub async fn scene(api: &Api, gate: &GateConfig) -> Result<Scene, ObserveError> {
    let card_then_tenant = async {
        let card = card(api, &gate.tenant).await?;
        let may_be_gone = card.ledger.as_ref().map_or(true, |ledger| ledger.get(&gate.tenant).is_some());
        let tenant = tenant(api, &gate.tenant, may_be_gone).await?;
        Ok::<_, ObserveError>((card, tenant))
    };
    let (seen, asked) = tokio::join!(card_then_tenant, demand::ask(gate));
    let (card, (deployment, pods)) = seen?;
    let (pods, prefetch) = match pods {
        Ok((pods, prefetch)) => (Ok(pods), prefetch),
        Err(unknown) => (Err(unknown), None),
    };
    let deployment = deployment.map(|it| remember_override(it, card.ledger.as_ref().ok(), &gate.tenant));
    let (deployment, deployment_version) = deployment.map(|it| (it.seen, it.version)).unzip();
    let paused = card.ledger.as_ref().map(|ledger| ledger.entry(&gate.tenant).paused).unwrap_or_default();
    let (pauses, pause_versions) = pauses(api, gate, paused).await?;
    let stays = |pod: &&seen::Pod| pod.seen.ready && !pod.seen.deleting;
    let ready_ips = pods.iter().flatten().filter(stays).filter_map(|pod| pod.ip.clone()).collect();
    let single = pods.iter().flatten().filter(|pod| pod.has_one_slice);
    let of_one_slice = single.map(|pod| pod.seen.name.clone()).collect();
    let told = card.told.clone();
    let mut scene = Scene {
        now: api.now().ok_or(ObserveError::NoDate)?,
        observation: Observation {
            device: Err(Unknown { reason: "the card's source was not asked".to_owned() }),
            deployment,
            pods: pods.map(|pods| pods.into_iter().map(|pod| pod.seen).collect()),
            pauses,
            demand: asked.verdict,
            prefetch,
            clock_skew_s: api.clock_skew_s(),
        },
        card,
        deployment_version: deployment_version.unwrap_or_default(),
        pause_versions,
        demand_said: asked.said,
        ready_ips,
        of_one_slice,
    };
    scene.tell(&gate.tenant, told);
    Ok(scene)
}

/// Sees the card of a tenant: who points to it, what is declared, the ledger, the device.
///
/// The device is scraped after the ledger was read, so that whatever an entry
/// in it already took is in the figures.
///
/// # Errors
/// The API server is away. An object that cannot be read otherwise is unknown.
pub async fn card(api: &Api, tenant: &TenantId) -> Result<CardScene, ObserveError> {
    let pointer = pointer_name(tenant);
    let name = match read(api, &pointer).await? {
        Ok(object) => data(&object)
            .get(POINTER_KEY)
            .map_or("", String::as_str)
            .parse::<CardName>()
            .map_err(|why| unreadable(&pointer, &why)),
        Err(unknown) => Err(unknown),
    };
    let name = match name {
        Ok(name) => name,
        Err(unknown) => {
            let declared = Err(unknown.clone());
            let (ledger, told) = (Err(unknown.clone()), Err(unknown));
            return Ok(CardScene { declared, ledger, ledger_object: Value::Null, told });
        }
    };
    let (declared_name, ledger_name) = (declared_name(&name), ledger_name(&name));
    let (declared, ledger) = tokio::join!(read(api, &declared_name), read(api, &ledger_name));
    let (declared, ledger) = (declared?, ledger?);
    let declared = declared.and_then(|object| {
        Declared::from_data(&data(&object)).map_err(|why| unreadable(&declared_name, &why))
    });
    let now = api.now().ok_or(ObserveError::NoDate)?;
    let told = match &declared {
        Ok(declared) => scrape::card(&declared.card, now).await,
        Err(unknown) => Err(unknown.clone()),
    };
    let (ledger, ledger_object) = match ledger {
        Ok(object) => (Ok(Ledger::parse(&data(&object))), object),
        Err(unknown) => (Err(unknown), Value::Null),
    };
    Ok(CardScene { declared, ledger, ledger_object, told })
}

/// Reads a ConfigMap of the system namespace, or says why it cannot be had.
///
/// # Errors
/// The API server is away: then nothing is decided.
async fn read(api: &Api, name: &str) -> Result<Result<Value, Unknown>, ObserveError> {
    match api.get(&Object::system_config_map(name)).await {
        Ok(object) => Ok(Ok(object)),
        Err(away @ ApiError::Away { .. }) => Err(away.into()),
        Err(why) => Ok(Err(Unknown { reason: why.to_string().trim_end_matches('.').to_owned() })),
    }
}

fn unreadable(name: &str, why: &Invalid) -> Unknown {
    let why = why.to_string();
    Unknown { reason: format!("ConfigMap gpu-tenancy/{name} cannot be read: {}", why.trim_end_matches('.')) }
}

/// Sees a tenant's Deployment. One that may not be read is seen by its scale,
/// which is enough to put the tenant to sleep.
///
/// # Errors
/// A failed call.
pub async fn deployment(api: &Api, tenant: &TenantId) -> Result<seen::Deployment, ObserveError> {
    match api.get(&Object::deployment(tenant)).await {
        Err(ApiError::Forbidden { .. }) => Ok(seen::by_scale(&api.get(&Object::own_scale(tenant)).await?)),
        answer => Ok(seen::deployment(&answer?)),
    }
}

/// Where a Deployment's annotations were not seen, the override that its gate
/// noticed last counts.
pub fn remember_override(
    mut deployment: seen::Deployment,
    ledger: Option<&Ledger>,
    tenant: &TenantId,
) -> seen::Deployment {
    if !deployment.annotations_seen {
        let noticed = ledger.and_then(|ledger| ledger.entry(tenant).override_seen);
        deployment.seen.override_annotation = noticed.map(|noticed| noticed.text);
    }
    deployment
}

/// A tenant's pods, and the newest of its prefetch.
type Pods = (Vec<seen::Pod>, Option<PrefetchSeen>);

/// Sees a tenant's Deployment, if it exists, and its pods, or why the pods cannot
/// be listed. Those that outlive their Deployment are found by the labels that
/// every tenant's Deployment has for its selector. One of a tenant that no gate
/// has decided for yet is not gone and only not made: there is nothing to decide.
///
/// It is called after the ledger was read. What another gate does after that
/// costs this one the swap of the ledger; but a Deployment from before that
/// gate's scale call, beside the ledger in which the same gate has seen its
/// replicas, looks as if a hand had scaled it, and no swap would tell.
///
/// # Errors
/// The API server is away, or the Deployment cannot be read, or is absent and not `may_be_gone`.
pub async fn tenant(
    api: &Api,
    tenant: &TenantId,
    may_be_gone: bool,
) -> Result<(Option<seen::Deployment>, Result<Pods, Unknown>), ObserveError> {
    let deployment = match deployment(api, tenant).await {
        Err(ObserveError::Api(ApiError::Absent { .. })) if may_be_gone => None,
        answer => Some(answer?),
    };
    let selector = match &deployment {
        Some(deployment) => deployment.selector.clone(),
        None => tenancy::expand::selector(tenant).into_iter().collect(),
    };
    let labels: Vec<(&str, &str)> =
        selector.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let pods = match api.get(&Object::pods_and_prefetch(tenant, &labels)).await {
        Ok(list) => Ok(seen::pods(&list)),
        Err(away @ ApiError::Away { .. }) => return Err(away.into()),
        Err(why) => Err(Unknown { reason: why.to_string().trim_end_matches('.').to_owned() }),
    };
    Ok((deployment, pods))
}

/// What the Option B targets' scales say: those that are configured, and those
/// that are still paused although they are no longer configured.
async fn pauses(
    api: &Api,
    gate: &GateConfig,
    paused: Vec<Paused>,
) -> Result<(BTreeMap<ScaleTarget, PauseSeen>, BTreeMap<ScaleTarget, String>), ObserveError> {
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

/// The `data` of a ConfigMap; none is an empty map.
pub fn data(config_map: &Value) -> BTreeMap<String, String> {
    config_map["data"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
