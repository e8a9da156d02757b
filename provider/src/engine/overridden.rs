//! What admission made of the fields that we set.
//!
//! A policy or webhook may answer an apply with other values than were sent. We own such a field all the
//! same, and another apply would come to the same, so it is no drift and no plan shows it: it is told
//! once, by the apply that met it.

use serde_json::Value;
use tenancy::leaves::{leaves, short_hash};
use tenancy::quantity::Quantity;

use crate::api::Ref;

/// How many fields of an object are named.
const SHOWN: usize = 6;
/// How much of a value is shown.
const VALUE_LIMIT: usize = 80;

/// What is told of an object whose answer is not what was sent.
pub(super) fn remark(name: &Ref, sent: &Value, live: &Value) -> Option<String> {
    let clauses = overridden(sent, live);
    let more = match clauses.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = clauses.get(..SHOWN).unwrap_or(&clauses).join("; ");
    (!clauses.is_empty()).then(|| {
        format!(
            "{name}: an admission policy or webhook of the cluster overrides what is set here: {shown}{more}. The \
             cluster's values stay, and plans go on showing ours. Set what the policy wants, or take this \
             object out of it."
        )
    })
}

/// The leaves that are otherwise than they were sent. What the API server only spells otherwise is
/// the same, and what was added beside ours is nobody's loss.
fn overridden(sent: &Value, live: &Value) -> Vec<String> {
    let has = leaves(live);
    let wanted = leaves(sent).into_iter().filter(|(_, value)| !is_nothing(value));
    let clauses = wanted.filter_map(|(path, value)| match has.get(&path) {
        None => Some(format!("{path} is taken away")),
        Some(live) if holds(live, &value) => None,
        Some(live) => Some(format!("{path} is {} instead of {}", short(live), short(&value))),
    });
    clauses.collect()
}

/// Values that the API server leaves out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || *value == short_hash(&Value::String(String::new())),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Whether everything that was sent is in what is there.
fn holds(live: &Value, sent: &Value) -> bool {
    match (live, sent) {
        (Value::Object(live), Value::Object(sent)) => sent
            .iter()
            .all(|(name, sent)| is_nothing(sent) || live.get(name).is_some_and(|live| holds(live, sent))),
        (Value::Array(live), Value::Array(sent)) if sent.iter().all(|it| !it.is_object()) => {
            let mut rest = live.iter();
            sent.iter().all(|sent| rest.any(|live| holds(live, sent)))
        }
        (Value::Array(live), Value::Array(sent)) => {
            sent.iter().all(|sent| live.iter().any(|live| holds(live, sent)))
        }
        _ => live == sent || quantity(live).is_some_and(|live| quantity(sent) == Some(live)),
    }
}

fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(spec: &Value) -> Value {
        json!({"spec": {"template": {"spec": spec}}})
    }

    #[test]
    fn what_is_added_ordered_or_spelled_otherwise_is_not_told() {
        let sent = pod(&json!({
            "containers": [{"name": "server", "image": "a:1", "args": ["serve"], "env": [
                {"name": "A", "value": "1"}, {"name": "B", "value": ""},
            ], "resources": {"limits": {"memory": "1024Mi", "nvidia.com/gpu": 1}}}],
            "tolerations": [{"key": "gpu"}],
        }));
        let live = pod(&json!({
            "containers": [
                {"name": "sidecar", "image": "s"},
                {"name": "server", "image": "a:1", "args": ["--quiet", "serve"], "imagePullPolicy": "Always", "env": [
                    {"name": "C", "value": "3"}, {"name": "B"}, {"name": "A", "value": "1"},
                ], "resources": {"limits": {"memory": "1Gi", "nvidia.com/gpu": "1"}}},
            ],
            "tolerations": [{"key": "other"}, {"key": "gpu", "operator": "Exists"}],
            "dnsPolicy": "ClusterFirst",
        }));
        assert_eq!(overridden(&sent, &live), Vec::<String>::new());
    }

    #[test]
    fn other_values_and_those_taken_away_are_named_and_secrets_of_the_environment_are_not() {
        let sent = pod(&json!({
            "containers": [{"name": "server", "image": "a:1", "args": ["a", "b"], "env": [{"name": "A", "value": "key"}]}],
            "priorityClassName": "night",
        }));
        let live = pod(&json!({
            "containers": [{"name": "server", "image": "m/a:1", "args": ["b", "a"], "env": [{"name": "A", "value": "other"}]}],
        }));
        let said = overridden(&sent, &live);
        let at = "spec.template.spec.containers[server]";
        assert_eq!(said[0], format!(r#"{at}.args is ["b","a"] instead of ["a","b"]"#));
        assert!(said[1].starts_with(&format!(r#"{at}.env[A].value is "sha256:"#)), "{said:?}");
        assert_eq!(said[2], format!(r#"{at}.image is "m/a:1" instead of "a:1""#));
        assert_eq!(said[3], "spec.template.spec.priorityClassName is taken away");
        assert!(!said.concat().contains("key"), "{said:?}");
    }
}
