//! What must hold after a call has failed.

use tfplugin::Diagnostics;

use super::super::told;
use super::fault::Fate;
use super::proxy::Call;
use super::rows::Row;
use super::subject::Names;

/// How a create says that it keeps what it made although it failed.
const INCOMPLETE: &str = "is not complete";

/// Words of what to do, at least one of which every message has.
const REMEDIES: [&str; 14] = [
    "Apply",
    "apply again",
    "Change that value",
    "Check that",
    "Correct",
    "Delete",
    "destroy again",
    "Give",
    "give the user",
    "look at the API server's log",
    "Look at",
    "next plan",
    "Renew",
    "Use a cluster",
];

/// Whether an operation that failed names the object, the verb and a remedy.
pub(super) fn of_messages(said: &Diagnostics, row: &Row, names: &Names) -> Result<(), String> {
    let text = told(said);
    if text.contains("Provider bug") {
        return Err(format!("a rule of Terraform's is broken: {text}"));
    }
    if !said.has_errors() && !text.contains(INCOMPLETE) {
        return Ok(());
    }
    for diagnostic in said.iter() {
        let named = REMEDIES.iter().any(|remedy| diagnostic.detail.contains(remedy));
        if diagnostic.severity == tfplugin::Severity::Error && !named {
            return Err(format!("no remedy is named: {text}"));
        }
    }
    let named = name(&row.call, names).is_none_or(|name| text.contains(&name));
    if !named {
        return Err(format!("the object is not named: {text}"));
    }
    // What a lost answer leaves behind may be told by the look that follows it, and a look that finds
    // nothing is an answer: then it is told that the object is not there.
    let verbs = verbs(&row.call);
    let is_answer = row.call.method == "GET" && row.fault.fate == Fate::Refused(404);
    if row.fault.fate != Fate::AnswerLost && !is_answer && !verbs.iter().any(|verb| text.contains(verb)) {
        return Err(format!("none of {verbs:?} is named: {text}"));
    }
    Ok(())
}

/// The name in a call: the object's, or the namespace's of a list.
fn name(call: &Call, names: &Names) -> Option<String> {
    let mut path = call.path.replace("?dryRun", "");
    for (name, stands) in names.stands() {
        path = path.replace(stands, name);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let below = if parts.first() == Some(&"apis") { parts.get(3..)? } else { parts.get(2..)? };
    match below {
        ["namespaces", _, _, name, ..] | [_, name] => Some((*name).to_owned()),
        ["namespaces", namespace, _] => Some((*namespace).to_owned()),
        _ => None,
    }
}

/// How messages say what a call does.
fn verbs(call: &Call) -> &'static [&'static str] {
    match call.method.as_str() {
        "GET" => &["get", "list", "go away"],
        "PATCH" => &["apply", "patch"],
        "POST" => &["create"],
        "PUT" => &["update"],
        _ => &["delete", "go away"],
    }
}
