//! The claim that a tenant stops making and goes on using.

use tenancy::objects::{Key, Kind};
use tenancy::tenant::{Backing, Tenant};

use crate::engine::Kept;

/// Keeps the claim that we made when it is named as `existing_claim` from now
/// on: it is wanted no more as ours and wanted all the same, so the prune that
/// follows must not take it for one that nobody needs. With it stays the volume
/// that it is bound to.
pub(super) fn let_go(kept: &mut Kept, tenant: &Tenant) {
    let Some(Backing::ExistingClaim(name)) = tenant.storage.as_ref().map(|it| &it.backing) else { return };
    let own = Key { kind: Kind::PersistentVolumeClaim, name: name.to_string() };
    if kept.uid(&own).is_none() {
        return;
    }
    for (key, object) in &mut kept.objects {
        object.retained |= key
            .parse::<Key>()
            .is_ok_and(|key| matches!(key.kind, Kind::PersistentVolumeClaim | Kind::PersistentVolume));
    }
}
