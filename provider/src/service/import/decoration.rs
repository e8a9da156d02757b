//! Labels and annotations that a person gave, by kind of object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tenancy::expand::{CONFIG_CHECKSUM, is_ours};
use tenancy::names::LabelKey;
use tfplugin::{Attr, Map};

use crate::service::model::ServiceModel;

/// Notes what is written on one object, of which `owned` are the leaves that we set.
pub(super) fn fill(model: &mut ServiceModel, kind: &str, live: &Value, owned: &BTreeSet<String>) {
    note(&mut model.labels, kind, written(live, "metadata.labels", owned));
    note(&mut model.annotations, kind, written(live, "metadata.annotations", owned));
    if kind == "Deployment" {
        note(&mut model.labels, "Pod", written(live, "spec.template.metadata.labels", owned));
        note(&mut model.annotations, "Pod", written(live, "spec.template.metadata.annotations", owned));
    }
}

fn note(attr: &mut Attr<Map<Map<String>>>, kind: &str, written: BTreeMap<String, String>) {
    if written.is_empty() {
        return;
    }
    let mut all = attr.known().cloned().unwrap_or_default();
    let mut of_kind = all.remove(kind).and_then(Attr::into_known).unwrap_or_default();
    of_kind.extend(written.into_iter().map(|(key, value)| (key, Attr::Known(value))));
    all.insert(kind.to_owned(), Attr::Known(of_kind));
    *attr = Attr::Known(all);
}

/// The entries of a map in the object that we set for somebody else's sake.
fn written(live: &Value, place: &str, owned: &BTreeSet<String>) -> BTreeMap<String, String> {
    let map = place.split('.').fold(live, |value, step| &value[step]);
    let entries = map.as_object().into_iter().flatten();
    entries
        .filter(|(key, _)| {
            owned.contains(&format!("{place}.{key}")) || owned.contains(&format!("{place}[{key}]"))
        })
        .filter(|(key, _)| *key != CONFIG_CHECKSUM && !key.parse::<LabelKey>().is_ok_and(|key| is_ours(&key)))
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
