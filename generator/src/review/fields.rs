//! Which values of a resource change, and which fields of its objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::model::{Action, Field, ObjectChange, Shown};
use super::plan::Change;
use super::veil::Veil;

/// The computed attribute that shows objects; it has a section of its own.
const OBJECTS: &str = "objects";

/// The attributes that differ, without `objects`.
pub(super) fn attributes(change: &Change, veil: &Veil) -> Vec<Field> {
    let mut found = Vec::new();
    let nothing = Value::Null;
    let sides = [&change.before, &change.after, &change.after_unknown];
    let names: BTreeSet<&String> =
        sides.into_iter().filter_map(Value::as_object).flat_map(Map::keys).collect();
    for name in names.into_iter().filter(|name| *name != OBJECTS) {
        let pair = Pair {
            before: change.before.get(name).unwrap_or(&nothing),
            after: change.after.get(name).unwrap_or(&nothing),
            unknown: change.after_unknown.get(name).unwrap_or(&nothing),
            before_mark: mark(&change.before_sensitive, name),
            after_mark: mark(&change.after_sensitive, name),
        };
        pair.collect(name.clone(), veil, &mut found);
    }
    found
}

/// The marks below a name; a mark of the whole is one of each part.
fn mark<'v>(marks: &'v Value, name: &str) -> &'v Value {
    match marks {
        Value::Bool(true) => marks,
        _ => marks.get(name).unwrap_or(&Value::Null),
    }
}

/// The same place before and after.
struct Pair<'v> {
    before: &'v Value,
    after: &'v Value,
    unknown: &'v Value,
    before_mark: &'v Value,
    after_mark: &'v Value,
}

impl Pair<'_> {
    fn collect(&self, path: String, veil: &Veil, found: &mut Vec<Field>) {
        if *self.unknown == Value::Bool(true) {
            let before = self.shown_before(veil);
            found.push(Field { path: veil.text(&path), before, after: Shown::Unknown });
            return;
        }
        let below = has_true(self.unknown);
        if self.before == self.after && !below {
            return;
        }
        let covered = *self.before_mark == Value::Bool(true) || *self.after_mark == Value::Bool(true);
        if let (Value::Object(before), Value::Object(after), false) = (self.before, self.after, covered) {
            let unknown = self.unknown.as_object();
            let names: BTreeSet<&String> =
                before.keys().chain(after.keys()).chain(unknown.into_iter().flat_map(Map::keys)).collect();
            for name in names {
                self.at(name, before.get(name), after.get(name)).collect(step(&path, name), veil, found);
            }
            return;
        }
        found.push(Field {
            path: veil.text(&path),
            before: self.shown_before(veil),
            after: if below { Shown::Unknown } else { shown(self.after, self.after_mark, veil) },
        });
    }

    fn shown_before(&self, veil: &Veil) -> Shown {
        shown(self.before, self.before_mark, veil)
    }

    fn at<'v>(&'v self, name: &str, before: Option<&'v Value>, after: Option<&'v Value>) -> Pair<'v> {
        Pair {
            before: before.unwrap_or(&Value::Null),
            after: after.unwrap_or(&Value::Null),
            unknown: self.unknown.get(name).unwrap_or(&Value::Null),
            before_mark: mark(self.before_mark, name),
            after_mark: mark(self.after_mark, name),
        }
    }
}

fn shown(value: &Value, mark: &Value, veil: &Veil) -> Shown {
    match value {
        Value::Null => Shown::Absent,
        _ if has_true(mark) => Shown::Sensitive,
        _ => veil.shown(value),
    }
}

/// Whether anything is marked at or below this place.
fn has_true(marks: &Value) -> bool {
    match marks {
        Value::Bool(marked) => *marked,
        Value::Array(elements) => elements.iter().any(has_true),
        Value::Object(fields) => fields.values().any(has_true),
        _ => false,
    }
}

/// The path of a map's element or an object's field, as Terraform spells paths.
fn step(path: &str, name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // What stands within a document is told apart from the leaf that holds it.
    if plain && path.ends_with(": ") {
        format!("{path}{name}")
    } else if plain && !name.is_empty() {
        format!("{path}.{name}")
    } else {
        format!("{path}[{name:?}]")
    }
}

/// Whether what is planned gives to anything that drifted another value than the live one.
pub(super) fn puts_back(planned: &Change, drift: &Change) -> bool {
    gives_another(&drift.before, &drift.after, &planned.after, &planned.after_unknown)
}

fn gives_another(before: &Value, live: &Value, planned: &Value, unknown: &Value) -> bool {
    if before == live {
        return false;
    }
    if *unknown == Value::Bool(true) {
        return true;
    }
    if let (Value::Object(fields), Value::Object(live_fields)) = (before, live) {
        return fields.keys().chain(live_fields.keys()).any(|name| {
            let [before, live, planned, unknown] =
                [before, live, planned, unknown].map(|side| side.get(name).unwrap_or(&Value::Null));
            gives_another(before, live, planned, unknown)
        });
    }
    if let [Some(before), Some(live), Some(planned)] =
        [before, live, planned].map(|side| document(Some(side)))
    {
        return gives_another(&before, &live, &planned, &Value::Null);
    }
    // What goes with the apply is not put back, unless it came by hand.
    let goes = planned.is_null() && !before.is_null();
    has_true(unknown) || (planned != live && !goes)
}

/// The changes of objects of a resource, and whether some are not known before apply.
pub(super) fn objects(change: &Change, veil: &Veil) -> (Vec<ObjectChange>, bool) {
    let unknown = change.after_unknown.get(OBJECTS);
    if unknown == Some(&Value::Bool(true)) {
        return (Vec::new(), true);
    }
    let covered = |marks: &Value, key: &str| *mark(mark(marks, OBJECTS), key) == Value::Bool(true);
    let texts = |value: &Value| -> BTreeMap<String, String> {
        let map = value.get(OBJECTS).and_then(Value::as_object);
        let pairs = map.into_iter().flatten();
        pairs.filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect()
    };
    let (before, after) = (texts(&change.before), texts(&change.after));
    let mut changes = Vec::new();
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut some_unknown = false;
    for key in keys {
        // An object that is not known yet is absent from `after`, as a deleted one is.
        if unknown.and_then(|unknown| unknown.get(key)) == Some(&Value::Bool(true)) {
            some_unknown = true;
            continue;
        }
        let object = veil.text(key);
        match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) if before != after => {
                let hidden = covered(&change.before_sensitive, key) || covered(&change.after_sensitive, key);
                let fields = if hidden { whole(Shown::Sensitive) } else { leaves(before, after, veil) };
                changes.push(ObjectChange { object, action: Action::Update, fields });
            }
            (None, Some(_)) => {
                changes.push(ObjectChange { object, action: Action::Create, fields: vec![] });
            }
            (Some(_), None) => {
                changes.push(ObjectChange { object, action: Action::Delete, fields: vec![] });
            }
            _ => {}
        }
    }
    (changes, some_unknown)
}

/// The objects of a resource that is deleted and made anew: all of them go and come.
pub(super) fn replaced_objects(change: &Change, veil: &Veil) -> (Vec<ObjectChange>, bool) {
    let all = |value: &Value, action: Action| -> Vec<ObjectChange> {
        let keys = value.get(OBJECTS).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        keys.map(|key| ObjectChange { object: veil.text(key), action, fields: vec![] }).collect()
    };
    let mut changes = all(&change.before, Action::Delete);
    changes.extend(all(&change.after, Action::Create));
    (changes, change.after_unknown.get(OBJECTS).is_some_and(has_true))
}

/// The one line of an object of which no fields can be shown.
fn whole(shown: Shown) -> Vec<Field> {
    vec![Field { path: "object".to_owned(), before: shown.clone(), after: shown }]
}

/// The leaves that differ between two texts of an object.
fn leaves(before: &str, after: &str, veil: &Veil) -> Vec<Field> {
    let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    // With `plan_objects = "digests"` the text is the digest of the whole object.
    let (Some(before), Some(after)) = (read(before), read(after)) else { return whole(Shown::Hashed) };
    let mut found = Vec::new();
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for path in paths {
        leaf(path, before.get(path), after.get(path), veil, &mut found);
    }
    found
}

fn leaf(path: &str, before: Option<&Value>, after: Option<&Value>, veil: &Veil, found: &mut Vec<Field>) {
    if before == after {
        return;
    }
    // The gate's configuration and a card's claims are JSON documents: people review what changes in them.
    if let (Some(inner_before), Some(inner_after)) = (document(before), document(after)) {
        let pair = Pair {
            before: &inner_before,
            after: &inner_after,
            unknown: &Value::Null,
            before_mark: &Value::Null,
            after_mark: &Value::Null,
        };
        pair.collect(format!("{path}: "), veil, found);
        return;
    }
    let shown = |value: Option<&Value>| match value {
        None => Shown::Absent,
        Some(Value::String(text)) if is_digest(text) => Shown::Hashed,
        Some(value) => veil.shown(value),
    };
    found.push(Field { path: veil.text(path), before: shown(before), after: shown(after) });
}

fn document(value: Option<&Value>) -> Option<Value> {
    let text = value?.as_str()?;
    text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Whether a value stands for content that plans do not show.
fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(before: Value, after: Value) -> Change {
        Change { before, after, ..Change::default() }
    }

    fn lines(fields: &[Field]) -> Vec<String> {
        fields.iter().map(|f| format!("{}: {:?} -> {:?}", f.path, f.before, f.after)).collect()
    }

    #[test]
    fn attributes_are_compared_by_name_and_lists_as_a_whole() {
        let change = change(
            json!({"image": "a:1", "args": ["x"], "windows": {"night": {"start": "02:00", "end": "06:00"}}, "same": 1}),
            json!({"image": "a:2", "args": ["y", "x"], "windows": {"night": {"start": "01:00", "end": "06:00"}, "wee small": {}}, "same": 1}),
        );
        insta::assert_snapshot!(lines(&attributes(&change, &Veil::default())).join("\n"), @r#"
        args: Value(Array [String("x")]) -> Value(Array [String("y"), String("x")])
        image: Value(String("a:1")) -> Value(String("a:2"))
        windows.night.start: Value(String("02:00")) -> Value(String("01:00"))
        windows["wee small"]: Absent -> Value(Object {})
        "#);
    }

    #[test]
    fn what_is_unknown_or_sensitive_is_said_and_not_shown() {
        let mut change = change(
            json!({"id": "x", "token": "hunter2", "nested": {"a": 1, "b": "hunter2"}}),
            json!({"token": "hunter3", "nested": {"a": 2}}),
        );
        change.after_unknown = json!({"id": true, "nested": {"b": true}});
        change.before_sensitive = json!({"token": true, "nested": {"b": true}});
        change.after_sensitive = json!({"token": true});
        let text = lines(&attributes(&change, &Veil::default())).join("\n");
        assert!(!text.contains("hunter"), "{text}");
        insta::assert_snapshot!(text, @r#"
        id: Value(String("x")) -> Unknown
        nested.a: Value(Number(1)) -> Value(Number(2))
        nested.b: Sensitive -> Unknown
        token: Sensitive -> Sensitive
        "#);
    }

    #[test]
    fn objects_are_compared_leaf_by_leaf_and_documents_within_them() {
        let before = json!({"objects": {
            "Deployment/a": r#"{"spec.replicas":1,"spec.x[y].env[A].value":"sha256:00ff00ff"}"#,
            "ConfigMap/a-gate": r#"{"data[gate.json]":"{\"schedule\":{\"windows\":{\"night\":{\"start\":\"02:00\"}}}}"}"#,
            "Service/a": "{}",
            "Role/a": "sha256:0011",
        }});
        let after = json!({"objects": {
            "Deployment/a": r#"{"spec.replicas":2,"spec.x[y].env[A].value":"sha256:11ff00ff","spec.new":[1]}"#,
            "ConfigMap/a-gate": r#"{"data[gate.json]":"{\"schedule\":{\"windows\":{\"night\":{\"start\":\"03:00\"}}}}"}"#,
            "CronJob/a": "{}",
            "Role/a": "sha256:0022",
        }});
        let mut change = change(before, after);
        change.after_unknown = json!({"objects": {"Service/a": true}});
        let (changes, unknown) = objects(&change, &Veil::default());
        assert!(unknown);
        let text: Vec<String> = changes
            .iter()
            .flat_map(|c| {
                std::iter::once(format!("{} {}", c.action.word(), c.object)).chain(lines(&c.fields))
            })
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        update ConfigMap/a-gate
        data[gate.json]: schedule.windows.night.start: Value(String("02:00")) -> Value(String("03:00"))
        create CronJob/a
        update Deployment/a
        spec.new: Absent -> Value(Array [Number(1)])
        spec.replicas: Value(Number(1)) -> Value(Number(2))
        spec.x[y].env[A].value: Hashed -> Hashed
        update Role/a
        object: Hashed -> Hashed
        "#);
    }
}
