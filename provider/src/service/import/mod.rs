//! A tenant that exists, found again: its attributes are read back from its
//! objects, as far as they are told by them.
//!
//! What cannot be told (a spelling, a pod patch) shows in the next plan as an
//! attribute set on the resource in place, with no object changed by it.

mod bounds;
mod container;
mod decoration;
mod gate;
mod volumes;

use futures::future::join_all;
use serde_json::Value;
use tenancy::leaves::{from_fields_v1, leaves};
use tenancy::names::TenantId;
use tenancy::objects::Object;
use tfplugin::{Attr, CancellationToken, Diagnostic, Diagnostics, Outcome, Path};

use super::model::ServiceModel;
use super::{lifecycle, spec};
use crate::api::{Api, Failure, Live, PATIENCE, Ref};
use crate::engine::Kept;
use crate::provider::Data;

/// The live objects that attributes are read from.
struct Found {
    id: TenantId,
    deployment: Value,
    service: Option<Value>,
    claim: Option<Value>,
    volume: Option<Value>,
    config: Option<Value>,
    gate: Option<Value>,
    quota: Option<Value>,
    policy: Option<Value>,
    budget: Option<Value>,
}

/// Finds the tenant of that id.
pub(super) async fn import(data: &Data, id: &str, cancel: CancellationToken) -> Outcome<ServiceModel> {
    let outcome = find(data, id, cancel).await;
    match outcome {
        Ok((model, kept, remarks)) => Outcome::state(model).with_private(kept.bytes()).with(remarks),
        Err(diagnostics) => Outcome::failed(diagnostics),
    }
}

async fn find(
    data: &Data,
    id: &str,
    cancel: CancellationToken,
) -> Result<(ServiceModel, Kept, Diagnostics), Diagnostics> {
    let at = Path::attribute("name");
    let id: TenantId = id.parse().map_err(|invalid: tenancy::Invalid| {
        Diagnostic::error("Not a tenant's import id", format!("{invalid} The id is `namespace/name`."))
            .at(at.clone())
    })?;
    let missing = |why: String| Diagnostic::error(format!("There is no tenant {id}"), why).at(at.clone());
    let told = |failure: Failure| failure.diagnostic(at.clone());
    let name = Ref::deployment(id.namespace.as_str(), id.name.as_str());
    let api = data.api.within(PATIENCE, &cancel);
    let live = api.get(&name).await.map_err(told)?;
    let live = live
        .ok_or_else(|| missing(format!("{name} does not exist. Check that namespace and name are right.")))?;
    let stub = ServiceModel { id: Attr::Known(id.to_string()), ..ServiceModel::default() };
    let lifecycle = lifecycle(data, &api, &stub, cancel);
    let manager = &lifecycle.engine.manager;
    if live.applied_by(manager).is_none() {
        return Err(missing(format!(
            "{name} exists, but it was not made by this resource (its managers are {}). To take it over, create \
             the tenant with Terraform and list it in `adopt`.",
            live.managers().join(", ")
        ))
        .into());
    }
    let owned = live.applied_by(manager).map(from_fields_v1).unwrap_or_default();
    let whole = live.0.clone();
    let found = look(&api, id, live, manager).await.map_err(told)?;
    let mut model = model(&found, data);
    // The labels of its pod are what it is spread by.
    decoration::fill(&mut model, "Deployment", &whole, &owned);
    let tenant = match spec::tenant(&model, &data.agent_image) {
        Ok(tenant) => tenant,
        Err(_) => {
            model = without_patches(model);
            spec::tenant(&model, &data.agent_image)?
        }
    };
    let desired = tenancy::expand::tenant(&tenant);
    let noted = |object: &Object, live: &Live| {
        let owned = live.applied_by(manager).map(from_fields_v1).unwrap_or_default();
        decoration::fill(&mut model, object.kind.as_str(), &live.0, &owned);
    };
    let (kept, objects) = lifecycle.find(&desired, noted).await.map_err(told)?;
    model.objects = objects;
    Ok((model, kept, Diagnostics::new()))
}

/// The model without what a pod patch can say too, and say in ways that attributes refuse.
fn without_patches(model: ServiceModel) -> ServiceModel {
    ServiceModel {
        affinity: Attr::Null,
        shm_size: Attr::Null,
        sidecars: Attr::Null,
        topology_spread: Attr::Null,
        volumes: Attr::Null,
        ..model
    }
}

async fn look(api: &Api, id: TenantId, deployment: Live, manager: &str) -> Result<Found, Failure> {
    let namespace = Some(id.namespace.as_str());
    let name = id.name.as_str();
    let names = [
        Ref::new("v1", "Service", namespace, name),
        Ref::new("v1", "PersistentVolumeClaim", namespace, &format!("{name}-data")),
        Ref::new("v1", "PersistentVolume", None, &id.key()),
        Ref::new("v1", "ConfigMap", namespace, &format!("{name}-config")),
        Ref::new("v1", "ConfigMap", namespace, &format!("{name}-gate")),
        Ref::new("v1", "ResourceQuota", namespace, name),
        Ref::new("networking.k8s.io/v1", "NetworkPolicy", namespace, name),
        Ref::new("policy/v1", "PodDisruptionBudget", namespace, name),
    ];
    let mut lives = Vec::new();
    for live in join_all(names.iter().map(|name| api.get(name))).await {
        lives.push(live?.filter(|live| live.applied_by(manager).is_some()).map(|live| live.0));
    }
    let mut lives = lives.into_iter();
    let mut next = || lives.next().flatten();
    let (service, claim, volume, config, gate) = (next(), next(), next(), next(), next());
    let (quota, policy, budget) = (next(), next(), next());
    let deployment = owned_part(deployment, manager);
    Ok(Found { id, deployment, service, claim, volume, config, gate, quota, policy, budget })
}

/// The Deployment without what others added: their containers, variables, volumes.
fn owned_part(live: Live, manager: &str) -> Value {
    let owned = live.applied_by(manager).map(from_fields_v1).unwrap_or_default();
    let mut body = live.0;
    for path in leaves(&body).into_keys() {
        // An updater may own the image by now; it is the tenant's all the same.
        let is_image = path == tenancy::tenant::HandedOver::Image.path();
        if path.starts_with("spec.template.") && !owned.contains(&path) && !is_image {
            tenancy::leaves::remove_leaf(&mut body, &path);
        }
    }
    body
}

fn model(found: &Found, data: &Data) -> ServiceModel {
    let text = |text: &str| Attr::Known(text.to_owned());
    let mut model = ServiceModel {
        namespace: text(found.id.namespace.as_str()),
        name: text(found.id.name.as_str()),
        vram_floor: text(&found.id.to_string()),
        id: text(&found.id.to_string()),
        ..ServiceModel::default()
    };
    container::fill(&mut model, found);
    if model.slices == Attr::Known(0) {
        model.vram_floor = Attr::Null;
    }
    bounds::fill(&mut model, found);
    gate::fill(&mut model, found, data);
    model
}
