//! Weights and config files.

use tenancy::tenant::{AccessMode, Backing, ConfigMode, DeletionPolicy, Storage};
use tfplugin::Attr;

use super::at;
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::StorageModel;

/// The storage: `Some(None)` where the tenant has none, `None` after a problem.
pub(super) fn storage(model: &ServiceModel, fill: &mut Fill) -> Option<Option<Storage>> {
    let path = at("storage");
    let storage = match &model.storage {
        Attr::Null => return Some(None),
        Attr::Unknown => {
            // None at all, or a claim: two sets of objects.
            fill.met_unknown();
            let claim =
                StorageModel { mount_path: "/unknown".into(), size: "1".into(), ..StorageModel::default() };
            return match fill.sample.of(false, true) {
                false => Some(None),
                true => self::storage(
                    &ServiceModel { storage: Attr::Known(claim), ..ServiceModel::default() },
                    fill,
                ),
            };
        }
        Attr::Known(storage) => storage,
    };
    let mount_path = fill.parse(&storage.mount_path, &path.field("mount_path"));
    let backing = backing(storage, fill);
    let deletion_policy = match storage.deletion_policy.as_str() {
        Some("delete") => DeletionPolicy::Delete,
        _ => DeletionPolicy::Retain,
    };
    if storage.deletion_policy.is_unknown() {
        fill.met_unknown();
    }
    Some(Some(Storage { mount_path: mount_path?, backing: backing?, deletion_policy }))
}

fn backing(storage: &StorageModel, fill: &mut Fill) -> Option<Backing> {
    let path = at("storage");
    // Beside a size the only thing that an unknown name can turn out to be is null.
    if storage.existing_claim.is_unknown() && !storage.size.is_null() {
        fill.met_unknown();
    } else if !storage.existing_claim.is_null() {
        return fill
            .parse(&storage.existing_claim, &path.field("existing_claim"))
            .map(Backing::ExistingClaim);
    }
    if storage.size.is_null() {
        let detail =
            "storage.size is not set. Say how large the claim is, such as `20Gi`, or name an existing_claim.";
        fill.wrong(&path, "Storage without a size", detail);
        return None;
    }
    let size: tenancy::quantity::Quantity = fill.parse(&storage.size, &path.field("size"))?;
    if !size.is_positive() {
        fill.wrong(
            &path,
            "Storage without a size",
            format!("storage.size is {size}. Write more than nothing."),
        );
        return None;
    }
    let stand_in = crate::service::parts::NfsModel {
        server: Attr::Unknown,
        path: Attr::Unknown,
        ..crate::service::parts::NfsModel::default()
    };
    let nfs = match &storage.nfs {
        // A class's claim, or a volume beside it: two sets of objects.
        Attr::Unknown => fill.perhaps(&stand_in),
        nfs => nfs.known(),
    };
    let Some(nfs) = nfs else {
        let class = match &storage.class {
            Attr::Null => None,
            class => Some(fill.parse(class, &path.field("class"))?),
        };
        return Some(Backing::Class { size, class, access_mode: access_mode(storage, fill) });
    };
    let server = fill.string(&nfs.server)?;
    if server.is_empty() || server.contains(char::is_whitespace) || server.contains('/') {
        let detail = format!("storage.nfs.server is {server:?}. Write a host name or an address.");
        fill.wrong(&path, "Not an NFS server", detail);
        return None;
    }
    let export = fill.parse(&nfs.path, &path.field("nfs").field("path"))?;
    Some(Backing::Nfs { size, server, path: export, mount_options: fill.strings(&nfs.mount_options) })
}

fn access_mode(storage: &StorageModel, fill: &mut Fill) -> AccessMode {
    if storage.access_mode.is_unknown() {
        fill.met_unknown();
        return fill.sample.of(AccessMode::ReadWriteOnce, AccessMode::ReadWriteMany);
    }
    match storage.access_mode.as_str() {
        Some("ReadWriteMany") => AccessMode::ReadWriteMany,
        Some("ReadOnlyMany") => AccessMode::ReadOnlyMany,
        Some("ReadWriteOncePod") => AccessMode::ReadWriteOncePod,
        _ => AccessMode::ReadWriteOnce,
    }
}

pub(super) fn config_mode(model: &ServiceModel, fill: &mut Fill) -> ConfigMode {
    if model.config_mode.is_unknown() {
        fill.met_unknown();
        return fill.sample.of(ConfigMode::Mount, ConfigMode::Copy);
    }
    match model.config_mode.as_str() {
        Some("copy") => ConfigMode::Copy,
        _ => ConfigMode::Mount,
    }
}
