//! `gpu_vram_floor`: one tenant's claim on a card.

mod early;
mod ledger;
mod look;
mod measured;
mod model;
mod spec;
mod way;

use tenancy::objects::{Key, Kind, Objects};
use tfplugin::{
    Attr, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportBy, ImportRequest, Map, Outcome, Path,
    PlanRequest, Planned, ReadRequest, Resource, Set, Severity, UpdateRequest,
};

use crate::api::{Api, Failure};
use crate::engine::Kept;
use crate::ledger::Place;
use crate::lifecycle::Lifecycle;
use crate::picture;
use crate::provider::Data;
use crate::steps::{self, Plain};
#[cfg(test)]
pub(crate) use model::MeasuredModel;
pub(crate) use model::{FloorIdentity, FloorModel};
use spec::Claim;

/// The resource.
pub(crate) struct FloorResource;

impl Resource for FloorResource {
    type Data = Data;
    type Model = FloorModel;
    type Identity = FloorIdentity;

    const TYPE_NAME: &'static str = "gpu_vram_floor";

    fn validate(&self, config: &FloorModel) -> Diagnostics {
        let mut told = way::forms(config);
        told.extend(spec::both(config).err().into_iter().flatten());
        told
    }

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<FloorModel>, Diagnostics> {
        let mut planned = request.proposed;
        let digests = request.provider.as_ref().is_some_and(|data| data.digests);
        planned.id = planned.tenant.clone();
        let mut told = measured::plan(request.prior.as_ref(), &request.config, &mut planned);
        let claims = spec::both(&planned)?;
        if let (Some(data), Some((claim, _))) = (&request.provider, claims.as_ref().filter(|(a, b)| a == b)) {
            if request.prior.is_none() {
                early::only_one(data, claim)?;
            }
            early::check(data, claim, &request.cancel).await?;
        }
        if let (Some(data), Some(prior)) = (&request.provider, &request.prior) {
            told.extend(early::leaving(data, prior, &planned, &request.cancel).await);
        }
        planned.objects = match claims {
            Some((a, b)) => picture::planned(&a.objects(), &b.objects(), digests),
            None => Attr::Unknown,
        };
        Ok(Planned::new(planned).with(told))
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<FloorModel> {
        steps::create(request).await
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<FloorModel> {
        let kept = Kept::read(&request.private);
        if !kept.leaving || !kept.objects.is_empty() {
            return steps::read(request).await;
        }
        // Only the ledger's entry is left, and no other state knows of it.
        let api = steps::api(&request.provider, &request.cancel);
        let lifecycle = steps::lifecycle::<Self>(&request.provider, &api, &request.state, request.cancel);
        let entry = match place(&lifecycle, &request.state) {
            Some(place) => place.entry().await,
            None => Ok(None),
        };
        match entry {
            Ok(None) => Outcome::gone(),
            Ok(Some(_)) | Err(Failure::Unknown { .. }) => Outcome::state(request.state),
            Err(failure) => Outcome::failed(failure.diagnostic(Path::attribute("card"))),
        }
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<FloorModel> {
        let (provider, prior, cancel) =
            (request.provider.clone(), request.prior.clone(), request.cancel.clone());
        let api = steps::api(&provider, &cancel);
        let lifecycle = steps::lifecycle::<Self>(&provider, &api, &prior, cancel);
        let left =
            place(&lifecycle, &prior).filter(|it| request.planned.card.as_str() != Some(it.card.as_str()));
        let Some(left) = left else { return steps::update(request).await };
        if let Err(problems) = ledger::may_leave(&left).await {
            return Outcome::failed(problems);
        }
        let outcome = steps::update(request).await;
        if outcome.diagnostics.has_errors() {
            return outcome;
        }
        let told = ledger::leave(&left).await.err().unwrap_or_default();
        let told = told.into_iter().map(|it| Diagnostic { severity: Severity::Warning, ..it });
        outcome.with(told.collect::<Diagnostics>())
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<FloorModel> {
        let (provider, prior, cancel) =
            (request.provider.clone(), request.prior.clone(), request.cancel.clone());
        let api = steps::api(&provider, &cancel);
        let lifecycle = steps::lifecycle::<Self>(&provider, &api, &prior, cancel);
        let Some(place) = place(&lifecycle, &prior) else { return steps::delete(request).await };
        if let Err(problems) = ledger::may_leave(&place).await {
            return Outcome::failed(problems);
        }
        let outcome = steps::delete(request).await;
        if outcome.diagnostics.has_errors() {
            return outcome;
        }
        match ledger::leave(&place).await {
            Ok(()) => outcome,
            // Its objects are gone, and the next refresh must not take that for the whole of it.
            Err(problems) => {
                let left = Kept { leaving: true, ..Kept::default() };
                let prior = FloorModel { objects: Attr::Known(Map::new()), ..prior };
                Outcome::state(prior).with_private(left.bytes()).with(problems)
            }
        }
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<FloorModel> {
        let id = match request.by {
            ImportBy::Id(id) => id,
            ImportBy::Identity(identity) => identity.tenant.as_str().unwrap_or_default().to_owned(),
        };
        let claim = match spec::entered(&steps::api(&request.provider, &request.cancel), &id).await {
            Ok(claim) => claim,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        steps::import::<Self>(spec::model(&claim), &claim, &request.provider, request.cancel).await
    }

    fn identity(&self, model: &FloorModel) -> Option<FloorIdentity> {
        Some(FloorIdentity { tenant: Attr::Known(model.tenant.as_str()?.to_owned()) })
    }
}

impl Plain for FloorResource {
    type Spec = Claim;

    fn subject(model: &FloorModel) -> &str {
        model.tenant.as_str().unwrap_or_default()
    }

    fn attribute(key: &Key) -> Path {
        let is_entry = key.kind == Kind::ConfigMap && key.name.starts_with("card.");
        Path::attribute(if is_entry { "card" } else { "tenant" })
    }

    fn adopt(model: &FloorModel) -> &Attr<Set<String>> {
        &model.adopt
    }

    fn spec(model: &FloorModel, _: &Data) -> Result<Claim, Diagnostics> {
        spec::claim(model)
    }

    fn desired(claim: &Claim, _: &Data) -> Objects {
        claim.objects()
    }

    fn fill_in(model: &mut FloorModel, _: &Claim) {
        model.id = model.tenant.clone();
    }

    async fn prepare(
        model: &mut FloorModel,
        prior: Option<&FloorModel>,
        claim: &Claim,
        data: &Data,
        api: &Api,
    ) -> Result<Diagnostics, Diagnostics> {
        spec::fits(api, claim).await?;
        if prior.is_none() {
            spec::is_entered_nowhere_else(api, claim).await?;
        }
        Ok(look::begin(data, api, model).await)
    }

    async fn refresh(model: &mut FloorModel, data: &Data, api: &Api) -> Diagnostics {
        look::refresh(data, api, model).await
    }
}

/// The tenant on the card of this model.
fn place<'a>(lifecycle: &'a Lifecycle<'_>, model: &FloorModel) -> Option<Place<'a>> {
    let (tenant, card) = (model.tenant.as_str()?.parse().ok()?, model.card.as_str()?.parse().ok()?);
    Some(Place { api: lifecycle.engine.api, manager: &lifecycle.engine.manager, tenant, card })
}
