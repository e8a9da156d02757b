//! Volumes beside the storage.

use std::collections::BTreeMap;

use tenancy::names::VolumeName;
use tenancy::tenant::{Volume, VolumeSource};
use tfplugin::{Attr, Path};

use super::at;
use super::server::elements;
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::{EmptyDirModel, VolumeModel};

pub(super) fn volumes(model: &ServiceModel, fill: &mut Fill) -> BTreeMap<VolumeName, Volume> {
    let stand_in = VolumeModel { mount_path: Attr::Unknown, claim: Attr::Unknown, ..VolumeModel::default() };
    let mut found = BTreeMap::new();
    let mut all = elements(&model.volumes, &stand_in, fill);
    all.extend(fill.element_of(&model.volumes, &stand_in).map(|one| ("unknown", one)));
    for (key, one) in all {
        let path = at("volumes").key(key);
        let name = fill.text(key, &path);
        let volume = volume(one, &path, fill);
        found.extend(name.zip(volume));
    }
    found
}

fn volume(model: &VolumeModel, path: &Path, fill: &mut Fill) -> Option<Volume> {
    let mount_path = fill.parse(&model.mount_path, &path.field("mount_path"));
    let sub_path = fill.string(&model.sub_path);
    let read_only = fill.flag(&model.read_only).unwrap_or(false);
    let source = source(model, path, fill);
    Some(Volume { mount_path: mount_path?, sub_path, read_only, source: source? })
}

/// The one source that is set. Which one it is may be unknown: then every
/// source that it can be differs from the two claims that stand in for it.
fn source(model: &VolumeModel, path: &Path, fill: &mut Fill) -> Option<VolumeSource> {
    let stand_in = EmptyDirModel { size: Attr::Unknown, ..EmptyDirModel::default() };
    let optional = fill.flag(&model.optional).unwrap_or(false);
    if let Some(dir) = fill.any(&model.empty_dir, &stand_in, &stand_in) {
        let path = path.field("empty_dir");
        let size = fill.parse(&dir.size, &path.field("size"))?;
        return Some(VolumeSource::EmptyDir { size, in_memory: fill.flag(&dir.in_memory).unwrap_or(false) });
    }
    if !model.claim.is_null() {
        return fill.parse(&model.claim, &path.field("claim")).map(VolumeSource::Claim);
    }
    if !model.config_map.is_null() {
        let name = fill.parse(&model.config_map, &path.field("config_map"))?;
        return Some(VolumeSource::ConfigMap { name, optional });
    }
    let name = fill.parse(&model.secret, &path.field("secret"))?;
    Some(VolumeSource::Secret { name, optional })
}
