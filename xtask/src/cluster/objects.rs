//! The objects that every cluster begins with, and the node's stand-in card.

use std::path::Path;

use serde_json::{Value, json};

/// How many slices of a card the node says it has: one T4, time-sliced eight times.
pub(crate) const SLICES: u32 = 8;

/// How many claims can be bound at once.
const VOLUMES: u32 = 64;

/// What the stand-in for a storage class is called.
pub(crate) const STORAGE_CLASS: &str = "local-stand-in";

/// Objects for every cluster, as one list to apply.
pub(crate) fn all(volumes: Option<&Path>) -> String {
    let mut items = vec![dns_role(), dns_binding(), storage_class()];
    if let Some(folder) = volumes {
        items.extend((0..VOLUMES).map(|number| volume(folder, number)));
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// The name of each stand-in volume's folder and object.
pub(crate) fn volume_names() -> impl Iterator<Item = String> {
    (0..VOLUMES).map(volume_name)
}

/// A JSON patch of the node's status that gives it a card's slices.
pub(crate) fn card_patch() -> String {
    let slices = SLICES.to_string();
    json!([
        {"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": slices},
        {"op": "add", "path": "/status/allocatable/nvidia.com~1gpu", "value": slices},
    ])
    .to_string()
}

/// No provisioner can be had here, so claims bind to volumes made beforehand; the annotation says so.
fn storage_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {
                "storageclass.kubernetes.io/is-default-class": "true",
                "gpu-tenancy.local/stand-in": "folders of this machine, for want of a provisioner",
            },
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Retain",
    })
}

fn volume_name(number: u32) -> String {
    format!("{STORAGE_CLASS}-{number:02}")
}

fn volume(folder: &Path, number: u32) -> Value {
    let name = volume_name(number);
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {"gpu-tenancy.local/stand-in": "true"}},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "hostPath": {"path": folder.join(&name), "type": "Directory"},
        },
    })
}

fn dns_role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "gpu-tenancy:coredns"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["endpoints", "services", "pods", "namespaces"],
                "verbs": ["list", "watch"],
            },
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    })
}

fn dns_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "gpu-tenancy:coredns"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "gpu-tenancy:coredns",
        },
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "gpu-tenancy:coredns"},
        ],
    })
}
