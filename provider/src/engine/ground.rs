//! Namespaces, which are shared: made if absent, deleted only when we made
//! them and nothing else is in them.

use serde_json::{Value, json};
use tenancy::declared::DOMAIN;
use tenancy::objects::Object;

use super::{Engine, KeptObject, reference};
use crate::api::{Failure, Listable, Ref};

/// The manager of the mark that says who made a namespace. It is nobody's of
/// the tenants', so that the mark outlives the one that came first.
const GROUND_MANAGER: &str = "gpu-tenancy/ground";

/// What may be found in a namespace that is empty to all intents.
const EVERY_NAMESPACE_HAS: [(&str, &str); 2] =
    [("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")];

/// The kinds of Kubernetes' own whose presence keeps a namespace.
const CONTENTS: [(&str, &str, &str); 19] = [
    ("v1", "configmaps", "ConfigMap"),
    ("v1", "secrets", "Secret"),
    ("v1", "services", "Service"),
    ("v1", "serviceaccounts", "ServiceAccount"),
    ("v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("v1", "pods", "Pod"),
    ("v1", "replicationcontrollers", "ReplicationController"),
    ("apps/v1", "deployments", "Deployment"),
    ("apps/v1", "statefulsets", "StatefulSet"),
    ("apps/v1", "daemonsets", "DaemonSet"),
    ("apps/v1", "replicasets", "ReplicaSet"),
    ("batch/v1", "jobs", "Job"),
    ("batch/v1", "cronjobs", "CronJob"),
    ("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ("networking.k8s.io/v1", "ingresses", "Ingress"),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy"),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "roles", "Role"),
    ("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
];

/// The annotation on a namespace that we made.
fn mark() -> String {
    format!("{DOMAIN}/made")
}

/// Few enough names to read.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

impl Engine<'_> {
    /// Makes an absent namespace with the mark that it is ours to delete. A
    /// plain create, because an apply could mark one that appeared meanwhile.
    pub(super) async fn mark_ground(&self, object: &Object) -> Result<(), Failure> {
        let name = reference(object);
        let body = json!({
            "apiVersion": name.api_version, "kind": name.kind,
            "metadata": {"name": name.name, "annotations": {mark(): "true"}},
        });
        match self.api.create(&name, GROUND_MANAGER, body).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.status() == Some(409) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Leaves a namespace: deletes it where that is ours to do, else takes our
    /// labels off. Says why it stays, where it does.
    pub(super) async fn leave_ground(
        &self,
        name: &Ref,
        kept: &KeptObject,
    ) -> Result<Option<String>, Failure> {
        let Some(live) = self.api.get(name).await? else { return Ok(None) };
        if live.uid() != kept.uid || live.is_deleting() {
            return Ok(None);
        }
        let made = live.0["metadata"]["annotations"][mark()] == "true";
        let contents = if made { self.contents(&name.name).await? } else { Vec::new() };
        if made && contents.is_empty() {
            self.api.delete(name, Some(&kept.uid)).await?;
            return Ok(None);
        }
        self.drop_fields(name, &kept.uid).await?;
        Ok(Some(if made {
            format!("{name} stays, because it holds {}.", some_of(&contents))
        } else {
            format!("{name} stays, because it was there before us.")
        }))
    }

    /// What a namespace holds beside what every one has. Owned objects do not
    /// count, their owners do; nor does what is on its way out.
    async fn contents(&self, namespace: &str) -> Result<Vec<String>, Failure> {
        let own = CONTENTS.map(|(api_version, plural, kind)| Listable {
            api_version: api_version.to_owned(),
            plural: plural.to_owned(),
            kind: kind.to_owned(),
        });
        let kinds: Vec<&Listable> = own.iter().chain(self.api.extensions().await?).collect();
        let lists = kinds.iter().map(|kind| self.api.list_of(kind, namespace, ""));
        let mut found = Vec::new();
        for (kind, items) in kinds.iter().zip(futures::future::join_all(lists).await) {
            let kind = kind.kind.as_str();
            let items = match items {
                // What we may not see may be there.
                Err(failure) if failure.status() == Some(403) => {
                    found.push(format!("perhaps a {kind}, which we may not list"));
                    continue;
                }
                items => items?,
            };
            for item in items {
                let metadata = &item["metadata"];
                let name = metadata["name"].as_str().unwrap_or_default();
                let counts = metadata["ownerReferences"].is_null()
                    && metadata["deletionTimestamp"].is_null()
                    && !EVERY_NAMESPACE_HAS.contains(&(kind, name));
                if counts {
                    found.push(format!("{kind} {name}"));
                }
            }
        }
        Ok(found)
    }

    /// Takes every field of ours out of an object and leaves the object.
    pub(super) async fn drop_fields(&self, name: &Ref, uid: &str) -> Result<(), Failure> {
        let mut metadata = json!({"name": name.name, "uid": uid});
        if let Some(namespace) = &name.namespace {
            metadata["namespace"] = Value::String(namespace.clone());
        }
        let body = json!({"apiVersion": name.api_version, "kind": name.kind, "metadata": metadata});
        match self.api.apply(name, body, self.manner(false)).await {
            Ok(_) => Ok(()),
            // It is gone, or another one by now, and none of our fields with it.
            Err(failure) if matches!(failure.status(), Some(404 | 409 | 422)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}
