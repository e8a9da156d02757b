//! What a resource remembers of its objects beside its state, in Terraform's private bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tenancy::objects::Key;

use crate::api::Ref;

/// The objects that a resource has in the cluster, by `Kind/name`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default)]
    pub(crate) objects: BTreeMap<String, KeptObject>,
    /// A delete began and did not come to its end. What is left of the resource may be a namespace alone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) leaving: bool,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptObject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// Its identity: another object of the same name is not ours.
    pub(crate) uid: String,
    /// Digest of the leaf paths that our last apply owned.
    pub(crate) fields: String,
    /// It outlives the resource.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) retained: bool,
    /// We own fields in it, not the object.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) entry: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Kept {
    /// Reads the private bytes. Bytes of an older provider, or none, are no
    /// memory: then every object is looked at again.
    pub(crate) fn read(private: &[u8]) -> Self {
        serde_json::from_slice(private).unwrap_or_default()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn uid(&self, key: &Key) -> Option<&str> {
        self.objects.get(&key.to_string()).map(|kept| kept.uid.as_str())
    }
}

impl KeptObject {
    /// The object's reference, given its key.
    pub(crate) fn reference(&self, key: &Key) -> Ref {
        Ref::new(key.kind.api_version(), key.kind.as_str(), self.namespace.as_deref(), &key.name)
    }
}

/// Eight bytes of SHA-256 over the paths in order: enough to notice any change, small in state.
pub(crate) fn digest(paths: &BTreeSet<String>) -> String {
    let mut hasher = Sha256::new();
    for path in paths {
        hasher.update(path.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
