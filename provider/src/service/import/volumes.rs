//! Volumes beside the storage, and shared memory.

use serde_json::Value;
use tenancy::tenant::AbsolutePath;
use tfplugin::{Attr, Map};

use super::container::{filled_map, items, text};
use crate::service::model::ServiceModel;
use crate::service::parts::{EmptyDirModel, VolumeModel};

/// The volumes that storage, files and the gate have.
const OURS: [&str; 5] = ["storage", "config", "config-copy", "gate", "gate-token"];

/// Fills in what attributes can say. What they cannot (another kind of volume,
/// several mounts of one, one mount over another) came by a pod patch.
pub(super) fn fill(model: &mut ServiceModel, pod: &Value, server: &Value) {
    let mut taken: Vec<AbsolutePath> = Vec::new();
    for mount in items(&server["volumeMounts"]).filter(|it| it["name"].as_str().is_some_and(is_ours)) {
        taken.extend(path(mount));
    }
    let mut found = Map::new();
    for volume in items(&pod["volumes"]) {
        let Some(name) = volume["name"].as_str().filter(|name| !is_ours(name)) else { continue };
        let mounts: Vec<&Value> = items(&server["volumeMounts"]).filter(|it| it["name"] == name).collect();
        let ([mount], Some(mut one)) = (mounts.as_slice(), source(volume)) else { continue };
        let Some(path) = path(mount) else { continue };
        if taken.iter().any(|other| other.covers(&path) || path.covers(other)) {
            continue;
        }
        if let (Attr::Known(dir), "shm", "/dev/shm") = (&one.empty_dir, name, path.as_str())
            && dir.in_memory == Attr::Known(true)
        {
            model.shm_size = dir.size.clone();
        } else {
            one.mount_path = Attr::Known(path.to_string());
            one.sub_path = text(&mount["subPath"]);
            one.read_only = mount["readOnly"].as_bool().filter(|flag| *flag).into();
            found.insert(name.to_owned(), Attr::Known(one));
        }
        taken.push(path);
    }
    model.volumes = filled_map(found);
}

fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

fn path(mount: &Value) -> Option<AbsolutePath> {
    mount["mountPath"].as_str()?.parse().ok()
}

fn source(volume: &Value) -> Option<VolumeModel> {
    let optional = |source: &Value| source["optional"].as_bool().filter(|flag| *flag).into();
    let (dir, claim) = (&volume["emptyDir"], &volume["persistentVolumeClaim"]);
    let (config_map, secret) = (&volume["configMap"], &volume["secret"]);
    if dir.is_object() {
        let size = text(&dir["sizeLimit"]);
        let in_memory = dir["medium"].as_str().map(|medium| medium == "Memory").filter(|flag| *flag).into();
        let dir = EmptyDirModel { size, in_memory };
        return (!dir.size.is_null())
            .then(|| VolumeModel { empty_dir: Attr::Known(dir), ..VolumeModel::default() });
    }
    let model = if claim.is_object() {
        VolumeModel { claim: text(&claim["claimName"]), ..VolumeModel::default() }
    } else if config_map.is_object() && config_map["items"].is_null() {
        VolumeModel {
            config_map: text(&config_map["name"]),
            optional: optional(config_map),
            ..VolumeModel::default()
        }
    } else if secret.is_object() && secret["items"].is_null() {
        VolumeModel {
            secret: text(&secret["secretName"]),
            optional: optional(secret),
            ..VolumeModel::default()
        }
    } else {
        return None;
    };
    Some(model)
}
