//! The rules that span parts: what each part alone cannot know to be wrong.
//!
//! Every rule reports all that it finds, so that a person corrects a file once.

mod bounds;
mod card;
mod gate;
mod patch;
mod paths;
mod placement;
mod pod;
mod server;
mod sidecars;
mod volumes;

use std::fmt;

use crate::tenant::Tenant;

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
    /// What is wrong and why, and what to write instead: whole sentences.
    pub message: String,
}

impl Problem {
    /// A problem of a whole attribute.
    pub fn at(attribute: &'static str, message: impl Into<String>) -> Self {
        Self { path: vec![Step::Attribute(attribute)], message: message.into() }
    }

    /// A problem of one element of a map.
    pub fn at_key(attribute: &'static str, key: impl fmt::Display, message: impl Into<String>) -> Self {
        let path = vec![Step::Attribute(attribute), Step::Key(key.to_string())];
        Self { path, message: message.into() }
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

impl Tenant {
    /// Everything that is wrong between the tenant's parts. A tenant without
    /// problems expands to objects that the API server accepts, as far as that
    /// can be known without asking it.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        server::check(self, &mut problems);
        pod::check(self, &mut problems);
        sidecars::check(self, &mut problems);
        placement::check(self, &mut problems);
        paths::check(self, &mut problems);
        volumes::check(self, &mut problems);
        bounds::check(self, &mut problems);
        gate::check(self, &mut problems);
        patch::check(self, &mut problems);
        problems
    }
}

#[cfg(test)]
mod tests;
