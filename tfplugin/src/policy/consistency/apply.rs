use super::state::unknown_parts;
use super::{Findings, Judged, Rule};
use crate::{Diagnostics, Path, Value};

/// Where a state does not conform to the plan.
pub(crate) fn of_apply(judged: Judged<'_>, planned: &Value, applied: &Value) -> Diagnostics {
    let mut findings = Findings::new(judged);
    unknown_parts(applied, &Path::root(), &mut |path| {
        findings.broken(Rule::WhollyKnown, path, &Value::Unknown, None);
    });
    if findings.diagnostics.is_empty() {
        compare(planned, applied, &Path::root(), &mut |rule, path, is, should_be| {
            findings.broken(rule, path, is, Some(should_be));
        });
    }
    findings.diagnostics
}

/// Where a plan that was made again, with more known, does not conform to the first.
pub(crate) fn of_next_plan(judged: Judged<'_>, first: &Value, second: &Value) -> Diagnostics {
    let mut findings = Findings::new(judged);
    compare(first, second, &Path::root(), &mut |rule, path, is, should_be| {
        findings.broken(rule, path, is, Some(should_be));
    });
    findings.diagnostics
}

type Found<'a> = &'a mut dyn FnMut(Rule, &Path, &Value, &Value);

/// Compares what came with what was planned, where that was known.
fn compare(planned: &Value, actual: &Value, path: &Path, found: Found<'_>) {
    match (planned, actual) {
        (Value::Unknown, _) => {}
        (Value::Object(planned), Value::Object(actual)) => {
            for (name, planned) in planned {
                compare(planned, actual.get(name).unwrap_or(&Value::Null), &path.field(name), found);
            }
        }
        (Value::Map(planned), Value::Map(actual)) => {
            for (key, planned) in planned {
                compare(planned, actual.get(key).unwrap_or(&Value::Null), &path.key(key), found);
            }
            for (key, actual) in actual.iter().filter(|(key, _)| !planned.contains_key(*key)) {
                found(Rule::ComesTrue, &path.key(key), actual, &Value::Null);
            }
        }
        (Value::List(planned), Value::List(actual)) if planned.len() == actual.len() => {
            for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                compare(planned, actual, &path.index(index), found);
            }
        }
        (Value::Set(elements), Value::Set(others)) => {
            if others.len() > elements.len() {
                found(Rule::SameCount, path, actual, planned);
            } else if !elements.iter().all(|one| others.iter().any(|other| fulfils(one, other)))
                || !others.iter().all(|other| elements.iter().any(|one| fulfils(one, other)))
            {
                found(Rule::ComesTrue, path, actual, planned);
            }
        }
        (planned, actual) if planned == actual => {}
        (planned, actual) => found(Rule::ComesTrue, path, actual, planned),
    }
}

/// Whether an element of a set may be what became of a planned one.
pub(crate) fn fulfils(planned: &Value, actual: &Value) -> bool {
    let mut fulfils = true;
    compare(planned, actual, &Path::root(), &mut |_, _, _, _| fulfils = false);
    fulfils
}
