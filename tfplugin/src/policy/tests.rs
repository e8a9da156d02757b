//! Whatever the schema, the configuration and the state: what the framework
//! proposes keeps Terraform's rules, and a second plan is empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::consistency::{self, Judged};
use super::merge;
use crate::schema::{Attribute, ErasedRules, Kind, Mode};
use crate::testing::propose::proposed;
use crate::{Schema, Type, Value};

fn any_schema(depth: u32) -> BoxedStrategy<Schema> {
    prop::collection::vec(any_attribute(depth), 1..4)
        .prop_map(|mut attributes| {
            for (position, attribute) in attributes.iter_mut().enumerate() {
                attribute.name = format!("a{position}");
            }
            Schema { description: String::new(), attributes }
        })
        .boxed()
}

fn any_attribute(depth: u32) -> BoxedStrategy<Attribute> {
    let plain = prop_oneof![
        Just(Kind::Plain(Type::String)),
        Just(Kind::Plain(Type::Map(Box::new(Type::String)))),
        Just(Kind::Plain(Type::Set(Box::new(Type::String)))),
    ];
    let kind = if depth == 0 {
        plain.boxed()
    } else {
        let nested = any_schema(depth - 1).prop_map(Arc::new);
        prop_oneof![
            2 => plain,
            1 => nested.clone().prop_map(Kind::Single),
            1 => nested.clone().prop_map(Kind::List),
            1 => nested.clone().prop_map(Kind::Map),
            1 => nested.prop_map(|schema| Kind::Set(Arc::new(set_by_the_user(&schema)))),
        ]
        .boxed()
    };
    let mode = prop_oneof![
        Just(Mode::Required),
        Just(Mode::Optional),
        Just(Mode::Computed),
        Just(Mode::OptionalComputed)
    ];
    (kind, mode, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(kind, mode, has_default, keeps, has_spellings)| {
            let text = matches!(kind, Kind::Plain(Type::String));
            let default =
                (has_default && text && mode == Mode::OptionalComputed).then(|| Value::from("default"));
            let mut rules = ErasedRules { keeps, ..ErasedRules::default() };
            if has_spellings && text {
                rules.same = Some(Arc::new(|old, new| match (old, new) {
                    (Value::String(old), Value::String(new)) => old.eq_ignore_ascii_case(new),
                    _ => false,
                }));
            }
            let (name, description) = (String::new(), String::new());
            let (sensitive, write_only, deprecation) = (false, false, None);
            Attribute { name, description, kind, mode, sensitive, write_only, deprecation, default, rules }
        })
        .boxed()
}

/// The schema without anything that a provider sets. In elements of a set,
/// Terraform pairs such attributes with the state by guess.
fn set_by_the_user(schema: &Schema) -> Schema {
    let user = |kind: &Kind| match kind {
        Kind::Plain(ty) => Kind::Plain(ty.clone()),
        Kind::Single(schema) => Kind::Single(Arc::new(set_by_the_user(schema))),
        Kind::List(schema) => Kind::List(Arc::new(set_by_the_user(schema))),
        Kind::Set(schema) => Kind::Set(Arc::new(set_by_the_user(schema))),
        Kind::Map(schema) => Kind::Map(Arc::new(set_by_the_user(schema))),
    };
    let attributes = schema.attributes.iter().map(|attribute| Attribute {
        kind: user(&attribute.kind),
        mode: if attribute.mode == Mode::Required { Mode::Required } else { Mode::Optional },
        default: None,
        ..attribute.clone()
    });
    Schema { description: String::new(), attributes: attributes.collect() }
}

/// A configuration of the schema; `unknown` says whether it may have unknown parts.
fn any_config(schema: &Schema, unknown: bool) -> BoxedStrategy<Value> {
    let attributes: Vec<_> = schema
        .attributes
        .iter()
        .map(|attribute| (Just(attribute.name.clone()), any_setting(attribute, unknown)))
        .collect();
    attributes.prop_map(|attributes| Value::Object(BTreeMap::from_iter(attributes))).boxed()
}

fn any_setting(attribute: &Attribute, unknown: bool) -> BoxedStrategy<Value> {
    let text = prop_oneof!["[abAB]{1,2}".prop_map(Value::from)];
    let set = match &attribute.kind {
        Kind::Plain(Type::Map(_)) => {
            prop::collection::btree_map("[kl]", text, 0..3).prop_map(Value::Map).boxed()
        }
        Kind::Plain(Type::Set(_)) => prop::collection::vec(text, 0..3).prop_map(Value::set).boxed(),
        Kind::Plain(_) => text.boxed(),
        Kind::Single(schema) => any_config(schema, unknown),
        Kind::List(schema) => {
            prop::collection::vec(any_config(schema, unknown), 0..3).prop_map(Value::List).boxed()
        }
        Kind::Set(schema) => {
            prop::collection::vec(any_config(schema, unknown), 0..3).prop_map(Value::set).boxed()
        }
        Kind::Map(schema) => prop::collection::btree_map("[kl]", any_config(schema, unknown), 0..3)
            .prop_map(Value::Map)
            .boxed(),
    };
    let set = if unknown { prop_oneof![6 => set, 1 => Just(Value::Unknown)].boxed() } else { set };
    match attribute.mode {
        Mode::Required => set,
        Mode::Computed => Just(Value::Null).boxed(),
        Mode::Optional | Mode::OptionalComputed => prop_oneof![2 => set, 1 => Just(Value::Null)].boxed(),
    }
}

/// The state after an apply: what was unknown has some value, here text where it fits.
fn applied(schema: &Schema, planned: &Value) -> Value {
    let attributes = schema.attributes.iter().map(|attribute| {
        let planned = planned.get(&attribute.name).unwrap_or(&Value::Null);
        let element = |schema: &Schema, element: &Value| match element {
            Value::Object(_) => applied(schema, element),
            other => other.clone(),
        };
        let value = match (&attribute.kind, planned) {
            (Kind::Plain(Type::String), Value::Unknown) => Value::from("made"),
            (_, Value::Unknown) => Value::Null,
            (Kind::Single(schema), value) => element(schema, value),
            (Kind::List(schema), Value::List(elements)) => {
                Value::List(elements.iter().map(|it| element(schema, it)).collect())
            }
            (Kind::Set(schema), Value::Set(elements)) => {
                Value::set(elements.iter().map(|it| element(schema, it)))
            }
            (Kind::Map(schema), Value::Map(elements)) => {
                Value::map(elements.iter().map(|(key, it)| (key.clone(), element(schema, it))))
            }
            (_, value) => value.clone(),
        };
        (attribute.name.clone(), value)
    });
    Value::Object(attributes.collect())
}

fn plan(schema: &Schema, config: &Value, prior: Option<&Value>) -> Value {
    merge::proposal(schema, config, prior, proposed(schema, config, prior))
}

fn a_resource_and_a_change() -> impl Strategy<Value = (Schema, Value, Value)> {
    any_schema(2).prop_flat_map(|schema| {
        let configs = (any_config(&schema, false), any_config(&schema, true));
        configs.prop_map(move |(first, second)| (schema.clone(), first, second))
    })
}

proptest! {
    #[test]
    fn proposals_keep_the_rules((schema, first, second) in a_resource_and_a_change()) {
        let created = plan(&schema, &first, None);
        let judged = Judged { type_name: "test_any", schema: &schema };
        prop_assert!(consistency::of_plan(judged, &first, None, &created).is_empty());
        let state = applied(&schema, &created);
        let updated = plan(&schema, &second, Some(&state));
        let broken = consistency::of_plan(judged, &second, Some(&state), &updated);
        prop_assert!(broken.is_empty(), "{:?}\nstate {:?}\nplan {:?}", broken, state, updated);
    }

    #[test]
    fn a_second_plan_is_empty((schema, config, _) in a_resource_and_a_change()) {
        let state = applied(&schema, &plan(&schema, &config, None));
        prop_assert_eq!(plan(&schema, &config, Some(&state)), state);
    }
}
