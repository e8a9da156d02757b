//! The vectors of `cty.json`, and where we differ from go-cty on purpose.

use serde_json::Value as Json;

use super::super::{json, msgpack};
use crate::{Type, Value};

pub(super) fn vectors(list: &str) -> Vec<Json> {
    let all: Json = serde_json::from_str(include_str!("cty.json")).unwrap();
    all[list].as_array().unwrap().clone()
}

pub(super) fn ty(json: &Json) -> Type {
    let element = |json: &Json| Box::new(ty(json));
    match json {
        Json::String(name) if name == "bool" => Type::Bool,
        Json::String(name) if name == "number" => Type::Number,
        Json::String(name) if name == "string" => Type::String,
        Json::Array(parts) => match parts[0].as_str().unwrap() {
            "list" => Type::List(element(&parts[1])),
            "set" => Type::Set(element(&parts[1])),
            "map" => Type::Map(element(&parts[1])),
            "object" => {
                let attributes = parts[1].as_object().unwrap().iter();
                Type::Object(attributes.map(|(name, it)| (name.clone(), ty(it))).collect())
            }
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn values_are_the_bytes_and_the_text_that_cty_makes_of_them() {
    for vector in vectors("values") {
        let (ty, packed) = (ty(&vector["type"]), bytes(vector["msgpack"].as_str().unwrap()));
        let value = msgpack::decode(&packed, &ty).unwrap();
        if let Some(text) = vector["json"].as_str() {
            assert_eq!(json::decode(text, &ty).unwrap(), value, "{vector}");
            // cty writes a few characters as escapes that mean themselves.
            let ours: Json = serde_json::from_str(&json::encode(&value)).unwrap();
            assert_eq!(ours, serde_json::from_str::<Json>(text).unwrap(), "{vector}");
        }
        let again = msgpack::encode(&value, &ty).unwrap();
        if vector["is"] == "unknown" {
            assert_eq!((value, again), (Value::Unknown, vec![0xd4, 0, 0]), "{vector}");
        } else {
            assert_eq!(again, packed, "{vector}");
        }
        assert_eq!(ty.to_json(), vector["type"]);
    }
}

#[test]
fn what_cty_reads_we_read_and_what_it_refuses_we_refuse() {
    // Text that is not UTF-8, bytes after the value, and keys that are no text:
    // cty guesses, and a guess in a state is found late.
    let refused_by_us = ["a1ff", "d4000000", "8101a162", "81c0a162"];
    for vector in vectors("msgpack_inputs") {
        let (ty, input) = (ty(&vector["type"]), vector["input"].as_str().unwrap());
        let ours = msgpack::decode(&bytes(input), &ty);
        if vector["refused"] == true || refused_by_us.contains(&input) {
            assert!(ours.is_err(), "{vector}: {ours:?}");
        } else if let Some(text) = vector["json"].as_str() {
            assert_eq!(ours.unwrap(), json::decode(text, &ty).unwrap(), "{vector}");
        } else {
            assert!(!ours.unwrap().is_wholly_known(), "{vector}");
        }
    }
}

#[test]
fn the_text_that_cty_reads_we_read() {
    for vector in vectors("json_inputs") {
        let (ty, input) = (ty(&vector["type"]), vector["input"].as_str().unwrap());
        let ours = json::decode(input, &ty);
        // A state may have attributes that the schema lost.
        if vector["refused"] == true && input != r#"{"a":"x","b":1,"c":2}"# {
            assert!(ours.is_err(), "{vector}: {ours:?}");
        } else if let Some(text) = vector["json"].as_str() {
            assert_eq!(ours.unwrap(), json::decode(text, &ty).unwrap(), "{vector}");
        }
    }
}
