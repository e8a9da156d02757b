//! One tree over another: what a person wrote over what the server, the device
//! and the precision imply. Every value keeps the place it was written at, so
//! that errors and `explain` still name it.

use crate::node::{Key, Node, Value};

/// Keys whose entries go over each other one by one. All others are replaced as
/// a whole: half a probe of one file and half of another would be neither's.
const MERGED: [&str; 17] = [
    "annotations",
    "config",
    "env",
    "env_from_secrets",
    "host_aliases",
    "init_containers",
    "labels",
    "limits",
    "node_selector",
    "quota",
    "requests",
    "sidecars",
    "storage",
    "timeouts",
    "timing",
    "volumes",
    "windows",
];

/// Keys that say one thing in two ways: whoever says it last says all of it.
const SAME: [(&[&str], &[&str]); 2] = [(&["ports"], &["port"]), (&["port"], &["ports", "main_port"])];

/// Puts the keys of `top` over those of `below`. Trees that are no maps are not mixed.
pub fn over(top: &Node, below: &Node) -> Node {
    let (Value::Map(above), Value::Map(under)) = (&top.value, &below.value) else { return top.clone() };
    let mut entries: Vec<(Key, Node)> = Vec::with_capacity(above.len() + under.len());
    for (key, value) in above {
        let covered = under.iter().find(|(other, _)| other.text == key.text);
        entries.push(match covered {
            Some(covered) if matches!(value.value, Value::Null) => covered.clone(),
            Some((_, covered)) if MERGED.contains(&key.text.as_str()) => {
                (key.clone(), merged(value, covered))
            }
            _ => (key.clone(), value.clone()),
        });
    }
    let given =
        |name: &str| above.iter().any(|(key, value)| key.text == name && !matches!(value.value, Value::Null));
    let said_otherwise = |name: &str| {
        SAME.iter().any(|(said, unsaid)| unsaid.contains(&name) && said.iter().any(|key| given(key)))
    };
    for (key, value) in under {
        if !above.iter().any(|(other, _)| other.text == key.text) && !said_otherwise(&key.text) {
            entries.push((key.clone(), value.clone()));
        }
    }
    Node { value: Value::Map(entries), place: top.place.clone() }
}

/// Entries of one map over those of another, at every depth.
fn merged(top: &Node, below: &Node) -> Node {
    let (Value::Map(above), Value::Map(under)) = (&top.value, &below.value) else { return top.clone() };
    // A claim that exists has a size of its own.
    let existing = above.iter().any(|(key, _)| key.text == "existing_claim");
    let mut entries: Vec<(Key, Node)> = Vec::with_capacity(above.len() + under.len());
    for (key, value) in above {
        let covered = under.iter().find(|(other, _)| other.text == key.text);
        entries.push(match covered {
            Some(covered) if matches!(value.value, Value::Null) => covered.clone(),
            Some((_, covered)) => (key.clone(), merged(value, covered)),
            None => (key.clone(), value.clone()),
        });
    }
    for (key, value) in under {
        let kept = !above.iter().any(|(other, _)| other.text == key.text);
        if kept && !(existing && ["size", "class", "access_mode"].contains(&key.text.as_str())) {
            entries.push((key.clone(), value.clone()));
        }
    }
    Node { value: Value::Map(entries), place: top.place.clone() }
}

/// The value under a key of a map.
pub fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
}

/// The tree without some of its keys.
pub fn without(node: &Node, names: &[&str]) -> Node {
    let value = match &node.value {
        Value::Map(entries) => Value::Map(
            entries.iter().filter(|(key, _)| !names.contains(&key.text.as_str())).cloned().collect(),
        ),
        other => other.clone(),
    };
    Node { value, place: node.place.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Source;

    fn tree(text: &str) -> Node {
        Node::parse(&Source::new("x.yaml", text)).unwrap()
    }

    fn laid(top: &str, below: &str) -> String {
        over(&tree(top), &tree(below)).json().to_string()
    }

    #[test]
    fn entries_of_maps_mix_and_everything_else_is_replaced() {
        assert_eq!(laid("env: { A: x }", "env: { A: y, B: z }"), r#"{"env":{"A":"x","B":"z"}}"#);
        assert_eq!(
            laid("startup_probe: { http: { path: / } }", "startup_probe: { tcp: {} }"),
            r#"{"startup_probe":{"http":{"path":"/"}}}"#
        );
        assert_eq!(laid("args: [a]", "args: [b, c]"), r#"{"args":["a"]}"#);
        assert_eq!(
            laid("labels: { Pod: { a: x } }", "labels: { Pod: { b: y } }"),
            r#"{"labels":{"Pod":{"a":"x","b":"y"}}}"#
        );
    }

    #[test]
    fn a_key_that_was_commented_out_is_not_there() {
        assert_eq!(laid("image:", "image: x"), r#"{"image":"x"}"#);
        assert_eq!(laid("env: { A: }", "env: { A: y }"), r#"{"env":{"A":"y"}}"#);
    }

    #[test]
    fn one_thing_said_in_two_ways_is_said_once() {
        assert_eq!(laid("ports: { api: 1 }", "port: 2"), r#"{"ports":{"api":1}}"#);
        assert_eq!(laid("port: 2", "{ ports: { api: 1 }, main_port: api }"), r#"{"port":2}"#);
        assert_eq!(
            laid("storage: { existing_claim: c }", "storage: { size: 1Gi, mount_path: /m }"),
            r#"{"storage":{"existing_claim":"c","mount_path":"/m"}}"#
        );
    }
}
