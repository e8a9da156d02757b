//! A card's objects: the system namespace, its declared object and its ledger.

use serde_json::json;

use super::{labels, object};
use crate::card::Card;
use crate::declared::{CARD_KEY, declared_name, ledger_name};
use crate::leaves::canonical_json;
use crate::names::Namespace;
use crate::objects::{Kind, Object, Objects, Tenure, identity};

/// Every object of a card.
///
/// The ledger has no `data`: only gates write it, and a key that Terraform
/// applied once would be a key that Terraform takes away again.
pub fn card(card: &Card) -> Objects {
    let namespace = Namespace::system();
    let mut ground = identity(Kind::Namespace, None, namespace.as_str());
    labels::decorate(&mut ground, labels::shared_by_tenants(), None);
    let config_map = |name: String| -> Object {
        let mut body = identity(Kind::ConfigMap, Some(&namespace), &name);
        labels::decorate(&mut body, labels::of_card(card.name.as_str()), None);
        object(Kind::ConfigMap, Some(&namespace), &name, Tenure::Own, body)
    };
    let mut declared = config_map(declared_name(&card.name));
    declared.body["data"] = json!({ CARD_KEY: canonical_json(card) });
    let ground = object(Kind::Namespace, None, namespace.as_str(), Tenure::Ground, ground);
    [ground, declared, config_map(ledger_name(&card.name))].into_iter().collect()
}
