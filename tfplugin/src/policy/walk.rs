//! Walks the nested objects of values that follow one schema, side by side.

use std::collections::BTreeMap;

use super::consistency::is_sensitive;
use crate::schema::{Attribute, Kind};
use crate::{Diagnostic, Diagnostics, Path, Schema, Value};

type Attributes = BTreeMap<String, Value>;

/// Where an object stands.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    pub(crate) path: Path,
    /// Whether the schema hides an attribute around it.
    pub(crate) hidden: bool,
    /// The innermost element of a set around it, or that it is.
    element: Option<Element<'a>>,
}

/// An element of a set. Paths have no step for one, so it is told by what is in it.
#[derive(Clone)]
struct Element<'a> {
    set: Path,
    schema: &'a Schema,
    object: &'a Attributes,
    hidden: bool,
}

/// How many attributes of an element are shown, and how much of each.
const SHOWN: usize = 4;
const SHOWN_CHARACTERS: usize = 40;

impl Place<'_> {
    /// The resource itself.
    pub(crate) fn root() -> Self {
        Place { path: Path::root(), hidden: false, element: None }
    }

    fn at(&self, path: Path, hidden: bool) -> Self {
        Place { path, hidden, element: self.element.clone() }
    }

    /// These diagnostics, with a sentence that says in which element of a set it is.
    pub(crate) fn named(&self, told: Diagnostics) -> Diagnostics {
        let Some(element) = &self.element else { return told };
        let sentence = element.sentence();
        told.into_iter().map(|it| Diagnostic { detail: format!("{} {sentence}", it.detail), ..it }).collect()
    }
}

impl Element<'_> {
    /// `The element of shelves is { name = "a", room = 0 }.`
    fn sentence(&self) -> String {
        let shows = |attribute: &&Attribute| {
            let value = self.object.get(&attribute.name)?;
            if value.is_null() || value.is_unknown() {
                return None;
            }
            let text = match value {
                _ if self.hidden || is_sensitive(self.schema, &Path::attribute(&attribute.name)) => {
                    "(sensitive)".to_owned()
                }
                value if value.is_wholly_known() => crate::codec::json::encode(value),
                _ => "…".to_owned(),
            };
            let short: String = text.chars().take(SHOWN_CHARACTERS).collect();
            let short = if short.len() < text.len() { format!("{short}…") } else { short };
            Some(format!("{} = {short}", attribute.name))
        };
        let mut known: Vec<String> = self.schema.attributes.iter().filter_map(|it| shows(&it)).collect();
        if known.len() > SHOWN {
            known.truncate(SHOWN);
            known.push("…".to_owned());
        }
        format!("The element of {} is {{ {} }}.", self.set, known.join(", "))
    }
}

/// Calls `visit` for the object at `place` and each nested object of `value`.
pub(crate) fn objects<'a>(
    schema: &'a Schema,
    object: &'a Attributes,
    place: &Place<'a>,
    visit: &mut impl FnMut(&Schema, &Attributes, &Place<'a>),
) {
    visit(schema, object, place);
    for attribute in &schema.attributes {
        let path = place.path.field(&attribute.name);
        let hidden = place.hidden || attribute.sensitive || attribute.write_only;
        match (object.get(&attribute.name), &attribute.kind) {
            (Some(Value::Object(nested)), Kind::Single(schema)) => {
                objects(schema, nested, &place.at(path, hidden), visit)
            }
            (Some(Value::List(elements)), Kind::List(schema)) => {
                for (index, element) in elements.iter().enumerate() {
                    if let Value::Object(nested) = element {
                        objects(schema, nested, &place.at(path.index(index), hidden), visit);
                    }
                }
            }
            (Some(Value::Set(elements)), Kind::Set(schema)) => {
                for element in elements {
                    if let Value::Object(nested) = element {
                        let element = Some(Element { set: path.clone(), schema, object: nested, hidden });
                        objects(schema, nested, &Place { path: path.clone(), hidden, element }, visit);
                    }
                }
            }
            (Some(Value::Map(elements)), Kind::Map(schema)) => {
                for (key, element) in elements {
                    if let Value::Object(nested) = element {
                        objects(schema, nested, &place.at(path.key(key), hidden), visit);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Two objects beside the one that is walked, where they have it too.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) config: Option<&'a Value>,
    pub(crate) prior: Option<&'a Value>,
}

impl<'a> Beside<'a> {
    /// The same attribute in both.
    pub(crate) fn attribute(self, name: &str) -> Beside<'a> {
        self.each(|value| value.get(name))
    }

    fn each(self, step: impl Fn(&'a Value) -> Option<&'a Value>) -> Beside<'a> {
        Beside { config: self.config.and_then(&step), prior: self.prior.and_then(&step) }
    }
}

/// Calls `change` for every nested object directly below the attribute value,
/// with what stands at its place in the other two.
pub(crate) fn nested_mut(
    kind: &Kind,
    value: &mut Value,
    beside: Beside<'_>,
    mut change: impl FnMut(&Schema, &mut Attributes, Beside<'_>),
) {
    match (kind, value) {
        (Kind::Single(schema), Value::Object(nested)) => change(schema, nested, beside),
        (Kind::List(schema), Value::List(elements)) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let beside = beside.each(|value| match value {
                    Value::List(elements) => elements.get(index),
                    _ => None,
                });
                if let Value::Object(nested) = element {
                    change(schema, nested, beside);
                }
            }
        }
        (Kind::Map(schema), Value::Map(elements)) => {
            for (key, element) in elements {
                if let Value::Object(nested) = element {
                    change(schema, nested, beside.each(|value| value.get(key)));
                }
            }
        }
        (Kind::Set(schema), Value::Set(elements)) => {
            let changed = elements.drain(..).map(|mut element| {
                // Elements of a set have no place, only their value: what
                // stands beside one is an equal one.
                let same = element.clone();
                let beside = Beside {
                    config: beside.config.map(|_| &same),
                    prior: beside.prior.and_then(|prior| match prior {
                        Value::Set(elements) => elements.iter().find(|prior| **prior == same),
                        _ => None,
                    }),
                };
                if let Value::Object(nested) = &mut element {
                    change(schema, nested, beside);
                }
                element
            });
            if let Value::Set(sorted) = Value::set(changed.collect::<Vec<_>>()) {
                *elements = sorted;
            }
        }
        _ => {}
    }
}
