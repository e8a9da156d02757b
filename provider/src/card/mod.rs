//! `gpu_card`: a card of the fleet.

mod model;
mod spec;

use std::time::Duration;

use tenancy::declared::{SYSTEM_NAMESPACE, declared_name};
use tenancy::defaults::AGENT_IMAGE;
use tenancy::expand::watched_card;
use tenancy::objects::Key;
use tfplugin::{
    Attr, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportBy, ImportRequest, Outcome, Path,
    PlanRequest, Planned, ReadRequest, Resource, UpdateRequest,
};

use crate::api::{Failure, Ref};
use crate::engine::{Engine, Kept};
use crate::fill::adopted;
use crate::lifecycle::{Change, Lifecycle};
use crate::outcome;
use crate::picture;
use crate::provider::Data;
pub(crate) use model::{CardIdentity, CardModel, same_memory};
#[cfg(test)]
pub(crate) use model::{PrometheusModel, ResidentModel, SourceModel};

/// The agent's image as it may turn out: twice the same where it is known.
fn images(image: &Attr<String>) -> (&str, &str) {
    match image {
        Attr::Known(image) => (image, image),
        Attr::Null => (AGENT_IMAGE, AGENT_IMAGE),
        Attr::Unknown => ("a", "b"),
    }
}

/// The agent's image, once the provider is configured.
fn image(data: &Data) -> &str {
    data.agent_image.as_str().unwrap_or(AGENT_IMAGE)
}

/// How long a deletion may take: small objects without finalizers of ours.
const PATIENCE: Duration = Duration::from_secs(120);

/// The resource.
pub(crate) struct CardResource;

impl Resource for CardResource {
    type Data = Data;
    type Model = CardModel;
    type Identity = CardIdentity;

    const TYPE_NAME: &'static str = "gpu_card";

    fn validate(&self, config: &CardModel) -> Diagnostics {
        spec::both(config).map(|_| Diagnostics::new()).unwrap_or_else(|problems| problems)
    }

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<CardModel>, Diagnostics> {
        let mut planned = request.proposed;
        let digests = request.provider.as_ref().is_some_and(|data| data.digests);
        planned.id = planned.name.clone();
        let cards = spec::both(&planned)?;
        if let (Some(data), Some(name)) = (&request.provider, planned.name.as_str())
            && let Ok(mut known) = data.cards.lock()
        {
            known.insert(name.to_owned(), cards.clone().filter(|(a, b)| a == b).map(|(a, _)| a));
        }
        planned.objects = match cards {
            Some((a, b)) => {
                let image = request.provider.as_ref().map_or(Attr::Unknown, |data| data.agent_image.clone());
                let (in_a, in_b) = images(&image);
                picture::planned(&watched_card(&a, in_a), &watched_card(&b, in_b), digests)
            }
            None => Attr::Unknown,
        };
        Ok(Planned::new(planned))
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<CardModel> {
        let mut model = request.planned;
        let card = match spec::card(&model) {
            Ok(card) => card,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = watched_card(&card, image(&request.provider));
        model.objects = picture::known(&desired, request.provider.digests);
        model.id = model.name.clone();
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let made = lifecycle.create(&desired, &adopted(&model.adopt)).await;
        outcome::created(model, made)
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<CardModel> {
        let model = request.state;
        let card = match spec::card(&model) {
            Ok(card) => card,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = watched_card(&card, image(&request.provider));
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let looked = lifecycle.look(&desired, &model.objects, Kept::read(&request.private)).await;
        outcome::read(model, looked, &lifecycle.title)
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<CardModel> {
        let mut model = request.planned;
        let card = match spec::card(&model) {
            Ok(card) => card,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = watched_card(&card, image(&request.provider));
        model.objects = picture::known(&desired, request.provider.digests);
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let adopt = adopted(&model.adopt);
        let kept = Kept::read(&request.private);
        let before = &request.prior.objects;
        let change = Change { desired: &desired, before, adopt: &adopt, patience: PATIENCE };
        let changed = lifecycle.update(&change, kept).await;
        outcome::updated(request.prior, model, changed)
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<CardModel> {
        let model = request.prior;
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        if let Err(diagnostics) = refuse_while_entered(&lifecycle, &model).await {
            return Outcome::failed(diagnostics);
        }
        let kept = Kept::read(&request.private);
        let deleted = lifecycle.delete(kept, &model.objects, PATIENCE).await;
        outcome::deleted(model, deleted)
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<CardModel> {
        let name = match request.by {
            ImportBy::Id(id) => id,
            ImportBy::Identity(identity) => identity.name.as_str().unwrap_or_default().to_owned(),
        };
        let card = match spec::declared(&request.provider.api, &name).await {
            Ok(card) => card,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        let mut model = spec::model(&card);
        model.objects =
            picture::known(&watched_card(&card, image(&request.provider)), request.provider.digests);
        Outcome::state(model)
    }

    fn identity(&self, model: &CardModel) -> Option<CardIdentity> {
        Some(CardIdentity { name: Attr::Known(model.name.as_str()?.to_owned()) })
    }
}

fn lifecycle<'a>(data: &'a Data, model: &CardModel, cancel: tfplugin::CancellationToken) -> Lifecycle<'a> {
    let name = model.name.as_str().unwrap_or_default();
    Lifecycle {
        engine: Engine::new(&data.api, CardResource::TYPE_NAME, name, cancel),
        title: format!("gpu_card {name}"),
        attribute: |_: &Key| Path::attribute("name"),
        digests: data.digests,
    }
}

/// A card stays while tenants are entered on it: their gates would lose the
/// only place where they agree on its memory.
async fn refuse_while_entered(lifecycle: &Lifecycle<'_>, model: &CardModel) -> Result<(), Diagnostics> {
    let Some(name) = model.name.as_str().and_then(|name| name.parse().ok()) else { return Ok(()) };
    let object = Ref::config_map(SYSTEM_NAMESPACE, &declared_name(&name));
    let live = lifecycle.engine.api.get(&object).await.map_err(|failure| failure.diagnostic(Path::root()))?;
    let floors: Vec<String> = live
        .iter()
        .filter_map(|live| live.0["data"].as_object())
        .flat_map(|data| data.keys())
        .filter_map(|key| key.strip_prefix("floor."))
        .filter_map(|key| tenancy::names::TenantId::from_key(key).ok())
        .map(|tenant| tenant.to_string())
        .collect();
    if floors.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "These tenants are entered on it: {}. Destroy their gpu_vram_floor first, or move them to another card.",
        floors.join(", ")
    );
    Err(Diagnostic::error(format!("Card {name} is in use"), detail).at(Path::attribute("name")).into())
}

/// Reads a card's declared object.
///
/// # Errors
/// The call failed.
pub(crate) async fn declared_data(
    api: &crate::api::Api,
    name: &tenancy::names::CardName,
) -> Result<Option<std::collections::BTreeMap<String, String>>, Failure> {
    let live = api.get(&Ref::config_map(SYSTEM_NAMESPACE, &declared_name(name))).await?;
    Ok(live.map(|live| serde_json::from_value(live.0["data"].clone()).unwrap_or_default()))
}
