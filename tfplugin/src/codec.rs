//! Values as bytes: cty's msgpack on the wire, JSON in state files.

pub(crate) mod json;
pub(crate) mod msgpack;
pub(crate) mod private;
mod types;

use crate::{Path, Value};

/// Bytes that are no value of the schema's type, or a value that is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    /// A value of another type than the schema's.
    #[error("{path} must be {expected}, but is {found}")]
    Mismatch { path: Path, expected: &'static str, found: String },
    /// Bytes that are not of the format.
    #[error("{path} cannot be read: {reason}")]
    Malformed { path: Path, reason: String },
}

impl CodecError {
    fn mismatch(way: &Way<'_>, expected: &'static str, found: impl Into<String>) -> CodecError {
        CodecError::Mismatch { path: way.path(), expected, found: found.into() }
    }

    fn malformed(way: &Way<'_>, reason: impl ToString) -> CodecError {
        CodecError::Malformed { path: way.path(), reason: reason.to_string() }
    }

    fn value(way: &Way<'_>, expected: &'static str, found: &Value) -> CodecError {
        CodecError::mismatch(way, expected, found.kind())
    }
}

/// The way to a value within a message. It borrows, and becomes a [`Path`] only
/// where something is wrong: a path for each value would cost more than the value.
#[derive(Clone, Copy)]
enum Way<'a> {
    Root,
    Attribute(&'a Way<'a>, &'a str),
    Key(&'a Way<'a>, &'a str),
    Index(&'a Way<'a>, usize),
}

impl Way<'_> {
    fn path(&self) -> Path {
        match self {
            Way::Root => Path::root(),
            Way::Attribute(before, name) => before.path().field(*name),
            Way::Key(before, key) => before.path().key(*key),
            Way::Index(before, index) => before.path().index(*index),
        }
    }
}

#[cfg(test)]
mod tests;
