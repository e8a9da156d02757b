//! Every field that an apply sets: changed by a hand, the next look names it and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tenancy::leaves::{Leaves, diff, remove_leaf};
use tfplugin::Attr;
use tfplugin::testing::Instance;

use super::flow::with_floor;
use super::{FLOOR, SERVICE, foreseen, told};
use crate::service::ServiceModel;
use crate::service::parts::UnloadModel;

/// Tenants that use every attribute among them, and that an apply takes.
pub(super) fn tenants() -> Vec<ServiceModel> {
    let mut tenants = foreseen::tenants();
    for tenant in &mut tenants {
        // Nobody makes pods here.
        tenant.wait = Attr::Known(false);
        if let Attr::Known(unload) = &tenant.unload {
            tenant.unload = Attr::Known(UnloadModel { port: Attr::Null, ..unload.clone() });
        }
    }
    tenants
}

/// The fields of every object, as a state shows them.
pub(super) fn shown(made: &Instance) -> BTreeMap<String, Leaves> {
    let model: ServiceModel = made.model().unwrap();
    let objects = model.objects.known().unwrap().iter();
    objects.map(|(key, text)| (key.clone(), serde_json::from_str(text.as_str().unwrap()).unwrap())).collect()
}

/// What differs between two states: `Kind/name path`.
pub(super) fn differing(before: &BTreeMap<String, Leaves>, after: &BTreeMap<String, Leaves>) -> Vec<String> {
    let none = Leaves::new();
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let of_each = keys.flat_map(|key| {
        let (a, b) = (before.get(key).unwrap_or(&none), after.get(key).unwrap_or(&none));
        diff(a, b).into_keys().map(move |path| format!("{key} {path}"))
    });
    of_each.collect()
}

/// A claim that somebody has grown is accepted as it is: nothing could take it back.
pub(super) fn is_accepted(key: &str, path: &str) -> bool {
    key.starts_with("PersistentVolumeClaim/") && path == "spec.resources.requests.storage"
}

/// An object, and its fields that are still to be changed.
struct Turn {
    key: String,
    url: String,
    whole: Value,
    paths: Vec<String>,
}

#[tokio::test]
async fn each_field_that_a_hand_changes_or_deletes_is_named_and_no_other() {
    // A field of a kind is the same field in every tenant.
    let mut tried = BTreeSet::new();
    for config in tenants() {
        let (cluster, driver, ..) = with_floor().await;
        let made = driver.create(SERVICE, &config).await;
        assert!(!made.diagnostics.has_errors(), "{}", told(&made.diagnostics));
        let made = driver.read(SERVICE, &made.instance.unwrap()).await.instance.unwrap();
        let before = shown(&made);
        let turns: Vec<Turn> = before
            .iter()
            .map(|(key, leaves)| {
                let (kind, url) = (key.split('/').next().unwrap(), cluster.url(key));
                let whole = cluster.get(&url).unwrap();
                // An element that is nothing but its key can only be there or not.
                let has_value = |path: &&String| remove_leaf(&mut whole.clone(), path).is_some();
                let paths = leaves.keys().filter(|path| !is_accepted(key, path)).filter(has_value);
                let paths = paths.filter(|path| tried.insert((kind.to_owned(), (*path).clone()))).cloned();
                Turn { paths: paths.collect(), key: key.clone(), url, whole }
            })
            .collect();
        let longest = turns.iter().map(|turn| turn.paths.len()).max().unwrap_or_default();
        for (number, deletes) in (0..longest).flat_map(|number| [(number, false), (number, true)]) {
            // One field of each object at a time.
            let mut wanted = Vec::new();
            for Turn { key, url, whole, paths } in &turns {
                let Some(path) = paths.get(number) else { continue };
                let changed = super::hand::changed(whole, path).into_iter().next();
                if deletes || changed.is_some() {
                    cluster.by_hand(url, path, changed.as_ref().filter(|_| !deletes));
                    wanted.push(format!("{key} {path}"));
                }
            }
            let read = driver.read(SERVICE, &made).await;
            let mut named = differing(&before, &shown(read.instance.as_ref().unwrap()));
            // Of an element that lost its only field, the element itself is left.
            let bare =
                |it: &String| wanted.iter().any(|wanted| wanted != it && wanted.starts_with(it.as_str()));
            named.retain(|it| !(deletes && bare(it)));
            assert_eq!(named, wanted, "deletes: {deletes}");
            let said = told(&read.diagnostics);
            for path in wanted.iter().map(|it| it.split_once(' ').unwrap().1) {
                assert!(said.contains(path), "{path}: {said}");
            }
            let mut inside = cluster.0.lock().unwrap();
            inside.objects.extend(turns.iter().map(|turn| (turn.url.clone(), turn.whole.clone())));
        }
    }
    assert!(tried.len() > 250, "{}", tried.len());
}

#[tokio::test]
async fn what_others_add_to_any_object_is_never_named() {
    for config in tenants() {
        let (cluster, driver, _, floor) = with_floor().await;
        let made = driver.create(SERVICE, &config).await.instance.unwrap();
        let before = shown(&made);
        for key in before.keys() {
            let url = cluster.url(key);
            let mut add =
                json!({"metadata": {"labels": {"team": "speech"}, "annotations": {"note": "ours"}}});
            match key.split('/').next() {
                Some("ConfigMap") => add["data"] = json!({"theirs": "x"}),
                Some("Service") => add["spec"] = json!({"ports": [{"port": 9999, "name": "theirs"}]}),
                Some("Deployment") => add["spec"]["template"] = pod_of_others(),
                Some("CronJob") => add["spec"]["jobTemplate"]["spec"]["template"] = pod_of_others(),
                _ => {}
            }
            cluster.add_by_hand(&url, &add);
        }
        let read = driver.read(SERVICE, &made).await;
        assert!(read.diagnostics.is_empty(), "{}", told(&read.diagnostics));
        assert_eq!(differing(&before, &shown(read.instance.as_ref().unwrap())), Vec::<String>::new());
        assert!(driver.plan(SERVICE, read.instance.as_ref(), Some(&config)).await.is_empty());
        let read = driver.read(FLOOR, &floor).await;
        assert!(read.diagnostics.is_empty(), "{}", told(&read.diagnostics));
    }
}

fn pod_of_others() -> Value {
    json!({
        "metadata": {"annotations": {"sidecar.istio.io/status": "injected"}},
        "spec": {
            "containers": [{"name": "istio-proxy", "image": "proxy:1"}],
            "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        },
    })
}
