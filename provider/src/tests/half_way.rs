//! Updates that end half-way, and fields and objects that change hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Method;
use serde_json::json;
use tfplugin::{Attr, Set};

use super::cluster::FakeCluster;
use super::flow::{DEPLOYMENT, with_floor};
use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, texts, told};
use crate::provider::Settings;
use crate::service::ServiceModel;
use crate::service::parts::FrontModel;

const CONFIG: &str = "/api/v1/namespaces/tts/configmaps/chatterbox-tts-config";

fn configured(text: &str) -> ServiceModel {
    ServiceModel { config: texts(&[("/app/config.yaml", text)]), ..chatterbox() }
}

#[tokio::test]
async fn going_back_after_a_failed_update_is_a_change() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &configured("old")).await.instance.unwrap();
    cluster.fail(Method::PATCH, "/deployments/", 422);
    let failed = driver.update(SERVICE, &made, &configured("new")).await;
    assert!(failed.diagnostics.has_errors());
    cluster.heal();
    assert!(cluster.get(CONFIG).unwrap()["data"].to_string().contains("new"), "half of it is live");
    let read = driver.read(SERVICE, &failed.instance.unwrap()).await.instance.unwrap();
    let back = driver.plan(SERVICE, Some(&read), Some(&configured("old"))).await;
    assert!(!back.is_empty(), "the plan says that nothing is to be done");
    let done = driver.apply(back).await;
    assert!(!done.diagnostics.has_errors(), "{}", told(&done.diagnostics));
    assert!(cluster.get(CONFIG).unwrap()["data"].to_string().contains("old"));
    assert!(driver.plan(SERVICE, done.instance.as_ref(), Some(&configured("old"))).await.is_empty());
}

#[tokio::test]
async fn what_a_call_without_an_answer_may_have_done_is_put_again() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.fail(Method::PATCH, "/deployments/", 500);
    let changed = ServiceModel { env: texts(&[("TTS_BF16", "on")]), ..chatterbox() };
    let failed = driver.update(SERVICE, &made, &changed).await.instance.unwrap();
    cluster.heal();
    let read = driver.read(SERVICE, &failed).await.instance.unwrap();
    let back = driver.plan(SERVICE, Some(&read), Some(&chatterbox())).await;
    assert!(!back.is_empty());
    let done = driver.apply(back).await;
    assert!(!done.diagnostics.has_errors(), "{}", told(&done.diagnostics));
    assert!(driver.plan(SERVICE, done.instance.as_ref(), Some(&chatterbox())).await.is_empty());
}

#[tokio::test]
async fn a_field_that_is_taken_back_is_never_without_an_owner() {
    let (cluster, driver, ..) = with_floor().await;
    let path = "spec.template.spec.priorityClassName";
    let plain = ServiceModel { priority_class: "night".into(), ..chatterbox() };
    let handed = ServiceModel { hand_over: Attr::Known(Set(vec![path.into()])), ..plain.clone() };
    let made = driver.create(SERVICE, &handed).await.instance.unwrap();
    // Until its first update the field is also ours, from its birth.
    let other = ServiceModel { env: texts(&[("A", "b")]), ..handed };
    let made = driver.update(SERVICE, &made, &other).await.instance.unwrap();
    let class = |deployment: &serde_json::Value| {
        deployment["spec"]["template"]["spec"]["priorityClassName"] == "night"
    };
    assert!(class(&cluster.get(DEPLOYMENT).unwrap()));
    let lost = Arc::new(AtomicBool::new(false));
    let seen = lost.clone();
    cluster.when(Method::PATCH, "/deployments/", move |inside| {
        seen.fetch_or(!class(&inside.objects[DEPLOYMENT]), Ordering::Relaxed);
    });
    let after = driver.update(SERVICE, &made, &plain).await;
    assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    let deployment = cluster.get(DEPLOYMENT).unwrap();
    assert!(class(&deployment) && !lost.load(Ordering::Relaxed), "the field was dropped on its way");
    let births = deployment["metadata"]["managedFields"].as_array().unwrap();
    let births = births.iter().find(|it| it["manager"].as_str().unwrap().contains("/birth/")).unwrap();
    assert_eq!(births["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(deployment["spec"]["replicas"], 0);
}

fn digests() -> Settings {
    Settings { plan_objects: "digests".into(), ..Settings::default() }
}

#[tokio::test]
async fn digests_are_no_adoption() {
    let (cluster, driver) = FakeCluster::start_with(digests()).await;
    driver.create(CARD, &t4()).await;
    driver.create(FLOOR, &claim()).await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let service = "/api/v1/namespaces/tts/services/chatterbox-tts";
    cluster.0.lock().unwrap().objects.remove(service);
    cluster.put(service, json!({"metadata": {"name": "chatterbox-tts"}, "spec": {"type": "NodePort"}}));
    let front = FrontModel { port: Attr::Known(9000), ..FrontModel::default() };
    let changed = ServiceModel { service: Attr::Known(front), ..chatterbox() };
    let after = driver.update(SERVICE, &made, &changed).await;
    assert!(told(&after.diagnostics).contains("is not ours"), "{}", told(&after.diagnostics));
}

#[tokio::test]
async fn a_restart_is_told_also_where_plans_show_digests() {
    for settings in [Settings::default(), digests()] {
        let (cluster, driver) = FakeCluster::start_with(settings).await;
        driver.create(CARD, &t4()).await;
        driver.create(FLOOR, &claim()).await;
        let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
        cluster.0.lock().unwrap().objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(1);
        let changed = ServiceModel { image: "ghcr.io/example/chatterbox-tts:2".into(), ..chatterbox() };
        let plan = driver.plan(SERVICE, Some(&made), Some(&changed)).await;
        let said = told(&plan.diagnostics);
        assert!(said.starts_with("image | ") && said.contains("will be restarted"), "{said}");
    }
}
