//! JSON Schemas of the two files, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};

use crate::raw::{RawFleet, RawTenant};

/// The schema of `fleet.yaml`.
pub fn fleet() -> String {
    text::<RawFleet>("fleet.yaml of gpu-stacks")
}

/// The schema of `tenants/<name>.yaml`.
pub fn tenant() -> String {
    text::<RawTenant>("tenants/<name>.yaml of gpu-stacks")
}

/// Draft 7, which is the newest that yaml-language-server understands.
fn text<T: JsonSchema>(title: &str) -> String {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    RecursiveTransform(one_line_descriptions).transform(&mut schema);
    let mut text = format!("{:#}", schema.to_value());
    text.push('\n');
    text
}

/// Doc comments are wrapped where the source is; editors wrap for themselves.
fn one_line_descriptions(schema: &mut Schema) {
    if let Some(serde_json::Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}
