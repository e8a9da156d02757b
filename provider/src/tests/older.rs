//! States that another version of the provider wrote: by wider rules, which are refreshed and destroyed, and of
//! objects with fewer fields.

use axum::http::Method;
use serde_json::json;
use tenancy::leaves::Leaves;
use tfplugin::testing::Instance;
use tfplugin::{Severity, Value};

use super::bedtime::{enter, entry};
use super::cluster::FakeCluster;
use super::drifting::shown;
use super::flow::{DEPLOYMENT, LEDGER, with_floor};
use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, told};
use crate::provider::Settings;

/// The state with another value of a top-level attribute, one that today's rules refuse.
fn with(made: &Instance, attribute: &str, value: Value) -> Instance {
    let mut older = made.clone();
    let Value::Object(attributes) = &mut older.state else { panic!("a state is an object") };
    attributes.insert(attribute.to_owned(), value);
    older
}

#[tokio::test]
async fn a_tenant_of_wider_rules_is_refreshed_with_a_warning() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let older = with(&made, "guard_interval", "7 fortnights".into());
    let read = driver.read(SERVICE, &older).await;
    let said = told(&read.diagnostics);
    assert!(said.contains("guard_interval") && !read.diagnostics.has_errors(), "{said}");
    assert_eq!(read.instance.as_ref().map(|it| &it.state), Some(&older.state));
    let plan = driver.plan(SERVICE, read.instance.as_ref(), Some(&chatterbox())).await;
    let corrected = driver.apply(plan).await;
    assert!(corrected.diagnostics.is_empty(), "{}", told(&corrected.diagnostics));
    cluster.0.lock().unwrap().objects.retain(|path, _| !path.contains("/namespaces/tts"));
    assert!(driver.read(SERVICE, &older).await.instance.is_none(), "nothing of it is left");
}

#[tokio::test]
async fn without_memory_a_state_of_wider_rules_stays_as_it_is() {
    let (_cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let mut older = with(&made, "guard_interval", "7 fortnights".into());
    older.private.clear();
    let read = driver.read(SERVICE, &older).await;
    assert!(
        read.diagnostics.iter().all(|it| it.severity == Severity::Warning),
        "{}",
        told(&read.diagnostics)
    );
    assert_eq!(read.instance.map(|it| it.state), Some(older.state));
}

#[tokio::test]
async fn a_tenant_of_wider_rules_is_destroyed() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    {
        let mut inside = cluster.0.lock().unwrap();
        let mut awake = entry("awake");
        awake["paused"] = json!([]);
        enter(&mut inside, "tts.chatterbox-tts", &awake);
        inside.objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(1);
    }
    let older = with(&made, "guard_interval", "7 fortnights".into());
    cluster.take_calls();
    let gone = driver.destroy(SERVICE, &older).await;
    let said = told(&gone.diagnostics);
    assert!(gone.instance.is_none() && !gone.diagnostics.has_errors(), "{said}");
    assert!(said.contains("was not seen to return"), "{said}");
    assert!(cluster.paths("/namespaces/tts").is_empty(), "{:?}", cluster.paths("/namespaces/tts"));
    assert!(cluster.get(LEDGER).unwrap()["data"]["tts.chatterbox-tts"].is_null());
    let calls = cluster.take_calls();
    let at = |method: Method, words: &str| {
        let call = format!("{method} ");
        calls.iter().position(|it| it.starts_with(&call) && it.contains(words)).unwrap()
    };
    assert!(at(Method::DELETE, "/cronjobs/") < at(Method::PATCH, "/scale"), "{calls:?}");
}

#[tokio::test]
async fn a_card_of_wider_rules_is_refreshed_with_a_warning_and_destroyed() {
    let (_cluster, driver) = FakeCluster::start().await;
    let made = driver.create(CARD, &t4()).await.instance.unwrap();
    let older = with(&made, "memory", "much".into());
    let read = driver.read(CARD, &older).await;
    assert!(read.instance.is_some() && !read.diagnostics.has_errors(), "{}", told(&read.diagnostics));
    assert!(told(&read.diagnostics).contains("memory"), "{}", told(&read.diagnostics));
    let gone = driver.destroy(CARD, &older).await;
    assert!(gone.instance.is_none() && !gone.diagnostics.has_errors(), "{}", told(&gone.diagnostics));
}

/// The state with another text of one of its objects.
fn with_object(made: &Instance, key: &str, text: String) -> Instance {
    let Value::Object(attributes) = &made.state else { panic!("a state is an object") };
    let Value::Map(objects) = &attributes["objects"] else { panic!("the objects are known") };
    let mut objects = objects.clone();
    objects.insert(key.to_owned(), text.into());
    with(made, "objects", Value::Map(objects))
}

#[tokio::test]
async fn what_an_older_version_did_not_set_is_nobody_s_change() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let (key, new, changed) =
        ("CronJob/chatterbox-tts-sweep", "spec.successfulJobsHistoryLimit", "spec.schedule");
    let url = cluster.url(key);
    cluster.by_hand(&url, new, None);
    cluster.by_hand(&url, changed, Some(&json!({"spec": {"schedule": "1 2 3 4 *"}})));
    let mut had: Leaves = shown(&made)[key].clone();
    had.remove(new).unwrap();
    let older = with_object(&made, key, serde_json::to_string(&had).unwrap());
    let read = driver.read(SERVICE, &older).await;
    let said = told(&read.diagnostics);
    assert!(said.contains(changed) && !said.contains(new), "{said}");
    let plan = driver.plan(SERVICE, read.instance.as_ref(), Some(&chatterbox())).await;
    let after = driver.apply(plan).await;
    assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    let spec = &cluster.get(&url).unwrap()["spec"];
    assert!(spec["successfulJobsHistoryLimit"].is_number() && spec["schedule"] != "1 2 3 4 *", "{spec}");
}

#[tokio::test]
async fn a_restart_by_another_version_is_told_where_plans_show_digests() {
    let digests = Settings { plan_objects: "digests".into(), ..Settings::default() };
    let (cluster, driver) = FakeCluster::start_with(digests).await;
    driver.create(CARD, &t4()).await;
    driver.create(FLOOR, &claim()).await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.0.lock().unwrap().objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(1);
    let older = with_object(&made, "Deployment/chatterbox-tts", "sha256:0000000000000000".to_owned());
    let plan = driver.plan(SERVICE, Some(&older), Some(&chatterbox())).await;
    let said = told(&plan.diagnostics);
    assert!(
        said.contains("will be restarted") && said.contains("another version of this provider"),
        "{said}"
    );
}
