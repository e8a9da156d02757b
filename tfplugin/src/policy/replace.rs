//! Which changes need a new resource.

use std::collections::BTreeMap;

use crate::schema::{Attribute, Kind};
use crate::{Path, Schema, Value};

/// The attributes whose change from `prior` to `planned` needs a new resource by their rules.
///
/// An element of a set has no place at which it could have changed: the set
/// itself needs a new resource where its elements no longer have the same
/// values in such attributes.
pub(crate) fn paths(schema: &Schema, prior: &Value, planned: &Value) -> Vec<Path> {
    let mut replace = Vec::new();
    object(schema, Some(prior), planned, &Path::root(), &mut replace);
    replace
}

fn object(schema: &Schema, prior: Option<&Value>, planned: &Value, path: &Path, replace: &mut Vec<Path>) {
    let Value::Object(planned) = planned else { return };
    for attribute in &schema.attributes {
        let old = prior.and_then(|prior| prior.get(&attribute.name)).unwrap_or(&Value::Null);
        let new = planned.get(&attribute.name).unwrap_or(&Value::Null);
        if old == new {
            continue;
        }
        let path = path.field(&attribute.name);
        if attribute.rules.replaces.as_ref().is_some_and(|replaces| replaces(old, new)) {
            replace.push(path.clone());
        }
        match (&attribute.kind, new) {
            (Kind::Single(schema), _) => object(schema, Some(old), new, &path, replace),
            (Kind::List(schema), Value::List(elements)) => {
                for (index, element) in elements.iter().enumerate() {
                    let old = old.at(&Path::root().index(index));
                    object(schema, old, element, &path.index(index), replace);
                }
            }
            (Kind::Map(schema), Value::Map(elements)) => {
                for (key, element) in elements {
                    object(schema, old.get(key), element, &path.key(key), replace);
                }
            }
            (Kind::Set(schema), Value::Set(_) | Value::Null)
                if replacing(schema, old) != replacing(schema, new) && !replace.contains(&path) =>
            {
                replace.push(path);
            }
            _ => {}
        }
    }
}

/// What the elements of a set have in attributes whose change needs a new resource.
fn replacing(schema: &Schema, set: &Value) -> Vec<Value> {
    let Value::Set(elements) = set else { return Vec::new() };
    let mut parts: Vec<Value> =
        elements.iter().filter_map(|element| replacing_part(schema, element)).collect();
    parts.sort();
    parts
}

/// The same of one object; nothing where it has no value in such, because then nothing is lost with it.
fn replacing_part(schema: &Schema, object: &Value) -> Option<Value> {
    let part = |attribute: &Attribute| {
        let value = object.get(&attribute.name).filter(|value| !value.is_null())?;
        match (&attribute.kind, value) {
            _ if attribute.rules.replaces.is_some() => Some(value.clone()),
            (Kind::Single(schema), _) => replacing_part(schema, value),
            (Kind::List(schema), Value::List(elements)) => {
                let elements = elements.iter().enumerate();
                some(elements.map(|(index, it)| (index.to_string(), replacing_part(schema, it))))
            }
            (Kind::Map(schema), Value::Map(elements)) => {
                some(elements.iter().map(|(key, it)| (key.clone(), replacing_part(schema, it))))
            }
            (Kind::Set(schema), _) => {
                let parts = replacing(schema, value);
                (!parts.is_empty()).then_some(Value::List(parts))
            }
            _ => None,
        }
    };
    some(schema.attributes.iter().map(|attribute| (attribute.name.clone(), part(attribute))))
}

/// The parts that there are, if any.
fn some(parts: impl Iterator<Item = (String, Option<Value>)>) -> Option<Value> {
    let parts: BTreeMap<String, Value> =
        parts.filter_map(|(name, part)| part.map(|part| (name, part))).collect();
    (!parts.is_empty()).then_some(Value::Map(parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, List, Map, Model, Set, model};

    model! {
        /// Storage.
        struct Storage {
            /// Class.
            class: Attr<String> = optional().requires_replace(),
            /// Size in GiB, which may grow.
            size: Attr<i64> = optional().requires_replace_if(|old, new| new.known() < old.known()),
        }
    }

    model! {
        /// A holder.
        struct Holder {
            /// Storage.
            storage: Attr<Storage> = optional(),
        }
    }

    model! {
        /// A disk.
        struct Disk {
            /// Class.
            class: Attr<String> = optional().requires_replace(),
            /// Label.
            label: Attr<String> = optional(),
        }
    }

    model! {
        /// Disks without order.
        struct Disks {
            /// Disks.
            disks: Attr<Set<Disk>> = optional(),
        }
    }

    #[test]
    fn a_set_replaces_when_its_elements_change_where_they_must_not() {
        let disks = |disks: &[(&str, &str)]| {
            let disk = |(class, label): &(&str, &str)| {
                Attr::Known(Disk { class: (*class).into(), label: (*label).into() })
            };
            Disks { disks: Attr::Known(Set(disks.iter().map(disk).collect())) }.to_value()
        };
        let replaced = |old: &[(&str, &str)], new: &[(&str, &str)]| -> Vec<String> {
            paths(&Disks::schema(), &disks(old), &disks(new)).iter().map(Path::to_string).collect()
        };
        assert!(replaced(&[("a", "1"), ("b", "2")], &[("b", "2"), ("a", "1")]).is_empty());
        assert!(replaced(&[("a", "1"), ("b", "2")], &[("a", "2"), ("b", "1")]).is_empty());
        assert_eq!(replaced(&[("a", "1")], &[("b", "1")]), ["disks"]);
        assert_eq!(replaced(&[("a", "1")], &[("a", "1"), ("b", "2")]), ["disks"]);
    }

    model! {
        /// A rack, whose disks are within it in every way.
        struct Rack {
            /// Label.
            label: Attr<String> = optional(),
            /// In order.
            rows: Attr<List<Disk>> = optional(),
            /// By name.
            named: Attr<Map<Disk>> = optional(),
        }
    }

    model! {
        /// Racks without order.
        struct Racks {
            /// Racks.
            racks: Attr<Set<Rack>> = optional(),
        }
    }

    /// A set of one rack with these disks, by their class and label; null where there is none.
    fn racks(rows: &[(Option<&str>, &str)], named: &[(&str, Option<&str>, &str)]) -> Value {
        let disk = |class: Option<&str>, label: &str| {
            Attr::Known(Disk { class: class.map(str::to_owned).into(), label: label.into() })
        };
        let rack = Rack {
            label: "x".into(),
            rows: Attr::Known(rows.iter().map(|(class, label)| disk(*class, label)).collect()),
            named: Attr::Known(
                named.iter().map(|(key, class, label)| ((*key).to_owned(), disk(*class, label))).collect(),
            ),
        };
        Racks { racks: Attr::Known(Set(vec![Attr::Known(rack)])) }.to_value()
    }

    #[test]
    fn an_element_of_a_set_replaces_at_any_depth_and_only_for_what_must_not_change() {
        let replaced = |old: &Value, new: &Value| !paths(&Racks::schema(), old, new).is_empty();
        let old = racks(&[(Some("a"), "1")], &[("k", Some("a"), "1")]);
        assert!(replaced(&old, &racks(&[(Some("b"), "1")], &[("k", Some("a"), "1")])));
        assert!(replaced(&old, &racks(&[(Some("a"), "1")], &[("k", Some("b"), "1")])));
        assert!(replaced(&old, &racks(&[(Some("a"), "1")], &[("l", Some("a"), "1")])));
        assert!(replaced(&old, &racks(&[], &[("k", Some("a"), "1")])));
        assert!(!replaced(&old, &racks(&[(Some("a"), "2")], &[("k", Some("a"), "2")])));
        let more = racks(&[(Some("a"), "1"), (None, "2")], &[("k", Some("a"), "1"), ("l", None, "2")]);
        assert!(!replaced(&old, &more), "nothing of what is new must not change");
    }

    #[test]
    fn a_set_that_is_no_more_is_like_an_empty_one() {
        let disks = |disks: Attr<Set<Disk>>| Disks { disks }.to_value();
        let one = |class: Attr<String>| Set(vec![Attr::Known(Disk { class, label: "1".into() })]);
        let replaced = |old: &Value, new: &Value| !paths(&Disks::schema(), old, new).is_empty();
        for none in [disks(Attr::Null), disks(Attr::Known(Set(vec![])))] {
            assert!(replaced(&disks(Attr::Known(one("a".into()))), &none));
            assert!(replaced(&none, &disks(Attr::Known(one("a".into())))));
            let without_class = disks(Attr::Known(one(Attr::Null)));
            assert!(!replaced(&without_class, &none) && !replaced(&none, &without_class));
        }
    }

    fn replaced(old: (&str, i64), new: (&str, i64)) -> Vec<String> {
        let [old, new] = [old, new].map(|(class, size)| {
            let storage = Attr::Known(Storage { class: class.into(), size: size.into() });
            Model::to_value(&Holder { storage })
        });
        paths(&Holder::schema(), &old, &new).iter().map(Path::to_string).collect()
    }

    #[test]
    fn only_changes_that_need_it_replace() {
        assert!(replaced(("a", 1), ("a", 1)).is_empty());
        assert!(replaced(("a", 1), ("a", 2)).is_empty());
        assert_eq!(replaced(("a", 2), ("a", 1)), ["storage.size"]);
        assert_eq!(replaced(("a", 1), ("b", 1)), ["storage.class"]);
    }
}
