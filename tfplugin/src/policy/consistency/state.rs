use super::{Findings, Judged, Rule};
use crate::{Diagnostics, Path, Value};

/// What in the state of a resource may not be in one.
pub(crate) fn of_state(judged: Judged<'_>, state: &Value) -> Diagnostics {
    let mut findings = Findings::new(judged);
    unknown_parts(state, &Path::root(), &mut |path| {
        findings.broken(Rule::WhollyKnown, path, &Value::Unknown, None);
    });
    findings.diagnostics
}

/// What in the answer of a data source or of an ephemeral resource may not be
/// in one: it is a state, and keeps what the user set.
pub(crate) fn of_data(judged: Judged<'_>, config: &Value, found: &Value) -> Diagnostics {
    let unknown = of_state(judged, found);
    if unknown.is_empty() { super::of_plan(judged, config, None, found) } else { unknown }
}

/// Calls `found` with the path of each unknown part.
pub(super) fn unknown_parts(value: &Value, path: &Path, found: &mut dyn FnMut(&Path)) {
    match value {
        Value::Unknown => found(path),
        Value::Object(values) => {
            values.iter().for_each(|(name, value)| unknown_parts(value, &path.field(name), found));
        }
        Value::Map(elements) => {
            elements.iter().for_each(|(key, value)| unknown_parts(value, &path.key(key), found));
        }
        Value::List(elements) => {
            let indexed = elements.iter().enumerate();
            indexed.for_each(|(index, value)| unknown_parts(value, &path.index(index), found));
        }
        Value::Set(elements) => elements.iter().for_each(|value| unknown_parts(value, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
