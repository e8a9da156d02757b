//! Objects in the cluster on behalf of one resource: made, changed, compared, removed.
//!
//! Every resource applies its objects server-side under a field manager of its
//! own that never changes. Three rules follow from how the API server works:
//!
//! - A conflict does not show that an object exists, because equal values merge
//!   in silence. So before a first apply there is a look, and what is there
//!   without an entry of ours is refused unless the user adopts it.
//! - What our last apply owned is remembered as a digest of its leaf paths.
//!   While that is what we own now, nobody touched a field of ours, whatever
//!   admission or defaulting made of the values.
//! - Fields of birth (the replicas of a gate's Deployment, fields handed over)
//!   are applied once and given to a second manager, because a manager that
//!   leaves out a field that it alone owned resets it.

mod adopt;
mod ground;
mod kept;
mod overridden;
mod put;
mod read;
mod remove;
mod settle;

use std::collections::BTreeSet;

use serde_json::Value;
use tenancy::leaves::from_fields_v1;
use tenancy::objects::{Kind, Object, Tenure};
use tfplugin::CancellationToken;

use crate::api::{Api, Live, Ref};

pub(crate) use ground::standing;
pub(crate) use kept::{Kept, KeptObject};
pub(crate) use put::Shown;
pub(crate) use read::Found;
pub(crate) use settle::{Order, Report};

/// Longest field manager that the API server takes.
const MANAGER_LIMIT: usize = 128;
/// Every manager of ours begins so.
pub(crate) const MANAGER_PREFIX: &str = "gpu-tenancy/";

/// The cluster as one resource sees it.
pub(crate) struct Engine<'a> {
    pub(crate) api: &'a Api,
    /// Owns what the resource sets.
    pub(crate) manager: String,
    /// Owns what belongs to birth alone.
    birth_manager: String,
    pub(crate) cancel: CancellationToken,
}

impl<'a> Engine<'a> {
    /// The engine of the resource of that type and id (`namespace/name` or `name`).
    pub(crate) fn new(api: &'a Api, resource_type: &str, id: &str, cancel: CancellationToken) -> Self {
        let named =
            |role: &str| tenancy::names::fit(&format!("{MANAGER_PREFIX}{role}/{id}"), "", MANAGER_LIMIT);
        Self { api, manager: named(resource_type), birth_manager: named("birth"), cancel }
    }

    /// The leaf paths that we own of a live object, those of birth aside.
    fn owned(&self, object: &Object, live: &Live) -> BTreeSet<String> {
        let mut owned = live.applied_by(&self.manager).map(from_fields_v1).unwrap_or_default();
        for path in birth_paths(object) {
            owned.remove(&path);
        }
        owned
    }

    fn kept(&self, object: &Object, live: &Live) -> KeptObject {
        KeptObject {
            namespace: object.namespace.as_ref().map(ToString::to_string),
            uid: live.uid().to_owned(),
            fields: kept::digest(&self.owned(object, live)),
            retained: object.tenure == Tenure::Retained,
            // What is shared and no namespace, such as the watchers' account, is only ever left.
            entry: object.tenure == Tenure::Entry
                || (object.tenure == Tenure::Ground && object.kind != Kind::Namespace),
        }
    }
}

/// The leaf paths that belong to an object's birth.
fn birth_paths(object: &Object) -> BTreeSet<String> {
    object
        .birth
        .as_ref()
        .map(|birth| tenancy::leaves::leaves(birth).into_keys().collect())
        .unwrap_or_default()
}

/// The reference of an object to be.
pub(crate) fn reference(object: &Object) -> Ref {
    Ref::new(
        object.api_version(),
        object.kind.as_str(),
        object.namespace.as_ref().map(|it| it.as_str()),
        &object.name,
    )
}

/// The body for an object that exists: with its uid, so that an apply to
/// another object of the same name fails instead of taking it.
fn with_uid(mut body: Value, uid: &str) -> Value {
    body["metadata"]["uid"] = Value::String(uid.to_owned());
    body
}
