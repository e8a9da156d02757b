//! Which changes need a new resource.

use super::walk::objects;
use crate::{Path, Schema, Value};

/// The attributes whose change from `prior` to `planned` needs a new resource by their rules.
pub(crate) fn paths(schema: &Schema, prior: &Value, planned: &Value) -> Vec<Path> {
    let mut replace = Vec::new();
    let Value::Object(object) = planned else { return replace };
    objects(schema, object, &Path::root(), &mut |schema, object, path| {
        for attribute in &schema.attributes {
            let Some(replaces) = &attribute.rules.replaces else { continue };
            let path = path.field(&attribute.name);
            let old = prior.at(&path).unwrap_or(&Value::Null);
            let new = object.get(&attribute.name).unwrap_or(&Value::Null);
            if old != new && replaces(old, new) && !replace.contains(&path) {
                replace.push(path);
            }
        }
    });
    replace
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, Model, model};

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
