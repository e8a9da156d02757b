//! How values are spelled, alike in all renderers.

use serde_json::Value;

use super::model::{Action, Counts, Field, Shown};

/// A longer value is cut: the page says what changes, the plan says the rest.
const LONGEST_VALUE: usize = 120;

/// A value in a line.
pub(super) fn value(shown: &Shown) -> String {
    match shown {
        Shown::Absent => "(none)".to_owned(),
        Shown::Sensitive => "(sensitive)".to_owned(),
        Shown::Unknown => "(known after apply)".to_owned(),
        Shown::Hashed => "(content)".to_owned(),
        Shown::Value(Value::String(text)) => cut(&format!("\"{}\"", visible(text))),
        Shown::Value(value) => cut(&visible(&value.to_string())),
    }
}

/// A change in words where it has no values: content behind a hash, or a secret.
pub(super) fn wordless(field: &Field) -> Option<&'static str> {
    match (&field.before, &field.after) {
        (Shown::Sensitive, Shown::Sensitive) => Some("sensitive value changed"),
        (Shown::Hashed, Shown::Hashed) => Some("content changed"),
        (Shown::Absent, Shown::Hashed) => Some("content added"),
        (Shown::Hashed, Shown::Absent) => Some("content removed"),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text without what a reader would not see: line ends, control characters,
/// and the marks that reverse the direction of what follows.
pub(super) fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(hidden) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            c if hidden(c) => format!("\\u{{{:x}}}", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

/// `1 tenant`, `2 tenants`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// What happens in a line: `3 of 4 stacks change: 2 create, 4 update`.
pub(super) fn summary(counts: &Counts) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (action, number) in &counts.resources {
        parts.push(format!("{number} to {}", action.word()));
    }
    let stacks = format!("{} of {} change", counts.stacks_changed, count(counts.stacks, "stack"));
    let unplanned = match counts.stacks_unplanned {
        0 => String::new(),
        number => format!("; {number} could not be planned"),
    };
    if parts.is_empty() {
        return format!("Nothing changes in {}{unplanned}", count(counts.stacks, "stack"));
    }
    format!("{stacks}: {}{unplanned}", parts.join(", "))
}

/// The sign that stands before something, as in a plan.
pub(super) fn sign(action: Action) -> &'static str {
    match action {
        Action::Delete => "-",
        Action::Replace => "-/+",
        Action::Update => "~",
        Action::Create => "+",
        Action::Import | Action::Move | Action::Forget | Action::Read => "·",
    }
}
