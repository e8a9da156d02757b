//! `gpu_windowed_service`: a tenant.

mod bedtime;
mod claims;
mod fixed;
mod gate_job;
mod ground;
mod import;
mod leftovers;
mod model;
mod notices;
pub(crate) mod parts;
mod residents;
mod rivals;
mod rollout;
pub(crate) mod spec;
mod spelled;

use std::time::{Duration, Instant};

use tenancy::duration::Seconds;
use tenancy::names::TenantId;
use tenancy::objects::{Key, Kind};
use tenancy::tenant::Tenant;
use tfplugin::{
    Attr, CancellationToken, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportBy, ImportRequest,
    Outcome, Path, PlanRequest, Planned, ReadRequest, Resource, UpdateRequest,
};

use crate::api::{Api, PATIENCE};
use crate::engine::{Engine, Kept};
use crate::fill::adopted;
use crate::lifecycle::{Change, Lifecycle, Settled, Unsettled};
use crate::outcome;
use crate::picture;
use crate::provider::Data;
use bedtime::Bedtime;
pub(crate) use model::{ServiceIdentity, ServiceModel};
pub(crate) use spec::tolerations;

/// How long a change may take unless `timeouts` says otherwise.
const CHANGE_PATIENCE: Duration = Duration::from_secs(600);

/// The resource.
pub(crate) struct ServiceResource;

impl Resource for ServiceResource {
    type Data = Data;
    type Model = ServiceModel;
    type Identity = ServiceIdentity;

    const TYPE_NAME: &'static str = "gpu_windowed_service";

    fn validate(&self, config: &ServiceModel) -> Diagnostics {
        // The provider's agent image is not known here, and no rule depends on it.
        spec::both(config, &Attr::Null).map(|_| Diagnostics::new()).unwrap_or_else(|problems| problems)
    }

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<ServiceModel>, Diagnostics> {
        let mut planned = request.proposed;
        let agent_image = agent_image(request.provider.as_deref());
        let digests = request.provider.as_ref().is_some_and(|data| data.digests);
        planned.id = id(&planned);
        planned.not_ready = rollout::foreseen(request.prior.as_ref(), &planned);
        let tenants = spec::both(&planned, &agent_image)?;
        planned.objects = match &tenants {
            Some((a, b)) => {
                picture::planned(&tenancy::expand::tenant(a), &tenancy::expand::tenant(b), digests)
            }
            None => Attr::Unknown,
        };
        if let Some(prior) = &request.prior {
            fixed::check(prior, &planned).into_result()?;
        }
        let mut notices = match (&request.prior, request.provider.as_deref()) {
            (Some(prior), Some(data)) => notices::of_update(data, prior, &planned, &request.cancel).await,
            _ => Diagnostics::new(),
        };
        notices.extend(spelled::check(request.prior.as_ref(), &planned));
        Ok(Planned::new(planned).with(notices))
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<ServiceModel> {
        let data = request.provider;
        let mut model = request.planned;
        let tenant = match spec::tenant(&model, &data.agent_image) {
            Ok(tenant) => tenant,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = tenancy::expand::tenant(&tenant);
        model.objects = picture::known(&desired, data.digests);
        model.id = Attr::Known(tenant.id.to_string());
        model.not_ready = Attr::Null;
        let patience = timeout(&model, |it| &it.create);
        let deadline = Instant::now() + patience;
        let api = data.api.within(patience, &request.cancel);
        let lifecycle = lifecycle(&data, &api, &model, request.cancel);
        let mut remarks = match surroundings(&api, &tenant).await {
            Ok(remarks) => remarks,
            Err(problems) => return Outcome::failed(problems),
        };
        let adopt = adopted(&model.adopt);
        let made = lifecycle.create(&desired, &adopt).await;
        if made.is_ok() {
            if !adopt.is_empty() {
                remarks.extend(leftovers::named(&api, &tenant).await);
            }
            // The tenant is there. An error now would make Terraform destroy it.
            let late = wait(&lifecycle, &mut model, &tenant, deadline).await;
            remarks.extend(late.map(rollout::as_warning));
        }
        outcome::created(model, made).with(remarks)
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<ServiceModel> {
        let data = request.provider;
        let mut model = request.state;
        let api = data.api.within(PATIENCE, &request.cancel);
        let lifecycle = lifecycle(&data, &api, &model, request.cancel);
        let kept = Kept::read(&request.private);
        let tenant = match spec::tenant(&model, &data.agent_image) {
            Ok(tenant) => tenant,
            Err(problems) => return lifecycle.look_unread(model, kept, problems).await,
        };
        let desired = tenancy::expand::tenant(&tenant);
        let looked = lifecycle.look(&desired, &model.objects, kept).await;
        if !model.not_ready.is_null() && rollout::has_come(&api, &tenant.id).await {
            model.not_ready = Attr::Null;
        }
        outcome::read(model, looked, &lifecycle.title)
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<ServiceModel> {
        let data = request.provider;
        let mut model = request.planned;
        let tenant = match spec::tenant(&model, &data.agent_image) {
            Ok(tenant) => tenant,
            Err(problems) => return Outcome::failed(problems),
        };
        let patience = timeout(&model, |it| &it.update);
        let deadline = Instant::now() + patience;
        let api = data.api.within(patience, &request.cancel);
        let mut remarks = match surroundings(&api, &tenant).await {
            Ok(remarks) => remarks,
            Err(problems) => return Outcome::failed(problems),
        };
        let desired = tenancy::expand::tenant(&tenant);
        model.objects = picture::known(&desired, data.digests);
        model.not_ready = Attr::Null;
        let lifecycle = lifecycle(&data, &api, &model, request.cancel);
        let mut kept = Kept::read(&request.private);
        claims::let_go(&mut kept, &tenant);
        let prior = spec::tenant(&request.prior, &data.agent_image).ok();
        let falls_asleep = tenant.suspend && request.prior.suspend != Attr::Known(true);
        let mut before = request.prior.objects.clone();
        if falls_asleep {
            let awake = prior.clone().unwrap_or_else(|| Tenant { suspend: false, ..tenant.clone() });
            let (id, tenant) = (tenant.id.clone(), Some(awake));
            let bedtime =
                Bedtime { lifecycle: &lifecycle, id, tenant, before: &before, deadline, stays: true };
            let slept = bedtime.sleep(kept).await;
            let slept = match slept {
                Ok(slept) => slept,
                Err(unsettled) => return outcome::half_done(request.prior, unsettled).with(remarks),
            };
            remarks.extend(slept.remarks);
            (kept, before) = (slept.kept, slept.objects);
        }
        let adopt = adopted(&model.adopt);
        let patience = deadline.saturating_duration_since(Instant::now());
        let change = Change { desired: &desired, before: &before, adopt: &adopt, patience };
        let settled = match lifecycle.put(&change, kept).await {
            Ok(settled) => settled,
            Err(unsettled) => return outcome::half_done(request.prior, unsettled).with(remarks),
        };
        // The gate loses its rights on them with the prune that follows.
        match residents::let_go(&lifecycle.engine, prior.as_ref(), &tenant).await {
            Ok(more) => remarks.extend(more),
            Err(failure) => {
                let diagnostics = failure.diagnostic(Path::attribute("pauses")).into();
                let unsettled = Unsettled { kept: Some(settled.kept), objects: settled.objects, diagnostics };
                return outcome::half_done(request.prior, unsettled).with(remarks);
            }
        }
        let pruned = lifecycle.prune(&change, settled).await;
        if pruned.is_ok() {
            remarks.extend(wait(&lifecycle, &mut model, &tenant, deadline).await);
        }
        outcome::updated(request.prior, model, pruned).with(remarks)
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<ServiceModel> {
        let patience = timeout(&request.prior, |it| &it.delete);
        let deadline = Instant::now() + patience;
        let api = request.provider.api.within(patience, &request.cancel);
        let lifecycle = lifecycle(&request.provider, &api, &request.prior, request.cancel);
        let kept = Kept::read(&request.private);
        let id: TenantId = match request.prior.id.as_str().unwrap_or_default().parse() {
            Ok(id) => id,
            Err(invalid) => {
                let path = Path::attribute("id");
                return Outcome::failed(Diagnostic::error("Invalid tenant", invalid.to_string()).at(path));
            }
        };
        let tenant = spec::tenant(&request.prior, &request.provider.agent_image).ok();
        let before = &request.prior.objects;
        let bedtime = Bedtime { lifecycle: &lifecycle, id, tenant, before, deadline, stays: false };
        let Settled { kept, objects, mut remarks } = match bedtime.sleep(kept).await {
            Ok(slept) => slept,
            Err(unsettled) => return outcome::half_done(request.prior, unsettled),
        };
        let patience = deadline.saturating_duration_since(Instant::now());
        let deleted = lifecycle.delete(kept, &objects, patience).await;
        remarks.extend(match deleted {
            Ok(more) => more,
            Err(unsettled) => return outcome::half_done(request.prior, unsettled).with(remarks),
        });
        Outcome::gone().with(remarks)
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<ServiceModel> {
        let id = match request.by {
            ImportBy::Id(id) => id,
            ImportBy::Identity(identity) => format!(
                "{}/{}",
                identity.namespace.as_str().unwrap_or_default(),
                identity.name.as_str().unwrap_or_default()
            ),
        };
        import::import(&request.provider, &id, request.cancel).await
    }

    fn identity(&self, model: &ServiceModel) -> Option<ServiceIdentity> {
        Some(ServiceIdentity {
            namespace: Attr::Known(model.namespace.as_str()?.to_owned()),
            name: Attr::Known(model.name.as_str()?.to_owned()),
        })
    }
}

/// Looks at what a tenant rests on and who else steers it, before anything is touched.
async fn surroundings(api: &Api, tenant: &Tenant) -> Result<Diagnostics, Diagnostics> {
    let (ground, rivals) = tokio::join!(ground::check(api, tenant), rivals::check(api, tenant));
    let mut said = Diagnostics::new();
    said.extend(ground.unwrap_or_else(|problems| problems));
    said.extend(rivals.unwrap_or_else(|problems| problems));
    said.into_result()
}

/// `namespace/name`, known as soon as both are.
fn id(model: &ServiceModel) -> Attr<String> {
    match (model.namespace.as_str(), model.name.as_str()) {
        (Some(namespace), Some(name)) => Attr::Known(format!("{namespace}/{name}")),
        _ => Attr::Unknown,
    }
}

fn agent_image(data: Option<&Data>) -> Attr<String> {
    data.map_or(Attr::Null, |data| data.agent_image.clone())
}

fn timeout(model: &ServiceModel, which: fn(&parts::TimeoutsModel) -> &Attr<String>) -> Duration {
    let text = model.timeouts.known().and_then(|timeouts| which(timeouts).as_str());
    text.and_then(|text| text.parse::<Seconds>().ok()).map_or(CHANGE_PATIENCE, Duration::from)
}

/// Waits for the rollout of a tenant whose replicas are Terraform's. What it
/// says where nobody waits any longer also stands in `not_ready`, or the next
/// plan would find nothing to do.
async fn wait(
    lifecycle: &Lifecycle<'_>,
    model: &mut ServiceModel,
    tenant: &Tenant,
    deadline: Instant,
) -> Option<Diagnostic> {
    if rollout::is_not_awaited(model) {
        return None;
    }
    let late = rollout::wait(&lifecycle.engine, &tenant.id, deadline).await.err()?;
    model.not_ready = Attr::Known(late.detail.clone());
    Some(late)
}

fn lifecycle<'a>(
    data: &Data,
    api: &'a Api,
    model: &ServiceModel,
    cancel: CancellationToken,
) -> Lifecycle<'a> {
    let id = model.id.as_str().unwrap_or_default();
    Lifecycle {
        engine: Engine::new(api, ServiceResource::TYPE_NAME, id, cancel),
        title: format!("gpu_windowed_service {id}"),
        attribute,
        digests: data.digests,
    }
}

/// The attribute that stands for an object in diagnostics.
fn attribute(key: &Key) -> Path {
    Path::attribute(match key.kind {
        Kind::Namespace => "namespace",
        Kind::PersistentVolume | Kind::PersistentVolumeClaim => "storage",
        Kind::ConfigMap if key.name.ends_with("-config") => "config",
        Kind::Deployment => "image",
        Kind::Service => "service",
        Kind::CronJob => "windows",
        Kind::Job => "prefetch",
        Kind::ResourceQuota => "quota",
        Kind::NetworkPolicy => "network",
        Kind::PodDisruptionBudget => "evictable",
        Kind::Role | Kind::RoleBinding if key.name.starts_with("pause.") => "pauses",
        _ => "name",
    })
}
