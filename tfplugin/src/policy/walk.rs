//! Walks the nested objects of values that follow one schema, side by side.

use std::collections::BTreeMap;

use crate::schema::Kind;
use crate::{Path, Schema, Value};

type Attributes = BTreeMap<String, Value>;

/// Calls `visit` for the object at `path` and each nested object of `value`.
pub(crate) fn objects(
    schema: &Schema,
    object: &Attributes,
    path: &Path,
    visit: &mut impl FnMut(&Schema, &Attributes, &Path),
) {
    visit(schema, object, path);
    for attribute in &schema.attributes {
        let path = path.field(&attribute.name);
        match (object.get(&attribute.name), &attribute.kind) {
            (Some(Value::Object(nested)), Kind::Single(schema)) => objects(schema, nested, &path, visit),
            (Some(Value::List(elements)), Kind::List(schema)) => {
                for (index, element) in elements.iter().enumerate() {
                    if let Value::Object(nested) = element {
                        objects(schema, nested, &path.index(index), visit);
                    }
                }
            }
            (Some(Value::Set(elements)), Kind::Set(schema)) => {
                for element in elements {
                    if let Value::Object(nested) = element {
                        objects(schema, nested, &path, visit);
                    }
                }
            }
            (Some(Value::Map(elements)), Kind::Map(schema)) => {
                for (key, element) in elements {
                    if let Value::Object(nested) = element {
                        objects(schema, nested, &path.key(key), visit);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Two objects beside the one that is walked, where they have it too.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) config: Option<&'a Value>,
    pub(crate) prior: Option<&'a Value>,
}

impl<'a> Beside<'a> {
    /// The same attribute in both.
    pub(crate) fn attribute(self, name: &str) -> Beside<'a> {
        self.each(|value| value.get(name))
    }

    fn each(self, step: impl Fn(&'a Value) -> Option<&'a Value>) -> Beside<'a> {
        Beside { config: self.config.and_then(&step), prior: self.prior.and_then(&step) }
    }
}

/// Calls `change` for every nested object directly below the attribute value,
/// with what stands at its place in the other two.
pub(crate) fn nested_mut(
    kind: &Kind,
    value: &mut Value,
    beside: Beside<'_>,
    mut change: impl FnMut(&Schema, &mut Attributes, Beside<'_>),
) {
    match (kind, value) {
        (Kind::Single(schema), Value::Object(nested)) => change(schema, nested, beside),
        (Kind::List(schema), Value::List(elements)) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let beside = beside.each(|value| match value {
                    Value::List(elements) => elements.get(index),
                    _ => None,
                });
                if let Value::Object(nested) = element {
                    change(schema, nested, beside);
                }
            }
        }
        (Kind::Map(schema), Value::Map(elements)) => {
            for (key, element) in elements {
                if let Value::Object(nested) = element {
                    change(schema, nested, beside.each(|value| value.get(key)));
                }
            }
        }
        (Kind::Set(schema), Value::Set(elements)) => {
            let changed = elements.drain(..).map(|mut element| {
                // Elements of a set have no place, only their value: what
                // stands beside one is an equal one.
                let same = element.clone();
                let beside = Beside {
                    config: beside.config.map(|_| &same),
                    prior: beside.prior.and_then(|prior| match prior {
                        Value::Set(elements) => elements.iter().find(|prior| **prior == same),
                        _ => None,
                    }),
                };
                if let Value::Object(nested) = &mut element {
                    change(schema, nested, beside);
                }
                element
            });
            if let Value::Set(sorted) = Value::set(changed.collect::<Vec<_>>()) {
                *elements = sorted;
            }
        }
        _ => {}
    }
}
