//! How a function is written.

use std::fmt;

use crate::policy::{check, merge};
use crate::schema::Kind;
use crate::{Attr, Field, Model, Path, Schema, Step, Type, Value};

/// Something that a configuration calls: `provider::greeting::say("hello", 2)`.
///
/// The parameters are the attributes of a [`crate::model!`] in their order, and
/// its doc comment is what the function's page says: the first line is the
/// summary. `required()` refuses null, `optional()` takes it, and a `default`
/// stands in for it; rules such as `range` hold for arguments as they do for
/// attributes, and an error names the argument.
///
/// Terraform calls functions at any time, also before the provider is
/// configured, and expects the same result for the same arguments.
///
/// ```
/// use tfplugin::*;
///
/// model! {
///     /// Joins words.
///     pub struct JoinParameters {
///         /// What stands between the words.
///         pub separator: Attr<String> = required().length(..=3),
///         /// The words.
///         pub words: Attr<List<String>> = required(),
///     }
/// }
///
/// struct Join;
///
/// impl Function for Join {
///     type Parameters = JoinParameters;
///     type Returns = String;
///     const NAME: &'static str = "join";
///     const VARIADIC: bool = true;
///
///     fn call(&self, arguments: JoinParameters) -> Result<Attr<String>, FunctionError> {
///         let words = arguments.words.into_known().unwrap_or_default();
///         let words: Vec<String> = words.into_iter().filter_map(Attr::into_known).collect();
///         if words.is_empty() {
///             return Err(FunctionError::new("must be at least one").at(Path::attribute("words")));
///         }
///         Ok(words.join(arguments.separator.as_str().unwrap_or_default()).into())
///     }
/// }
/// ```
pub trait Function: Sized + Send + Sync + 'static {
    /// The parameters: one declaration of [`crate::model!`].
    type Parameters: Model;
    /// What it answers with.
    type Returns: Field + 'static;

    /// The name after `provider::NAME::`; lower-case letters, digits and underscores.
    const NAME: &'static str;

    /// Whether the last parameter, a list, takes all further arguments, each an element of it.
    const VARIADIC: bool = false;

    /// Whether it is called with unknown arguments too. Otherwise Terraform
    /// takes the result for unknown where any part of an argument is.
    const TAKES_UNKNOWN: bool = false;

    /// Computes the result. Only with [`Function::TAKES_UNKNOWN`] may anything be unknown, here or there.
    ///
    /// # Errors
    /// The call is refused for this reason.
    fn call(&self, arguments: Self::Parameters) -> Result<Attr<Self::Returns>, FunctionError>;
}

/// Why a function has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// The cause and the remedy. Terraform shows it after the argument's name.
    pub text: String,
    /// The parameter that the text is about, or the element of it; the root for the call as a whole.
    pub path: Path,
}

impl FunctionError {
    /// An error about the call as a whole.
    pub fn new(text: impl Into<String>) -> FunctionError {
        FunctionError { text: text.into(), path: Path::root() }
    }

    /// The same error about a parameter, or about an argument that is an element of the last one.
    pub fn at(self, path: Path) -> FunctionError {
        FunctionError { path, ..self }
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            out.write_str(&self.text)
        } else {
            write!(out, "{}: {}", self.path, self.text)
        }
    }
}

impl std::error::Error for FunctionError {}

/// The functions of a provider.
#[derive(Default)]
pub struct Functions {
    pub(crate) all: Vec<Box<dyn ErasedFunction>>,
}

impl Functions {
    /// No functions.
    pub fn new() -> Functions {
        Functions::default()
    }

    /// These and one more.
    pub fn with<F: Function>(mut self, function: F) -> Functions {
        self.all.push(Box::new(TypedFunction(function)));
        self
    }
}

/// [`Function`] on values.
pub(crate) trait ErasedFunction: Send + Sync {
    fn signature(&self) -> Signature;
    fn call(&self, arguments: Value) -> Result<Value, FunctionError>;
}

/// What Terraform is told of a function.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) parameters: Schema,
    pub(crate) returns: Type,
    pub(crate) is_variadic: bool,
    pub(crate) takes_unknown: bool,
}

/// A typed function behind [`ErasedFunction`].
struct TypedFunction<F>(F);

impl<F: Function> ErasedFunction for TypedFunction<F> {
    fn signature(&self) -> Signature {
        Signature {
            name: F::NAME,
            parameters: F::Parameters::schema(),
            returns: F::Returns::kind().value_type(),
            is_variadic: F::VARIADIC,
            takes_unknown: F::TAKES_UNKNOWN,
        }
    }

    fn call(&self, arguments: Value) -> Result<Value, FunctionError> {
        let arguments = F::Parameters::from_value(arguments, &Path::root()).map_err(first_error)?;
        self.0.call(arguments).map(|result| result.encode())
    }
}

/// The first error of what a check or a decoder found: a function has room for one.
fn first_error(diagnostics: crate::Diagnostics) -> FunctionError {
    diagnostics.into_iter().find(|one| one.severity == crate::Severity::Error).map_or_else(
        || FunctionError::new("no reason was given"),
        |one| FunctionError::new(one.detail).at(one.path),
    )
}

impl Signature {
    /// The parameters that take one argument each, and the type of those that the last one takes.
    pub(crate) fn positional(&self) -> (&[crate::schema::Attribute], Option<&crate::schema::Attribute>) {
        match self.parameters.attributes.split_last() {
            Some((last, others)) if self.is_variadic => (others, Some(last)),
            _ => (&self.parameters.attributes, None),
        }
    }

    /// The type of one argument of the last parameter.
    pub(crate) fn variadic_type(&self) -> Option<Type> {
        match self.positional().1.map(|last| last.kind.value_type())? {
            Type::List(element) => Some(*element),
            _ => None,
        }
    }

    /// The place of an argument among all arguments, counted from 0.
    pub(crate) fn position(&self, path: &Path) -> Option<usize> {
        let Some(Step::Attribute(name)) = path.steps().first() else { return None };
        let position = self.parameters.attributes.iter().position(|it| it.name == *name)?;
        let is_last = self.is_variadic && position + 1 == self.parameters.attributes.len();
        match path.steps().get(1) {
            Some(Step::Index(index)) if is_last => Some(position + index),
            _ => Some(position),
        }
    }

    /// The arguments, as many as there are, as the object of the parameters.
    pub(crate) fn object(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let (fixed, last) = self.positional();
        let given = arguments.len();
        if given < fixed.len() || (last.is_none() && given > fixed.len()) {
            let text = format!("{} takes {} arguments and was given {given}", self.name, fixed.len());
            return Err(FunctionError::new(text));
        }
        let mut arguments = arguments.into_iter();
        let mut object: Vec<(String, Value)> =
            fixed.iter().map(|it| it.name.clone()).zip(arguments.by_ref()).collect();
        object.extend(last.map(|it| (it.name.clone(), Value::List(arguments.collect()))));
        Ok(Value::object(object))
    }

    /// The object that the function is called with, once the rules of its parameters hold.
    pub(crate) fn checked(&self, object: Value) -> Result<Value, FunctionError> {
        for parameter in &self.parameters.attributes {
            if parameter.mode == crate::Mode::Required
                && object.get(&parameter.name).is_none_or(Value::is_null)
            {
                return Err(FunctionError::new("must not be null").at(Path::attribute(&parameter.name)));
            }
        }
        let diagnostics = check::configuration(&self.parameters, &object);
        if diagnostics.has_errors() {
            return Err(first_error(diagnostics));
        }
        Ok(merge::proposal(&self.parameters, &object, None, object.clone()))
    }

    /// What is wrong with the declaration beyond its schema.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let last = self.parameters.attributes.last().map(|last| &last.kind);
        if self.is_variadic && !matches!(last, Some(Kind::Plain(Type::List(_)) | Kind::List(_))) {
            problems.push("is variadic, but its last parameter is no list".to_owned());
        }
        problems
    }
}
