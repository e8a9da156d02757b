//! Volumes beside the storage: scratch space, and what others made.

use super::AbsolutePath;
use crate::names::ObjectName;
use crate::quantity::Quantity;

/// A volume that is mounted in the server and the init containers.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Where it is mounted.
    pub mount_path: AbsolutePath,
    /// One file or folder of it that is mounted instead of the whole, relative to it.
    pub sub_path: Option<String>,
    /// Whether it cannot be written to there. ConfigMaps and Secrets never can.
    pub read_only: bool,
    /// What it is.
    pub source: VolumeSource,
}

/// What a volume is.
#[derive(Debug, Clone, PartialEq)]
pub enum VolumeSource {
    /// Empty at each start of the pod, and gone with it.
    EmptyDir {
        /// The most it may hold.
        size: Quantity,
        /// In memory, which counts as the server's own, instead of on the node's disk.
        in_memory: bool,
    },
    /// A claim that exists already in the tenant's namespace and is never changed.
    Claim(ObjectName),
    /// A ConfigMap of the tenant's namespace, each key a file.
    ConfigMap {
        /// Its name.
        name: ObjectName,
        /// Whether the pod may start without it.
        optional: bool,
    },
    /// A Secret of the tenant's namespace, each key a file.
    Secret {
        /// Its name.
        name: ObjectName,
        /// Whether the pod may start without it.
        optional: bool,
    },
}
