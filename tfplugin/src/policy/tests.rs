//! Whatever the schema, the configuration and the state: what the framework
//! proposes keeps Terraform's rules, and a second plan is empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::consistency::{self, Judged};
use super::merge;
use crate::schema::{Attribute, ErasedRules, Kind, Mode};
use crate::testing::propose::proposed;
use crate::{Diagnostics, Field, List, Map, Path, Schema, Set, Type, Value};

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
        Just(String::kind()),
        Just(List::<String>::kind()),
        Just(Map::<String>::kind()),
        Just(Set::<String>::kind()),
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
    (kind, mode, any::<bool>(), any::<bool>(), any_spellings())
        .prop_map(|(kind, mode, has_default, keeps, spellings)| {
            let text = matches!(kind, Kind::Plain(Type::String));
            let default =
                (has_default && text && mode == Mode::OptionalComputed).then(|| Value::from("default"));
            let mut rules = ErasedRules { keeps, ..ErasedRules::default() };
            if let Kind::Plain(ty) = &kind {
                match spellings {
                    Spellings::Nobody => {}
                    Spellings::Attribute => {
                        rules.same = Some(Arc::new(|old, new| in_capitals(old) == in_capitals(new)));
                    }
                    Spellings::Type => rules.respell = Some(respell(ty)),
                }
            }
            let (name, description) = (String::new(), String::new());
            let (sensitive, write_only, deprecation) = (false, false, None);
            Attribute { name, description, kind, mode, sensitive, write_only, deprecation, default, rules }
        })
        .boxed()
}

/// Who says that capitals mean the same as small letters.
#[derive(Clone, Copy, Debug)]
enum Spellings {
    Nobody,
    Attribute,
    Type,
}

fn any_spellings() -> impl Strategy<Value = Spellings> {
    prop_oneof![Just(Spellings::Nobody), Just(Spellings::Attribute), Just(Spellings::Type)]
}

/// Text to which capitals mean nothing.
struct Caseless(String);

impl Field for Caseless {
    fn kind() -> Kind {
        String::kind()
    }

    fn decode(value: Value, path: &Path) -> Result<Caseless, Diagnostics> {
        String::decode(value, path).map(Caseless)
    }

    fn encode(&self) -> Value {
        self.0.encode()
    }

    const HAS_SPELLINGS: bool = true;

    fn same(&self, other: &Caseless) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

fn respell(ty: &Type) -> fn(&Value, Value) -> Value {
    match ty {
        Type::List(_) => List::<Caseless>::respell,
        Type::Map(_) => Map::<Caseless>::respell,
        Type::Set(_) => Set::<Caseless>::respell,
        _ => Caseless::respell,
    }
}

/// The value with its text changed.
fn retold(value: &Value, change: fn(&str) -> String) -> Value {
    let again = |value: &Value| retold(value, change);
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::List(elements) => Value::List(elements.iter().map(again).collect()),
        Value::Set(elements) => Value::set(elements.iter().map(again)),
        Value::Map(elements) => Value::map(elements.iter().map(|(key, it)| (key.clone(), again(it)))),
        other => other.clone(),
    }
}

fn in_capitals(value: &Value) -> Value {
    retold(value, |text| text.to_ascii_uppercase())
}

/// The configuration in another spelling wherever the schema knows several.
fn respelled(schema: &Schema, config: &Value) -> Value {
    let swapped = |text: &str| {
        let swap =
            |it: char| if it.is_lowercase() { it.to_ascii_uppercase() } else { it.to_ascii_lowercase() };
        text.chars().map(swap).collect()
    };
    let attributes = schema.attributes.iter().map(|attribute| {
        let value = config.get(&attribute.name).unwrap_or(&Value::Null);
        let has_spellings = attribute.rules.same.is_some() || attribute.rules.respell.is_some();
        let value = match (&attribute.kind, value) {
            (Kind::Plain(_), value) if has_spellings => retold(value, swapped),
            (Kind::Single(schema), value @ Value::Object(_)) => respelled(schema, value),
            (Kind::List(schema), Value::List(elements)) => {
                Value::List(elements.iter().map(|it| respelled(schema, it)).collect())
            }
            (Kind::Set(schema), Value::Set(elements)) => {
                Value::set(elements.iter().map(|it| respelled(schema, it)))
            }
            (Kind::Map(schema), Value::Map(elements)) => {
                Value::map(elements.iter().map(|(key, it)| (key.clone(), respelled(schema, it))))
            }
            (_, value) => value.clone(),
        };
        (attribute.name.clone(), value)
    });
    Value::Object(attributes.collect())
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
    let text = "[abAB]{1,2}".prop_map(Value::from);
    let text = if unknown { prop_oneof![6 => text, 1 => Just(Value::Unknown)].boxed() } else { text.boxed() };
    let set = match &attribute.kind {
        Kind::Plain(Type::List(_)) => prop::collection::vec(text, 0..3).prop_map(Value::List).boxed(),
        Kind::Plain(Type::Map(_)) => {
            prop::collection::btree_map("[kl]", text, 0..3).prop_map(Value::Map).boxed()
        }
        Kind::Plain(Type::Set(_)) => prop::collection::vec(text, 0..3).prop_map(Value::set).boxed(),
        Kind::Plain(_) => text,
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

    #[test]
    fn another_spelling_plans_nothing((schema, config, _) in a_resource_and_a_change()) {
        let state = applied(&schema, &plan(&schema, &config, None));
        prop_assert_eq!(plan(&schema, &respelled(&schema, &config), Some(&state)), state);
    }
}
