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
    Attr, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportBy, ImportRequest, Outcome, Path,
    PlanRequest, Planned, ReadRequest, Resource, Set, Severity, UpdateRequest,
};

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
        let told = measured::plan(request.prior.as_ref(), &request.config, &mut planned);
        let claims = spec::both(&planned)?;
        if let (Some(data), Some((claim, _))) = (&request.provider, claims.as_ref().filter(|(a, b)| a == b)) {
            early::check(data, claim).await?;
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
        steps::read(request).await
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
            Err(problems) => Outcome::failed(problems),
        }
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<FloorModel> {
        let id = match request.by {
            ImportBy::Id(id) => id,
            ImportBy::Identity(identity) => identity.tenant.as_str().unwrap_or_default().to_owned(),
        };
        let claim = match spec::entered(&request.provider.api, &id).await {
            Ok(claim) => claim,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        let mut model = spec::model(&claim);
        steps::complete::<Self>(&mut model, &claim, &request.provider);
        Outcome::state(model)
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

    async fn prepare(model: &mut FloorModel, claim: &Claim, data: &Data) -> Result<Diagnostics, Diagnostics> {
        spec::fits(&data.api, claim).await?;
        Ok(look::begin(data, model).await)
    }

    async fn refresh(model: &mut FloorModel, data: &Data) -> Diagnostics {
        look::refresh(data, model).await
    }
}

/// The tenant on the card of this model.
fn place<'a>(lifecycle: &'a Lifecycle<'_>, model: &FloorModel) -> Option<Place<'a>> {
    let (tenant, card) = (model.tenant.as_str()?.parse().ok()?, model.card.as_str()?.parse().ok()?);
    Some(Place { api: lifecycle.engine.api, manager: &lifecycle.engine.manager, tenant, card })
}
