//! A floor's objects: its entry in the card's declared object, the pointer
//! from the tenant to the card, and the gate's rights on both.

use serde_json::{Value, json};

use super::access::{binding, role};
use super::{labels, object};
use crate::declared::{POINTER_KEY, declared_name, floor_key, ledger_name, pointer_name};
use crate::floor::Floor;
use crate::leaves::canonical_json;
use crate::names::{CardName, Namespace};
use crate::objects::{Kind, Object, Objects, Tenure, identity};

/// Every object of a floor. All are in the system namespace, so that a floor
/// can be applied before its tenant's namespace exists.
pub fn floor(floor: &Floor, card: &CardName) -> Objects {
    let namespace = Namespace::system();
    let tenant = &floor.tenant;
    let pointer = pointer_name(tenant);
    let of_floor = |kind: Kind, content: Value| -> Object {
        let mut body = identity(kind, Some(&namespace), &pointer);
        labels::decorate(&mut body, labels::of_tenant(tenant), None);
        crate::leaves::merge(&mut body, &content);
        object(kind, Some(&namespace), &pointer, Tenure::Own, body)
    };

    let mut entry = identity(Kind::ConfigMap, Some(&namespace), &declared_name(card));
    entry["data"] = json!({ floor_key(tenant): canonical_json(floor) });

    let config_maps = |names: &[&str], verbs: &[&str]| json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": verbs});
    let rules = role(&[
        config_maps(&[&pointer, &declared_name(card)], &["get"]),
        config_maps(&[&ledger_name(card)], &["get", "update"]),
    ]);
    [
        object(Kind::ConfigMap, Some(&namespace), &declared_name(card), Tenure::Entry, entry),
        of_floor(Kind::ConfigMap, json!({"data": { POINTER_KEY: card.as_str() }})),
        of_floor(Kind::Role, rules),
        of_floor(Kind::RoleBinding, binding(&pointer, tenant)),
    ]
    .into_iter()
    .collect()
}
