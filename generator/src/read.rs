//! From a YAML tree to typed records, collecting every error on the way.
//!
//! A record is declared once with [`record!`](crate::record): its fields, their
//! types and their descriptions give both the reader and the JSON Schema.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tenancy::Invalid;
use tenancy::spelling::nearest;

use crate::node::{Key, Node, Value};
use crate::problem::{Place, Problem, Problems};

/// Where errors are collected while files are read.
#[derive(Debug)]
pub struct Reader<'r> {
    /// The errors of all files.
    pub problems: &'r mut Problems,
}

impl Reader<'_> {
    /// Records an error at a place of the file.
    pub fn refuse(&mut self, place: Place, reason: impl Into<String>, accepted: impl Into<String>) {
        self.problems.push(Problem::at(place, reason).accepted(accepted));
    }

    /// Records the refusal of a value by its type.
    pub fn invalid(&mut self, place: Place, why: &Invalid) {
        self.refuse(place, why.finding(), &why.accepted);
    }
}

/// A type that is read from a node.
pub trait FromNode: Sized {
    /// Reads it; `None` when at least one problem was recorded.
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;

    /// What stands for it when its key is absent; `None` when it must be given.
    fn absent() -> Option<Self> {
        None
    }
}

/// A type that is one scalar of the file.
pub trait Leaf: Sized {
    /// What JSON calls it: `string`, `integer` or `boolean`.
    const TYPE: &'static str = "string";
    /// What an editor may take for it. Text may look like a number and be meant as text.
    const SCHEMA: &'static [&'static str] = &[Self::TYPE];

    /// Reads the text as it was typed.
    ///
    /// # Errors
    /// Why it is refused and what would be accepted.
    fn leaf(text: &str) -> Result<Self, Invalid>;

    /// Adds to the schema what its type alone does not say, such as an example.
    fn refine(schema: &mut Schema);
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Leaf> FromNode for At<T> {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(text) = node.typed() else {
            let wanted = if T::TYPE == "string" { "text" } else { T::TYPE };
            let reason = format!("{wanted} belongs here, not {}", node.value.kind());
            reader.refuse(node.place.clone(), reason, "");
            return None;
        };
        match T::leaf(text) {
            Ok(value) => Some(At { value, place: node.place.clone() }),
            Err(why) => {
                reader.invalid(node.place.clone(), &why);
                None
            }
        }
    }
}

impl<T: Leaf> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::TYPE.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = match T::SCHEMA {
            [one] => json_schema!({ "type": one }),
            several => json_schema!({ "type": several }),
        };
        T::refine(&mut schema);
        schema
    }
}

impl<T: FromNode> FromNode for Option<T> {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            // A key whose value was commented out is a key that was left out.
            Value::Null => Some(None),
            _ => T::from_node(node, reader).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            let reason = format!("a list belongs here, not {}", node.value.kind());
            reader.refuse(node.place.clone(), reason, "Write `[a, b]`, or one item a line after `- `.");
            return None;
        };
        // Every item is read before the first failure counts.
        let read: Vec<Option<T>> = items.iter().map(|item| T::from_node(item, reader)).collect();
        read.into_iter().collect()
    }
}

/// A map whose keys people choose, in the order of the file.
#[derive(Debug, Clone)]
pub struct Entries<K, V>(pub Vec<(At<K>, V)>);

impl<K: Leaf, V: FromNode> FromNode for Entries<K, V> {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let reason = format!("a map belongs here, not {}", node.value.kind());
            reader.refuse(node.place.clone(), reason, "Write `name: value`, one a line.");
            return None;
        };
        let read: Vec<Option<(At<K>, V)>> = entries
            .iter()
            .map(|(key, value)| {
                let read_key = match K::leaf(&key.text) {
                    Ok(value) => Some(At { value, place: key.place.clone() }),
                    Err(why) => {
                        reader.invalid(key.place.clone(), &why);
                        None
                    }
                };
                let value = V::from_node(value, reader);
                Some((read_key?, value?))
            })
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(Entries)
    }
}

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Leaf, V: JsonSchema> JsonSchema for Entries<K, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<V>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// A part of a tenant file that is Kubernetes' own and goes through as it is.
#[derive(Debug, Clone)]
pub struct Verbatim(pub serde_json::Map<String, serde_json::Value>);

impl FromNode for Verbatim {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.json() {
            serde_json::Value::Object(fields) => Some(Self(fields)),
            _ => {
                let reason = format!("a map belongs here, not {}", node.value.kind());
                reader.refuse(node.place.clone(), reason, "Write the fields as Kubernetes spells them.");
                None
            }
        }
    }
}

impl JsonSchema for Verbatim {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Verbatim".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// A record that keeps its tree too, to lay it under others.
#[derive(Debug, Clone)]
pub struct Tree<T> {
    /// The record, which shows that the tree is one.
    pub record: T,
    /// The tree.
    pub node: Node,
}

impl<T: FromNode> FromNode for Tree<T> {
    fn from_node(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        T::from_node(node, reader).map(|record| Self { record, node: node.clone() })
    }
}

impl<T: JsonSchema> JsonSchema for Tree<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The fields of one record while they are being read.
#[derive(Debug)]
pub struct Fields<'n> {
    entries: &'n [(Key, Node)],
    known: &'static [&'static str],
    place: &'n Place,
}

impl<'n> Fields<'n> {
    /// Takes a node as a record with these fields; unknown keys are recorded at once.
    pub fn of(node: &'n Node, known: &'static [&'static str], reader: &mut Reader<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let reason = format!("a map belongs here, not {}", node.value.kind());
            reader.refuse(node.place.clone(), reason, accepted_keys(known));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let found = nearest(&key.text, known.iter().map(|known| (*known).to_owned()));
            let accepted = match found {
                Some(name) => format!("Perhaps `{name}` was meant."),
                None => accepted_keys(known),
            };
            reader.refuse(key.place.clone(), format!("there is no key `{}` here", key.text), accepted);
        }
        Some(Self { entries, known, place: &node.place })
    }

    /// Reads one field. `about` is its description, which tells what is missing.
    pub fn take<T: FromNode>(&self, name: &'static str, about: &str, reader: &mut Reader<'_>) -> Option<T> {
        match self.entries.iter().find(|(key, _)| key.text == name) {
            Some((_, node)) => T::from_node(node, reader),
            None => T::absent().or_else(|| {
                let accepted = format!("Give `{name}:`. {}", about.trim());
                reader.refuse(self.place.start(), format!("the key `{name}` is missing"), accepted);
                None
            }),
        }
    }

    /// Whether every key was known, once all fields were read.
    pub fn complete(&self) -> Option<()> {
        self.entries.iter().all(|(key, _)| self.known.contains(&key.text.as_str())).then_some(())
    }
}

/// The keys of a record, as far as a person reads such a list.
fn accepted_keys(known: &[&str]) -> String {
    if known.len() > 12 {
        return "`gpu-stacks schema tenant` lists the keys.".to_owned();
    }
    let mut keys: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
    keys.sort_unstable();
    format!("Keys are {}.", keys.join(", "))
}

/// The key of a field, whose name may be a word of Rust's own.
pub const fn key(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', name @ ..] => match std::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => field,
        },
        _ => field,
    }
}

/// Declares a record of a file: a struct that is read from YAML with all its
/// errors, and its part of the JSON Schema.
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* pub $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl $crate::read::FromNode for $name {
            fn from_node(
                node: &$crate::node::Node,
                reader: &mut $crate::read::Reader<'_>,
            ) -> Option<Self> {
                const KNOWN: &[&str] = &[$( $crate::read::key(stringify!($field)) ),*];
                let fields = $crate::read::Fields::of(node, KNOWN, reader)?;
                $( let $field = fields.take($crate::read::key(stringify!($field)), concat!($($doc),*), reader); )*
                fields.complete()?;
                Some(Self { $( $field: $field?, )* })
            }
        }
    };
}
