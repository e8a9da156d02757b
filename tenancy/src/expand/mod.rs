//! From a valid tenant, floor, card or exporter to its Kubernetes objects.
//!
//! Pure and infallible: what could be wrong was refused when the parts were
//! parsed and by [`crate::check`]. Bodies are spelled as the API server spells
//! them (canonical quantities, no nulls, no empty values), so that an apply
//! that changes nothing is seen to change nothing.

mod access;
mod agent;
mod bounds;
mod card;
mod config;
mod deployment;
mod exporter;
mod floor;
mod gate;
mod labels;
mod prefetch;
pub(crate) mod reserved;
mod server;
mod service;
mod storage;
mod volumes;
mod watcher;

pub use card::card;
pub use config::config_key;
pub use exporter::exporter;
pub use floor::floor;
pub(crate) use gate::ticks;
pub use labels::{
    CONFIG_CHECKSUM, EXPORTER_LABEL, GATE_POD_NAME, MANAGED_BY, NAME_LABEL, PREFETCH_POD_NAME, TENANT_LABEL,
    is_ours, selector,
};
pub use prefetch::PREFETCH_CONTAINER;
pub use watcher::watched_card;

/// Name of a pod's volume with what an `https` source of its card asks for.
pub const SOURCE_VOLUME: &str = agent::SOURCE_VOLUME;
/// Name of the model server's container.
pub const SERVER: &str = reserved::SERVER;

use serde_json::Value;

use crate::names::Namespace;
use crate::objects::{Desired, Kind, Object, Objects, Tenure, identity};
use crate::tenant::{ObjectKind, Tenant};
use crate::window::Schedule;

/// Every object of a tenant.
pub fn tenant(tenant: &Tenant) -> Objects {
    let mut objects = vec![namespace(tenant)];
    objects.extend(storage::objects(tenant));
    objects.extend(config::object(tenant));
    if is_gated(tenant) {
        objects.push(gate::config(tenant));
        objects.extend(access::objects(tenant));
        objects.extend(gate::cron_jobs(tenant));
    }
    objects.push(deployment::object(tenant));
    objects.extend(service::object(tenant));
    objects.extend(prefetch::job(tenant));
    objects.extend(bounds::objects(tenant));
    objects.into_iter().collect()
}

/// Whether a gate owns the tenant's replicas.
fn is_gated(tenant: &Tenant) -> bool {
    tenant.schedule != Schedule::Always
}

/// The tenant's namespace. It carries no label that names the tenant, because
/// tenants that share a namespace would fight over it.
fn namespace(tenant: &Tenant) -> Object {
    let name = tenant.namespace().as_str();
    let mut body = identity(Kind::Namespace, None, name);
    let own = labels::shared_by_tenants();
    labels::decorate(&mut body, own, tenant.metadata.get(&ObjectKind::Namespace));
    object(Kind::Namespace, None, name, Tenure::Ground, body)
}

/// An object of the tenant in its namespace: identity, labels and `content` beside them.
fn of_tenant(tenant: &Tenant, kind: Kind, decorated: ObjectKind, name: &str, content: Value) -> Object {
    let namespace = kind.is_namespaced().then_some(tenant.namespace());
    let mut body = identity(kind, namespace, name);
    labels::decorate(&mut body, labels::of_tenant(&tenant.id), tenant.metadata.get(&decorated));
    crate::leaves::merge(&mut body, &content);
    object(kind, namespace, name, Tenure::Own, body)
}

fn object(kind: Kind, namespace: Option<&Namespace>, name: &str, tenure: Tenure, body: Value) -> Object {
    Object {
        kind,
        namespace: namespace.cloned(),
        name: name.to_owned(),
        tenure,
        body,
        birth: None,
        stage: Desired,
    }
}

#[cfg(test)]
mod defects;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
