//! Namespaces, which are shared: made if absent, deleted only when we made
//! them and nothing else is in them.

use serde_json::{Value, json};
use tenancy::declared::{DOMAIN, SYSTEM_NAMESPACE};
use tenancy::objects::Object;

use super::{Engine, KeptObject, MANAGER_PREFIX, reference};
use crate::api::{Failure, Listable, Live, Ref};

/// The manager of the mark that says who made a namespace. It is nobody's of
/// the tenants', so that the mark outlives the one that came first.
const GROUND_MANAGER: &str = "gpu-tenancy/ground";

/// What may be found in a namespace that is empty to all intents.
const EVERY_NAMESPACE_HAS: [(&str, &str); 2] =
    [("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")];

/// The kinds of Kubernetes' own whose presence keeps a namespace.
const CONTENTS: [(&str, &str, &str); 22] = [
    ("v1", "configmaps", "ConfigMap"),
    ("v1", "secrets", "Secret"),
    ("v1", "services", "Service"),
    ("v1", "serviceaccounts", "ServiceAccount"),
    ("v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("v1", "pods", "Pod"),
    ("v1", "replicationcontrollers", "ReplicationController"),
    ("v1", "resourcequotas", "ResourceQuota"),
    ("v1", "limitranges", "LimitRange"),
    ("v1", "podtemplates", "PodTemplate"),
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

/// The name of an object that stands in a namespace by itself: not one that every namespace has, nor one that
/// another looks after, which counts instead, nor one that is on its way out.
pub(crate) fn standing<'a>(kind: &str, object: &'a Value) -> Option<&'a str> {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let stands = metadata["ownerReferences"].is_null()
        && metadata["deletionTimestamp"].is_null()
        && !EVERY_NAMESPACE_HAS.contains(&(kind, name));
    stands.then_some(name)
}

/// How often a namespace that changes under our eyes is looked at.
const LOOKS: u32 = 5;

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

    /// Leaves a namespace: takes our labels off, and deletes it where that is
    /// ours to do and nothing is in it. Says why it stays, where it does.
    ///
    /// Whoever moves in writes the namespace first. So the deletion names the
    /// version that was empty, and one that was written since is looked at again.
    pub(super) async fn leave_ground(
        &self,
        name: &Ref,
        kept: &KeptObject,
    ) -> Result<Option<String>, Failure> {
        for _ in 0..LOOKS {
            let Some(live) = self.drop_fields(name, &kept.uid).await? else { return Ok(None) };
            if live.is_deleting() {
                return Ok(None);
            }
            if let Some(why) = self.why_it_stays(name, &live).await? {
                return Ok(Some(format!("{name} stays, because {why}.")));
            }
            if self.api.delete_unchanged(name, &live).await? {
                return Ok(None);
            }
        }
        Ok(Some(format!("{name} stays, because somebody writes it at every look.")))
    }

    async fn why_it_stays(&self, name: &Ref, live: &Live) -> Result<Option<String>, Failure> {
        if name.name == SYSTEM_NAMESPACE {
            let why = "every card of the cluster shares it; after the last one, delete it with kubectl";
            return Ok(Some(why.to_owned()));
        }
        if live.0["metadata"]["annotations"][mark()] != "true" {
            return Ok(Some("it was there before us".to_owned()));
        }
        let neighbour = live.managers().into_iter().find(|manager| self.is_neighbour(manager));
        if let Some(manager) = neighbour {
            return Ok(Some(format!("another of our tenants is entered in it ({manager})")));
        }
        let contents = self.contents(&name.name).await?;
        Ok((!contents.is_empty()).then(|| format!("it holds {}", some_of(&contents))))
    }

    /// Whether a manager is another resource of ours.
    pub(super) fn is_neighbour(&self, manager: &str) -> bool {
        manager.starts_with(MANAGER_PREFIX) && manager != self.manager && manager != GROUND_MANAGER
    }

    /// What a namespace holds, as [`standing`] counts.
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
                // A kind that is not served has no objects.
                Err(failure) if failure.status() == Some(404) => continue,
                items => items?,
            };
            for item in items {
                found.extend(standing(kind, &item).map(|name| format!("{kind} {name}")));
            }
        }
        Ok(found)
    }

    /// Takes every field of ours out of an object and leaves the object. Answers
    /// with what is left of it.
    pub(super) async fn drop_fields(&self, name: &Ref, uid: &str) -> Result<Option<Live>, Failure> {
        let mut metadata = json!({"name": name.name, "uid": uid});
        if let Some(namespace) = &name.namespace {
            metadata["namespace"] = Value::String(namespace.clone());
        }
        let body = json!({"apiVersion": name.api_version, "kind": name.kind, "metadata": metadata});
        match self.api.apply(name, body, self.manner(false)).await {
            Ok(applied) => Ok(Some(applied.live)),
            // It is gone, or another one by now, and none of our fields with it: unless the refusal is of the
            // apply itself, such as an admission policy's.
            Err(failure) => match failure.status() {
                Some(404 | 409 | 422) if !self.api.is_there(name, uid).await? => Ok(None),
                _ => Err(failure),
            },
        }
    }
}
