//! What Terraform is told of a resource, and what the framework holds it to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Diagnostics, Path, Type, Value};

/// The attributes of a resource, of a provider's configuration, or of a nested object.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// What it is, in Markdown; from the doc comment of the model.
    pub description: String,
    /// The attributes, in the order in which they were declared.
    pub attributes: Vec<Attribute>,
}

/// One attribute: what Terraform is told, and the rules that the framework applies.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Lower-case letters, digits and underscores.
    pub name: String,
    /// What it means, in Markdown; from the doc comment of the field.
    pub description: String,
    /// What it holds.
    pub kind: Kind,
    /// Who sets it.
    pub mode: Mode,
    /// Hidden from plan output. The value still reaches the state file.
    pub sensitive: bool,
    /// Only written: the provider gets it from the configuration, and no plan and no state has it.
    pub write_only: bool,
    /// Set where the attribute should no longer be used: what to use instead.
    pub deprecation: Option<String>,
    /// The value where the configuration sets none.
    pub default: Option<Value>,
    pub(crate) rules: ErasedRules,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The user must.
    Required,
    /// The user may.
    Optional,
    /// The provider does.
    Computed,
    /// The user may, and the provider does where the user does not.
    OptionalComputed,
}

impl Mode {
    /// Whether the provider may choose the value where the user set none.
    pub fn is_computed(self) -> bool {
        matches!(self, Mode::Computed | Mode::OptionalComputed)
    }
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A scalar, or a collection of values that have no attributes of their own.
    Plain(Type),
    /// One nested object.
    Single(Arc<Schema>),
    /// Nested objects in order.
    List(Arc<Schema>),
    /// Nested objects without order.
    Set(Arc<Schema>),
    /// Nested objects under names that the user chooses.
    Map(Arc<Schema>),
}

impl Kind {
    /// The type of the values.
    pub fn value_type(&self) -> Type {
        match self {
            Kind::Plain(plain) => plain.clone(),
            Kind::Single(object) => object.value_type(),
            Kind::List(object) => Type::List(Box::new(object.value_type())),
            Kind::Set(object) => Type::Set(Box::new(object.value_type())),
            Kind::Map(object) => Type::Map(Box::new(object.value_type())),
        }
    }

    /// A list of this kind.
    pub(crate) fn in_list(self) -> Kind {
        match self {
            Kind::Single(object) => Kind::List(object),
            other => Kind::Plain(Type::List(Box::new(other.value_type()))),
        }
    }

    /// A set of this kind.
    pub(crate) fn in_set(self) -> Kind {
        match self {
            Kind::Single(object) => Kind::Set(object),
            other => Kind::Plain(Type::Set(Box::new(other.value_type()))),
        }
    }

    /// A map of this kind.
    pub(crate) fn in_map(self) -> Kind {
        match self {
            Kind::Single(object) => Kind::Map(object),
            other => Kind::Plain(Type::Map(Box::new(other.value_type()))),
        }
    }

    /// Whether this has objects of which Terraform is told the type alone.
    pub(crate) fn has_plain_objects(&self) -> bool {
        fn has_objects(ty: &Type) -> bool {
            match ty {
                Type::List(element) | Type::Set(element) | Type::Map(element) => has_objects(element),
                Type::Object(_) => true,
                Type::Bool | Type::Number | Type::String => false,
            }
        }
        matches!(self, Kind::Plain(ty) if has_objects(ty))
    }

    /// What is wrong with a collection of this kind: that the protocol has attributes for the objects in a
    /// collection, and none for those in a collection of collections, where whatever is declared of them goes.
    pub(crate) fn lost_in_collection(&self) -> Option<String> {
        let (Kind::List(object) | Kind::Set(object) | Kind::Map(object)) = self else { return None };
        let lost = object.attributes.iter().find(|attribute| !attribute.is_bare())?;
        Some(format!(
            "has objects within two collections, of which Terraform knows the type alone: what {} declares \
             beyond required() would be lost, so put the inner collection into an object",
            lost.name
        ))
    }
}

impl Attribute {
    /// Whether nothing is declared of this but what it holds and that the user must set it.
    fn is_bare(&self) -> bool {
        let within = match &self.kind {
            Kind::Single(nested) | Kind::List(nested) | Kind::Set(nested) | Kind::Map(nested) => {
                nested.attributes.as_slice()
            }
            Kind::Plain(_) => &[],
        };
        let flagged = self.sensitive || self.write_only || self.deprecation.is_some();
        self.mode == Mode::Required
            && !flagged
            && self.default.is_none()
            && self.rules.is_empty()
            && within.iter().all(Attribute::is_bare)
    }
}

impl Schema {
    /// The type of the whole object.
    pub fn value_type(&self) -> Type {
        let attributes = self.attributes.iter();
        Type::Object(attributes.map(|it| (it.name.clone(), it.kind.value_type())).collect())
    }

    /// Whether any attribute, at any depth, is only written.
    pub(crate) fn has_write_only(&self) -> bool {
        self.attributes.iter().any(|attribute| {
            attribute.write_only
                || match &attribute.kind {
                    Kind::Single(nested) | Kind::List(nested) | Kind::Set(nested) | Kind::Map(nested) => {
                        nested.has_write_only()
                    }
                    Kind::Plain(_) => false,
                }
        })
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

/// Says why a value is refused, without naming the attribute; and without the value, where that is hidden.
type Check = Arc<dyn Fn(&Value, &Path, bool) -> Diagnostics + Send + Sync>;
/// Looks at the object that holds the attribute.
type SiblingCheck = Arc<dyn Fn(&BTreeMap<String, Value>, &Path, &str) -> Diagnostics + Send + Sync>;
/// Compares an old and a new value.
type Compare = Arc<dyn Fn(&Value, &Value) -> bool + Send + Sync>;

/// The rules of one attribute, on untyped values.
#[derive(Clone, Default)]
pub(crate) struct ErasedRules {
    /// Applied to values that are set and known.
    pub(crate) checks: Vec<Check>,
    /// Applied to every object that has the attribute.
    pub(crate) sibling_checks: Vec<SiblingCheck>,
    /// Whether a change from the first value to the second needs a new resource.
    pub(crate) replaces: Option<Compare>,
    /// Whether two values are spellings of the same.
    pub(crate) same: Option<Compare>,
    /// Takes the prior spelling for a new value, or parts of it, that means the same by its type.
    pub(crate) respell: Option<fn(&Value, Value) -> Value>,
    /// Whether a value once computed stays.
    pub(crate) keeps: bool,
    /// The attributes that the sibling checks are about.
    pub(crate) siblings: Vec<String>,
    /// What is wrong with the declaration itself.
    pub(crate) problems: Vec<String>,
}

impl ErasedRules {
    fn is_empty(&self) -> bool {
        let compares = self.replaces.is_some() || self.same.is_some() || self.respell.is_some() || self.keeps;
        self.checks.is_empty() && self.sibling_checks.is_empty() && self.problems.is_empty() && !compares
    }
}

impl fmt::Debug for ErasedRules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ErasedRules")
            .field("checks", &self.checks.len())
            .field("sibling_checks", &self.sibling_checks.len())
            .field("replaces", &self.replaces.is_some())
            .field("same", &self.same.is_some())
            .field("respell", &self.respell.is_some())
            .field("keeps", &self.keeps)
            .field("siblings", &self.siblings)
            .field("problems", &self.problems)
            .finish()
    }
}
