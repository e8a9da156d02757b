//! cty's msgpack, in which Terraform and providers exchange values.
//!
//! Bytes say less than a value does (a set looks like a list), so both
//! directions follow a [`Type`]. That also bounds the depth of what is read.

use std::collections::BTreeMap;

use rmp::Marker;

use super::{CodecError, Way};
use crate::{Number, Type, Value};

/// The extension that stands for an unknown value without anything known about it.
const UNKNOWN: [u8; 3] = [0xd4, 0x00, 0x00];

/// The bytes of a value of type `ty`. Attributes that an object lacks are null.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    write(&mut out, value, ty, &Way::Root)?;
    Ok(out)
}

/// The value of type `ty` in `bytes`, all of them.
pub(crate) fn decode(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(ty, &Way::Root)?;
    match reader.rest.len() {
        0 => Ok(value),
        left => Err(CodecError::malformed(&Way::Root, format!("{left} bytes follow the value"))),
    }
}

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type, way: &Way<'_>) -> Result<(), CodecError> {
    let full = |error| CodecError::malformed(way, error);
    match (value, ty) {
        (Value::Null, _) => rmp::encode::write_nil(out).map_err(full),
        (Value::Unknown, _) => {
            out.extend_from_slice(&UNKNOWN);
            Ok(())
        }
        (Value::Bool(flag), Type::Bool) => rmp::encode::write_bool(out, *flag).map_err(full),
        (Value::Number(number), Type::Number) => write_number(out, number, way),
        (Value::String(text), Type::String) => write_text(out, text, way),
        (Value::List(elements), Type::List(element)) => {
            write_length(out, elements.len(), way, rmp::encode::write_array_len)?;
            let mut indexed = elements.iter().enumerate();
            indexed.try_for_each(|(index, value)| write(out, value, element, &Way::Index(way, index)))
        }
        (Value::Set(elements), Type::Set(element)) => {
            write_length(out, elements.len(), way, rmp::encode::write_array_len)?;
            elements.iter().try_for_each(|value| write(out, value, element, way))
        }
        (Value::Map(elements), Type::Map(element)) => {
            write_length(out, elements.len(), way, rmp::encode::write_map_len)?;
            elements.iter().try_for_each(|(key, value)| {
                write_text(out, key, way)?;
                write(out, value, element, &Way::Key(way, key))
            })
        }
        (Value::Object(values), Type::Object(attributes)) => {
            if let Some(stray) = values.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(CodecError::mismatch(
                    &Way::Attribute(way, stray),
                    "absent from the schema's object",
                    "set",
                ));
            }
            write_length(out, attributes.len(), way, rmp::encode::write_map_len)?;
            attributes.iter().try_for_each(|(name, attribute)| {
                write_text(out, name, way)?;
                write(out, values.get(name).unwrap_or(&Value::Null), attribute, &Way::Attribute(way, name))
            })
        }
        (value, ty) => Err(CodecError::value(way, ty.name(), value)),
    }
}

/// Integers of 64 bits and floats where those are exact, else decimal text, as cty does.
fn write_number(out: &mut Vec<u8>, number: &Number, way: &Way<'_>) -> Result<(), CodecError> {
    let full = |error: rmp::encode::ValueWriteError| CodecError::malformed(way, error);
    if let Some(integer) = number.to_i64() {
        return rmp::encode::write_sint(out, integer).map(drop).map_err(full);
    }
    match number.to_exact_f64().filter(|_| !number.is_whole()) {
        Some(float) => rmp::encode::write_f64(out, float).map_err(full),
        None => write_text(out, &number.to_string(), way),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str, way: &Way<'_>) -> Result<(), CodecError> {
    rmp::encode::write_str(out, text).map_err(|error| CodecError::malformed(way, error))
}

fn write_length<E: ToString, T>(
    out: &mut Vec<u8>,
    length: usize,
    way: &Way<'_>,
    write: impl Fn(&mut Vec<u8>, u32) -> Result<T, E>,
) -> Result<(), CodecError> {
    let length = u32::try_from(length).map_err(|error| CodecError::malformed(way, error))?;
    write(out, length).map(drop).map_err(|error| CodecError::malformed(way, error.to_string()))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type, way: &Way<'_>) -> Result<Value, CodecError> {
        let marker = Marker::from_u8(self.take::<1>(way)?[0]);
        if marker == Marker::Null {
            return Ok(Value::Null);
        }
        if let Some(length) = self.extension_length(marker, way)? {
            // Any extension is an unknown value: 0 plain, 12 with refinements,
            // which only say more about what it may become.
            self.bytes(length.saturating_add(1), way)?;
            return Ok(Value::Unknown);
        }
        match ty {
            Type::Bool => match marker {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                other => Err(wrong(way, ty, other)),
            },
            Type::Number => self.number(marker, way).map(Value::Number),
            Type::String => self.text(marker, way).map(Value::String),
            Type::List(element) => {
                let elements = (0..self.array_length(marker, ty, way)?)
                    .map(|index| self.value(element, &Way::Index(way, index)))
                    .collect::<Result<_, _>>()?;
                Ok(Value::List(elements))
            }
            Type::Set(element) => {
                let elements = (0..self.array_length(marker, ty, way)?)
                    .map(|_| self.value(element, way))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Value::set(elements))
            }
            Type::Map(element) => {
                let mut elements = Vec::new();
                for _ in 0..self.map_length(marker, ty, way)? {
                    let key = self.key(way)?;
                    let value = self.value(element, &Way::Key(way, &key))?;
                    elements.push((key, value));
                }
                Ok(Value::Map(elements.into_iter().collect()))
            }
            Type::Object(attributes) => self.object(marker, ty, attributes, way),
        }
    }

    fn object(
        &mut self,
        marker: Marker,
        ty: &Type,
        attributes: &BTreeMap<String, Type>,
        way: &Way<'_>,
    ) -> Result<Value, CodecError> {
        let mut values = Vec::with_capacity(attributes.len());
        for _ in 0..self.map_length(marker, ty, way)? {
            let name = self.key(way)?;
            let way = &Way::Attribute(way, &name);
            let Some(attribute) = attributes.get(&name) else {
                return Err(CodecError::mismatch(way, "absent from the schema's object", "set"));
            };
            let value = self.value(attribute, way)?;
            values.push((name, value));
        }
        // Terraform sends them in order, of which a map is made in one go.
        let values = BTreeMap::from_iter(values);
        if values.len() == attributes.len() {
            return Ok(Value::Object(values));
        }
        let missing = attributes.keys().find(|name| !values.contains_key(*name));
        let way = missing.map_or(*way, |missing| Way::Attribute(way, missing));
        Err(CodecError::malformed(&way, "the attribute is missing"))
    }

    fn number(&mut self, marker: Marker, way: &Way<'_>) -> Result<Number, CodecError> {
        let not_finite = || CodecError::malformed(way, "the number is not finite");
        Ok(match marker {
            Marker::FixPos(integer) => i64::from(integer).into(),
            Marker::FixNeg(integer) => i64::from(integer).into(),
            Marker::U8 => u64::from(u8::from_be_bytes(self.take(way)?)).into(),
            Marker::U16 => u64::from(u16::from_be_bytes(self.take(way)?)).into(),
            Marker::U32 => u64::from(u32::from_be_bytes(self.take(way)?)).into(),
            Marker::U64 => u64::from_be_bytes(self.take(way)?).into(),
            Marker::I8 => i64::from(i8::from_be_bytes(self.take(way)?)).into(),
            Marker::I16 => i64::from(i16::from_be_bytes(self.take(way)?)).into(),
            Marker::I32 => i64::from(i32::from_be_bytes(self.take(way)?)).into(),
            Marker::I64 => i64::from_be_bytes(self.take(way)?).into(),
            Marker::F32 => {
                Number::from_f64(f32::from_be_bytes(self.take(way)?).into()).ok_or_else(not_finite)?
            }
            Marker::F64 => Number::from_f64(f64::from_be_bytes(self.take(way)?)).ok_or_else(not_finite)?,
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => self
                .text(marker, way)?
                .parse()
                .map_err(|error: crate::NotANumber| CodecError::malformed(way, error))?,
            other => return Err(wrong(way, &Type::Number, other)),
        })
    }

    fn text(&mut self, marker: Marker, way: &Way<'_>) -> Result<String, CodecError> {
        let length = match marker {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 | Marker::Bin8 => usize::from(u8::from_be_bytes(self.take(way)?)),
            Marker::Str16 | Marker::Bin16 => usize::from(u16::from_be_bytes(self.take(way)?)),
            Marker::Str32 | Marker::Bin32 => self.length32(way)?,
            other => return Err(wrong(way, &Type::String, other)),
        };
        let bytes = self.bytes(length, way)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| CodecError::malformed(way, error))
    }

    fn key(&mut self, way: &Way<'_>) -> Result<String, CodecError> {
        let marker = Marker::from_u8(self.take::<1>(way)?[0]);
        self.text(marker, way)
    }

    fn array_length(&mut self, marker: Marker, ty: &Type, way: &Way<'_>) -> Result<usize, CodecError> {
        match marker {
            Marker::FixArray(length) => Ok(usize::from(length)),
            Marker::Array16 => Ok(usize::from(u16::from_be_bytes(self.take(way)?))),
            Marker::Array32 => self.length32(way),
            other => Err(wrong(way, ty, other)),
        }
    }

    fn map_length(&mut self, marker: Marker, ty: &Type, way: &Way<'_>) -> Result<usize, CodecError> {
        match marker {
            Marker::FixMap(length) => Ok(usize::from(length)),
            Marker::Map16 => Ok(usize::from(u16::from_be_bytes(self.take(way)?))),
            Marker::Map32 => self.length32(way),
            other => Err(wrong(way, ty, other)),
        }
    }

    fn extension_length(&mut self, marker: Marker, way: &Way<'_>) -> Result<Option<usize>, CodecError> {
        Ok(Some(match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => usize::from(u8::from_be_bytes(self.take(way)?)),
            Marker::Ext16 => usize::from(u16::from_be_bytes(self.take(way)?)),
            Marker::Ext32 => self.length32(way)?,
            _ => return Ok(None),
        }))
    }

    fn length32(&mut self, way: &Way<'_>) -> Result<usize, CodecError> {
        usize::try_from(u32::from_be_bytes(self.take(way)?))
            .map_err(|error| CodecError::malformed(way, error))
    }

    fn take<const N: usize>(&mut self, way: &Way<'_>) -> Result<[u8; N], CodecError> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| ends_early(way))?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn bytes(&mut self, length: usize, way: &Way<'_>) -> Result<&'a [u8], CodecError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(|| ends_early(way))?;
        self.rest = rest;
        Ok(bytes)
    }
}

fn ends_early(way: &Way<'_>) -> CodecError {
    CodecError::malformed(way, "the bytes end within the value")
}

fn wrong(way: &Way<'_>, ty: &Type, marker: Marker) -> CodecError {
    CodecError::mismatch(way, ty.name(), format!("encoded as {marker:?}"))
}
