//! Which elements of a set are which, where one thing has several spellings.

use super::consistency::fulfils;
use crate::Value;

/// The new elements of a set, in the spelling of old ones. Says in `changed` whether that made a difference.
///
/// An element has no place by which it could be found again, so it is paired with an old one that it equals
/// once `respell` has spelled it like that. What is unknown of an old one may have become anything.
pub(crate) fn respelled(
    old: &[Value],
    new: Vec<Value>,
    changed: &mut bool,
    respell: impl Fn(&Value, Value) -> Value,
) -> Vec<Value> {
    // Two new elements of one meaning stay two, as the user wrote them.
    let mut left: Vec<&Value> = old.iter().filter(|old| !new.contains(old)).collect();
    let (mut elements, mut others): (Vec<Value>, Vec<Value>) =
        new.into_iter().partition(|new| old.contains(new));
    // Much may have become of what has unknown parts, so what has none chooses first.
    left.sort_by_key(|old| !old.is_wholly_known());
    for old in left {
        if let Some(position) = others.iter().position(|new| fulfils(old, new)) {
            elements.push(others.swap_remove(position));
            continue;
        }
        let found = others.iter().enumerate().find_map(|(position, new)| {
            let respelled = respell(old, new.clone());
            fulfils(old, &respelled).then_some((position, respelled))
        });
        if let Some((position, respelled)) = found {
            others.swap_remove(position);
            elements.push(respelled);
            *changed = true;
        }
    }
    elements.extend(others);
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of new elements when capitals mean nothing, in their first attribute.
    fn of(old: &[Value], new: &[Value]) -> Value {
        let spelled = |old: &Value, new: Value| match (old.get("label"), new.get("label")) {
            (Some(Value::String(one)), Some(Value::String(other))) if one.eq_ignore_ascii_case(other) => {
                let number = new.get("number").cloned().unwrap_or_default();
                Value::object([("label", one.as_str().into()), ("number", number)])
            }
            _ => new,
        };
        Value::set(respelled(old, new.to_vec(), &mut false, spelled))
    }

    fn element(label: impl Into<Value>, number: impl Into<Value>) -> Value {
        Value::object([("label", label.into()), ("number", number.into())])
    }

    #[test]
    fn each_old_element_is_found_once_whatever_became_of_its_unknown_parts() {
        let (planned, made) = ([element("a", Value::Unknown)], [element("A", 1)]);
        assert_eq!(of(&planned, &made), Value::set([element("a", 1)]));
        let both = [element("a", Value::Unknown), element("A", Value::Unknown)];
        for made in [[element("A", 1), element("a", 2)], [element("A", 2), element("a", 1)]] {
            assert_eq!(of(&both, &made), Value::set(made), "nothing is in another spelling");
        }
        let loose = [element(Value::Unknown, 1), element("a", 1)];
        let made = [element("A", 1), element("b", 1)];
        assert_eq!(of(&loose, &made), Value::set([element("a", 1), element("b", 1)]));
        let twice = [element("a", 1), element("A", 1)];
        assert_eq!(of(&twice[..1], &twice), Value::set(twice.clone()));
    }
}
