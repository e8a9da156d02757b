//! `gpu_vram_floor`: one tenant's claim on a card.

mod model;
mod spec;

use std::time::Duration;

use tenancy::objects::{Key, Kind};
use tfplugin::{
    Attr, CreateRequest, DeleteRequest, Diagnostics, ImportBy, ImportRequest, Outcome, Path, PlanRequest,
    Planned, ReadRequest, Resource, UpdateRequest,
};

use crate::engine::{Engine, Kept};
use crate::fill::adopted;
use crate::lifecycle::{Lifecycle, Unsettled, half_updated, unread};
use crate::picture;
use crate::provider::Data;
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
        spec::both(config).map(|_| Diagnostics::new()).unwrap_or_else(|problems| problems)
    }

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<FloorModel>, Diagnostics> {
        let mut planned = request.proposed;
        let digests = request.provider.is_some_and(|data| data.digests);
        planned.id = planned.tenant.clone();
        planned.objects = match spec::both(&planned)? {
            Some((a, b)) => picture::planned(&a.objects(), &b.objects(), digests),
            None => Attr::Unknown,
        };
        Ok(Planned::new(planned))
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
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        match lifecycle.create(&desired, &adopted(&model.adopt)).await {
            Ok(settled) => Outcome::state(model).with_private(settled.kept.bytes()).with(settled.remarks),
            Err(Unsettled { kept: Some(kept), diagnostics }) => {
                Outcome::state(model).with_private(kept.bytes()).with(diagnostics)
            }
            Err(Unsettled { kept: None, diagnostics }) => Outcome::failed(diagnostics),
        }
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<FloorModel> {
        let mut model = request.state;
        let claim = match spec::claim(&model) {
            Ok(claim) => claim,
            Err(problems) => return Outcome::failed(problems),
        };
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        match lifecycle.look(&claim.objects(), &model.objects, Kept::read(&request.private)).await {
            Ok(None) => Outcome::gone(),
            Ok(Some(looked)) => {
                model.objects = looked.objects;
                Outcome::state(model).with_private(looked.kept.bytes()).with(looked.remarks)
            }
            Err(failure) => unread(model, &failure, &lifecycle.title),
        }
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
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let adopt = adopted(&model.adopt);
        let kept = Kept::read(&request.private);
        match lifecycle.update(&desired, &request.prior.objects, kept, &adopt, PATIENCE).await {
            Ok(settled) => Outcome::state(model).with_private(settled.kept.bytes()).with(settled.remarks),
            Err(unsettled) => half_updated(unsettled),
        }
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<FloorModel> {
        let lifecycle = lifecycle(&request.provider, &request.prior, request.cancel);
        match lifecycle.delete(Kept::read(&request.private), PATIENCE).await {
            Ok(remarks) => Outcome::gone().with(remarks),
            Err(unsettled) => half_updated(unsettled),
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
        model.objects = picture::known(&claim.objects(), request.provider.digests);
        Outcome::state(model)
    }

    fn identity(&self, model: &FloorModel) -> Option<FloorIdentity> {
        Some(FloorIdentity { tenant: Attr::Known(model.tenant.as_str()?.to_owned()) })
    }
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
