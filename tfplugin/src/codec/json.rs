//! JSON as it stands in state files, read and written without rounding numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{CodecError, Way};
use crate::{Number, Type, Value};

/// The value of type `ty` in a state file. Attributes that the type does not
/// have are dropped and those that the text does not have are null, so that a
/// schema may gain and lose attributes.
pub(crate) fn decode(text: &str, ty: &Type) -> Result<Value, CodecError> {
    let raw: &RawValue =
        serde_json::from_str(text).map_err(|error| CodecError::malformed(&Way::Root, error))?;
    read(raw, ty, &Way::Root)
}

fn read(raw: &RawValue, ty: &Type, way: &Way<'_>) -> Result<Value, CodecError> {
    let text = raw.get();
    if text == "null" {
        return Ok(Value::Null);
    }
    let malformed = |error: serde_json::Error| CodecError::malformed(way, error);
    match ty {
        // Terraform takes scalars for each other where they read as such: an
        // attribute may have had another type when the state was written.
        Type::Bool => match scalar(text).as_deref() {
            Ok("true") => Ok(Value::Bool(true)),
            Ok("false") => Ok(Value::Bool(false)),
            Ok("1") if text.starts_with('"') => Ok(Value::Bool(true)),
            Ok("0") if text.starts_with('"') => Ok(Value::Bool(false)),
            Ok(_) => Err(CodecError::malformed(way, format!("{text} is neither true nor false"))),
            Err(error) => Err(CodecError::malformed(way, error)),
        },
        Type::String => match scalar(text) {
            Ok(scalar) => Ok(Value::String(scalar.into_owned())),
            Err(error) => Err(CodecError::malformed(way, error)),
        },
        Type::Number => match scalar(text).map(|scalar| scalar.parse::<Number>()) {
            Ok(Ok(number)) => Ok(Value::Number(number)),
            Ok(Err(error)) => Err(CodecError::malformed(way, error)),
            Err(error) => Err(CodecError::malformed(way, error)),
        },
        Type::List(element) => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
            let elements = elements.into_iter().enumerate();
            elements
                .map(|(index, raw)| read(raw, element, &Way::Index(way, index)))
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Type::Set(element) => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
            let elements = elements.into_iter().map(|raw| read(raw, element, way));
            elements.collect::<Result<Vec<_>, _>>().map(Value::set)
        }
        Type::Map(element) => {
            let elements: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(malformed)?;
            let elements = elements.into_iter().map(|(key, raw)| {
                let value = read(raw, element, &Way::Key(way, &key))?;
                Ok((key, value))
            });
            elements.collect::<Result<_, _>>().map(Value::Map)
        }
        Type::Object(attributes) => {
            let values: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(malformed)?;
            let values = attributes.iter().map(|(name, attribute)| {
                let value = values.get(name).map(|raw| read(raw, attribute, &Way::Attribute(way, name)));
                Ok((name.clone(), value.transpose()?.unwrap_or_default()))
            });
            values.collect::<Result<_, _>>().map(Value::Object)
        }
    }
}

/// A scalar as text: what is between its quotes, or the whole of it.
fn scalar(text: &str) -> Result<Cow<'_, str>, String> {
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).map(Cow::Owned).map_err(|error| error.to_string()),
        Some(b'[' | b'{') | None => Err("it is no scalar".to_owned()),
        Some(_) => Ok(Cow::Borrowed(text)),
    }
}

/// The text that a state file would hold. Unknown values, which a state cannot have, are null.
pub(crate) fn encode(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Unknown => out.push_str("null"),
        Value::Bool(flag) => out.push_str(&flag.to_string()),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_text(out, text),
        Value::List(elements) | Value::Set(elements) => {
            out.push('[');
            for (position, element) in elements.iter().enumerate() {
                separate(out, position);
                write(out, element);
            }
            out.push(']');
        }
        Value::Map(entries) | Value::Object(entries) => {
            out.push('{');
            for (position, (key, entry)) in entries.iter().enumerate() {
                separate(out, position);
                write_text(out, key);
                out.push(':');
                write(out, entry);
            }
            out.push('}');
        }
    }
}

fn separate(out: &mut String, position: usize) {
    if position > 0 {
        out.push(',');
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
