//! Volumes beside the storage, and the memory that a server's processes share.

use serde_json::{Value, json};

use crate::tenant::{Tenant, VolumeSource};

/// Name of the pod's volume with shared memory.
pub(super) const SHM_VOLUME: &str = "shm";
/// Where processes look for it.
pub(super) const SHM_PATH: &str = "/dev/shm";

/// The pod's volumes.
pub(super) fn volumes(tenant: &Tenant) -> Vec<Value> {
    let named = tenant.volumes.iter().map(|(name, volume)| {
        let mut spelled = source(&volume.source);
        spelled["name"] = json!(name.as_str());
        spelled
    });
    let shared = tenant.shm_size.map(
        |size| json!({"name": SHM_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": size.to_string()}}),
    );
    named.chain(shared).collect()
}

fn source(source: &VolumeSource) -> Value {
    let mut spelled = match source {
        VolumeSource::EmptyDir { size, in_memory: false } => {
            json!({"emptyDir": {"sizeLimit": size.to_string()}})
        }
        VolumeSource::EmptyDir { size, in_memory: true } => {
            json!({"emptyDir": {"medium": "Memory", "sizeLimit": size.to_string()}})
        }
        VolumeSource::Claim(name) => json!({"persistentVolumeClaim": {"claimName": name.as_str()}}),
        VolumeSource::ConfigMap { name, .. } => json!({"configMap": {"name": name.as_str()}}),
        VolumeSource::Secret { name, .. } => json!({"secret": {"secretName": name.as_str()}}),
    };
    match source {
        VolumeSource::ConfigMap { optional: true, .. } => spelled["configMap"]["optional"] = json!(true),
        VolumeSource::Secret { optional: true, .. } => spelled["secret"]["optional"] = json!(true),
        _ => {}
    }
    spelled
}

/// The mounts of the named volumes, for the server and what runs before it.
pub(super) fn mounts(tenant: &Tenant) -> impl Iterator<Item = Value> {
    tenant.volumes.iter().map(|(name, volume)| {
        let mut mount = json!({"name": name.as_str(), "mountPath": volume.mount_path.as_str()});
        if let Some(path) = &volume.sub_path {
            mount["subPath"] = json!(path);
        }
        if volume.read_only {
            mount["readOnly"] = json!(true);
        }
        mount
    })
}

/// The mount of the shared memory, which is the server's alone.
pub(super) fn shm_mount(tenant: &Tenant) -> Option<Value> {
    tenant.shm_size.map(|_| json!({"name": SHM_VOLUME, "mountPath": SHM_PATH}))
}
