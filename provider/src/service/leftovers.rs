//! What a predecessor leaves beside a tenant that took objects of it over.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::Value;
use tenancy::tenant::{Tenant, VolumeSource};
use tfplugin::{Diagnostic, Diagnostics, Path};

use crate::api::{Api, Live};
use crate::engine::{MANAGER_PREFIX, standing};

/// What a gate of one's own consisted of: its schedule, its account and rights, its script and files.
const KINDS: [(&str, &str); 5] = [
    ("batch/v1", "CronJob"),
    ("v1", "ConfigMap"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
];

/// A warning that names what in the tenant's namespace belongs to no tenant of ours. It is never touched.
pub(super) async fn named(api: &Api, tenant: &Tenant) -> Diagnostics {
    let namespace = tenant.namespace().as_str();
    let used: BTreeSet<&str> = tenant.volumes.values().filter_map(|it| config_map(&it.source)).collect();
    let lists = join_all(KINDS.iter().map(|(version, kind)| api.list(version, kind, namespace, ""))).await;
    let (mut left, mut unseen) = (Vec::new(), Vec::new());
    for ((_, kind), items) in KINDS.iter().zip(lists) {
        match items {
            Ok(items) => left.extend(
                items
                    .into_iter()
                    .filter_map(|item| foreign(kind, item))
                    .filter(|name| *kind != "ConfigMap" || !used.contains(name.as_str()))
                    .map(|name| format!("{}/{name}", kind.to_lowercase())),
            ),
            Err(_) => unseen.push(format!("{kind}s")),
        }
    }
    let mut sentences = Vec::new();
    if !left.is_empty() {
        sentences.push(format!(
            "No tenant manages {}. They were left as they are. CronJobs among them that scale {} must go, because \
             they would wake it and put it to sleep behind its gate's back; the rest may go where nothing else \
             uses it: kubectl -n {namespace} delete {}",
            left.join(", "),
            tenant.id.name,
            left.join(" ")
        ));
    }
    if !unseen.is_empty() {
        sentences.push(format!("{} could not be listed; look for them by hand.", unseen.join(", ")));
    }
    if sentences.is_empty() {
        return Diagnostics::new();
    }
    let summary = format!("Namespace {namespace} holds what is not the tenant's");
    Diagnostic::warning(summary, sentences.join("\n")).at(Path::attribute("adopt")).into()
}

fn config_map(source: &VolumeSource) -> Option<&str> {
    match source {
        VolumeSource::ConfigMap { name, .. } => Some(name.as_str()),
        _ => None,
    }
}

/// The object's name, unless one of our resources, another object or Kubernetes itself looks after it.
fn foreign(kind: &str, item: Value) -> Option<String> {
    let name = standing(kind, &item)?.to_owned();
    let ours = Live(item).managers().iter().any(|manager| manager.starts_with(MANAGER_PREFIX));
    (!ours).then_some(name)
}
