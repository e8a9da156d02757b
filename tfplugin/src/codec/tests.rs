mod cty;
mod mutated;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{json, msgpack, private};
use crate::{Number, Type, Value};

fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|element| Type::List(Box::new(element))),
            inner.clone().prop_map(|element| Type::Set(Box::new(element))),
            inner.clone().prop_map(|element| Type::Map(Box::new(element))),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4).prop_map(Type::Object),
        ]
    })
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<i128>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        "-?[0-9]{1,60}(\\.[0-9]{1,40})?(e-?[0-9]{1,3})?".prop_map(|text| text.parse().unwrap()),
    ]
}

/// A value of the type; `unknown` says whether it may have unknown parts.
fn any_value(ty: Type, unknown: bool) -> BoxedStrategy<Value> {
    let set = match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => any_number().prop_map(Value::Number).boxed(),
        Type::String => any::<String>().prop_map(Value::String).boxed(),
        Type::List(element) => {
            prop::collection::vec(any_value(*element, unknown), 0..4).prop_map(Value::List).boxed()
        }
        Type::Set(element) => {
            prop::collection::vec(any_value(*element, unknown), 0..4).prop_map(Value::set).boxed()
        }
        Type::Map(element) => {
            prop::collection::btree_map(any::<String>(), any_value(*element, unknown), 0..4)
                .prop_map(Value::Map)
                .boxed()
        }
        Type::Object(attributes) => attributes
            .into_iter()
            .map(|(name, attribute)| (Just(name), any_value(attribute, unknown)))
            .collect::<Vec<_>>()
            .prop_map(|entries| Value::Object(BTreeMap::from_iter(entries)))
            .boxed(),
    };
    let other = if unknown {
        prop_oneof![Just(Value::Null), Just(Value::Unknown)].boxed()
    } else {
        Just(Value::Null).boxed()
    };
    prop_oneof![8 => set, 1 => other].boxed()
}

fn typed(unknown: bool) -> impl Strategy<Value = (Type, Value)> {
    any_type().prop_flat_map(move |ty| (Just(ty.clone()), any_value(ty, unknown)))
}

proptest! {
    #[test]
    fn msgpack_gives_back_what_it_took((ty, value) in typed(true)) {
        let bytes = msgpack::encode(&value, &ty).unwrap();
        prop_assert_eq!(msgpack::decode(&bytes, &ty).unwrap(), value);
    }

    #[test]
    fn json_gives_back_what_it_took((ty, value) in typed(false)) {
        prop_assert_eq!(json::decode(&json::encode(&value), &ty).unwrap(), value);
    }

    #[test]
    fn garbage_is_an_error_and_not_a_panic(ty in any_type(), bytes: Vec<u8>) {
        let _ = msgpack::decode(&bytes, &ty);
        let _ = json::decode(&String::from_utf8_lossy(&bytes), &ty);
    }

    #[test]
    fn damaged_bytes_are_an_error_or_another_value(
        (ty, value) in typed(true), at: prop::sample::Index, byte: u8,
    ) {
        let mut bytes = msgpack::encode(&value, &ty).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(other) = msgpack::decode(&bytes, &ty) {
            prop_assert!(msgpack::encode(&other, &ty).is_ok());
        }
        prop_assert!(msgpack::decode(&bytes[..at], &ty).is_err());
    }

    #[test]
    fn damaged_text_is_an_error_or_another_value(
        (ty, value) in typed(false), at: prop::sample::Index, character: char,
    ) {
        let mut text: Vec<char> = json::encode(&value).chars().collect();
        let at = at.index(text.len());
        text[at] = character;
        if let Ok(other) = json::decode(&text.iter().collect::<String>(), &ty) {
            prop_assert_eq!(json::decode(&json::encode(&other), &ty).unwrap(), other);
        }
    }

    #[test]
    fn what_is_kept_beside_a_state_is_opened_or_left_alone(bytes: Vec<u8>, version: u32) {
        let (found, opened) = private::open(&bytes);
        prop_assert!(found != 0 || opened == bytes.as_slice());
        if !bytes.is_empty() && version != 0 {
            let sealed = private::seal(version, bytes.clone());
            prop_assert_eq!(private::open(&sealed), (version, bytes.as_slice()));
        }
    }

    #[test]
    fn a_number_is_what_its_text_says(whole: i128, places in 0_usize..60) {
        let digits = whole.unsigned_abs().to_string();
        let digits = format!("{}{digits}", "0".repeat((places + 1).saturating_sub(digits.len())));
        let (before, after) = digits.split_at(digits.len() - places);
        let text = format!("{}{before}.{after}0", if whole < 0 { "-" } else { "" });
        let number: Number = text.parse().unwrap();
        prop_assert_eq!(number.to_string().parse::<Number>().unwrap(), number.clone());
        let value = Value::Number(number);
        let bytes = msgpack::encode(&value, &Type::Number).unwrap();
        prop_assert_eq!(msgpack::decode(&bytes, &Type::Number).unwrap(), value.clone());
        prop_assert_eq!(json::decode(&text, &Type::Number).unwrap(), value);
    }
}

#[test]
fn an_unknown_with_refinements_is_unknown() {
    // Extension 12, whose body says "not null".
    assert_eq!(msgpack::decode(&[0xc7, 0x03, 0x0c, 0x81, 0x01, 0xc2], &Type::String), Ok(Value::Unknown));
}

#[test]
fn a_long_length_without_elements_ends_early() {
    let list = Type::List(Box::new(Type::Bool));
    assert!(msgpack::decode(&[0xdd, 0xff, 0xff, 0xff, 0xff], &list).is_err());
    assert!(msgpack::decode(&[0xdb, 0xff, 0xff, 0xff, 0xff], &Type::String).is_err());
}

#[test]
fn errors_name_the_path() {
    let ty = Type::Object([("a".to_owned(), Type::Map(Box::new(Type::Bool)))].into());
    let value = Value::object([("a", Value::map([("x", Value::from("no"))]))]);
    let error = msgpack::encode(&value, &ty).unwrap_err();
    assert_eq!(error.to_string(), r#"a["x"] must be a bool, but is a string"#);
}

#[test]
fn a_state_may_lack_attributes_and_have_strays() {
    let ty = Type::Object([("a".to_owned(), Type::String), ("new".to_owned(), Type::Bool)].into());
    let value = json::decode(r#"{"a": "x", "old": {"deep": [1]}}"#, &ty).unwrap();
    assert_eq!(value, Value::object([("a", Value::from("x")), ("new", Value::Null)]));
}

#[test]
fn wide_numbers_in_a_state_keep_their_digits() {
    let text = "340282366920938463463374607431768211457";
    assert_eq!(json::decode(text, &Type::Number).unwrap(), Value::Number(text.parse().unwrap()));
}
