//! Every field that an apply sets: changed by a hand, the next look names it and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use tenancy::leaves::{Leaves, diff, remove_leaf};
use tfplugin::testing::{Driver, Instance};
use tfplugin::{Attr, Value};

use super::cluster::FakeCluster;
use super::flow::{CLAIM, stored, with_floor};
use super::{CARD, EXPORTER, FLOOR, SERVICE, exporter, foreseen, t4, texts, told};
use crate::card::CardModel;
use crate::provider::Gpu;
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
    let Value::Object(state) = &made.state else { panic!("a state is an object") };
    let Value::Map(objects) = &state["objects"] else { panic!("the objects are known") };
    let fields = |text: &Value| match text {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => panic!("{other:?}"),
    };
    objects.iter().map(|(key, text)| (key.clone(), fields(text))).collect()
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
    whole: Json,
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
        each_field(&cluster, &driver, SERVICE, &made.instance.unwrap(), &mut tried).await;
    }
    assert!(tried.len() > 250, "{}", tried.len());
}

#[tokio::test]
async fn each_field_of_a_watched_card_a_claim_and_an_exporter_is_named_too() {
    let mut tried = BTreeSet::new();
    let (cluster, driver) = FakeCluster::start().await;
    let watched = CardModel { watch: Attr::Known(true), ..t4() };
    let card = driver.create(CARD, &watched).await.instance.unwrap();
    each_field(&cluster, &driver, CARD, &card, &mut tried).await;
    let of_card = tried.len();
    let (cluster, driver, _, floor) = with_floor().await;
    each_field(&cluster, &driver, FLOOR, &floor, &mut tried).await;
    let of_floor = tried.len() - of_card;
    let (cluster, driver) = FakeCluster::start().await;
    let made = driver.create(EXPORTER, &exporter::full()).await.instance.unwrap();
    each_field(&cluster, &driver, EXPORTER, &made, &mut tried).await;
    let of_exporter = tried.len() - of_card - of_floor;
    println!("fields of a card {of_card}, of a claim {of_floor}, of an exporter {of_exporter}");
    for kind in ["Deployment", "Lease", "Role", "RoleBinding", "ConfigMap", "DaemonSet", "Service"] {
        assert!(tried.iter().any(|(of, _)| of == kind), "no field of a {kind}");
    }
}

/// Changes and deletes every field of every object of a resource, one of each object at a time. Fields that
/// were tried are left out.
async fn each_field(
    cluster: &FakeCluster,
    driver: &Driver<Gpu>,
    type_name: &str,
    made: &Instance,
    tried: &mut BTreeSet<(String, String)>,
) {
    let made = driver.read(type_name, made).await.instance.unwrap();
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
        let mut wanted = Vec::new();
        for Turn { key, url, whole, paths } in &turns {
            let Some(path) = paths.get(number) else { continue };
            let changed = super::hand::changed(whole, path).into_iter().next();
            if deletes || changed.is_some() {
                cluster.by_hand(url, path, changed.as_ref().filter(|_| !deletes));
                wanted.push(format!("{key} {path}"));
            }
        }
        let read = driver.read(type_name, &made).await;
        let mut named = differing(&before, &shown(read.instance.as_ref().unwrap()));
        // Of an element that lost its only field, the element itself is left.
        let bare = |it: &String| wanted.iter().any(|wanted| wanted != it && wanted.starts_with(it.as_str()));
        named.retain(|it| !(deletes && bare(it)));
        assert_eq!(named, wanted, "{type_name} deletes: {deletes}");
        let said = told(&read.diagnostics);
        for path in wanted.iter().map(|it| it.split_once(' ').unwrap().1) {
            assert!(said.contains(path), "{path}: {said}");
        }
        let mut inside = cluster.0.lock().unwrap();
        inside.objects.extend(turns.iter().map(|turn| (turn.url.clone(), turn.whole.clone())));
    }
}

/// Nothing could take it back, so it is accepted as it is, and later applies say what it is.
#[tokio::test]
async fn a_claim_that_a_hand_has_grown_stays_as_large_and_is_no_difference() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &stored()).await.instance.unwrap();
    let size = "spec.resources.requests.storage";
    let grown = json!({"spec": {"resources": {"requests": {"storage": "30Gi"}}}});
    cluster.by_hand(CLAIM, size, Some(&grown));
    let read = driver.read(SERVICE, &made).await;
    assert!(read.diagnostics.is_empty(), "{}", told(&read.diagnostics));
    let read = read.instance.unwrap();
    assert!(driver.plan(SERVICE, Some(&read), Some(&stored())).await.is_empty());
    let changed = ServiceModel { env: texts(&[("TTS_BF16", "on")]), ..stored() };
    let after = driver.update(SERVICE, &read, &changed).await;
    assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    let storage = |it: Json| it["spec"]["resources"]["requests"]["storage"].clone();
    assert_eq!(storage(cluster.get(CLAIM).unwrap()), "30Gi", "an apply made the claim smaller");
    let again = driver.read(SERVICE, &after.instance.unwrap()).await;
    assert!(driver.plan(SERVICE, again.instance.as_ref(), Some(&changed)).await.is_empty());
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

fn pod_of_others() -> Json {
    json!({
        "metadata": {"annotations": {"sidecar.istio.io/status": "injected"}},
        "spec": {
            "containers": [{"name": "istio-proxy", "image": "proxy:1"}],
            "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        },
    })
}
