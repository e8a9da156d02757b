//! Weights and voices: the claim, and for NFS the volume that it binds.

use serde_json::{Value, json};

use super::of_tenant;
use crate::objects::{Kind, Object, Tenure};
use crate::quantity::Quantity;
use crate::tenant::{Backing, DeletionPolicy, ObjectKind, Storage, Tenant};

/// Name of the pod's volume for the claim.
pub(super) const VOLUME: &str = "storage";

/// The claim and the volume that are ours; an existing claim has neither.
pub(super) fn objects(tenant: &Tenant) -> Vec<Object> {
    let Some(storage) = &tenant.storage else {
        return Vec::new();
    };
    let mut objects = match &storage.backing {
        Backing::ExistingClaim(_) => Vec::new(),
        Backing::Class { size, class, access_mode } => {
            let mut spec = claim(*size, &format!("{access_mode:?}"));
            if let Some(class) = class {
                spec["storageClassName"] = json!(class.as_str());
            }
            vec![claim_object(tenant, spec)]
        }
        Backing::Nfs { size, server, path, mount_options } => {
            // The empty class keeps a default class from provisioning another
            // volume, volume name and claim reference keep others from taking this one.
            let mut spec = claim(*size, "ReadWriteMany");
            spec["storageClassName"] = json!("");
            spec["volumeName"] = json!(volume_name(tenant));
            let volume =
                volume(tenant, *size, json!({"server": server, "path": path.as_str()}), mount_options);
            vec![volume, claim_object(tenant, spec)]
        }
    };
    if storage.deletion_policy == DeletionPolicy::Retain {
        objects.iter_mut().for_each(|object| object.tenure = Tenure::Retained);
    }
    objects
}

/// The name of the claim that the pod mounts.
pub(super) fn claim_name(tenant: &Tenant, storage: &Storage) -> String {
    match &storage.backing {
        Backing::ExistingClaim(name) => name.to_string(),
        Backing::Class { .. } | Backing::Nfs { .. } => format!("{}-data", tenant.id.name),
    }
}

/// Volumes have no namespace. The tenant's key has a dot between its parts,
/// which neither part has, so no two tenants of a cluster share it.
fn volume_name(tenant: &Tenant) -> String {
    tenant.id.key()
}

fn claim(size: Quantity, access_mode: &str) -> Value {
    json!({"accessModes": [access_mode], "resources": {"requests": {"storage": size.to_string()}}})
}

fn claim_object(tenant: &Tenant, spec: Value) -> Object {
    let name = format!("{}-data", tenant.id.name);
    let kind = ObjectKind::PersistentVolumeClaim;
    of_tenant(tenant, Kind::PersistentVolumeClaim, kind, &name, json!({ "spec": spec }))
}

fn volume(tenant: &Tenant, size: Quantity, nfs: Value, mount_options: &[String]) -> Object {
    let mut spec = json!({
        "capacity": {"storage": size.to_string()},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": tenant.namespace().as_str(), "name": format!("{}-data", tenant.id.name)},
        "nfs": nfs,
    });
    if !mount_options.is_empty() {
        spec["mountOptions"] = json!(mount_options);
    }
    let kind = ObjectKind::PersistentVolume;
    of_tenant(tenant, Kind::PersistentVolume, kind, &volume_name(tenant), json!({ "spec": spec }))
}
