//! Which changes need a new resource.

use std::collections::BTreeMap;

use crate::schema::Kind;
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
            (Kind::Set(schema), Value::Set(_))
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
    let mut parts: Vec<Value> = elements.iter().map(|element| replacing_part(schema, element)).collect();
    parts.sort();
    parts
}

fn replacing_part(schema: &Schema, element: &Value) -> Value {
    let mut parts = BTreeMap::new();
    for attribute in &schema.attributes {
        let value = element.get(&attribute.name).unwrap_or(&Value::Null);
        let part = match &attribute.kind {
            _ if attribute.rules.replaces.is_some() => value.clone(),
            Kind::Single(schema) => replacing_part(schema, value),
            Kind::Set(schema) => Value::List(replacing(schema, value)),
            _ => continue,
        };
        parts.insert(attribute.name.clone(), part);
    }
    Value::Object(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, Model, Set, model};

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
