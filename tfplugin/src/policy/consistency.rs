//! Terraform's rules for what a provider may answer.
//!
//! Terraform checks most of them too, in words that blame the provider and name
//! little. Debug builds and [`crate::testing::Driver`] check them here, so that
//! a provider's own tests find the resource, the attribute and the rule.

mod apply;
mod identity;
mod plan;
mod state;

use std::fmt;

pub(crate) use apply::{fulfils, of_apply, of_next_plan};
pub(crate) use identity::of_identity;
pub(crate) use plan::{of_plan, of_replacement};
pub(crate) use state::{of_data, of_state};

use crate::schema::Kind;
use crate::{Diagnostic, Diagnostics, Path, Schema, Step, Value};

/// A rule of Terraform's, in the words in which a provider's author reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A plan against the configuration.
    KeepsConfiguration,
    OnlyComputed,
    UnknownOnlyComputed,
    SameElements,
    ReplacesWhatExists,
    /// A later plan, or an apply, against the plan.
    ComesTrue,
    SameCount,
    /// A state by itself.
    WhollyKnown,
    /// An identity.
    HasIdentity,
    IdentityKnown,
    IdentityStays,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Rule::KeepsConfiguration => "a plan keeps what the user set, or the spelling that it had before",
            Rule::OnlyComputed => "a plan sets only what the user left out and the schema calls computed",
            Rule::UnknownOnlyComputed => {
                "a plan leaves unknown only what the user left out and the schema calls computed"
            }
            Rule::SameElements => "a plan has the elements that the configuration has",
            Rule::ReplacesWhatExists => "a plan replaces because of attributes that exist",
            Rule::ComesTrue => "what a plan says comes true",
            Rule::SameCount => "a set has at most as many elements as were planned",
            Rule::WhollyKnown => "everything in a state is known",
            Rule::HasIdentity => "a resource that declares an identity has one as soon as it exists",
            Rule::IdentityKnown => "everything in an identity is known as soon as the resource exists",
            Rule::IdentityStays => "an identity stays the same for as long as the resource lives",
        })
    }
}

/// What one answer is judged by: whose it is, and which values must not be shown.
#[derive(Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub(crate) type_name: &'a str,
    pub(crate) schema: &'a Schema,
}

/// The broken rules of one answer.
struct Findings<'a> {
    judged: Judged<'a>,
    diagnostics: Diagnostics,
}

impl<'a> Findings<'a> {
    fn new(judged: Judged<'a>) -> Findings<'a> {
        Findings { judged, diagnostics: Diagnostics::new() }
    }

    /// Records that the value at `path` breaks `rule`: what it is, and what it should be.
    fn broken(&mut self, rule: Rule, path: &Path, is: &Value, should_be: Option<&Value>) {
        let shown = |value: &Value| match value {
            Value::Null => "null".to_owned(),
            Value::Unknown => "unknown".to_owned(),
            _ if is_sensitive(self.judged.schema, path) => "a sensitive value".to_owned(),
            value => brief(&crate::codec::json::encode(value)),
        };
        let place = if path.is_root() { "the resource".to_owned() } else { path.to_string() };
        let but = should_be.map(|value| format!(", not {}", shown(value))).unwrap_or_default();
        let detail = format!(
            "{}: {place} is {}{but}. The rule: {rule}. This is a bug of the provider and not of the \
             configuration; report it to the provider's authors.",
            self.judged.type_name,
            shown(is),
        );
        self.diagnostics.push(Diagnostic::error("Provider bug", detail).at(path.clone()));
    }
}

/// Enough of a value to recognise it.
fn brief(text: &str) -> String {
    const CHARACTERS_MAX: usize = 120;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether the schema hides what is at `path` or around it. What is around a hidden value is hidden too.
pub(super) fn is_sensitive(schema: &Schema, path: &Path) -> bool {
    let mut schema = schema;
    for step in path.steps() {
        let Step::Attribute(name) = step else { continue };
        let Some(attribute) = schema.attribute(name) else { return false };
        if attribute.sensitive || attribute.write_only {
            return true;
        }
        match &attribute.kind {
            Kind::Single(nested) | Kind::List(nested) | Kind::Set(nested) | Kind::Map(nested) => {
                schema = nested;
            }
            Kind::Plain(_) => return false,
        }
    }
    schema.attributes.iter().any(|attribute| is_sensitive(schema, &Path::attribute(&attribute.name)))
}
