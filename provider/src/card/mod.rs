//! `gpu_card`: a card of the fleet.

mod model;
mod spec;

use tenancy::card::Card;
use tenancy::declared::{Declared, SYSTEM_NAMESPACE, declared_name};
use tenancy::defaults::AGENT_IMAGE;
use tenancy::expand::watched_card;
use tenancy::floor::Floor;
use tenancy::names::{CardName, TenantId};
use tenancy::objects::{Key, Objects};
use tfplugin::{
    Attr, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportBy, ImportRequest, Outcome, Path,
    PlanRequest, Planned, ReadRequest, Resource, Set, UpdateRequest,
};

use crate::api::{Api, Failure, Ref};
use crate::picture;
use crate::provider::Data;
use crate::steps::{self, Plain};
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
        steps::create(request).await
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<CardModel> {
        steps::read(request).await
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<CardModel> {
        steps::update(request).await
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<CardModel> {
        match refuse_while_entered(&steps::api(&request.provider, &request.cancel), &request.prior).await {
            Ok(()) => steps::delete(request).await,
            Err(diagnostics) => Outcome::failed(diagnostics),
        }
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<CardModel> {
        let name = match request.by {
            ImportBy::Id(id) => id,
            ImportBy::Identity(identity) => identity.name.as_str().unwrap_or_default().to_owned(),
        };
        let card = match spec::declared(&steps::api(&request.provider, &request.cancel), &name).await {
            Ok(card) => card,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        steps::import::<Self>(spec::model(&card), &card, &request.provider, request.cancel).await
    }

    fn identity(&self, model: &CardModel) -> Option<CardIdentity> {
        Some(CardIdentity { name: Attr::Known(model.name.as_str()?.to_owned()) })
    }
}

impl Plain for CardResource {
    type Spec = Card;

    fn subject(model: &CardModel) -> &str {
        model.name.as_str().unwrap_or_default()
    }

    fn attribute(_: &Key) -> Path {
        Path::attribute("name")
    }

    fn adopt(model: &CardModel) -> &Attr<Set<String>> {
        &model.adopt
    }

    fn spec(model: &CardModel, _: &Data) -> Result<Card, Diagnostics> {
        spec::card(model)
    }

    fn desired(card: &Card, data: &Data) -> Objects {
        watched_card(card, image(data))
    }

    fn fill_in(model: &mut CardModel, _: &Card) {
        model.id = model.name.clone();
    }
}

/// A card stays while tenants are entered on it: their gates would lose the
/// only place where they agree on its memory.
async fn refuse_while_entered(api: &Api, model: &CardModel) -> Result<(), Diagnostics> {
    let Some(name) = model.name.as_str().and_then(|name| name.parse().ok()) else { return Ok(()) };
    let object = Ref::config_map(SYSTEM_NAMESPACE, &declared_name(&name));
    let live = api.get(&object).await.map_err(|failure| failure.diagnostic(Path::root()))?;
    let floors: Vec<String> = live
        .iter()
        .filter_map(|live| live.0["data"].as_object())
        .flat_map(|data| data.keys())
        .filter_map(|key| key.strip_prefix("floor."))
        .filter_map(|key| TenantId::from_key(key).ok())
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
    api: &Api,
    name: &CardName,
) -> Result<Option<std::collections::BTreeMap<String, String>>, Failure> {
    let live = api.get(&Ref::config_map(SYSTEM_NAMESPACE, &declared_name(name))).await?;
    Ok(live.map(|live| serde_json::from_value(live.0["data"].clone()).unwrap_or_default()))
}

/// What a card's declared object says of a tenant; nothing where it says nothing that can be read.
///
/// # Errors
/// The call failed.
pub(crate) async fn declared_floor(
    api: &Api,
    card: &CardName,
    tenant: &TenantId,
) -> Result<Option<Floor>, Failure> {
    let declared = declared_data(api, card).await?.and_then(|data| Declared::from_data(&data).ok());
    Ok(declared.and_then(|mut declared| declared.floors.remove(tenant)))
}
