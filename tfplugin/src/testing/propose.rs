//! What Terraform proposes to a provider: the configuration, with the prior
//! value of computed attributes that it leaves out.

use std::collections::BTreeMap;

use crate::schema::{Attribute, Kind};
use crate::{Schema, Value};

/// The proposed new state for a configuration.
pub(crate) fn proposed(schema: &Schema, config: &Value, prior: Option<&Value>) -> Value {
    let attributes = schema.attributes.iter().map(|attribute| {
        let config = config.get(&attribute.name).unwrap_or(&Value::Null);
        let prior = prior.and_then(|prior| prior.get(&attribute.name));
        (attribute.name.clone(), proposed_attribute(attribute, config, prior))
    });
    Value::Object(attributes.collect::<BTreeMap<_, _>>())
}

fn proposed_attribute(attribute: &Attribute, config: &Value, prior: Option<&Value>) -> Value {
    if config.is_null() {
        let computed = attribute.mode.is_computed();
        return prior.filter(|_| computed).cloned().unwrap_or_default();
    }
    match (&attribute.kind, config) {
        (Kind::Single(schema), Value::Object(_)) => proposed(schema, config, prior),
        (Kind::Map(schema), Value::Map(elements)) => Value::map(elements.iter().map(|(key, element)| {
            (key.clone(), proposed_element(schema, element, prior.and_then(|prior| prior.get(key))))
        })),
        (Kind::List(schema), Value::List(elements)) => {
            let prior = match prior {
                Some(Value::List(elements)) => elements.as_slice(),
                _ => &[],
            };
            let elements = elements.iter().enumerate();
            Value::List(elements.map(|(index, it)| proposed_element(schema, it, prior.get(index))).collect())
        }
        // Terraform pairs elements of sets by what the user set in them.
        (Kind::Set(schema), Value::Set(elements)) => {
            let prior = match prior {
                Some(Value::Set(elements)) => elements.as_slice(),
                _ => &[],
            };
            Value::set(elements.iter().map(|element| {
                let pair =
                    prior.iter().find(|prior| proposed_element(schema, element, Some(*prior)) == **prior);
                proposed_element(schema, element, pair)
            }))
        }
        _ => config.clone(),
    }
}

fn proposed_element(schema: &Schema, config: &Value, prior: Option<&Value>) -> Value {
    match config {
        Value::Object(_) => proposed(schema, config, prior),
        other => other.clone(),
    }
}
