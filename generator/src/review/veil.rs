//! What Terraform marks as sensitive is never printed, wherever it turns up again.
//!
//! Terraform takes its marks away before a provider sees a value, so a secret
//! that stands in one attribute stands unmarked in the provider's `objects`.
//! A veil therefore knows the secret texts of one plan, and covers every value
//! that contains one of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::Shown;
use super::plan::Plan;

/// Stands in the place of what is covered.
pub(super) const COVER: &str = "(sensitive)";

/// A shorter secret turns up in texts by chance. A value that is nothing but it is covered all the same.
const TELLING_LENGTH: usize = 4;

/// The secrets of one plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Veil {
    /// Whether anything is marked at all.
    marked: bool,
    /// Covered wherever they are part of a text.
    telling: BTreeSet<String>,
    /// Covered where they are the whole of a value.
    short: BTreeSet<String>,
}

impl Veil {
    /// The veil for everything in this plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut veil = Self::default();
        let deferred = plan.deferred_changes.iter().map(|deferred| &deferred.resource_change);
        for resource in plan.resource_changes.iter().chain(&plan.resource_drift).chain(deferred) {
            veil.learn(&resource.change.before, &resource.change.before_sensitive);
            veil.learn(&resource.change.after, &resource.change.after_sensitive);
        }
        veil
    }

    /// Learns every text below a mark.
    fn learn(&mut self, value: &Value, mark: &Value) {
        match (mark, value) {
            (Value::Bool(true), _) => {
                self.marked = true;
                self.learn_all(value);
            }
            (Value::Object(marks), Value::Object(fields)) => {
                for (name, mark) in marks {
                    if let Some(value) = fields.get(name) {
                        self.learn(value, mark);
                    }
                }
            }
            (Value::Array(marks), Value::Array(elements)) => {
                for (mark, value) in marks.iter().zip(elements) {
                    self.learn(value, mark);
                }
            }
            _ => {}
        }
    }

    fn learn_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.learn_text(text);
                // As it stands in JSON that is itself a value.
                let quoted = Value::String(text.clone()).to_string();
                self.learn_text(quoted.trim_matches('"'));
                // Each line of a key or certificate is as secret as the whole.
                if text.contains('\n') {
                    text.lines().for_each(|line| self.learn_text(line.trim()));
                }
            }
            Value::Number(number) => self.learn_text(&number.to_string()),
            Value::Array(elements) => elements.iter().for_each(|element| self.learn_all(element)),
            Value::Object(fields) => fields.values().for_each(|field| self.learn_all(field)),
            // One of two values is no secret that could be searched for.
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn learn_text(&mut self, text: &str) {
        if text.chars().count() >= TELLING_LENGTH {
            self.telling.insert(text.to_owned());
        } else if !text.is_empty() {
            self.short.insert(text.to_owned());
        }
    }

    /// Whether the plan marks nothing as sensitive.
    pub(super) fn covers_nothing(&self) -> bool {
        !self.marked
    }

    /// Whether this value, or anything in it, must not be printed.
    pub(super) fn covers(&self, value: &Value) -> bool {
        if self.telling.is_empty() && self.short.is_empty() {
            return false;
        }
        match value {
            Value::String(text) => self.covers_text(text),
            Value::Number(number) => self.covers_text(&number.to_string()),
            Value::Array(elements) => elements.iter().any(|element| self.covers(element)),
            Value::Object(fields) => {
                fields.iter().any(|(name, field)| self.covers_text(name) || self.covers(field))
            }
            Value::Null | Value::Bool(_) => false,
        }
    }

    fn covers_text(&self, text: &str) -> bool {
        self.short.contains(text) || self.telling.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// A value as it may be shown.
    pub(super) fn shown(&self, value: &Value) -> Shown {
        if self.covers(value) { Shown::Sensitive } else { Shown::Value(value.clone()) }
    }

    /// A text with every secret in it covered.
    pub(super) fn text(&self, text: &str) -> String {
        if self.short.contains(text) {
            return COVER.to_owned();
        }
        // A secret that is part of another must not uncover the rest of it.
        let mut secrets: Vec<&String> = self.telling.iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), COVER))
    }

    /// A copy in which everything marked, and everything that contains a secret, is [`COVER`].
    pub(super) fn over(&self, value: &Value, mark: &Value) -> Value {
        match (mark, value) {
            (Value::Bool(true), Value::Null) => Value::Null,
            (Value::Bool(true), _) => Value::String(COVER.to_owned()),
            (_, Value::Object(fields)) => fields
                .iter()
                .map(|(name, field)| {
                    (self.text(name), self.over(field, mark.get(name).unwrap_or(&Value::Null)))
                })
                .collect(),
            (_, Value::Array(elements)) => elements
                .iter()
                .enumerate()
                .map(|(index, element)| self.over(element, mark.get(index).unwrap_or(&Value::Null)))
                .collect(),
            _ if self.covers(value) => Value::String(COVER.to_owned()),
            _ => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn veil(value: Value, mark: Value) -> Veil {
        let mut veil = Veil::default();
        veil.learn(&value, &mark);
        veil
    }

    #[test]
    fn a_secret_is_covered_wherever_it_turns_up() {
        let veil = veil(
            json!({"args": ["--token=x", "hunter2"], "env": {"A": "line \"one\"\nline two"}, "pin": 7}),
            json!({"args": [false, true], "env": true, "pin": true}),
        );
        for covered in [
            json!("hunter2"),
            json!("--token=hunter2"),
            json!(["a", {"b": "xhunter2x"}]),
            json!({"hunter2": 1}),
            json!("{\"A\":\"line \\\"one\\\"\\nline two\"}"),
            json!("line two"),
            json!(7),
            json!("7"),
        ] {
            assert_eq!(veil.shown(&covered), Shown::Sensitive, "{covered}");
        }
        for open in [json!("--token=x"), json!(17), json!("hunter"), json!(null), json!(true)] {
            assert_eq!(veil.shown(&open), Shown::Value(open.clone()));
        }
        assert_eq!(veil.text("said hunter2 twice: hunter2"), "said (sensitive) twice: (sensitive)");
    }

    #[test]
    fn a_covered_copy_keeps_its_shape() {
        let value = json!({"a": {"b": "hunter2", "c": "open"}, "d": ["hunter2!", null], "e": null});
        let mark = json!({"a": {"b": true}, "e": true});
        let copy = veil(value.clone(), mark.clone()).over(&value, &mark);
        assert_eq!(
            copy,
            json!({"a": {"b": "(sensitive)", "c": "open"}, "d": ["(sensitive)", null], "e": null})
        );
    }
}
