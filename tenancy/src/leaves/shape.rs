//! How server-side apply counts the fields of the objects we make: which lists
//! are addressed by a key, which lists and maps are one leaf.
//!
//! From `k8s.io/api`'s `+listType`, `+listMapKey`, `+mapType` and
//! `+structType` markers, as of Kubernetes 1.34.

use serde_json::Value;

/// How a value is taken apart.
pub(super) enum Shape {
    /// A map or struct, field by field.
    Fields,
    /// A list, by the values of these fields of each element.
    Keyed(&'static [&'static str]),
    /// As a whole.
    Leaf,
}

/// The lists that have a merge key. A list that is not here is atomic.
const KEYED: [(&str, &[&str]); 12] = [
    ("containers", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// Maps and structs that are owned as a whole.
const ATOMIC: [&str; 11] = [
    "configMapKeyRef",
    "fieldRef",
    "labelSelector",
    "namespaceSelector",
    "nodeSelector",
    "nodePublishSecretRef",
    "podSelector",
    // A node affinity's; a pod affinity's is a list, and atomic as such.
    "requiredDuringSchedulingIgnoredDuringExecution",
    "resourceFieldRef",
    "roleRef",
    "secretKeyRef",
];

/// The shape of the value at `path`, whose field is named `field`.
pub(super) fn of(path: &str, field: &str, value: &Value) -> Shape {
    match value {
        Value::Object(_) => {
            if path == "spec.selector" || ATOMIC.contains(&field) {
                Shape::Leaf
            } else {
                Shape::Fields
            }
        }
        Value::Array(_) => keys_of(path, field).map_or(Shape::Leaf, Shape::Keyed),
        _ => Shape::Leaf,
    }
}

/// The merge key of the list at `path`, if it has one.
pub(crate) fn keys_of(path: &str, field: &str) -> Option<&'static [&'static str]> {
    match field {
        // A Service's ports are keyed by their own number, a container's by the container's.
        "ports" if path == "spec.ports" => Some(&["port", "protocol"]),
        "ports" => Some(&["containerPort", "protocol"]),
        // A container's claims are keyed; a rule's or a StatefulSet's are not ours.
        "claims" if path.ends_with("resources.claims") => Some(&["name"]),
        _ => KEYED.iter().find(|(name, _)| *name == field).map(|(_, keys)| *keys),
    }
}

/// Whether the elements of a keyed list are owned as a whole.
pub(super) fn is_atomic_element(list: &str) -> bool {
    list == "imagePullSecrets"
}

/// The path of a field of the value at `path`. Names that are not plain words
/// (`nvidia.com/gpu`, `app.kubernetes.io/name`) stand in brackets.
pub(crate) fn field(path: &str, name: &str) -> String {
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (is_word, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{name}]"),
    }
}

/// The path of an element of the keyed list at `path`: the values of its keys,
/// in the order of the keys' names, joined by `/`.
pub(super) fn element(path: &str, element: &Value, keys: &[&str]) -> String {
    let values: Vec<String> = keys
        .iter()
        .map(|key| match element.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None if *key == "protocol" => "TCP".to_owned(),
            None => String::new(),
        })
        .collect();
    format!("{path}[{}]", values.join("/"))
}
