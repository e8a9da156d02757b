//! The rules that span parts: what each part alone cannot know to be wrong.

use std::fmt;

/// One step into what a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An attribute by its name, the same in Terraform and in tenant files.
    Attribute(&'static str),
    /// An element of a map by its key.
    Key(String),
}

/// Something a person must change, where it stands, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The attribute, or the element of it: deeper paths lose the source line
    /// in Terraform's diagnostics, so the message names what lies below.
    pub path: Vec<Step>,
    /// What is wrong and why, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem of a whole attribute.
    pub fn at(attribute: &'static str, message: impl Into<String>) -> Self {
        Self { path: vec![Step::Attribute(attribute)], message: message.into() }
    }

    /// A problem of one element of a map.
    pub fn at_key(attribute: &'static str, key: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { path: vec![Step::Attribute(attribute), Step::Key(key.to_string())], message: message.into() }
    }
}

impl fmt::Display for Problem {
    /// `config["/app/config.yaml"]: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.path {
            match step {
                Step::Attribute(name) => f.write_str(name)?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        write!(f, ": {}", self.message)
    }
}
