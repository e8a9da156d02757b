//! One declaration for a resource's schema, its Rust type and its docs.

use crate::{Diagnostics, Path, Schema, Value};

/// A Rust struct that is also an object schema. [`crate::model!`] writes it.
pub trait Model: Clone + std::fmt::Debug + Default + PartialEq + Send + Sync + 'static {
    /// What Terraform is told of the object.
    fn schema() -> Schema;

    /// The struct of an object value. Missing attributes are null.
    ///
    /// # Errors
    /// Diagnostics with the path of what does not fit, at or below `path`.
    fn from_value(value: Value, path: &Path) -> Result<Self, Diagnostics>;

    /// The object value of the struct.
    fn to_value(&self) -> Value;
}

/// Declares a struct whose fields are attributes.
///
/// The doc comments become the descriptions that users read in the registry
/// and in `terraform providers schema`. Each field is an [`crate::Attr`] and is
/// given the [`crate::Rules`] of its attribute. A struct so declared may be the
/// type of an attribute of another one, also in a collection. In a collection of
/// collections Terraform knows its type alone, so that there anything but
/// `required()` is reported as a bug of the provider in debug builds and tests.
///
/// ```
/// use tfplugin::{Attr, Map, Model, model};
///
/// model! {
///     /// When to greet.
///     pub struct Window {
///         /// When the window opens, `HH:MM`.
///         pub start: Attr<String> = required().validate(|it| match it.len() {
///             5 => Ok(()),
///             _ => Err("must look like 02:00".to_owned()),
///         }),
///         /// The zone of `start`.
///         pub time_zone: Attr<String> = optional().default("UTC"),
///     }
/// }
///
/// model! {
///     /// Greets a person.
///     pub struct Greeting {
///         /// Whom to greet.
///         pub name: Attr<String> = required().requires_replace(),
///         /// How often.
///         pub times: Attr<i64> = optional().default(1).range(1..=10),
///         /// The windows by name.
///         pub windows: Attr<Map<Window>> = optional(),
///         /// What was said.
///         pub said: Attr<String> = computed().use_state_for_unknown(),
///     }
/// }
///
/// assert_eq!(Greeting::schema().description, "Greets a person.");
/// assert_eq!(Greeting::schema().attributes.len(), 4);
/// ```
#[macro_export]
macro_rules! model {
    (
        $(#[doc = $about:literal])*
        $visibility:vis struct $model:ident {
            $(
                $(#[doc = $meaning:literal])*
                $field_visibility:vis $field:ident : $attr:ident<$holds:ty> = $rules:expr
            ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        $visibility struct $model {
            $(
                $(#[doc = $meaning])*
                $field_visibility $field: $attr<$holds>,
            )*
        }

        impl $crate::Model for $model {
            fn schema() -> $crate::Schema {
                $crate::Schema {
                    description: $crate::macros::text(&[$($about),*]),
                    attributes: vec![$({
                        $crate::__declaration_words!($holds);
                        let rules: $crate::Rules<$holds> = $rules;
                        rules.into_attribute($crate::macros::name(stringify!($field)), &$crate::macros::text(&[$($meaning),*]))
                    }),*],
                }
            }

            #[allow(unused_mut, unused_variables)]
            fn from_value(
                value: $crate::Value,
                path: &$crate::Path,
            ) -> ::std::result::Result<Self, $crate::Diagnostics> {
                let mut object = $crate::macros::ObjectReader::new(value, path)?;
                $(let $field: ::std::option::Option<$crate::Attr<$holds>> =
                    object.read($crate::macros::name(stringify!($field)));)*
                object.finish()?;
                Ok($model { $($field: $field.unwrap_or_default()),* })
            }

            fn to_value(&self) -> $crate::Value {
                $crate::Value::Object(::std::collections::BTreeMap::from([
                    $(($crate::macros::name(stringify!($field)).to_owned(), self.$field.encode())),*
                ]))
            }
        }

        impl $crate::Field for $model {
            fn kind() -> $crate::Kind {
                $crate::Kind::Single(::std::sync::Arc::new(<$model as $crate::Model>::schema()))
            }

            fn decode(
                value: $crate::Value,
                path: &$crate::Path,
            ) -> ::std::result::Result<Self, $crate::Diagnostics> {
                <$model as $crate::Model>::from_value(value, path)
            }

            fn encode(&self) -> $crate::Value {
                <$model as $crate::Model>::to_value(self)
            }
        }
    };
}

/// The first words of a declaration, typed by the attribute they declare, so
/// that closures after them need no annotations.
#[doc(hidden)]
#[macro_export]
macro_rules! __declaration_words {
    ($holds:ty) => {
        #[allow(dead_code)]
        fn required() -> $crate::Rules<$holds> {
            $crate::Rules::new($crate::Mode::Required)
        }
        #[allow(dead_code)]
        fn optional() -> $crate::Rules<$holds> {
            $crate::Rules::new($crate::Mode::Optional)
        }
        #[allow(dead_code)]
        fn computed() -> $crate::Rules<$holds> {
            $crate::Rules::new($crate::Mode::Computed)
        }
        #[allow(dead_code)]
        fn optional_computed() -> $crate::Rules<$holds> {
            $crate::Rules::new($crate::Mode::OptionalComputed)
        }
    };
}

model! {
    /// No attributes: for providers without configuration and resources without identity.
    pub struct Nothing {}
}

/// What [`model!`] writes calls to.
#[doc(hidden)]
pub mod macros {
    use std::collections::BTreeMap;

    use crate::{Attr, Diagnostics, Field, Path, Value};

    /// The lines of a doc comment as one Markdown text.
    pub fn text(lines: &[&str]) -> String {
        let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        lines.join("\n").trim().to_owned()
    }

    /// The attribute name of a field name.
    pub fn name(field: &'static str) -> &'static str {
        field.strip_prefix("r#").unwrap_or(field)
    }

    /// Reads the attributes of an object, keeping all errors.
    #[derive(Debug)]
    pub struct ObjectReader<'a> {
        attributes: BTreeMap<String, Value>,
        path: &'a Path,
        diagnostics: Diagnostics,
    }

    impl<'a> ObjectReader<'a> {
        /// A reader of `value`.
        ///
        /// # Errors
        /// One error where the value is not an object.
        pub fn new(value: Value, path: &'a Path) -> Result<ObjectReader<'a>, Diagnostics> {
            match value {
                Value::Object(attributes) => {
                    Ok(ObjectReader { attributes, path, diagnostics: Diagnostics::new() })
                }
                other => Err(crate::field::mismatch("an object", &other, path)),
            }
        }

        /// The attribute of that name, null where it is missing.
        pub fn read<T: Field>(&mut self, name: &str) -> Option<Attr<T>> {
            match self.attributes.remove(name).unwrap_or_default() {
                Value::Null => Some(Attr::Null),
                Value::Unknown => Some(Attr::Unknown),
                value => self.diagnostics.take(Attr::decode(value, &self.path.field(name))),
            }
        }

        /// # Errors
        /// What was wrong with the attributes that were read.
        pub fn finish(self) -> Result<(), Diagnostics> {
            self.diagnostics.into_result().map(drop)
        }
    }
}
