//! Messages of the protocol from and to the framework's types.

use std::collections::HashMap;

use super::tfplugin6 as proto;
use crate::codec::{json, msgpack};
use crate::function::Signature;
use crate::schema::{Attribute, Kind, Mode};
use crate::server::Entry;
use crate::{Diagnostic, Diagnostics, Path, Schema, Severity, Step, Type, Value};

/// The value in a message; nothing where it is missing or null as a whole.
pub(super) fn decode(
    dynamic: Option<proto::DynamicValue>,
    ty: &Type,
    what: &str,
) -> Result<Option<Value>, Diagnostics> {
    let Some(dynamic) = dynamic else { return Ok(None) };
    // Terraform sends msgpack; the protocol allows JSON too.
    let decoded = match (dynamic.msgpack.is_empty(), std::str::from_utf8(&dynamic.json)) {
        (false, _) => msgpack::decode(&dynamic.msgpack, ty),
        (true, Ok("")) => return Ok(None),
        (true, Ok(text)) => json::decode(text, ty),
        (true, Err(error)) => return Err(protocol_error(format!("The {what} is not UTF-8: {error}."))),
    };
    match decoded {
        Ok(Value::Null) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            Err(protocol_error(format!("The {what} that Terraform sent does not fit the schema: {error}.")))
        }
    }
}

/// The value in a message that must have one.
pub(super) fn decode_required(
    dynamic: Option<proto::DynamicValue>,
    ty: &Type,
    what: &str,
) -> Result<Value, Diagnostics> {
    decode(dynamic, ty, what)?.ok_or_else(|| protocol_error(format!("Terraform sent no {what}.")))
}

fn protocol_error(detail: String) -> Diagnostics {
    Diagnostic::error("Protocol error", detail).into()
}

/// The message of a value of `owner`. What does not fit its schema becomes an error in `diagnostics`.
pub(super) fn encode(
    owner: &str,
    value: Option<&Value>,
    ty: &Type,
    diagnostics: &mut Diagnostics,
) -> Option<proto::DynamicValue> {
    match msgpack::encode(value.unwrap_or(&Value::Null), ty) {
        Ok(bytes) => Some(proto::DynamicValue { msgpack: bytes.into(), json: Default::default() }),
        Err(error) => {
            let detail = format!(
                "{owner}: the provider's answer does not fit its schema: {error}. This is a bug of the provider; \
                 report it to the provider's authors."
            );
            diagnostics.push(Diagnostic::error("Provider bug", detail));
            None
        }
    }
}

pub(super) fn decode_identity<D>(
    identity: Option<proto::ResourceIdentityData>,
    entry: &Entry<D>,
) -> Result<Option<Value>, Diagnostics> {
    decode(identity.and_then(|identity| identity.identity_data), &entry.identity_type, "identity")
}

pub(super) fn encode_identity<D>(
    identity: Option<&Value>,
    entry: &Entry<D>,
    diagnostics: &mut Diagnostics,
) -> Option<proto::ResourceIdentityData> {
    let identity_data =
        encode(entry.resource.type_name(), Some(identity?), &entry.identity_type, diagnostics);
    Some(proto::ResourceIdentityData { identity_data })
}

/// Diagnostics whose source line Terraform finds; a path cut for that is named in the text.
pub(super) fn diagnostics(diagnostics: Diagnostics) -> Vec<proto::Diagnostic> {
    use proto::diagnostic::Severity as Wire;
    let message = |one: Diagnostic| {
        let place = one.path.to_string();
        let deep = one.path.steps().len() > 2 && !one.detail.contains(&place);
        proto::Diagnostic {
            severity: match one.severity {
                Severity::Error => Wire::Error.into(),
                Severity::Warning => Wire::Warning.into(),
            },
            summary: one.summary,
            detail: if deep { format!("At {place}: {}", one.detail) } else { one.detail },
            attribute: (!one.path.is_root()).then(|| path(&one.path.for_source_line())),
        }
    };
    diagnostics.into_iter().map(message).collect()
}

pub(super) fn path(path: &Path) -> proto::AttributePath {
    use proto::attribute_path::Step as WireStep;
    use proto::attribute_path::step::Selector;
    let step = |step: &Step| WireStep {
        selector: Some(match step {
            Step::Attribute(name) => Selector::AttributeName(name.clone()),
            Step::Key(key) => Selector::ElementKeyString(key.clone()),
            Step::Index(index) => Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX)),
        }),
    };
    proto::AttributePath { steps: path.steps().iter().map(step).collect() }
}

pub(super) fn schema(schema: &Schema, version: i64) -> proto::Schema {
    let block = proto::schema::Block {
        attributes: schema.attributes.iter().map(attribute).collect(),
        description: schema.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        ..Default::default()
    };
    proto::Schema { version, block: Some(block) }
}

/// The schema of the provider block. The host keeps no state of it that a provider could fill in, so that
/// a default makes nothing computed there: it is the framework's own affair.
pub(super) fn provider_schema(schema: &Schema) -> proto::Schema {
    fn set_by_the_user(attributes: &mut [proto::schema::Attribute]) {
        for attribute in attributes {
            attribute.computed = false;
            if let Some(nested) = &mut attribute.nested_type {
                set_by_the_user(&mut nested.attributes);
            }
        }
    }
    let mut schema = self::schema(schema, 0);
    if let Some(block) = &mut schema.block {
        set_by_the_user(&mut block.attributes);
    }
    schema
}

fn attribute(attribute: &Attribute) -> proto::schema::Attribute {
    use proto::schema::object::NestingMode;
    let nested = |schema: &Schema, nesting: NestingMode| {
        let attributes = schema.attributes.iter().map(self::attribute).collect();
        proto::schema::Object { attributes, nesting: nesting.into(), ..Default::default() }
    };
    let (plain, nested_type) = match &attribute.kind {
        Kind::Plain(ty) => (ty.to_json().to_string(), None),
        Kind::Single(schema) => (String::new(), Some(nested(schema, NestingMode::Single))),
        Kind::List(schema) => (String::new(), Some(nested(schema, NestingMode::List))),
        Kind::Set(schema) => (String::new(), Some(nested(schema, NestingMode::Set))),
        Kind::Map(schema) => (String::new(), Some(nested(schema, NestingMode::Map))),
    };
    proto::schema::Attribute {
        name: attribute.name.clone(),
        r#type: plain.into_bytes().into(),
        nested_type,
        description: attribute.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        required: attribute.mode == Mode::Required,
        optional: matches!(attribute.mode, Mode::Optional | Mode::OptionalComputed),
        computed: attribute.mode.is_computed(),
        sensitive: attribute.sensitive,
        deprecated: attribute.deprecation.is_some(),
        deprecation_message: attribute.deprecation.clone().unwrap_or_default(),
        write_only: attribute.write_only,
    }
}

pub(super) fn identity_schema(schema: &Schema, version: i64) -> proto::ResourceIdentitySchema {
    use proto::resource_identity_schema::IdentityAttribute;
    let attributes = schema.attributes.iter().map(|attribute| IdentityAttribute {
        name: attribute.name.clone(),
        r#type: attribute.kind.value_type().to_json().to_string().into_bytes().into(),
        required_for_import: attribute.mode == Mode::Required,
        optional_for_import: attribute.mode != Mode::Required,
        description: attribute.description.clone(),
    });
    proto::ResourceIdentitySchema { version, identity_attributes: attributes.collect() }
}

pub(super) fn function(signature: &Signature) -> proto::Function {
    let parameter = |attribute: &Attribute, ty: Type| proto::function::Parameter {
        name: attribute.name.clone(),
        r#type: ty.to_json().to_string().into_bytes().into(),
        allow_null_value: attribute.mode != Mode::Required,
        allow_unknown_values: signature.takes_unknown,
        description: attribute.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
    };
    let (fixed, last) = signature.positional();
    let about = &signature.parameters.description;
    let (summary, _) = about.split_once("\n\n").unwrap_or((about, ""));
    proto::Function {
        parameters: fixed.iter().map(|it| parameter(it, it.kind.value_type())).collect(),
        variadic_parameter: last.zip(signature.variadic_type()).map(|(last, ty)| parameter(last, ty)),
        r#return: Some(proto::function::Return {
            r#type: signature.returns.to_json().to_string().into_bytes().into(),
        }),
        summary: summary.replace('\n', " "),
        description: about.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        deprecation_message: String::new(),
    }
}

/// The schemas of all resources, by type name.
pub(super) fn by_name<E, T>(
    entries: &std::collections::BTreeMap<&'static str, E>,
    describe: impl Fn(&E) -> T,
) -> HashMap<String, T> {
    entries.iter().map(|(name, entry)| ((*name).to_owned(), describe(entry))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, List, Model, model};

    model! {
        /// A header.
        struct Header {
            /// What it says.
            value: Attr<String> = optional().default("yes"),
        }
    }

    model! {
        /// A provider block.
        struct Settings {
            /// How often it is tried.
            tries: Attr<i64> = optional().default(3),
            /// What is sent.
            headers: Attr<List<Header>> = optional(),
        }
    }

    #[test]
    fn a_default_makes_no_part_of_a_provider_block_computed() {
        let attributes = provider_schema(&Settings::schema()).block.unwrap().attributes;
        let nested = attributes[1].nested_type.clone().unwrap().attributes;
        for attribute in attributes.iter().chain(&nested) {
            assert!(attribute.optional && !attribute.computed, "{attribute:?}");
        }
        assert!(schema(&Settings::schema(), 0).block.unwrap().attributes[0].computed);
    }

    #[test]
    fn a_value_comes_as_msgpack_or_as_json() {
        let of = |msgpack: &[u8], json: &[u8]| {
            let (msgpack, json) = (msgpack.to_vec().into(), json.to_vec().into());
            decode(Some(proto::DynamicValue { msgpack, json }), &Type::String, "state")
        };
        assert_eq!(of(&[0xa1, b'x'], b""), Ok(Some("x".into())));
        assert_eq!(of(&[], br#""x""#), Ok(Some("x".into())));
        assert_eq!(of(&[], b""), Ok(None));
        assert_eq!(of(&[0xc0], b""), Ok(None));
        assert!(of(&[], &[0xff]).is_err());
        assert!(of(&[0xff], b"").is_err());
    }
}
