//! `docs/guides/troubleshooting.md` has every message that the provider and its framework can say, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const GUIDE: &str = include_str!("../../../docs/guides/troubleshooting.md");

/// How a message's summary is given: what stands before it, and what its kind of sentence adds.
const PLACES: [(&str, Argument, &str); 7] = [
    ("Diagnostic::error(", Argument::First, ""),
    ("Diagnostic::warning(", Argument::First, ""),
    (".error(", Argument::Second, ""),
    (".warn(", Argument::Second, ""),
    (".wrong(", Argument::Second, ""),
    ("summary: ", Argument::First, ""),
    // A sentence about a resource, which is its subject.
    (".warnings(", Argument::First, "… "),
];

#[derive(Clone, Copy)]
enum Argument {
    First,
    Second,
}

/// The summaries in a source text, with … for what is filled in.
fn summaries(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (place, argument, subject) in PLACES {
        for (at, _) in source.match_indices(place) {
            let rest = &source[at + place.len()..];
            let rest = match argument {
                Argument::First => Some(rest),
                Argument::Second => after_comma(rest),
            };
            let Some(rest) = rest else { continue };
            let text = literal(rest).or_else(|| literal(assigned(&source[..at], rest)?));
            found.extend(text.map(|text| format!("{subject}{text}")));
        }
    }
    found
}

/// What follows the first comma outside of brackets and texts.
fn after_comma(source: &str) -> Option<&str> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, c) in source.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => return Some(&source[at + 1..]),
            _ => {}
        }
    }
    None
}

/// The text at the beginning, of `format!` too.
fn literal(source: &str) -> Option<String> {
    let source = source.trim_start();
    let source = source.strip_prefix("format!(").unwrap_or(source).trim_start().strip_prefix('"')?;
    let (text, _) = source.split_once('"')?;
    let mut parts = text.split('{');
    let mut filled = parts.next()?.to_owned();
    for part in parts {
        filled.push('…');
        filled.push_str(part.split_once('}')?.1);
    }
    Some(filled)
}

/// What the variable at the beginning of `rest` was given last.
fn assigned<'a>(before: &'a str, rest: &str) -> Option<&'a str> {
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let (_, value) = before.rsplit_once(&format!("let {} = ", &rest[..end]))?;
    Some(value)
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_for_tests =
            ["tests", "testing.rs", "in_process.rs", "in_process"].iter().any(|it| path.ends_with(it));
        if is_for_tests {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.push(code.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The messages that the guide explains: headings, and the bold names of a list.
fn explained() -> BTreeSet<String> {
    let headings = GUIDE.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned);
    let (_, list) = GUIDE.split_once("## Values that cannot be meant").unwrap();
    headings.chain(list.split("**").skip(1).step_by(2).map(|text| text.replace('\n', " "))).collect()
}

#[test]
fn every_message_is_explained_and_every_explanation_has_its_message() {
    let mut texts = Vec::new();
    let provider = Path::new(env!("CARGO_MANIFEST_DIR"));
    sources(&provider.join("src"), &mut texts);
    sources(&provider.join("../tfplugin/src"), &mut texts);
    let mut said: BTreeSet<String> = texts.iter().flat_map(|text| summaries(text)).collect();
    // What any sentence about a resource is made of.
    said.remove("… …");
    assert!(said.len() > 110, "the code is not read as it is written: {said:?}");
    let explained = explained();
    let unexplained: Vec<_> = said.difference(&explained).collect();
    let unsaid: Vec<_> = explained.difference(&said).collect();
    assert!(unexplained.is_empty(), "docs/guides/troubleshooting.md lacks {unexplained:?}");
    assert!(unsaid.is_empty(), "docs/guides/troubleshooting.md explains what nobody says: {unsaid:?}");
}

#[test]
fn summaries_are_found_however_they_are_given() {
    let code = r#"
        let title = format!("{id} sleeps");
        Diagnostic::warning(title, text); Diagnostic::error("Plain", x);
        it.wrong(&at("x, y"), "Second", detail); .error(path_of(&p), format!("Of {a} and {b:?}"), d);
        self.warnings("keeps something", remarks); Waited { summary: format!("{name} waits"), detail };
        self.problems.error(path, summary, detail);
    "#;
    let expected = ["Of … and …", "Plain", "Second", "… keeps something", "… sleeps", "… waits"];
    assert_eq!(summaries(code).into_iter().collect::<Vec<_>>(), expected);
}
