//! How values are spelled, alike in all renderers.

use serde_json::Value;
use tenancy::card::model::with_article;
use tenancy::quantity::Mib;

use super::look::signed;
use super::model::{Action, CardReview, Counts, Field, RemarkKind, Shown, Side};
use crate::fit::Verdict;

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
    let verb = if counts.stacks_changed == 1 { "changes" } else { "change" };
    let stacks = format!("{} of {} {verb}", counts.stacks_changed, count(counts.stacks, "stack"));
    let unplanned = match counts.stacks_unplanned {
        0 => String::new(),
        number => format!("; {number} could not be planned"),
    };
    if parts.is_empty() {
        return format!("Nothing changes in {}{unplanned}", count(counts.stacks, "stack"));
    }
    format!("{stacks}: {}{unplanned}", parts.join(", "))
}

/// Days as a heading: `Mon-Fri`, `Sat, Sun`.
pub(super) fn days(text: &str) -> String {
    let mut begins = true;
    let mut out = String::new();
    for letter in text.chars() {
        if begins {
            out.extend(letter.to_uppercase())
        } else {
            out.push(letter)
        }
        begins = !letter.is_alphabetic();
        if letter == ',' {
            out.push(' ');
        }
    }
    out
}

/// A kind of remark in a word or two.
pub(super) fn word(kind: RemarkKind) -> &'static str {
    match kind {
        RemarkKind::DataLost => "Data is lost",
        RemarkKind::Deleted => "Deleted",
        RemarkKind::Replaced => "Replaced",
        RemarkKind::NotPlanned => "Not planned",
        RemarkKind::DoesNotFit => "Does not fit",
        RemarkKind::ResidentMayFail => "A resident may fail",
        RemarkKind::Suspended => "Put to sleep",
        RemarkKind::ToGpu => "CPU to GPU",
        RemarkKind::CheckFailed => "Check fails",
        RemarkKind::MayYield => "May yield",
        RemarkKind::Restarts => "Restarts",
        RemarkKind::Overlap => "Overlap",
        RemarkKind::ToCpu => "GPU to CPU",
        RemarkKind::NotCounted => "Not counted",
        RemarkKind::Guessed => "A guess",
        RemarkKind::ClockChange => "Clocks change",
        RemarkKind::Drifted => "Drift",
    }
}

/// A card's size before and after, and what of it is not known.
pub(super) fn size(card: &CardReview) -> String {
    let facts = [&card.before, &card.after].map(|side| {
        let facts = side.as_ref()?;
        Some(match (facts.memory_mib, facts.memory_of_model) {
            (Some(memory), Some(model)) => format!("{}, as {} usually has", Mib(memory), with_article(model)),
            (Some(memory), None) => Mib(memory).to_string(),
            (None, _) => "Size not declared".to_owned(),
        })
    });
    let size = match facts {
        [Some(before), Some(after)] if before == after => after,
        [Some(before), Some(after)] => format!("{before}, then {after}"),
        [None, Some(after)] => after,
        [Some(before), None] => format!("{before}; the card goes"),
        [None, None] => "Size not known".to_owned(),
    };
    let known = card.after.as_ref().or(card.before.as_ref());
    let reserved = match known.map(|facts| facts.reserved_mib) {
        Some(Some(reserved)) => format!(", of which the driver keeps {}", Mib(reserved)),
        Some(None) => ". What the driver keeps of it is not known here and not taken off".to_owned(),
        None => String::new(),
    };
    format!("{size}{reserved}. Times in {}.", card.time_zone)
}

/// Whether nobody can say what is left.
pub(super) fn size_is_missing(card: &CardReview) -> bool {
    card.after.as_ref().or(card.before.as_ref()).is_none_or(|facts| facts.memory_mib.is_none())
}

/// What then is to be done.
pub(super) const SIZE_MISSING: &str = "What is left cannot be said: the card's size is not in these plans. Declare its memory, plan its stack too, or \
     give --stacks.";

/// MiB as a number with its thousands apart.
pub(super) fn number(mib: u64) -> String {
    Mib(mib).to_string().trim_end_matches(" MiB").to_owned()
}

/// What is left as a number, or that it is not known.
pub(super) fn amount(left: Option<i64>) -> String {
    left.map_or_else(|| "?".to_owned(), |left| signed(left).trim_end_matches(" MiB").to_owned())
}

/// What a side comes to, in a few words; nothing where nobody is awake.
pub(super) fn verdict(side: &Side) -> Option<String> {
    let headroom = i64::try_from(side.headroom_mib).unwrap_or(i64::MAX);
    match side.verdict {
        Verdict::Fits if side.tenants.is_empty() => None,
        Verdict::Fits => Some("fits".to_owned()),
        Verdict::MayYield => Some("may yield".to_owned()),
        Verdict::ResidentMayFail => Some("a resident may fail".to_owned()),
        Verdict::Refuses => {
            let short = headroom.saturating_sub(side.left_mib.unwrap_or_default());
            Some(format!("{} short", signed(short)))
        }
        Verdict::Unknown => Some("size not known".to_owned()),
    }
}

/// What the apply does about drift. It may keep what is there, and it may delete it.
pub(super) fn fate(put_back: bool) -> &'static str {
    if put_back { "the apply puts it back" } else { "the apply does not put it back" }
}

/// What a resource does that is forgotten.
pub(super) const FORGOTTEN: &str = "stays in the cluster, and this stack no longer looks after it";

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
