//! What a tenant keeps and reads, as typed.

use tenancy::names::ObjectName;
use tenancy::quantity::Quantity;
use tenancy::tenant::{AbsolutePath, AccessMode, DeletionPolicy};

use crate::node::{Node, Value};
use crate::read::{At, FromNode, Reader};
use crate::record;

record! {
    /// Where weights live: on a storage class, an existing claim, or an NFS export.
    pub struct RawStorage {
        /// Where it is mounted. Where `server` keeps its weights unless given.
        pub mount_path: Option<At<AbsolutePath>>,
        /// How large the claim is. Not with `existing_claim`.
        pub size: Option<At<Quantity>>,
        /// The storage class. The cluster's default unless given.
        pub class: Option<At<ObjectName>>,
        /// `ReadWriteOnce` unless given.
        pub access_mode: Option<At<AccessMode>>,
        /// A claim that exists and is never changed.
        pub existing_claim: Option<At<ObjectName>>,
        /// An NFS export.
        pub nfs: Option<RawNfs>,
        /// What becomes of the claim when the tenant is destroyed: `retain` unless given.
        pub deletion_policy: Option<At<DeletionPolicy>>,
    }
}

record! {
    /// An NFS export.
    pub struct RawNfs {
        /// The server's name or address.
        pub server: At<String>,
        /// The exported path.
        pub path: At<AbsolutePath>,
        /// Options, as `mount.nfs` spells them.
        pub mount_options: Option<Vec<At<String>>>,
    }
}

record! {
    /// A volume beside the storage: one of `empty_dir`, `claim`, `config_map` and `secret`.
    pub struct RawVolume {
        /// Where it is mounted.
        pub mount_path: At<AbsolutePath>,
        /// One file or folder of it that is mounted instead of the whole.
        pub sub_path: Option<At<String>>,
        /// Whether it cannot be written to. ConfigMaps and Secrets never can.
        pub read_only: Option<At<bool>>,
        /// Scratch space, empty at each start of the pod.
        pub empty_dir: Option<RawEmptyDir>,
        /// A claim of its namespace that exists and is never changed.
        pub claim: Option<At<ObjectName>>,
        /// A ConfigMap of its namespace that exists, each key a file.
        pub config_map: Option<At<ObjectName>>,
        /// A Secret of its namespace that exists, each key a file.
        pub secret: Option<At<ObjectName>>,
        /// Whether the pod may start without the ConfigMap or Secret.
        pub optional: Option<At<bool>>,
    }
}

record! {
    /// Scratch space, empty at each start of the pod.
    pub struct RawEmptyDir {
        /// The most it may hold.
        pub size: At<Quantity>,
        /// In memory instead of on the node's disk. It counts as memory that the server uses.
        pub in_memory: Option<At<bool>>,
    }
}

/// A config file: its text, or the path of a file beside the tenant's.
#[derive(Debug, Clone)]
pub enum RawConfigFile {
    /// The text itself.
    Inline(At<String>),
    /// A path relative to the tenant file.
    File(At<String>),
}

record! {
    /// A config file that lies beside the tenant file.
    pub struct RawFileReference {
        /// Its path, relative to the tenant file.
        pub file: At<String>,
    }
}

impl FromNode for RawConfigFile {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::Map(_) => RawFileReference::from_node(node, reader).map(|found| Self::File(found.file)),
            _ => At::from_node(node, reader).map(Self::Inline),
        }
    }
}

impl schemars::JsonSchema for RawConfigFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawConfigFile".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let reference = generator.subschema_for::<RawFileReference>();
        let text = generator.subschema_for::<At<String>>();
        schemars::json_schema!({ "anyOf": [text, reference] })
    }
}
