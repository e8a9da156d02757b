//! From values to Rust types and back.

use std::collections::BTreeMap;

use crate::policy::pairs;
use crate::schema::Kind;
use crate::{Attr, Diagnostic, Diagnostics, Number, Path, Set, Type, Value};

/// A Rust type that an attribute can hold.
///
/// Implemented for `String`, `bool`, `i64`, `f64`, [`Number`], [`crate::List`],
/// [`crate::Map`], [`Set`] and, through [`crate::model!`], for nested objects.
/// A provider may implement it for its own types, a quantity for example;
/// `encode` must then give back the spelling that `decode` took, because
/// Terraform compares the two.
pub trait Field: Sized {
    /// The attribute kind that the schema declares.
    fn kind() -> Kind;

    /// The Rust value of a value that is neither null nor unknown itself.
    ///
    /// # Errors
    /// Diagnostics with the path of what does not fit, at or below `path`.
    fn decode(value: Value, path: &Path) -> Result<Self, Diagnostics>;

    /// The value that Terraform sees.
    fn encode(&self) -> Value;

    /// Whether values of this type have several spellings, so that [`Field::same`] is asked.
    const HAS_SPELLINGS: bool = false;

    /// Whether two values are spellings of the same: `6GiB` and `6144MiB`.
    ///
    /// What Terraform has seen of a value is how it stays spelled: where the
    /// configuration, an apply or a read brings another spelling of the same,
    /// plan and state keep the prior one, also for elements of collections. A
    /// collection that the user set is planned as it was or as it is set, since
    /// Terraform takes no mixture of the two: where any element means something
    /// else, the plan has the user's spelling of all.
    fn same(&self, other: &Self) -> bool {
        let _ = other;
        false
    }

    /// `value` with the spelling of `prior` wherever both mean the same. Collections do so for each element.
    #[doc(hidden)]
    fn respell(prior: &Value, value: Value) -> Value {
        // Nothing is the same as what is not known.
        if !prior.is_wholly_known() || !value.is_wholly_known() {
            return value;
        }
        let root = Path::root();
        match (Self::decode(prior.clone(), &root), Self::decode(value.clone(), &root)) {
            (Ok(old), Ok(new)) if old.same(&new) => prior.clone(),
            _ => value,
        }
    }

    /// What is wrong with a declaration of this type that [`Field::kind`] does not show.
    #[doc(hidden)]
    fn problems() -> Vec<String> {
        Vec::new()
    }
}

impl<T: Field> Attr<T> {
    /// The attribute that a value of any state stands for.
    ///
    /// # Errors
    /// Diagnostics with the path of what does not fit, at or below `path`.
    pub fn decode(value: Value, path: &Path) -> Result<Attr<T>, Diagnostics> {
        match value {
            Value::Null => Ok(Attr::Null),
            Value::Unknown => Ok(Attr::Unknown),
            value => T::decode(value, path).map(Attr::Known),
        }
    }

    /// The value of this attribute, in any state.
    pub fn encode(&self) -> Value {
        match self {
            Attr::Known(value) => value.encode(),
            Attr::Null => Value::Null,
            Attr::Unknown => Value::Unknown,
        }
    }
}

/// What `decode` says of a value of another kind than the schema's.
pub(crate) fn mismatch(expected: &str, value: &Value, path: &Path) -> Diagnostics {
    Diagnostic::error("Unexpected value type", format!("{path} must be {expected}, but is {}.", value.kind()))
        .at(path.clone())
        .into()
}

impl Field for String {
    fn kind() -> Kind {
        Kind::Plain(Type::String)
    }

    fn decode(value: Value, path: &Path) -> Result<String, Diagnostics> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(mismatch("a string", &other, path)),
        }
    }

    fn encode(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Field for bool {
    fn kind() -> Kind {
        Kind::Plain(Type::Bool)
    }

    fn decode(value: Value, path: &Path) -> Result<bool, Diagnostics> {
        match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(mismatch("a bool", &other, path)),
        }
    }

    fn encode(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Field for Number {
    fn kind() -> Kind {
        Kind::Plain(Type::Number)
    }

    fn decode(value: Value, path: &Path) -> Result<Number, Diagnostics> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err(mismatch("a number", &other, path)),
        }
    }

    fn encode(&self) -> Value {
        Value::Number(self.clone())
    }
}

impl Field for i64 {
    fn kind() -> Kind {
        Kind::Plain(Type::Number)
    }

    fn decode(value: Value, path: &Path) -> Result<i64, Diagnostics> {
        let number = Number::decode(value, path)?;
        number.to_i64().ok_or_else(|| {
            let detail = format!("{path} must be a whole number of at most 64 bits, but is {number}.");
            Diagnostic::error("Not a whole number", detail).at(path.clone()).into()
        })
    }

    fn encode(&self) -> Value {
        Value::from(*self)
    }
}

impl Field for f64 {
    fn kind() -> Kind {
        Kind::Plain(Type::Number)
    }

    fn decode(value: Value, path: &Path) -> Result<f64, Diagnostics> {
        let number = Number::decode(value, path)?;
        Some(number.to_f64()).filter(|float| float.is_finite()).ok_or_else(|| {
            let detail = format!("{path} must fit a 64-bit float, but is {number}.");
            Diagnostic::error("Number out of range", detail).at(path.clone()).into()
        })
    }

    /// The shortest decimal that reads back as this float, which is what the
    /// user wrote; the exact binary value would be another number to Terraform.
    fn encode(&self) -> Value {
        self.to_string().parse().map_or(Value::Null, Value::Number)
    }
}

impl<T: Field> Field for Vec<Attr<T>> {
    fn kind() -> Kind {
        T::kind().in_list()
    }

    fn decode(value: Value, path: &Path) -> Result<Self, Diagnostics> {
        match value {
            Value::List(elements) => collect(
                elements
                    .into_iter()
                    .enumerate()
                    .map(|(index, element)| Attr::decode(element, &path.index(index))),
            ),
            other => Err(mismatch("a list", &other, path)),
        }
    }

    fn encode(&self) -> Value {
        Value::List(self.iter().map(Attr::encode).collect())
    }

    fn problems() -> Vec<String> {
        in_collection::<T>()
    }

    const HAS_SPELLINGS: bool = T::HAS_SPELLINGS;

    fn respell(prior: &Value, value: Value) -> Value {
        match (prior, value) {
            (Value::List(prior), Value::List(elements)) => {
                let elements = elements.into_iter().enumerate();
                Value::List(elements.map(|(index, it)| element::<T>(prior.get(index), it)).collect())
            }
            (_, value) => value,
        }
    }
}

impl<T: Field> Field for Set<T> {
    fn kind() -> Kind {
        T::kind().in_set()
    }

    /// Elements of a set have no path of their own: errors are at the set.
    fn decode(value: Value, path: &Path) -> Result<Self, Diagnostics> {
        match value {
            Value::Set(elements) => {
                collect(elements.into_iter().map(|element| Attr::decode(element, path))).map(Set)
            }
            other => Err(mismatch("a set", &other, path)),
        }
    }

    fn encode(&self) -> Value {
        Value::set(self.0.iter().map(Attr::encode))
    }

    fn problems() -> Vec<String> {
        in_collection::<T>()
    }

    const HAS_SPELLINGS: bool = T::HAS_SPELLINGS;

    fn respell(prior: &Value, value: Value) -> Value {
        match (prior, value) {
            (Value::Set(prior), Value::Set(elements)) => {
                Value::set(pairs::respelled(prior, elements, &mut false, |old, new| {
                    element::<T>(Some(old), new)
                }))
            }
            (_, value) => value,
        }
    }
}

impl<T: Field> Field for BTreeMap<String, Attr<T>> {
    fn kind() -> Kind {
        T::kind().in_map()
    }

    fn decode(value: Value, path: &Path) -> Result<Self, Diagnostics> {
        match value {
            Value::Map(elements) => collect(elements.into_iter().map(|(key, element)| {
                let element = Attr::decode(element, &path.key(&key))?;
                Ok((key, element))
            })),
            other => Err(mismatch("a map", &other, path)),
        }
    }

    fn encode(&self) -> Value {
        Value::Map(self.iter().map(|(key, element)| (key.clone(), element.encode())).collect())
    }

    fn problems() -> Vec<String> {
        in_collection::<T>()
    }

    const HAS_SPELLINGS: bool = T::HAS_SPELLINGS;

    fn respell(prior: &Value, value: Value) -> Value {
        match (prior, value) {
            (Value::Map(prior), Value::Map(elements)) => {
                let respelled = elements.into_iter().map(|(key, it)| {
                    let it = element::<T>(prior.get(&key), it);
                    (key, it)
                });
                Value::Map(respelled.collect())
            }
            (_, value) => value,
        }
    }
}

/// What is wrong with a collection of such elements.
fn in_collection<T: Field>() -> Vec<String> {
    T::problems().into_iter().chain(T::kind().lost_in_collection()).collect()
}

/// An element with the spelling of what stood in its place.
fn element<T: Field>(prior: Option<&Value>, value: Value) -> Value {
    match prior {
        Some(prior) if !prior.is_null() && !value.is_null() && !value.is_unknown() => {
            T::respell(prior, value)
        }
        _ => value,
    }
}

/// All elements, or the diagnostics of all that failed.
fn collect<T, C: FromIterator<T>>(
    results: impl Iterator<Item = Result<T, Diagnostics>>,
) -> Result<C, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let collected = results.filter_map(|result| diagnostics.take(result)).collect();
    if diagnostics.has_errors() { Err(diagnostics) } else { Ok(collected) }
}
