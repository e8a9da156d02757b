//! Reading `fieldsV1`: what a manager owns, in the API server's own notation.

use std::collections::BTreeSet;

use serde_json::Value;

use super::shape;

/// The leaf paths that a `fieldsV1` names, spelled as [`super::leaves`] spells them.
///
/// `f:` is a field, `k:` an element by its key, `v:` an element of a set, and
/// `.` the mere existence of a map or an element. A key's own fields stand in
/// the path and are no leaves.
pub fn from_fields_v1(fields: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect("", fields, &[], &mut found);
    found
}

fn collect(path: &str, node: &Value, key_fields: &[String], found: &mut BTreeSet<String>) {
    let mut is_leaf = true;
    for (step, below) in node.as_object().into_iter().flatten() {
        let Some((marker, rest)) = step.split_once(':') else {
            continue;
        };
        match marker {
            "f" if key_fields.iter().any(|key| key == rest) => {}
            "f" => {
                is_leaf = false;
                collect(&shape::field(path, rest), below, &[], found);
            }
            "k" => {
                is_leaf = false;
                let key: Value = serde_json::from_str(rest).unwrap_or_default();
                let mut names: Vec<String> =
                    key.as_object().into_iter().flat_map(|key| key.keys().cloned()).collect();
                names.sort();
                let order: Vec<&str> = names.iter().map(String::as_str).collect();
                collect(&shape::element(path, &key, &order), below, &names, found);
            }
            "v" => {
                is_leaf = false;
                let value: Value = serde_json::from_str(rest).unwrap_or_default();
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                found.insert(format!("{path}[{text}]"));
            }
            _ => {}
        }
    }
    if is_leaf && !path.is_empty() {
        found.insert(path.to_owned());
    }
}
