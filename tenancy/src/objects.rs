//! Kubernetes objects as data: what `expand` makes and the provider applies.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::Invalid;
use crate::names::Namespace;

/// The kinds of object that we make. Their order is the order of application:
/// what others need comes first. All are Kubernetes' own but `ServiceMonitor`,
/// which the Prometheus operator brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum Kind {
    Namespace,
    ResourceQuota,
    NetworkPolicy,
    PersistentVolume,
    PersistentVolumeClaim,
    ConfigMap,
    ServiceAccount,
    Role,
    RoleBinding,
    Lease,
    Deployment,
    DaemonSet,
    PodDisruptionBudget,
    Service,
    CronJob,
    ServiceMonitor,
    Job,
}

impl Kind {
    /// All kinds in the order of application.
    pub const ALL: [Kind; 17] = [
        Kind::Namespace,
        Kind::ResourceQuota,
        Kind::NetworkPolicy,
        Kind::PersistentVolume,
        Kind::PersistentVolumeClaim,
        Kind::ConfigMap,
        Kind::ServiceAccount,
        Kind::Role,
        Kind::RoleBinding,
        Kind::Lease,
        Kind::Deployment,
        Kind::DaemonSet,
        Kind::PodDisruptionBudget,
        Kind::Service,
        Kind::CronJob,
        Kind::ServiceMonitor,
        Kind::Job,
    ];

    /// The kind as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::ResourceQuota => "ResourceQuota",
            Kind::NetworkPolicy => "NetworkPolicy",
            Kind::PodDisruptionBudget => "PodDisruptionBudget",
            Kind::PersistentVolume => "PersistentVolume",
            Kind::PersistentVolumeClaim => "PersistentVolumeClaim",
            Kind::ConfigMap => "ConfigMap",
            Kind::ServiceAccount => "ServiceAccount",
            Kind::Role => "Role",
            Kind::RoleBinding => "RoleBinding",
            Kind::Lease => "Lease",
            Kind::Deployment => "Deployment",
            Kind::DaemonSet => "DaemonSet",
            Kind::Service => "Service",
            Kind::CronJob => "CronJob",
            Kind::ServiceMonitor => "ServiceMonitor",
            Kind::Job => "Job",
        }
    }

    /// The group and version under which we apply it.
    pub fn api_version(self) -> &'static str {
        match self {
            Kind::Role | Kind::RoleBinding => "rbac.authorization.k8s.io/v1",
            Kind::Lease => "coordination.k8s.io/v1",
            Kind::NetworkPolicy => "networking.k8s.io/v1",
            Kind::PodDisruptionBudget => "policy/v1",
            Kind::Deployment | Kind::DaemonSet => "apps/v1",
            Kind::CronJob | Kind::Job => "batch/v1",
            Kind::ServiceMonitor => "monitoring.coreos.com/v1",
            _ => "v1",
        }
    }

    /// The resource name in URLs and in RBAC rules.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Namespace => "namespaces",
            Kind::ResourceQuota => "resourcequotas",
            Kind::NetworkPolicy => "networkpolicies",
            Kind::PodDisruptionBudget => "poddisruptionbudgets",
            Kind::PersistentVolume => "persistentvolumes",
            Kind::PersistentVolumeClaim => "persistentvolumeclaims",
            Kind::ConfigMap => "configmaps",
            Kind::ServiceAccount => "serviceaccounts",
            Kind::Role => "roles",
            Kind::RoleBinding => "rolebindings",
            Kind::Lease => "leases",
            Kind::Deployment => "deployments",
            Kind::DaemonSet => "daemonsets",
            Kind::Service => "services",
            Kind::CronJob => "cronjobs",
            Kind::ServiceMonitor => "servicemonitors",
            Kind::Job => "jobs",
        }
    }

    /// Whether its objects live in a namespace.
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Kind::Namespace | Kind::PersistentVolume)
    }

    /// When its objects are deleted, lowest first: what wakes the server, the
    /// server, what it needs, its claims, the ground it stood on.
    fn deletion_rank(self) -> u8 {
        match self {
            Kind::CronJob | Kind::ServiceMonitor => 0,
            Kind::Deployment | Kind::DaemonSet | Kind::Job => 1,
            // Both bind pods, and go once there are none.
            Kind::Service | Kind::PodDisruptionBudget => 2,
            Kind::RoleBinding => 3,
            Kind::Role => 4,
            Kind::ServiceAccount => 5,
            Kind::ConfigMap | Kind::Lease | Kind::NetworkPolicy | Kind::ResourceQuota => 6,
            Kind::PersistentVolumeClaim => 7,
            Kind::PersistentVolume => 8,
            Kind::Namespace => 9,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An object's name in plans, state and messages: `Kind/name`.
///
/// Names are chosen so that no two objects of one resource share it, whatever
/// their namespaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// The object's name.
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for Key {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: &str| {
            Invalid::new("object key", text, reason, "Expected `Kind/name`, such as `Service/tts`.")
        };
        let (kind, name) = text.split_once('/').ok_or_else(|| refuse("it has no `/`"))?;
        let kind = Kind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(|| refuse("its kind is not one of ours"))?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// What an object is to the resource that expands to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// Made by the resource and deleted with it.
    Own,
    /// Made by the resource and kept when it is destroyed: a claim's data.
    Retained,
    /// What several may share: made if absent. A namespace is deleted only by
    /// who made it and when nothing else is in it; anything else stays when it is left.
    Ground,
    /// Fields within an object that another resource makes. It must exist
    /// before; on destroy the fields are dropped and the object stays.
    Entry,
}

/// The stage of an object that was computed and is not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Desired;

/// The stage of an object that the API server has answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The object's identity, which no later object of the same name has.
    pub uid: String,
}

/// One object, at a stage: [`Desired`] until the API server has it, [`Live`] after.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<S = Desired> {
    /// Its kind, which fixes its API version.
    pub kind: Kind,
    /// Its namespace; `None` for kinds that have none.
    pub namespace: Option<Namespace>,
    /// Its name.
    pub name: String,
    /// What it is to its resource.
    pub tenure: Tenure,
    /// What is applied, in full: `apiVersion`, `kind`, `metadata` and the rest.
    /// Quantities are canonical, and nothing is null.
    pub body: Value,
    /// Fields that are set once, when the object is created, and belong to
    /// somebody else from then on: the replicas to the gate, the image to an
    /// updater. A fragment in the shape of `body`, without identity.
    pub birth: Option<Value>,
    /// What the stage adds.
    pub stage: S,
}

impl<S> Object<S> {
    /// Its key, `Kind/name`.
    pub fn key(&self) -> Key {
        Key { kind: self.kind, name: self.name.clone() }
    }

    /// Group and version, such as `apps/v1`.
    pub fn api_version(&self) -> &'static str {
        self.kind.api_version()
    }

    /// The URL path of the object:
    /// `/apis/apps/v1/namespaces/tts/deployments/chatterbox-tts`.
    pub fn rest_path(&self) -> String {
        rest_path(self.kind, self.namespace.as_ref(), &self.name)
    }

    /// What the first apply sends: the body together with what belongs to birth alone.
    pub fn body_at_birth(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(birth) = &self.birth {
            crate::leaves::merge(&mut body, birth);
        }
        body
    }

    /// What the birth manager applies right after the first apply, so that the
    /// fields stay when the first manager leaves them out; `None` without such fields.
    pub fn birth_body(&self) -> Option<Value> {
        let mut body = identity(self.kind, self.namespace.as_ref(), &self.name);
        crate::leaves::merge(&mut body, self.birth.as_ref()?);
        Some(body)
    }

    /// The same object at another stage.
    pub fn at<T>(self, stage: T) -> Object<T> {
        let Object { kind, namespace, name, tenure, body, birth, stage: _ } = self;
        Object { kind, namespace, name, tenure, body, birth, stage }
    }
}

/// The URL path of an object. `namespace` is ignored for kinds that have none.
pub fn rest_path(kind: Kind, namespace: Option<&Namespace>, name: &str) -> String {
    let api_version = kind.api_version();
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    let plural = kind.plural();
    match namespace.filter(|_| kind.is_namespaced()) {
        Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{plural}/{name}"),
        None => format!("{root}/{api_version}/{plural}/{name}"),
    }
}

/// `apiVersion`, `kind` and the metadata that name an object, as a body.
pub fn identity(kind: Kind, namespace: Option<&Namespace>, name: &str) -> Value {
    let mut body =
        json!({"apiVersion": kind.api_version(), "kind": kind.as_str(), "metadata": {"name": name}});
    if let Some(namespace) = namespace {
        body["metadata"]["namespace"] = json!(namespace.as_str());
    }
    body
}

/// The objects of one resource by key, iterated in the order of application.
#[derive(Debug, Clone, PartialEq)]
pub struct Objects<S = Desired>(BTreeMap<Key, Object<S>>);

impl<S> Objects<S> {
    /// The object of a key.
    pub fn get(&self, key: &Key) -> Option<&Object<S>> {
        self.0.get(key)
    }

    /// All objects in the order of application.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Object<S>)> {
        self.0.iter()
    }

    /// All objects of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object<S>> {
        self.0.values().filter(move |object| object.kind == kind)
    }

    /// All objects in the order of deletion.
    pub fn delete_order(&self) -> Vec<&Object<S>> {
        let mut objects: Vec<_> = self.0.values().collect();
        objects.sort_by_key(|object| object.kind.deletion_rank());
        objects
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S> FromIterator<Object<S>> for Objects<S> {
    fn from_iter<I: IntoIterator<Item = Object<S>>>(objects: I) -> Self {
        Self(objects.into_iter().map(|object| (object.key(), object)).collect())
    }
}

impl<S> IntoIterator for Objects<S> {
    type Item = Object<S>;
    type IntoIter = std::collections::btree_map::IntoValues<Key, Object<S>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: Kind, name: &str) -> Object {
        let namespace = kind.is_namespaced().then(|| "tts".parse().unwrap());
        let body = identity(kind, namespace.as_ref(), name);
        Object { kind, namespace, name: name.into(), tenure: Tenure::Own, body, birth: None, stage: Desired }
    }

    #[test]
    fn paths_are_those_of_the_api_server() {
        let path = |kind, name| object(kind, name).rest_path();
        assert_eq!(path(Kind::Deployment, "a"), "/apis/apps/v1/namespaces/tts/deployments/a");
        assert_eq!(path(Kind::ConfigMap, "a"), "/api/v1/namespaces/tts/configmaps/a");
        assert_eq!(path(Kind::PersistentVolume, "a"), "/api/v1/persistentvolumes/a");
        assert_eq!(path(Kind::Role, "a"), "/apis/rbac.authorization.k8s.io/v1/namespaces/tts/roles/a");
    }

    #[test]
    fn a_key_is_read_back() {
        for kind in Kind::ALL {
            let key = Key { kind, name: "card.a.declared".into() };
            assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        }
        assert!("Gateway/a".parse::<Key>().is_err());
        assert!("Service".parse::<Key>().is_err());
    }

    #[test]
    fn what_others_need_is_applied_first_and_deleted_last() {
        let objects: Objects = Kind::ALL.into_iter().rev().map(|kind| object(kind, "a")).collect();
        let applied: Vec<Kind> = objects.iter().map(|(key, _)| key.kind).collect();
        assert_eq!(applied, Kind::ALL);
        let deleted: Vec<Kind> = objects.delete_order().into_iter().map(|object| object.kind).collect();
        let wakers = [Kind::CronJob, Kind::ServiceMonitor, Kind::Deployment, Kind::DaemonSet, Kind::Job];
        assert_eq!(deleted[..5], wakers);
        assert_eq!(deleted[14..], [Kind::PersistentVolumeClaim, Kind::PersistentVolume, Kind::Namespace]);
    }

    #[test]
    fn birth_fields_are_in_the_first_apply_and_in_the_birth_manager_s() {
        let mut deployment = object(Kind::Deployment, "a");
        deployment.body["spec"] =
            json!({"template": {"spec": {"containers": [{"name": "server", "tty": true}]}}});
        assert_eq!(deployment.birth_body(), None);
        deployment.birth = Some(
            json!({"spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "server", "image": "i"}]}}}}),
        );
        let first = deployment.body_at_birth();
        assert_eq!(first["spec"]["replicas"], 0);
        assert_eq!(
            first["spec"]["template"]["spec"]["containers"],
            json!([{"name": "server", "tty": true, "image": "i"}])
        );
        let birth = deployment.birth_body().unwrap();
        assert_eq!(birth["metadata"]["name"], "a");
        assert_eq!(
            birth["spec"]["template"]["spec"]["containers"],
            json!([{"name": "server", "image": "i"}])
        );
    }
}
