//! Values without Rust types: what travels between Terraform and a provider.

use std::collections::BTreeMap;

use crate::{Number, Path};

/// The type of a [`Value`], as the schema declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A decimal number.
    Number,
    /// Text.
    String,
    /// Elements of one type, in order.
    List(Box<Type>),
    /// Elements of one type, each once, without order.
    Set(Box<Type>),
    /// Elements of one type under names that the user chooses.
    Map(Box<Type>),
    /// Values of several types under names that the schema gives.
    Object(BTreeMap<String, Type>),
}

/// A value of any [`Type`], which may be missing or not known before apply.
///
/// `Null` and `Unknown` may stand at any depth.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Not set.
    #[default]
    Null,
    /// Set, but not known before apply.
    Unknown,
    /// `true` or `false`.
    Bool(bool),
    /// A decimal number.
    Number(Number),
    /// Text.
    String(String),
    /// Elements in order.
    List(Vec<Value>),
    /// Elements without order. [`Value::set`] makes one whose equality does not depend on order.
    Set(Vec<Value>),
    /// Elements by name.
    Map(BTreeMap<String, Value>),
    /// Attributes by name.
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// A set: elements are sorted, and known ones kept once. Unknown elements
    /// stay apart, because each may become something else.
    pub fn set(elements: impl IntoIterator<Item = Value>) -> Value {
        let mut elements: Vec<Value> = elements.into_iter().collect();
        elements.sort();
        elements.dedup_by(|a, b| a == b && a.is_wholly_known());
        Value::Set(elements)
    }

    /// An object of the given attributes.
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Object(attributes.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A map of the given elements.
    pub fn map<K: Into<String>>(elements: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(elements.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Whether this is `Null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether this is `Unknown`, itself and not an element of it.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Value::Unknown)
    }

    /// Whether nothing in this value, at any depth, is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Value::Unknown => false,
            Value::List(elements) | Value::Set(elements) => elements.iter().all(Value::is_wholly_known),
            Value::Map(elements) | Value::Object(elements) => elements.values().all(Value::is_wholly_known),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }

    /// The attribute or element of that name, where this is an object or a map that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(entries) | Value::Map(entries) => entries.get(name),
            _ => None,
        }
    }

    /// Where `path` leads from here. Nothing where a step is missing; a set has no steps.
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.steps().iter().try_fold(self, |value, step| match (value, step) {
            (Value::Object(entries), crate::Step::Attribute(name)) => entries.get(name),
            (Value::Map(entries), crate::Step::Key(key)) => entries.get(key),
            (Value::List(elements), crate::Step::Index(index)) => elements.get(*index),
            _ => None,
        })
    }

    /// What kind of value this is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Unknown => "an unknown value",
            Value::Bool(_) => "a bool",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Set(_) => "a set",
            Value::Map(_) => "a map",
            Value::Object(_) => "an object",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Value {
        Value::Number(integer.into())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        Value::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_equal_whatever_their_order() {
        assert_eq!(Value::set(["b".into(), "a".into()]), Value::set(["a".into(), "b".into(), "a".into()]));
    }

    #[test]
    fn unknown_elements_of_a_set_stay_apart() {
        assert_eq!(
            Value::set([Value::Unknown, Value::Unknown]),
            Value::Set(vec![Value::Unknown, Value::Unknown])
        );
    }

    #[test]
    fn a_path_leads_through_attributes_keys_and_indexes() {
        let value = Value::object([("windows", Value::map([("night", Value::List(vec!["02:00".into()]))]))]);
        let path = Path::attribute("windows").key("night").index(0);
        assert_eq!(value.at(&path), Some(&"02:00".into()));
        assert_eq!(value.at(&Path::attribute("windows").field("night")), None);
    }
}
