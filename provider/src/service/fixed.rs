//! What cannot change once a tenant has its storage, told at plan instead of
//! by the API server in the middle of an apply.

use tenancy::quantity::Quantity;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::model::ServiceModel;
use super::parts::StorageModel;

/// The errors of a changed storage. A claim's class, mode and volume are fixed,
/// and it only grows; its data would have to be moved, which nobody does unasked.
pub(super) fn check(prior: &ServiceModel, planned: &ServiceModel) -> Diagnostics {
    let (Some(before), Some(after)) = (prior.storage.known(), planned.storage.known()) else {
        return Diagnostics::new();
    };
    let mut said = Diagnostics::new();
    let ours = |storage: &StorageModel| storage.existing_claim.is_null();
    if !ours(before) || !ours(after) {
        return said;
    }
    let nfs = |storage: &StorageModel| {
        storage
            .nfs
            .known()
            .map(|nfs| (nfs.server.as_str().map(str::to_owned), nfs.path.as_str().map(str::to_owned)))
    };
    let unknown = after.nfs.known().is_some_and(|nfs| nfs.server.is_unknown() || nfs.path.is_unknown());
    let changed: Vec<&str> = [
        ("class", !after.class.is_unknown() && !before.class.is_null() && before.class != after.class),
        ("access_mode", !after.access_mode.is_unknown() && mode(before) != mode(after)),
        ("nfs", !after.nfs.is_unknown() && !unknown && nfs(before) != nfs(after)),
    ]
    .into_iter()
    .filter(|(_, changed)| *changed)
    .map(|(name, _)| name)
    .collect();
    if !changed.is_empty() {
        let detail = format!(
            "storage.{} cannot change while the claim exists, and its data stays where it is. Make a claim of your \
             own, move the data, and name it as storage.existing_claim; or destroy the tenant first.",
            changed.join(" and storage.")
        );
        said.push(Diagnostic::error("Storage cannot change in place", detail).at(Path::attribute("storage")));
    }
    let size = |storage: &StorageModel| storage.size.as_str().and_then(|text| text.parse::<Quantity>().ok());
    if let (Some(had), Some(wants)) = (size(before), size(after))
        && wants < had
    {
        let detail =
            format!("storage.size is {wants}, and the claim has {had}. A claim grows only: keep {had}.");
        said.push(Diagnostic::error("Storage cannot shrink", detail).at(Path::attribute("storage")));
    }
    said
}

fn mode(storage: &StorageModel) -> String {
    match &storage.access_mode {
        Attr::Known(mode) => mode.clone(),
        _ => "ReadWriteOnce".to_owned(),
    }
}
