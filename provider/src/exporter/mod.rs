//! `gpu_exporter`: our exporter on the GPU nodes.

mod model;
mod spec;

use tenancy::exporter::Exporter;
use tenancy::objects::{Key, Kind, Objects};
use tfplugin::{
    Attr, CreateRequest, DeleteRequest, Diagnostics, ImportBy, ImportRequest, Outcome, Path, PlanRequest,
    Planned, ReadRequest, Resource, Set, UpdateRequest,
};

use crate::picture;
use crate::provider::Data;
use crate::steps::{self, Plain};
#[cfg(test)]
pub(crate) use model::ServiceMonitorModel;
pub(crate) use model::{ExporterIdentity, ExporterModel};

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
        steps::create(request).await
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<ExporterModel> {
        steps::read(request).await
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<ExporterModel> {
        steps::update(request).await
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<ExporterModel> {
        steps::delete(request).await
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<ExporterModel> {
        let name = match request.by {
            ImportBy::Id(id) => id,
            ImportBy::Identity(identity) => identity.name.as_str().unwrap_or_default().to_owned(),
        };
        let model = match spec::found(&steps::api(&request.provider, &request.cancel), &name).await {
            Ok(model) => model,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        match spec::exporter(&model, &request.provider.agent_image) {
            Ok(exporter) => steps::import::<Self>(model, &exporter, &request.provider, request.cancel).await,
            Err(problems) => Outcome::failed(problems),
        }
    }

    fn identity(&self, model: &ExporterModel) -> Option<ExporterIdentity> {
        Some(ExporterIdentity { name: Attr::Known(model.name.as_str()?.to_owned()) })
    }
}

impl Plain for ExporterResource {
    type Spec = Exporter;

    fn subject(model: &ExporterModel) -> &str {
        model.name.as_str().unwrap_or_default()
    }

    fn attribute(key: &Key) -> Path {
        Path::attribute(if key.kind == Kind::ServiceMonitor { "service_monitor" } else { "name" })
    }

    fn adopt(model: &ExporterModel) -> &Attr<Set<String>> {
        &model.adopt
    }

    fn spec(model: &ExporterModel, data: &Data) -> Result<Exporter, Diagnostics> {
        spec::exporter(model, &data.agent_image)
    }

    fn desired(exporter: &Exporter, _: &Data) -> Objects {
        tenancy::expand::exporter(exporter)
    }

    fn fill_in(model: &mut ExporterModel, exporter: &Exporter) {
        model.id = model.name.clone();
        model.url = Attr::Known(exporter.url());
    }
}
