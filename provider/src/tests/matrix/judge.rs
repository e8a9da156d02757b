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
    for diagnostic in said.iter() {
        let named = REMEDIES.iter().any(|remedy| diagnostic.detail.contains(remedy));
        if diagnostic.severity == tfplugin::Severity::Error && !named {
            return Err(format!("no remedy is named: {text}"));
        }
    }
    of_text(&text, said.has_errors(), row, names)
}

/// The same of what a terraform printed, whose lines are broken and in a frame.
pub(super) fn of_print(printed: &str, failed: bool, row: &Row, names: &Names) -> Result<(), String> {
    let words: Vec<&str> = printed.split_whitespace().filter(|word| !"│╷╵".contains(word)).collect();
    let text = words.join(" ");
    let told = text.split_once("Error: ").map_or("", |(_, told)| told);
    if failed && !REMEDIES.iter().any(|remedy| told.contains(remedy)) {
        return Err(format!("no remedy is named: {text}"));
    }
    of_text(&text, failed, row, names)
}

fn of_text(text: &str, failed: bool, row: &Row, names: &Names) -> Result<(), String> {
    if text.contains("Provider bug") {
        return Err(format!("a rule of Terraform's is broken: {text}"));
    }
    if !failed && !text.contains(INCOMPLETE) {
        return Ok(());
    }
    // What a lost answer leaves behind may be told by the look that follows it, and a look that finds
    // nothing is an answer: then it is told that the tenant or the card is not there.
    if row.is_misled() {
        let subject = [&names.namespace, &names.card, &names.other_card];
        let asked = name(&row.call, names).is_none_or(|name| text.contains(&name));
        let named = asked || subject.iter().any(|name| text.contains(name.as_str()));
        return if named { Ok(()) } else { Err(format!("the object is not named: {text}")) };
    }
    let named = name(&row.call, names).is_none_or(|name| {
        // People know a ledger by its card.
        let card = name.strip_prefix("card.").and_then(|rest| rest.strip_suffix(".ledger"));
        text.contains(&name) || card.is_some_and(|card| text.contains(&format!("ledger of card {card}")))
    });
    if !named {
        return Err(format!("the object is not named: {text}"));
    }
    let verbs = verbs(&row.call);
    if row.fault.fate != Fate::AnswerLost && !verbs.iter().any(|verb| text.contains(verb)) {
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
        "PUT" => &["update", "change"],
        _ => &["delete", "go away"],
    }
}
