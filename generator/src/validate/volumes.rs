//! The rules of volumes beside the storage.

use std::collections::BTreeMap;

use tenancy::names::VolumeName;
use tenancy::tenant::{Volume, VolumeSource};

use super::tenant::Check;
use crate::raw::{RawTenant, RawVolume};
use crate::read::At;

/// The volumes by name, unless one does not say what it is.
pub(super) fn volumes(raw: &RawTenant, check: &mut Check<'_>) -> Option<BTreeMap<VolumeName, Volume>> {
    let each = raw.volumes.iter().flat_map(|volumes| &volumes.0);
    let read: Vec<Option<(VolumeName, Volume)>> = each
        .map(|(name, raw)| {
            let volume = Volume {
                mount_path: raw.mount_path.value.clone(),
                sub_path: raw.sub_path.as_ref().map(|path| path.value.clone()),
                read_only: raw.read_only.as_ref().is_some_and(|flag| flag.value),
                source: source(name, raw, check)?,
            };
            Some((name.value.clone(), volume))
        })
        .collect();
    read.into_iter().collect()
}

fn source(name: &At<VolumeName>, raw: &RawVolume, check: &mut Check<'_>) -> Option<VolumeSource> {
    const ONE: &str = "Give exactly one of `empty_dir`, `claim`, `config_map` and `secret`.";
    let optional = raw.optional.as_ref().is_some_and(|flag| flag.value);
    let source = match (&raw.empty_dir, &raw.claim, &raw.config_map, &raw.secret) {
        (Some(dir), None, None, None) => VolumeSource::EmptyDir {
            size: dir.size.value,
            in_memory: dir.in_memory.as_ref().is_some_and(|flag| flag.value),
        },
        (None, Some(claim), None, None) => VolumeSource::Claim(claim.value.clone()),
        (None, None, Some(map), None) => VolumeSource::ConfigMap { name: map.value.clone(), optional },
        (None, None, None, Some(secret)) => VolumeSource::Secret { name: secret.value.clone(), optional },
        _ => {
            check.refuse(name.place.clone(), "the volume does not say what it is", ONE);
            return None;
        }
    };
    if let (Some(flag), VolumeSource::EmptyDir { .. } | VolumeSource::Claim(_)) = (&raw.optional, &source) {
        let reason = "only a ConfigMap or a Secret may be missing";
        check.refuse(flag.place.clone(), reason, "Leave `optional` out.");
    }
    Some(source)
}
