//! The hand that changes one field of an object, whatever the field is.

use serde_json::{Map, Value, json};
use tenancy::leaves::remove_leaf;
use tenancy::quantity::Quantity;

/// One step of a leaf's path: a field, or what stands in brackets.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    Field(&'a str),
    Bracket(&'a str),
}

/// The steps of a path as `tenancy::leaves` spells it.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut found = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (inside, after) = bracket.split_once(']').expect("a bracket ends");
            found.push(Step::Bracket(inside));
            rest = after;
        } else {
            let field = rest.strip_prefix('.').unwrap_or(rest);
            let end = field.find(['.', '[']).unwrap_or(field.len());
            found.push(Step::Field(&field[..end]));
            rest = &field[end..];
        }
    }
    found
}

/// The body's fragment at a leaf with other values there, the likeliest first. Nothing of a leaf that is
/// nothing but there.
pub(super) fn changed(body: &Value, path: &str) -> Vec<Value> {
    let Some(fragment) = remove_leaf(&mut body.clone(), path) else { return Vec::new() };
    let other = |value: Value| {
        let mut fragment = fragment.clone();
        *at(&mut fragment, path).expect("the leaf is in its fragment") = value;
        fragment
    };
    let value = at(&mut fragment.clone(), path).expect("the leaf is in its fragment").clone();
    others(&value).into_iter().map(other).collect()
}

/// The place of a leaf in its fragment, in which every list has one element.
fn at<'a>(fragment: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut here = fragment;
    for step in steps(path) {
        here = match (step, here) {
            (Step::Bracket(_), Value::Array(elements)) => elements.first_mut()?,
            (Step::Field(name) | Step::Bracket(name), Value::Object(fields)) => fields.get_mut(name)?,
            _ => return None,
        };
    }
    Some(here)
}

/// Other values than this one, of its kind.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Number(number) => number.as_i64().map(|it| json!(it + 1)).into_iter().collect(),
        Value::String(text) => {
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let more = text[..digits].parse::<u64>().ok().filter(|_| text.parse::<Quantity>().is_ok());
            let more = more.map(|number| json!(format!("{}{}", number + 1, &text[digits..])));
            // Words that only some fields take, for those that take few.
            let known = [
                "RollingUpdate",
                "Never",
                "Always",
                "Allow",
                "Cluster",
                "ScheduleAnyway",
                "11 4 * * *",
                "Etc/UTC",
            ];
            more.into_iter().chain([json!(format!("{text}-hand"))]).chain(known.map(|it| json!(it))).collect()
        }
        Value::Array(elements) => {
            let mut longer = elements.clone();
            longer.push(json!("hand"));
            let of_last = elements.last().map(others).unwrap_or_default().into_iter().map(|last| {
                let mut elements = elements.clone();
                elements.pop();
                elements.push(last);
                Value::Array(elements)
            });
            let longer = elements.iter().all(Value::is_string).then_some(Value::Array(longer));
            longer.into_iter().chain(of_last).collect()
        }
        Value::Object(fields) => {
            let of_each = fields.iter().flat_map(|(name, value)| {
                others(value).into_iter().map(move |other| {
                    let mut fields: Map<String, Value> = fields.clone();
                    fields.insert(name.clone(), other);
                    Value::Object(fields)
                })
            });
            of_each.collect()
        }
        Value::Null => Vec::new(),
    }
}

/// `fieldsV1` of these leaf paths, for an API server that is played.
pub(super) fn fields_v1<'a>(paths: impl IntoIterator<Item = &'a String>) -> Value {
    let mut whole = json!({});
    for path in paths {
        let mut here = &mut whole;
        for step in steps(path) {
            let is_word =
                |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            // What is no word is in brackets either way.
            let name = match step {
                Step::Bracket(key) if is_word(key) => format!("k:{}", json!({ "name": key })),
                Step::Field(name) | Step::Bracket(name) => format!("f:{name}"),
            };
            here = here.as_object_mut().expect("only objects are made here").entry(name).or_insert(json!({}));
        }
    }
    whole
}

#[test]
fn a_path_is_read_as_it_was_spelled() {
    for path in [
        "spec.template.spec.containers[server].env[HF_HOME].value",
        "metadata.labels[app.kubernetes.io/name]",
    ] {
        let fields = fields_v1([&path.to_owned()]);
        assert_eq!(tenancy::leaves::from_fields_v1(&fields).into_iter().collect::<Vec<_>>(), [path]);
    }
}
