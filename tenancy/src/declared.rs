//! The declared object of a card: the ConfigMap in which Terraform writes, one
//! key each, the card and every tenant's floor, and which gates only read.

use std::collections::BTreeMap;

use crate::Invalid;
use crate::card::Card;
use crate::floor::Floor;
use crate::names::{CardName, TenantId};

/// The namespace of all cards' objects.
pub const SYSTEM_NAMESPACE: &str = "gpu-tenancy";
/// Prefix of all labels and annotations of ours.
pub const DOMAIN: &str = "gpu-tenancy.dev";
/// The key that holds the card itself.
pub const CARD_KEY: &str = "card";
/// The key of a tenant's pointer object that holds its card's name.
pub const POINTER_KEY: &str = "card";

/// Name of a card's declared ConfigMap. Card names have no dot, so no two
/// cards share one, and it never exceeds a subdomain's 253 characters.
pub fn declared_name(card: &CardName) -> String {
    format!("card.{card}.declared")
}

/// Name of a card's ledger ConfigMap.
pub fn ledger_name(card: &CardName) -> String {
    format!("card.{card}.ledger")
}

/// Name of what a floor makes in the system namespace beside its entry: the
/// ConfigMap that says on which card the tenant is, the Role and the RoleBinding.
pub fn pointer_name(tenant: &TenantId) -> String {
    format!("tenant.{}", tenant.key())
}

/// Key of a tenant's floor in its card's declared ConfigMap.
pub fn floor_key(tenant: &TenantId) -> String {
    format!("floor.{}", tenant.key())
}

/// Name of the ServiceAccount as which a tenant's gate and admit check run.
pub fn gate_account(tenant: &TenantId) -> String {
    format!("{}-gate", tenant.name)
}

/// Name of the ServiceAccount in [`SYSTEM_NAMESPACE`] as which every card's
/// watcher runs. It is one for all cards, because a tenant's Role is bound to it
/// where its card is not known.
pub const WATCHER_ACCOUNT: &str = "watcher";

/// Name of what a card's watcher has for itself alone: its Lease, and the Role
/// and RoleBinding for that and for the card's declared object.
pub fn watcher_name(card: &CardName) -> String {
    format!("card.{card}.watcher")
}

/// A card with every floor that is entered on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The card.
    pub card: Card,
    /// The floors by tenant.
    pub floors: BTreeMap<TenantId, Floor>,
    /// Keys of floors that could not be read, with the reason as a clause. While
    /// there is one, nobody is admitted: a claim that nobody counts is memory
    /// promised twice. Whoever is in may go all the same.
    pub unreadable: BTreeMap<String, String>,
}

impl Declared {
    /// Reads the `data` of a declared ConfigMap. Floors that cannot be read are
    /// listed in [`Declared::unreadable`].
    ///
    /// # Errors
    /// The card's own key is absent or cannot be read.
    pub fn from_data(data: &BTreeMap<String, String>) -> Result<Self, Invalid> {
        let card = data.get(CARD_KEY).ok_or_else(|| {
            Invalid::new(
                "declared object",
                CARD_KEY,
                "the key is absent",
                "Apply the `gpu_card` resource again.",
            )
        })?;
        let card: Card = serde_json::from_str(card).map_err(|why| {
            let remedy = "Apply the stack that writes this key again.";
            Invalid::new("declared object", CARD_KEY, why.to_string(), remedy)
        })?;
        let (mut floors, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
        for (key, text) in data.iter().filter(|(key, _)| key.starts_with("floor.")) {
            match serde_json::from_str::<Floor>(text) {
                Ok(floor) => drop(floors.insert(floor.tenant.clone(), floor)),
                Err(why) => drop(unreadable.insert(key.clone(), why.to_string())),
            }
        }
        Ok(Self { card, floors, unreadable })
    }
}
