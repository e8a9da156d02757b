//! An object as leaf paths, counted as server-side apply counts them.
//!
//! Lists with a merge key are addressed by it
//! (`spec.template.spec.containers[server].image`), atomic lists and maps are
//! one leaf, and what names the object is left out. [`leaves`] reads a body,
//! [`from_fields_v1`] reads the `fieldsV1` that the API server keeps for a
//! manager; both spell a path alike, so that a plan can say in the same words
//! what will change and what was lost to somebody else.

mod fields;
mod merge;
mod shape;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub use fields::from_fields_v1;
pub use merge::{apply_patch, merge, remove_leaf};
pub(crate) use merge::{covers, without_nulls};

use crate::declared::CARD_KEY;
use crate::gate::GATE_CONFIG_KEY;
use shape::Shape;
pub(crate) use shape::{field as shape_field, keys_of as merge_key};

/// The leaves of one object by path.
pub type Leaves = BTreeMap<String, Value>;

/// The leaves of an object's body, as a plan shows them: values of environment
/// variables and contents of config files are short hashes
/// (`sha256:1a2b3c4d`), because terraform takes sensitivity away before a
/// provider sees a value, and a whole file would drown the rest.
pub fn leaves(body: &Value) -> Leaves {
    let mut found = plain_leaves(body);
    for (path, value) in &mut found {
        if is_hashed(path) {
            *value = json!(short_hash(value));
        }
    }
    found
}

/// The live or desired value of one leaf, spelled as [`leaves`] spells it.
pub fn get_leaf(body: &Value, path: &str) -> Option<Value> {
    leaves(body).remove(path)
}

/// What differs between two sets of leaves, by path: before and after, `None` where absent.
pub fn diff(before: &Leaves, after: &Leaves) -> BTreeMap<String, (Option<Value>, Option<Value>)> {
    before
        .keys()
        .chain(after.keys())
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| (path.clone(), (before.get(path).cloned(), after.get(path).cloned())))
        .collect()
}

/// The leaves with their values as they are.
fn plain_leaves(body: &Value) -> Leaves {
    let mut found = Leaves::new();
    if let Value::Object(fields) = body {
        for (name, value) in fields {
            match name.as_str() {
                "apiVersion" | "kind" => {}
                "metadata" => {
                    let mut metadata = value.clone();
                    if let Value::Object(metadata) = &mut metadata {
                        metadata.retain(|name, _| name != "name" && name != "namespace" && name != "uid");
                    }
                    if metadata.as_object().is_none_or(|metadata| !metadata.is_empty()) {
                        collect("metadata".into(), "metadata", &metadata, &mut found);
                    }
                }
                _ => collect(shape::field("", name), name, value, &mut found),
            }
        }
    }
    found
}

/// Adds the leaves at and below `path`, where `field` is the name of the last
/// named field above, by which lists are known.
fn collect(path: String, field: &str, value: &Value, found: &mut Leaves) {
    match (shape::of(&path, field, value), value) {
        (Shape::Fields, Value::Object(fields)) if !fields.is_empty() => {
            for (name, value) in fields {
                collect(shape::field(&path, name), name, value, found);
            }
        }
        (Shape::Keyed(keys), Value::Array(elements)) if !elements.is_empty() => {
            for element in elements {
                collect_element(&shape::element(&path, element, keys), field, element, keys, found);
            }
        }
        _ => {
            found.insert(path, sorted(value));
        }
    }
}

/// Adds the leaves of one element of a keyed list. Its key stands in the path
/// and is no leaf; an element that is nothing but its key is one.
fn collect_element(path: &str, list: &str, element: &Value, keys: &[&str], found: &mut Leaves) {
    let rest: Map<String, Value> = match element {
        Value::Object(fields) if !shape::is_atomic_element(list) => {
            fields.iter().filter(|(name, _)| !keys.contains(&name.as_str())).map(clone_pair).collect()
        }
        _ => Map::new(),
    };
    if rest.is_empty() {
        found.insert(path.to_owned(), json!({}));
    }
    for (name, value) in &rest {
        collect(shape::field(path, name), name, value, found);
    }
}

fn clone_pair((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// The value with the keys of every map in order, so that equal values are equal texts.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let ordered: BTreeMap<&String, Value> =
                fields.iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(ordered.into_iter().map(|(name, value)| (name.clone(), value)).collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Whether the value at `path` is shown as a hash: plain environment, and
/// every key of a ConfigMap but those that we write and people review.
fn is_hashed(path: &str) -> bool {
    if let Some(key) = path.strip_prefix("data.").or_else(|| path.strip_prefix("data[")) {
        let key = key.strip_suffix(']').unwrap_or(key);
        return key != GATE_CONFIG_KEY && key != CARD_KEY && !key.starts_with("floor.");
    }
    path.contains(".env[") && path.ends_with(".value")
}

/// The first eight hexadecimal digits of the SHA-256 of a text: enough to tell
/// two contents apart, too few to be worth searching for.
pub fn short_hash(value: &Value) -> String {
    value.as_str().map_or_else(|| digest(&value.to_string(), 4), |text| digest(text, 4))
}

/// The first bytes of the SHA-256 of a text, as `sha256:` and hexadecimal digits.
pub(crate) fn digest(text: &str, bytes: usize) -> String {
    let digits: String =
        Sha256::digest(text.as_bytes()).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// A value as JSON text with the keys of every map in order, whichever way
/// this build of serde_json keeps them: the text is compared between builds.
pub(crate) fn canonical_json<T: serde::Serialize>(value: &T) -> String {
    sorted(&json!(value)).to_string()
}

#[cfg(test)]
mod tests;
