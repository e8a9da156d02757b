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
    fn mismatch(path: &Path, expected: &'static str, found: impl Into<String>) -> CodecError {
        CodecError::Mismatch { path: path.clone(), expected, found: found.into() }
    }

    fn malformed(path: &Path, reason: impl ToString) -> CodecError {
        CodecError::Malformed { path: path.clone(), reason: reason.to_string() }
    }

    fn value(path: &Path, expected: &'static str, found: &Value) -> CodecError {
        CodecError::mismatch(path, expected, found.kind())
    }
}

#[cfg(test)]
mod tests;
