//! What is printed of changes, for people and for programs.

use std::io::{self, Write as _};
use std::sync::Mutex;

use serde_json::json;

use crate::write::{Change, Origin, diff};

/// Changes for programs.
pub(crate) fn told(changes: &[Change], show_diff: bool, notes: &[String]) -> serde_json::Value {
    let each = changes.iter().map(|change| change_told(change, show_diff));
    json!({ "version": 1, "changes": each.collect::<Vec<_>>(), "notes": notes })
}

/// One change for programs.
pub(crate) fn change_told(change: &Change, show_diff: bool) -> serde_json::Value {
    let origin = match change.origin {
        Origin::Generated => "generated",
        Origin::Edited => "edited",
        Origin::Foreign => "foreign",
    };
    let mut told = json!({ "path": change.path, "change": verb(change), "origin": origin });
    if show_diff {
        told["diff"] = diff(change).into();
    }
    told
}

/// Files that were made, for programs.
pub(crate) fn created<'p>(paths: impl IntoIterator<Item = &'p str>) -> serde_json::Value {
    json!({ "version": 1, "created": paths.into_iter().collect::<Vec<_>>() })
}

/// Changes for people.
pub(crate) fn report(changes: &[Change], would: &str, show_diff: bool) {
    let mut text = String::new();
    for change in changes {
        let verb = verb(change);
        let origin = match change.origin {
            Origin::Generated => "",
            Origin::Edited => " (edited by hand)",
            Origin::Foreign => " (not written by gpu-stacks)",
        };
        text.push_str(&format!("{would}{verb} {}{origin}\n", change.path));
        if show_diff {
            text.push_str(&diff(change));
        }
    }
    print(&text);
}

fn verb(change: &Change) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "create",
        (_, None) => "remove",
        _ => "update",
    }
}

/// Prints a document for programs to standard output.
pub(crate) fn print_json(value: &serde_json::Value) {
    print(&format!("{value:#}\n"));
}

/// Why something could not be printed.
static UNPRINTED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints to standard output; a reader that went away, such as `head`, is no error.
pub(crate) fn print(text: &str) {
    let mut out = anstream::stdout();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut unprinted) = UNPRINTED.lock()
    {
        unprinted.get_or_insert(error);
    }
}

/// Why something of what was printed never arrived, for the end of the command.
pub(crate) fn unprinted() -> Option<io::Error> {
    UNPRINTED.lock().ok().and_then(|mut unprinted| unprinted.take())
}
