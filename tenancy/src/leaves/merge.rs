//! Laying one body over another, list elements by their merge key.

use serde_json::{Map, Value};

use super::shape;

/// Lays `over` over `base`: maps field by field, keyed lists element by
/// element (new ones at the end), everything else replaced.
pub fn merge(base: &mut Value, over: &Value) {
    lay("", "", base, over);
}

/// Applies a strategic-merge patch to a pod `spec`: as [`merge`], and null
/// takes a field away. Directives (`$patch` and its kin) are not understood;
/// `Tenant::check` refuses them.
pub fn apply_patch(spec: &mut Value, patch: &Map<String, Value>) {
    merge(spec, &Value::Object(patch.clone()));
}

fn lay(path: &str, field: &str, base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                if value.is_null() {
                    base.remove(name);
                } else {
                    let below = shape::field(path, name);
                    lay(&below, name, base.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(base), Value::Array(over)) if shape::keys_of(path, field).is_some() => {
            let keys = shape::keys_of(path, field).unwrap_or_default();
            for element in over {
                let below = shape::element(path, element, keys);
                match base.iter_mut().find(|known| shape::element(path, known, keys) == below) {
                    Some(known) => lay(&below, "", known, element),
                    None => base.push(without_nulls(element)),
                }
            }
        }
        (base, over) => *base = without_nulls(over),
    }
}

/// The value without the fields that are null, which server-side apply would
/// take for fields of ours.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect(),
        ),
        Value::Array(elements) => Value::Array(elements.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// Takes the leaf or the subtree at `path` out of a body and returns the
/// fragment that, laid over what remains, puts it back. `None` when there is
/// nothing at that path.
pub fn remove_leaf(body: &mut Value, path: &str) -> Option<Value> {
    take("", "", body, path)
}

fn take(here: &str, field: &str, node: &mut Value, path: &str) -> Option<Value> {
    match node {
        Value::Object(fields) => {
            let name = fields.keys().find(|name| covers(&shape::field(here, name), path))?.clone();
            let below = shape::field(here, &name);
            let taken = if below == path {
                fields.remove(&name)?
            } else {
                take(&below, &name, fields.get_mut(&name)?, path)?
            };
            if fields.get(&name).is_some_and(is_hollow) {
                fields.remove(&name);
            }
            Some(Value::Object(Map::from_iter([(name, taken)])))
        }
        Value::Array(elements) => {
            let keys = shape::keys_of(here, field)?;
            let element =
                elements.iter_mut().find(|element| covers(&shape::element(here, element, keys), path))?;
            let below = shape::element(here, element, keys);
            let mut fragment = take(&below, "", element, path)?;
            for key in keys {
                if let (Some(fragment), Some(value)) = (fragment.as_object_mut(), element.get(key)) {
                    fragment.insert((*key).to_owned(), value.clone());
                }
            }
            Some(Value::Array(vec![fragment]))
        }
        _ => None,
    }
}

fn is_hollow(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// Whether `path` is `above` or lies below it.
pub(crate) fn covers(above: &str, path: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
