//! The rights that `docs/guides/rights.md` lists are those that are used: no call of a whole life is
//! missing, and none is listed for nothing. A watched card is the one that needs more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tenancy::objects::Kind;
use tfplugin::testing::Driver;
use tfplugin::{Attr, Set};

use super::bedtime::{enter, entry};
use super::cluster::FakeCluster;
use super::flow::DEPLOYMENT;
use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4};
use crate::card::CardModel;
use crate::provider::Gpu;
use crate::service::ServiceModel;
use crate::sources::card::CardSourceModel;

const CLUSTER: &str = include_str!("../../../examples/rights/cluster.yaml");
const NAMESPACE: &str = include_str!("../../../examples/rights/namespace.yaml");
const GUIDE: &str = include_str!("../../../docs/guides/rights.md");

/// API group, resource and verb, in the words of RBAC.
type Right = (String, String, String);

fn right(group: &str, resource: &str, verb: &str) -> Right {
    (group.to_owned(), resource.to_owned(), verb.to_owned())
}

fn rights(rules: &Value) -> BTreeSet<Right> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let mut found = BTreeSet::new();
    for rule in rules.as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                found.extend(texts(&rule["verbs"]).iter().map(|verb| right(&group, &resource, verb)));
            }
        }
    }
    found
}

fn roles(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// The right that a call needs, and where; nothing for what everybody may ask.
fn needed(call: &str) -> Option<(Right, Option<String>)> {
    let (method, path) = call.split_once(' ').unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] if !rest.is_empty() => (*group, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        ["namespaces", namespace] => (Some(*namespace), rest),
        rest => (None, rest),
    };
    let (resource, named) = match rest {
        [resource] => ((*resource).to_owned(), false),
        [resource, _] => ((*resource).to_owned(), true),
        [resource, _, below] => (format!("{resource}/{below}"), true),
        _ => panic!("{call}"),
    };
    let verb = match (method, named) {
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PATCH", _) => "patch",
        ("PUT", _) => "update",
        ("DELETE", _) => "delete",
        _ => panic!("{call}"),
    };
    Some((right(group, &resource, verb), namespace.map(str::to_owned)))
}

/// What an object of a kind needs from birth to death. Server-side apply of an absent object is a create too.
fn life_of(kind: Kind) -> impl Iterator<Item = Right> {
    let group = kind.api_version().rsplit_once('/').map_or("", |(group, _)| group);
    ["get", "create", "patch", "delete"].into_iter().map(move |verb| right(group, kind.plural(), verb))
}

/// What a life asked of the cluster, and what it granted to gates, by namespace.
struct Life {
    calls: Vec<String>,
    granted: BTreeMap<String, BTreeSet<Right>>,
}

/// A card, a claim and a tenant that is made, read, put to sleep and destroyed. Its gate does not start, so
/// that nothing is left to it.
async fn life(cluster: &FakeCluster, driver: &Driver<Gpu>, tenant: &ServiceModel) -> Life {
    let watched = CardModel { watch: Attr::Known(true), ..t4() };
    let card = driver.create(CARD, &watched).await.instance.unwrap();
    let floor = driver.create(FLOOR, &claim()).await.instance.unwrap();
    let made = driver.create(SERVICE, tenant).await.instance.unwrap();
    let mut granted: BTreeMap<String, BTreeSet<Right>> = BTreeMap::new();
    for path in cluster.paths("/roles/") {
        let role = cluster.get(&path).unwrap();
        let namespace = role["metadata"]["namespace"].as_str().unwrap().to_owned();
        granted.entry(namespace).or_default().extend(rights(&role["rules"]));
    }
    {
        let mut awake = entry("awake");
        if tenant.pauses.is_null() {
            awake["paused"] = json!([]);
        }
        let mut inside = cluster.0.lock().unwrap();
        enter(&mut inside, "tts.chatterbox-tts", &awake);
        inside.objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(1);
    }
    let read = driver.read(SERVICE, &made).await.instance.unwrap();
    let asleep = ServiceModel { suspend: Attr::Known(true), ..tenant.clone() };
    let asleep = driver.update(SERVICE, &read, &asleep).await.instance.unwrap();
    for (what, instance) in [(SERVICE, &asleep), (FLOOR, &floor), (CARD, &card)] {
        let gone = driver.destroy(what, instance).await;
        assert!(gone.instance.is_none(), "{}", super::told(&gone.diagnostics));
    }
    Life { calls: cluster.take_calls(), granted }
}

/// Every right of one list that the other lacks.
fn lacks(listed: &BTreeSet<Right>, wanted: &BTreeSet<Right>) -> Vec<String> {
    let tell = |(group, resource, verb): &Right| format!("{verb} {resource} of {group:?}");
    wanted.difference(listed).map(tell).collect()
}

#[test]
fn the_guide_shows_the_examples_as_they_are() {
    for (file, text) in [("cluster.yaml", CLUSTER), ("namespace.yaml", NAMESPACE)] {
        assert!(GUIDE.contains(text), "docs/guides/rights.md does not show examples/rights/{file} as it is");
    }
}

#[tokio::test]
async fn the_cluster_role_is_what_a_whole_life_needs_and_no_more() {
    let (cluster, driver) = FakeCluster::start().await;
    let resident = "/apis/apps/v1/namespaces/immich/deployments/ml";
    cluster.put(resident, json!({"metadata": {"name": "ml"}, "spec": {"replicas": 0}}));
    let tenant = ServiceModel { pauses: Attr::Known(Set(vec!["immich/ml".into()])), ..chatterbox() };
    let mut life = life(&cluster, &driver, &tenant).await;
    driver.create(CARD, &t4()).await;
    let card = CardSourceModel { name: t4().name, ..CardSourceModel::default() };
    driver.look_up(CARD, &card).await.unwrap();
    life.calls.extend(cluster.take_calls());

    let files = roles(CLUSTER);
    let (listed, lists) = (rights(&files[0]["rules"]), rights(&files[1]["rules"]));
    assert_eq!(lists, BTreeSet::from([right("*", "*", "list")]));
    let used: BTreeSet<Right> = life.calls.iter().filter_map(|call| needed(call)).map(|it| it.0).collect();
    let (seen, done): (BTreeSet<Right>, BTreeSet<Right>) = used.into_iter().partition(|it| it.2 == "list");
    let mut wanted: BTreeSet<Right> = Kind::ALL.into_iter().flat_map(life_of).collect();
    wanted.extend(done);
    wanted.extend(life.granted.into_values().flatten());
    assert_eq!(lacks(&listed, &wanted), Vec::<String>::new(), "examples/rights/cluster.yaml lacks these");
    wanted.extend(seen);
    assert_eq!(
        lacks(&wanted, &listed),
        Vec::<String>::new(),
        "nothing uses these of examples/rights/cluster.yaml"
    );
}

#[tokio::test]
async fn the_roles_of_a_namespace_are_what_a_life_in_it_needs_and_no_more() {
    let (cluster, driver) = FakeCluster::start().await;
    for namespace in ["tts", "gpu-tenancy"] {
        cluster.put(&format!("/api/v1/namespaces/{namespace}"), json!({"metadata": {"name": namespace}}));
    }
    let life = life(&cluster, &driver, &chatterbox()).await;
    let files = roles(NAMESPACE);
    let namespaces: Vec<&str> =
        files.iter().map(|it| it["metadata"]["namespace"].as_str().unwrap()).collect();
    assert_eq!(namespaces, ["tts", "gpu-tenancy"]);
    for (namespace, role) in namespaces.iter().zip(&files) {
        let listed = rights(&role["rules"]);
        let here = |call: &String| needed(call).filter(|it| it.1.as_deref() == Some(namespace));
        let mut wanted: BTreeSet<Right> = life.calls.iter().filter_map(here).map(|it| it.0).collect();
        wanted.extend(life.granted[*namespace].iter().cloned());
        assert_eq!(lacks(&listed, &wanted), Vec::<String>::new(), "the Role in {namespace} lacks these");
        // What is made with one call is looked at, changed and deleted with others on other days.
        let applied = Kind::ALL.into_iter().filter(|kind| kind.is_namespaced()).flat_map(life_of);
        wanted.extend(applied);
        assert_eq!(
            lacks(&wanted, &listed),
            Vec::<String>::new(),
            "nothing uses these of the Role in {namespace}"
        );
    }
    let elsewhere = |call: &&String| {
        needed(call).is_some_and(|it| !namespaces.contains(&it.1.as_deref().unwrap_or_default()))
    };
    let elsewhere: Vec<&String> = life.calls.iter().filter(elsewhere).collect();
    assert!(elsewhere.is_empty(), "no Role of a namespace allows {elsewhere:?}");
}
