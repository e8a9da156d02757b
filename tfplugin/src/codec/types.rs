//! Types as JSON, the form in which a schema carries them.

use serde_json::json;

use crate::Type;

impl Type {
    /// The type in cty's JSON form: `"string"`, `["list","string"]`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Type::Bool => json!("bool"),
            Type::Number => json!("number"),
            Type::String => json!("string"),
            Type::List(element) => json!(["list", element.to_json()]),
            Type::Set(element) => json!(["set", element.to_json()]),
            Type::Map(element) => json!(["map", element.to_json()]),
            Type::Object(attributes) => {
                let attributes: serde_json::Map<String, serde_json::Value> =
                    attributes.iter().map(|(name, attribute)| (name.clone(), attribute.to_json())).collect();
                json!(["object", attributes])
            }
        }
    }

    /// What the type is called in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Type::Bool => "a bool",
            Type::Number => "a number",
            Type::String => "a string",
            Type::List(_) => "a list",
            Type::Set(_) => "a set",
            Type::Map(_) => "a map",
            Type::Object(_) => "an object",
        }
    }
}
