//! Where in a resource a value stands.

use std::fmt;

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An attribute of an object.
    Attribute(String),
    /// An element of a map.
    Key(String),
    /// An element of a list, counted from 0.
    Index(usize),
}

/// The way from a resource's root to an attribute or an element.
///
/// Terraform finds the source line of an attribute or of an element of it
/// (`windows["night"]`); with a deeper path it falls back to the first line of
/// the resource. So a diagnostic with a deeper path is sent with its first two
/// steps, and its text names the whole path.
///
/// ```
/// use tfplugin::Path;
/// let path = Path::attribute("windows").key("night").field("start");
/// assert_eq!(path.to_string(), r#"windows["night"].start"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// The resource itself.
    pub fn root() -> Path {
        Path::default()
    }

    /// A top-level attribute.
    pub fn attribute(name: impl Into<String>) -> Path {
        Path(vec![Step::Attribute(name.into())])
    }

    /// This path and then an attribute of the object there.
    pub fn field(&self, name: impl Into<String>) -> Path {
        self.then(Step::Attribute(name.into()))
    }

    /// This path and then an element of the map there.
    pub fn key(&self, key: impl Into<String>) -> Path {
        self.then(Step::Key(key.into()))
    }

    /// This path and then an element of the list there.
    pub fn index(&self, index: usize) -> Path {
        self.then(Step::Index(index))
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is the resource itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The form of this path for which Terraform finds a source line: an
    /// attribute and at most one element. An attribute of a nested object is
    /// found when it is written as a key.
    pub(crate) fn for_source_line(&self) -> Path {
        let mut steps: Vec<Step> = self.0.iter().take(2).cloned().collect();
        if let Some(Step::Attribute(name)) = steps.get(1) {
            steps[1] = Step::Key(name.clone());
        }
        Path(steps)
    }

    pub(crate) fn then(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => out.write_str(name)?,
                Step::Attribute(name) => write!(out, ".{name}")?,
                Step::Key(key) => write!(out, "[{key:?}]")?,
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_line_is_that_of_an_attribute_or_its_element() {
        let deep = Path::attribute("windows").key("night").field("start");
        assert_eq!(deep.for_source_line(), Path::attribute("windows").key("night"));
        let field = Path::attribute("floor").field("peak");
        assert_eq!(field.for_source_line(), Path::attribute("floor").key("peak"));
        assert_eq!(Path::root().for_source_line(), Path::root());
    }
}
