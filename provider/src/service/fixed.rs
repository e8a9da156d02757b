//! What cannot change once a tenant has its storage or its load balancer, told at
//! plan instead of by the API server in the middle of an apply.

use tenancy::quantity::Quantity;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::model::ServiceModel;
use super::parts::{FrontModel, StorageModel};

/// The errors of what cannot change in place.
pub(super) fn check(prior: &ServiceModel, planned: &ServiceModel) -> Diagnostics {
    let mut said = storage(prior, planned);
    said.extend(load_balancer(prior, planned));
    said
}

/// The class of a load balancer says who made it, and the API server lets nobody else take it over.
fn load_balancer(prior: &ServiceModel, planned: &ServiceModel) -> Option<Diagnostic> {
    let (before, after) = (prior.service.known()?, planned.service.known()?);
    let is_one = |front: &FrontModel| front.r#type.as_str() == Some("LoadBalancer");
    let class = |front: &FrontModel| front.load_balancer_class.as_str().map(str::to_owned);
    let changes = !after.load_balancer_class.is_unknown() && class(before) != class(after);
    if !(is_one(before) && is_one(after) && changes) {
        return None;
    }
    let shown = |front: &FrontModel| class(front).unwrap_or_else(|| "the cluster's own".to_owned());
    let detail = format!(
        "service.load_balancer_class is {}, and the Service was made with {}: it is fixed while the type is \
         LoadBalancer. Apply the type ClusterIP first, and then the load balancer with its new class; it gets \
         another address.",
        shown(after),
        shown(before)
    );
    Some(
        Diagnostic::error("The class of a load balancer cannot change in place", detail)
            .at(Path::attribute("service")),
    )
}

/// The errors of a changed storage. A claim's class, mode and volume are fixed,
/// and it only grows, on NFS not even that; its data would have to be moved, which nobody does unasked.
fn storage(prior: &ServiceModel, planned: &ServiceModel) -> Diagnostics {
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
    let (Some(had), Some(wants)) = (size(before), size(after)) else { return said };
    if wants != had && nfs(before).is_some() && nfs(after).is_some() {
        let detail = format!(
            "storage.size is {wants}, and the claim has {had}. Kubernetes changes no claim on a volume that it did not \
             make itself, and an export holds what its server has, whatever the size says: keep {had}. Or make a claim \
             of your own and name it as storage.existing_claim; or destroy the tenant first."
        );
        said.push(Diagnostic::error("Storage cannot change in place", detail).at(Path::attribute("storage")));
    } else if wants < had {
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
