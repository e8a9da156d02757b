//! `gpu_vram_floor`: one tenant's claim on a card.

mod early;
mod ledger;
mod look;
mod measured;
mod model;
mod spec;
mod way;

use std::time::Duration;

use tenancy::objects::{Key, Kind};
use tfplugin::{
    Attr, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportBy, ImportRequest, Outcome, Path,
    PlanRequest, Planned, ReadRequest, Resource, Severity, UpdateRequest,
};

use crate::engine::{Engine, Kept};
use crate::fill::adopted;
use crate::ledger::Place;
use crate::lifecycle::{Change, Lifecycle};
use crate::outcome;
use crate::picture;
use crate::provider::Data;
#[cfg(test)]
pub(crate) use model::MeasuredModel;
pub(crate) use model::{FloorIdentity, FloorModel};

/// How long a deletion may take: small objects without finalizers of ours.
const PATIENCE: Duration = Duration::from_secs(120);

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
        let mut model = request.planned;
        let claim = match spec::claim(&model) {
            Ok(claim) => claim,
            Err(problems) => return Outcome::failed(problems),
        };
        if let Err(problems) = spec::fits(&request.provider.api, &claim).await {
            return Outcome::failed(problems);
        }
        let desired = claim.objects();
        model.objects = picture::known(&desired, request.provider.digests);
        model.id = model.tenant.clone();
        let told = look::begin(&request.provider, &mut model).await;
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let made = lifecycle.create(&desired, &adopted(&model.adopt)).await;
        outcome::created(model, made).with(told)
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<FloorModel> {
        let mut model = request.state;
        let claim = match spec::claim(&model) {
            Ok(claim) => claim,
            Err(problems) => return Outcome::failed(problems),
        };
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let looked = lifecycle.look(&claim.objects(), &model.objects, Kept::read(&request.private)).await;
        let told = match &looked {
            Ok(None) => Diagnostics::new(),
            _ => look::refresh(&request.provider, &mut model).await,
        };
        outcome::read(model, looked, &lifecycle.title).with(told)
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<FloorModel> {
        let mut model = request.planned;
        let claim = match spec::claim(&model) {
            Ok(claim) => claim,
            Err(problems) => return Outcome::failed(problems),
        };
        if let Err(problems) = spec::fits(&request.provider.api, &claim).await {
            return Outcome::failed(problems);
        }
        let desired = claim.objects();
        model.objects = picture::known(&desired, request.provider.digests);
        let told = look::begin(&request.provider, &mut model).await;
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let left = place(&lifecycle, &request.prior).filter(|place| place.card != claim.card);
        if let Some(place) = &left
            && let Err(problems) = ledger::may_leave(place).await
        {
            return Outcome::failed(problems);
        }
        let adopt = adopted(&model.adopt);
        let kept = Kept::read(&request.private);
        let before = &request.prior.objects;
        let change = Change { desired: &desired, before, adopt: &adopt, patience: PATIENCE };
        let mut changed = lifecycle.update(&change, kept).await;
        if let (Ok(settled), Some(place)) = (&mut changed, &left)
            && let Err(problems) = ledger::leave(place).await
        {
            settled
                .remarks
                .extend(problems.into_iter().map(|it| Diagnostic { severity: Severity::Warning, ..it }));
        }
        outcome::updated(request.prior, model, changed).with(told)
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<FloorModel> {
        let lifecycle = lifecycle(&request.provider, &request.prior, request.cancel);
        let kept = Kept::read(&request.private);
        let place = place(&lifecycle, &request.prior);
        if let Some(place) = &place
            && let Err(problems) = ledger::may_leave(place).await
        {
            return Outcome::failed(problems);
        }
        let deleted = lifecycle.delete(kept, &request.prior.objects, PATIENCE).await;
        if deleted.is_ok()
            && let Some(place) = &place
            && let Err(problems) = ledger::leave(place).await
        {
            return Outcome::failed(problems);
        }
        outcome::deleted(request.prior, deleted)
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
        model.objects = picture::known(&claim.objects(), request.provider.digests);
        Outcome::state(model)
    }

    fn identity(&self, model: &FloorModel) -> Option<FloorIdentity> {
        Some(FloorIdentity { tenant: Attr::Known(model.tenant.as_str()?.to_owned()) })
    }
}

/// The tenant on the card of this model.
fn place<'a>(lifecycle: &'a Lifecycle<'_>, model: &FloorModel) -> Option<Place<'a>> {
    let (tenant, card) = (model.tenant.as_str()?.parse().ok()?, model.card.as_str()?.parse().ok()?);
    Some(Place { api: lifecycle.engine.api, manager: &lifecycle.engine.manager, tenant, card })
}

fn lifecycle<'a>(data: &'a Data, model: &FloorModel, cancel: tfplugin::CancellationToken) -> Lifecycle<'a> {
    let tenant = model.tenant.as_str().unwrap_or_default();
    Lifecycle {
        engine: Engine::new(&data.api, FloorResource::TYPE_NAME, tenant, cancel),
        title: format!("gpu_vram_floor {tenant}"),
        attribute: |key: &Key| {
            let is_entry = key.kind == Kind::ConfigMap && key.name.starts_with("card.");
            Path::attribute(if is_entry { "card" } else { "tenant" })
        },
        digests: data.digests,
    }
}
