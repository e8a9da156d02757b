//! How plans and state show objects: the computed attribute `objects`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map as JsonMap, Value};
use sha2::{Digest, Sha256};
use tenancy::leaves::{Leaves, leaves};
use tenancy::objects::{Key, Objects};
use tfplugin::{Attr, Map};

use crate::engine::{Found, Kept, Report, Shown};

/// `objects` of a plan: known where both samples of what is unknown lead to
/// the same object, and wholly unknown where they lead to different sets.
pub(crate) fn planned(a: &Objects, b: &Objects, digests: bool) -> Attr<Map<String>> {
    let (a, b) = (drawn(a, digests), drawn(b, digests));
    if !a.keys().eq(b.keys()) {
        return Attr::Unknown;
    }
    let elements = a.into_iter().map(|(key, text)| {
        let same = b.get(&key) == Some(&text);
        (key.to_string(), if same { Attr::Known(text) } else { Attr::Unknown })
    });
    Attr::Known(elements.collect())
}

/// `objects` of a state whose inputs are all known.
pub(crate) fn known(objects: &Objects, digests: bool) -> Attr<Map<String>> {
    let elements = drawn(objects, digests).into_iter();
    Attr::Known(elements.map(|(key, text)| (key.to_string(), Attr::Known(text))).collect())
}

fn drawn(objects: &Objects, digests: bool) -> BTreeMap<Key, String> {
    objects.iter().map(|(key, object)| (key.clone(), text(&leaves(&object.body), digests))).collect()
}

/// The text of one object: its leaves as JSON, or their digest.
pub(crate) fn text(leaves: &Leaves, digests: bool) -> String {
    let whole = Value::Object(leaves.clone().into_iter().collect::<JsonMap<_, _>>()).to_string();
    if !digests {
        return whole;
    }
    let hash: String =
        Sha256::digest(whole.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

/// The state's `objects` after a look: what is gone is left out, and where a
/// field of ours drifted, the live value stands. Everything else keeps its words.
pub(crate) fn after_look(
    before: &Attr<Map<String>>,
    desired: &Objects,
    found: &BTreeMap<Key, Found>,
    digests: bool,
) -> Attr<Map<String>> {
    let mut after = before.known().cloned().unwrap_or_default();
    for (key, found) in found {
        let name = key.to_string();
        match found {
            Found::Clean => {}
            Found::Gone => drop(after.remove(&name)),
            Found::Drifted { live, .. } => {
                let Some(object) = desired.get(key) else { continue };
                let shown = after.get(&name).and_then(|text| leaves_of(text.as_str()?));
                let mut leaves = shown.unwrap_or_else(|| leaves(&object.body));
                lay(&mut leaves, live);
                after.insert(name, Attr::Known(text(&leaves, digests)));
            }
        }
    }
    Attr::Known(after)
}

/// The state's `objects` after an update, whole or half-way: what was put stands
/// there as it was put. What a call without an answer may have put or not is
/// left out, so that the next plan puts it again.
pub(crate) fn half_way(
    before: &Attr<Map<String>>,
    desired: &Objects,
    report: &Report,
    digests: bool,
) -> Attr<Map<String>> {
    let mut after = before.known().cloned().unwrap_or_default();
    for (key, text) in drawn(desired, digests) {
        if report.put.contains(&key) {
            after.insert(key.to_string(), Attr::Known(text));
        }
    }
    for (key, _) in report.failures.iter().filter(|(_, failure)| failure.is_open()) {
        after.remove(&key.to_string());
    }
    Attr::Known(after)
}

/// `objects` without what is there no more.
pub(crate) fn without_gone(objects: &Attr<Map<String>>, kept: &Kept) -> Attr<Map<String>> {
    let mut left = objects.known().cloned().unwrap_or_default();
    left.retain(|key, _| kept.objects.contains_key(key));
    Attr::Known(left)
}

/// Puts live values in the place of ours; absent ones are taken out.
fn lay(leaves: &mut Leaves, live: &BTreeMap<String, Option<Value>>) {
    for (path, value) in live {
        match value {
            Some(value) => drop(leaves.insert(path.clone(), value.clone())),
            None => drop(leaves.remove(path)),
        }
    }
}

/// What an update changes: the objects whose text differs, with the leaves
/// that the plan has shown of each.
pub(crate) fn changes(
    before: &Attr<Map<String>>,
    desired: &Objects,
    digests: bool,
) -> (BTreeSet<Key>, BTreeMap<Key, Shown>) {
    let mut apply = BTreeSet::new();
    let mut shown = BTreeMap::new();
    for (key, object) in desired.iter() {
        let wanted = leaves(&object.body);
        let had = before.known().and_then(|all| all.get(&key.to_string())).and_then(Attr::as_str);
        if had == Some(text(&wanted, digests).as_str()) {
            continue;
        }
        apply.insert(key.clone());
        let leaves = match had.map(leaves_of) {
            Some(None) => Shown::All,
            Some(Some(had)) => {
                let differs = tenancy::leaves::diff(&had, &wanted);
                Shown::Leaves(differs.into_keys().collect())
            }
            None => Shown::Leaves(BTreeSet::new()),
        };
        shown.insert(key.clone(), leaves);
    }
    (apply, shown)
}

/// The fields that a state shows of one of its objects; nothing where it shows a digest.
pub(crate) fn shown(objects: &Attr<Map<String>>, key: &Key) -> Option<Leaves> {
    leaves_of(objects.known()?.get(&key.to_string())?.as_str()?)
}

/// Reads the text of one object back; nothing where it is a digest.
fn leaves_of(text: &str) -> Option<Leaves> {
    serde_json::from_str(text).ok()
}

/// Which leaves of which objects differ between two states of `objects`, for
/// remarks on a plan; of objects that are shown as digests only that they do.
/// Unknown ones are left out.
pub(crate) fn differing(
    before: &Attr<Map<String>>,
    after: &Attr<Map<String>>,
) -> BTreeMap<String, Option<BTreeSet<String>>> {
    let (Some(before), Some(after)) = (before.known(), after.known()) else { return BTreeMap::new() };
    let pairs = after.iter().filter_map(|(key, after)| {
        let (before, after) = (before.get(key)?.as_str()?, after.as_str()?);
        let leaves = leaves_of(before).zip(leaves_of(after));
        let paths = leaves.map(|(a, b)| tenancy::leaves::diff(&a, &b).into_keys().collect());
        (before != after).then(|| (key.clone(), paths))
    });
    pairs.collect()
}
