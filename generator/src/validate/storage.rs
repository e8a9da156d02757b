//! The rules of storage and config files.

use std::collections::BTreeMap;

use tenancy::tenant::{AbsolutePath, AccessMode, Backing, Storage};

use super::tenant::Check;
use crate::manifest::digest;
use crate::raw::{RawConfigFile, RawTenant};

/// The tenant's storage; the inner `None` is a tenant without any.
pub(super) fn storage(raw: &RawTenant, check: &mut Check<'_>) -> Option<Option<Storage>> {
    let Some(storage) = &raw.storage else { return Some(None) };
    const ONE: &str = "Give one of `existing_claim`, `nfs` with `size`, and `size` with or without `class`.";
    let sized = |check: &mut Check<'_>| match &storage.size {
        Some(size) => Some(size.value),
        None => {
            check.refuse_at("storage", "the storage has no size", "Give `size: 20Gi`.");
            None
        }
    };
    let backing = match (&storage.existing_claim, &storage.nfs) {
        (Some(claim), None) => {
            let more = [
                storage.size.as_ref().map(|size| size.place.clone()),
                storage.class.as_ref().map(|class| class.place.clone()),
                storage.access_mode.as_ref().map(|mode| mode.place.clone()),
            ];
            for place in more.into_iter().flatten() {
                check.refuse(place, "an existing claim is never changed", "Leave this out.");
            }
            Backing::ExistingClaim(claim.value.clone())
        }
        (None, Some(nfs)) => {
            if let Some(class) = &storage.class {
                check.refuse(class.place.clone(), "an NFS export has no storage class", ONE);
            }
            if let Some(mode) = &storage.access_mode {
                let reason = "an NFS claim is always ReadWriteMany";
                check.refuse(mode.place.clone(), reason, "Leave this out.");
            }
            Backing::Nfs {
                size: sized(check)?,
                server: nfs.server.value.clone(),
                path: nfs.path.value.clone(),
                mount_options: nfs
                    .mount_options
                    .iter()
                    .flatten()
                    .map(|option| option.value.clone())
                    .collect(),
            }
        }
        (None, None) => Backing::Class {
            size: sized(check)?,
            class: storage.class.as_ref().map(|class| class.value.clone()),
            access_mode: storage.access_mode.as_ref().map_or(AccessMode::ReadWriteOnce, |mode| mode.value),
        },
        (Some(claim), Some(_)) => {
            check.refuse(claim.place.clone(), "the storage is a claim and an NFS export", ONE);
            return None;
        }
    };
    let Some(mount_path) = &storage.mount_path else {
        check.refuse_at("storage", "the storage is mounted nowhere", "Give `mount_path: /data`.");
        return None;
    };
    Some(Some(Storage {
        mount_path: mount_path.value.clone(),
        backing,
        deletion_policy: storage
            .deletion_policy
            .as_ref()
            .map_or_else(Default::default, |policy| policy.value),
    }))
}

type Texts = BTreeMap<AbsolutePath, String>;

/// The config files' text, and the names under which they lie in the stack.
pub(super) fn config(raw: &RawTenant, check: &mut Check<'_>) -> (Option<Texts>, Texts) {
    let mut texts = Texts::new();
    let mut complete = true;
    for (path, file) in raw.config.iter().flat_map(|config| &config.0) {
        let text = match file {
            RawConfigFile::Inline(text) => Some(text.value.clone()),
            // A file that could not be read was reported when it was tried.
            RawConfigFile::File(name) => check.file.texts.get(&name.value).cloned(),
        };
        complete &= text.is_some();
        texts.insert(path.value.clone(), text.unwrap_or_default());
    }
    let names = file_names(texts.keys());
    (complete.then_some(texts), names)
}

/// A name for each path: its last part, behind a piece of the whole path's
/// digest where two paths end alike.
fn file_names<'p>(paths: impl Iterator<Item = &'p AbsolutePath> + Clone) -> Texts {
    let last = |path: &AbsolutePath| path.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    paths
        .clone()
        .map(|path| {
            let unique = paths.clone().filter(|other| last(other) == last(path)).count() == 1;
            let apart = || format!("{}-{}", &digest(path.as_str())[..8], last(path));
            (path.clone(), if unique { last(path) } else { apart() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_keep_apart() {
        let paths: Vec<AbsolutePath> =
            ["/app/config.yaml", "/etc/config.yaml", "/etc/x.json"].map(|p| p.parse().unwrap()).to_vec();
        let names: Vec<String> = file_names(paths.iter()).into_values().collect();
        assert_eq!(names, ["d1d92839-config.yaml", "55d2e2cc-config.yaml", "x.json"]);
    }
}
