//! `<tenant>/main.tf`: the service. What equals a default is left out, so that
//! a default keeps its one home and a stack says only what its tenant's file says.

mod files;
mod gate;
mod pod;
mod server;

use tenancy::duration::Seconds;
use tenancy::tenant::{HandedOver, Metadata, ObjectKind, Tenant};

pub(super) use pod::toleration;

use super::{Attributes, map, texts};
use crate::fleet::{Fleet, Stack};
use crate::hcl::Hcl;

/// The attributes of `gpu_windowed_service` in groups that belong together.
pub(super) fn groups(stack: &Stack, fleet: &Fleet, label: &str) -> Vec<Attributes> {
    let tenant = &stack.tenant;
    vec![
        identity(stack, label),
        gate::schedule(tenant, fleet),
        server::server(&tenant.server),
        server::network(tenant),
        server::environment(&tenant.server),
        files::files(stack),
        pod::pod(tenant),
        metadata(tenant),
        lifecycle(stack),
    ]
}

fn identity(stack: &Stack, label: &str) -> Attributes {
    let mut group = Attributes::default();
    group.set("namespace", stack.tenant.id.namespace.to_string());
    group.set("name", stack.tenant.id.name.to_string());
    if stack.claim.is_some() {
        group.set("vram_floor", Hcl::Expression(format!("gpu_vram_floor.{label}.id")));
    }
    group
}

fn metadata(tenant: &Tenant) -> Attributes {
    let mut group = Attributes::default();
    let labels = tenant.metadata.iter().filter(|(_, metadata)| !metadata.labels.is_empty());
    group.set_filled(
        "labels",
        map(labels.map(|(kind, metadata)| (kind_name(*kind), metadata)), |metadata: &Metadata| {
            map(&metadata.labels, |value| value.to_string().into())
        }),
    );
    let annotations = tenant.metadata.iter().filter(|(_, metadata)| !metadata.annotations.is_empty());
    group.set_filled(
        "annotations",
        map(annotations.map(|(kind, metadata)| (kind_name(*kind), metadata)), |metadata: &Metadata| {
            map(&metadata.annotations, |value| value.as_str().into())
        }),
    );
    group
}

fn lifecycle(stack: &Stack) -> Attributes {
    let mut group = Attributes::default();
    let handed_over = stack.tenant.handed_over.iter().map(|field| match field {
        HandedOver::Image => "image",
        HandedOver::Leaf(path) => path.as_str(),
    });
    group.set_filled("hand_over", texts(handed_over));
    group.set_filled("adopt", texts(&stack.lifecycle.adopt));
    group.set_some("wait", stack.lifecycle.wait.map(Hcl::Bool));
    group.set_filled("timeouts", map(&stack.lifecycle.timeouts, |length| length.to_string().into()));
    group
}

fn seconds(seconds: u32) -> Hcl {
    Hcl::Text(Seconds(seconds).to_string())
}

/// What Kubernetes defines and no schema of ours repeats.
fn json(fields: &serde_json::Map<String, serde_json::Value>) -> Hcl {
    Hcl::Call("jsonencode", Box::new(Hcl::from(&serde_json::Value::Object(fields.clone()))))
}

fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Namespace => "Namespace",
        ObjectKind::ResourceQuota => "ResourceQuota",
        ObjectKind::NetworkPolicy => "NetworkPolicy",
        ObjectKind::PodDisruptionBudget => "PodDisruptionBudget",
        ObjectKind::PersistentVolume => "PersistentVolume",
        ObjectKind::PersistentVolumeClaim => "PersistentVolumeClaim",
        ObjectKind::ConfigMap => "ConfigMap",
        ObjectKind::ServiceAccount => "ServiceAccount",
        ObjectKind::Role => "Role",
        ObjectKind::RoleBinding => "RoleBinding",
        ObjectKind::Deployment => "Deployment",
        ObjectKind::Pod => "Pod",
        ObjectKind::Service => "Service",
        ObjectKind::CronJob => "CronJob",
        ObjectKind::Job => "Job",
    }
}
