//! The three states of an attribute, and collections of such.

use std::collections::BTreeMap;

/// What an attribute holds: a value, nothing, or something that is not known before apply.
///
/// Every attribute and every element of a collection is an `Attr`, because any
/// of them may come from another resource that does not exist yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attr<T> {
    /// A value.
    Known(T),
    /// Not set.
    #[default]
    Null,
    /// Set, but not known before apply.
    Unknown,
}

/// Elements in order. Prefer [`Map`] for what people edit: Terraform and
/// OpenTofu misread insertions into lists.
pub type List<T> = Vec<Attr<T>>;

/// Elements under names that the user chooses.
pub type Map<T> = BTreeMap<String, Attr<T>>;

/// Elements without order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T>(pub Vec<Attr<T>>);

impl<T> Default for Set<T> {
    fn default() -> Set<T> {
        Set(Vec::new())
    }
}

impl<T> Attr<T> {
    /// The value, where there is one.
    pub fn known(&self) -> Option<&T> {
        self.as_ref().into_known()
    }

    /// The value, where there is one, giving up the attribute.
    pub fn into_known(self) -> Option<T> {
        match self {
            Attr::Known(value) => Some(value),
            Attr::Null | Attr::Unknown => None,
        }
    }

    /// Whether this is not set.
    pub fn is_null(&self) -> bool {
        matches!(self, Attr::Null)
    }

    /// Whether this is set to something not known before apply. An element of a
    /// known collection may be unknown all the same.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Attr::Unknown)
    }

    /// The same three states of a reference.
    pub fn as_ref(&self) -> Attr<&T> {
        match self {
            Attr::Known(value) => Attr::Known(value),
            Attr::Null => Attr::Null,
            Attr::Unknown => Attr::Unknown,
        }
    }

    /// The same three states of what `change` makes of the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Attr::Known(value) => Attr::Known(change(value)),
            Attr::Null => Attr::Null,
            Attr::Unknown => Attr::Unknown,
        }
    }

    /// The value, or `default` where it is not set. Unknown stays unknown.
    pub fn or_default(self, default: T) -> Attr<T> {
        match self {
            Attr::Null => Attr::Known(default),
            set => set,
        }
    }

    /// Nothing where the value is unknown, else whether it is set and to what:
    /// for code that goes on only when it knows.
    pub fn settled(&self) -> Option<Option<&T>> {
        match self {
            Attr::Known(value) => Some(Some(value)),
            Attr::Null => Some(None),
            Attr::Unknown => None,
        }
    }
}

impl Attr<String> {
    /// The text, where there is one.
    pub fn as_str(&self) -> Option<&str> {
        self.known().map(String::as_str)
    }
}

impl<T> From<T> for Attr<T> {
    fn from(value: T) -> Attr<T> {
        Attr::Known(value)
    }
}

impl From<&str> for Attr<String> {
    fn from(text: &str) -> Attr<String> {
        Attr::Known(text.to_owned())
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Attr<T> {
        value.map_or(Attr::Null, Attr::Known)
    }
}
