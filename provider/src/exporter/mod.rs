//! `gpu_exporter`: our exporter on the GPU nodes.

mod model;
mod spec;

use std::time::Duration;

use tenancy::exporter::Exporter;
use tenancy::objects::{Key, Kind};
use tfplugin::{
    Attr, CreateRequest, DeleteRequest, Diagnostics, ImportBy, ImportRequest, Outcome, Path, PlanRequest,
    Planned, ReadRequest, Resource, UpdateRequest,
};

use crate::engine::{Engine, Kept};
use crate::fill::adopted;
use crate::lifecycle::{Change, Lifecycle};
use crate::outcome;
use crate::picture;
use crate::provider::Data;
#[cfg(test)]
pub(crate) use model::ServiceMonitorModel;
pub(crate) use model::{ExporterIdentity, ExporterModel};

/// How long a deletion may take: pods that go within seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// The resource.
pub(crate) struct ExporterResource;

impl Resource for ExporterResource {
    type Data = Data;
    type Model = ExporterModel;
    type Identity = ExporterIdentity;

    const TYPE_NAME: &'static str = "gpu_exporter";

    fn validate(&self, config: &ExporterModel) -> Diagnostics {
        // The provider's agent image is not known here, and no rule depends on it.
        spec::both(config, &Attr::Null).map(|_| Diagnostics::new()).unwrap_or_else(|problems| problems)
    }

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<ExporterModel>, Diagnostics> {
        let mut planned = request.proposed;
        let data = request.provider.as_deref();
        let agent_image = data.map_or(Attr::Null, |data| data.agent_image.clone());
        let digests = data.is_some_and(|data| data.digests);
        planned.id = planned.name.clone();
        match spec::both(&planned, &agent_image)? {
            Some((a, b)) => {
                let (a_url, b_url) = (a.url(), b.url());
                planned.url = if a_url == b_url { Attr::Known(a_url) } else { Attr::Unknown };
                let (a, b) = (tenancy::expand::exporter(&a), tenancy::expand::exporter(&b));
                planned.objects = picture::planned(&a, &b, digests);
            }
            None => (planned.url, planned.objects) = (Attr::Unknown, Attr::Unknown),
        }
        Ok(Planned::new(planned))
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<ExporterModel> {
        let data = request.provider;
        let mut model = request.planned;
        let exporter = match spec::exporter(&model, &data.agent_image) {
            Ok(exporter) => exporter,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = tenancy::expand::exporter(&exporter);
        fill_in(&mut model, &exporter, &data);
        let lifecycle = lifecycle(&data, &model, request.cancel);
        let made = lifecycle.create(&desired, &adopted(&model.adopt)).await;
        outcome::created(model, made)
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<ExporterModel> {
        let data = request.provider;
        let model = request.state;
        let exporter = match spec::exporter(&model, &data.agent_image) {
            Ok(exporter) => exporter,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = tenancy::expand::exporter(&exporter);
        let lifecycle = lifecycle(&data, &model, request.cancel);
        let looked = lifecycle.look(&desired, &model.objects, Kept::read(&request.private)).await;
        outcome::read(model, looked, &lifecycle.title)
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<ExporterModel> {
        let data = request.provider;
        let mut model = request.planned;
        let exporter = match spec::exporter(&model, &data.agent_image) {
            Ok(exporter) => exporter,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = tenancy::expand::exporter(&exporter);
        fill_in(&mut model, &exporter, &data);
        let lifecycle = lifecycle(&data, &model, request.cancel);
        let adopt = adopted(&model.adopt);
        let kept = Kept::read(&request.private);
        let before = &request.prior.objects;
        let change = Change { desired: &desired, before, adopt: &adopt, patience: PATIENCE };
        let changed = lifecycle.update(&change, kept).await;
        outcome::updated(request.prior, model, changed)
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<ExporterModel> {
        let model = request.prior;
        let lifecycle = lifecycle(&request.provider, &model, request.cancel);
        let deleted = lifecycle.delete(Kept::read(&request.private), &model.objects, PATIENCE).await;
        outcome::deleted(model, deleted)
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<ExporterModel> {
        let name = match request.by {
            ImportBy::Id(id) => id,
            ImportBy::Identity(identity) => identity.name.as_str().unwrap_or_default().to_owned(),
        };
        let mut model = match spec::found(&request.provider.api, &name).await {
            Ok(model) => model,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        match spec::exporter(&model, &request.provider.agent_image) {
            Ok(exporter) => fill_in(&mut model, &exporter, &request.provider),
            Err(problems) => return Outcome::failed(problems),
        }
        Outcome::state(model)
    }

    fn identity(&self, model: &ExporterModel) -> Option<ExporterIdentity> {
        Some(ExporterIdentity { name: Attr::Known(model.name.as_str()?.to_owned()) })
    }
}

/// What is computed of an exporter.
fn fill_in(model: &mut ExporterModel, exporter: &Exporter, data: &Data) {
    model.objects = picture::known(&tenancy::expand::exporter(exporter), data.digests);
    model.id = model.name.clone();
    model.url = Attr::Known(exporter.url());
}

fn lifecycle<'a>(
    data: &'a Data,
    model: &ExporterModel,
    cancel: tfplugin::CancellationToken,
) -> Lifecycle<'a> {
    let name = model.name.as_str().unwrap_or_default();
    Lifecycle {
        engine: Engine::new(&data.api, ExporterResource::TYPE_NAME, name, cancel),
        title: format!("gpu_exporter {name}"),
        attribute: |key: &Key| {
            Path::attribute(if key.kind == Kind::ServiceMonitor { "service_monitor" } else { "name" })
        },
        digests: data.digests,
    }
}
