//! From Terraform's proposal to what a resource is asked to plan.

use std::collections::BTreeMap;

use super::walk::{Beside, nested_mut};
use crate::{Schema, Value};

type Attributes = BTreeMap<String, Value>;

/// The proposal with defaults, prior spellings, and unknown where the provider has yet to say.
///
/// Computed attributes that the user did not set are unknown on create, and on
/// an update that changes anything unless they are declared to stay.
pub(crate) fn proposal(schema: &Schema, config: &Value, prior: Option<&Value>, mut proposed: Value) -> Value {
    let beside = Beside { config: Some(config), prior };
    if let Value::Object(object) = &mut proposed {
        fill_defaults(schema, object, beside);
        keep_spelling(schema, object, beside);
    }
    if prior == Some(&proposed) {
        return proposed;
    }
    if let Value::Object(object) = &mut proposed {
        mark_unknown(schema, object, beside);
    }
    proposed
}

/// `value` with the spelling of `prior` wherever the schema says that both mean the same.
pub(crate) fn with_spelling_of(schema: &Schema, prior: &Value, mut value: Value) -> Value {
    if let Value::Object(object) = &mut value {
        keep_spelling(schema, object, Beside { config: None, prior: Some(prior) });
    }
    value
}

fn fill_defaults(schema: &Schema, object: &mut Attributes, beside: Beside<'_>) {
    for attribute in &schema.attributes {
        let beside = beside.attribute(&attribute.name);
        let value = object.entry(attribute.name.clone()).or_default();
        if beside.config.is_none_or(Value::is_null) {
            if let Some(default) = &attribute.default {
                *value = default.clone();
            }
        } else {
            nested_mut(&attribute.kind, value, beside, fill_defaults);
        }
    }
}

fn keep_spelling(schema: &Schema, object: &mut Attributes, beside: Beside<'_>) {
    for attribute in &schema.attributes {
        let beside = beside.attribute(&attribute.name);
        let Some(value) = object.get_mut(&attribute.name) else { continue };
        let Some(prior) = beside.prior.filter(|prior| !prior.is_null() && prior.is_wholly_known()) else {
            continue;
        };
        if prior == value {
            continue;
        }
        let same = attribute.rules.same.as_ref();
        if !value.is_null() && value.is_wholly_known() && same.is_some_and(|same| same(prior, value)) {
            *value = prior.clone();
        } else {
            nested_mut(&attribute.kind, value, beside, keep_spelling);
        }
    }
}

fn mark_unknown(schema: &Schema, object: &mut Attributes, beside: Beside<'_>) {
    for attribute in &schema.attributes {
        let beside = beside.attribute(&attribute.name);
        let value = object.entry(attribute.name.clone()).or_default();
        if beside.config.is_some_and(|config| !config.is_null()) {
            nested_mut(&attribute.kind, value, beside, mark_unknown);
            continue;
        }
        let stays = attribute.rules.keeps && beside.prior.is_some_and(|prior| !prior.is_null());
        if attribute.mode.is_computed() && attribute.default.is_none() && !stays {
            *value = Value::Unknown;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, Map, Model, Path, model};

    model! {
        /// A part.
        struct Part {
            /// Its size.
            size: Attr<String> = optional().default("1").same_if(|a, b| a.trim() == b.trim()),
            /// Its number.
            number: Attr<i64> = computed().use_state_for_unknown(),
        }
    }

    model! {
        /// A whole.
        struct Whole {
            /// Its name.
            name: Attr<String> = required(),
            /// Its parts.
            parts: Attr<Map<Part>> = optional(),
            /// Its weight.
            weight: Attr<i64> = computed(),
        }
    }

    fn whole(name: &str, part: Part, weight: Attr<i64>) -> Whole {
        Whole { name: name.into(), parts: Attr::Known([("a".to_owned(), part.into())].into()), weight }
    }

    fn proposed(config: &Whole, prior: Option<&Whole>, proposed: &Whole) -> Whole {
        let prior = prior.map(Model::to_value);
        let schema = Whole::schema();
        let value = proposal(&schema, &Model::to_value(config), prior.as_ref(), Model::to_value(proposed));
        <Whole as Model>::from_value(value, &Path::root()).unwrap()
    }

    #[test]
    fn a_create_has_defaults_and_does_not_know_what_is_computed() {
        let config = whole("x", Part::default(), Attr::Null);
        let part = Part { size: "1".into(), number: Attr::Unknown };
        assert_eq!(proposed(&config, None, &config), whole("x", part, Attr::Unknown));
    }

    #[test]
    fn an_update_keeps_what_stays_and_forgets_the_rest() {
        let prior = whole("x", Part { size: "1".into(), number: 7.into() }, 10.into());
        let config = whole("y", Part::default(), Attr::Null);
        let given = Whole { name: "y".into(), ..prior.clone() };
        let expected = Whole { weight: Attr::Unknown, ..given.clone() };
        assert_eq!(proposed(&config, Some(&prior), &given), expected);
    }

    #[test]
    fn another_spelling_of_the_same_is_no_change() {
        let prior = whole("x", Part { size: "1".into(), number: 7.into() }, 10.into());
        let config = whole("x", Part { size: " 1 ".into(), number: Attr::Null }, Attr::Null);
        let given = whole("x", Part { size: " 1 ".into(), number: 7.into() }, 10.into());
        assert_eq!(proposed(&config, Some(&prior), &given), prior);
    }

    #[test]
    fn removing_a_value_brings_the_default_back() {
        let prior = whole("x", Part { size: "5".into(), number: 7.into() }, 10.into());
        let config = whole("x", Part::default(), Attr::Null);
        let expected = whole("x", Part { size: "1".into(), number: 7.into() }, Attr::Unknown);
        assert_eq!(proposed(&config, Some(&prior), &prior), expected);
    }
}
