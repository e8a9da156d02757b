//! The one error of parsing: what was given, why it is refused, what would be accepted.

/// A text that is not a legal value of its type.
///
/// It carries no path: the caller knows where the text stood (an attribute, a
/// line of a file) and adds that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}. {accepted}", self.finding())]
pub struct Invalid {
    /// The thing that was expected, as a noun: `namespace`, `time zone`.
    pub what: &'static str,
    /// The text as it was given.
    pub value: String,
    /// Why it is refused, without a full stop.
    pub reason: String,
    /// What would be accepted, as a sentence with its full stop.
    pub accepted: String,
}

impl Invalid {
    /// Builds the error; `accepted` is a whole sentence.
    pub fn new(
        what: &'static str,
        value: impl Into<String>,
        reason: impl Into<String>,
        accepted: impl Into<String>,
    ) -> Self {
        Self { what, value: value.into(), reason: reason.into(), accepted: accepted.into() }
    }

    /// What is wrong, without what would be accepted: `"TTS" is not a namespace: …`.
    pub fn finding(&self) -> String {
        let article = if self.what.starts_with(['a', 'e', 'i', 'o', 'E', 'I']) { "an" } else { "a" };
        format!("{:?} is not {article} {}: {}", self.value, self.what, self.reason)
    }
}
