//! A tenant that somebody wrote by hand is taken over.

use axum::http::Method;
use serde_json::{Value, json};
use tfplugin::{Attr, Set};

use super::cluster::FakeCluster;
use super::flow::{DEPLOYMENT, with_floor};
use super::{SERVICE, chatterbox, told};
use crate::service::ServiceModel;
use crate::service::parts::FrontModel;

const CRON_JOB: &str = "/apis/batch/v1/namespaces/tts/cronjobs/chatterbox-window-up";

fn by_hand(cluster: &FakeCluster, replicas: u64, app: &str) {
    cluster.put("/api/v1/namespaces/tts", json!({"metadata": {"name": "tts"}}));
    cluster.put(DEPLOYMENT, deployment(replicas, app));
    cluster.put(
        CRON_JOB,
        json!({"metadata": {"name": "chatterbox-window-up"}, "spec": {"schedule": "0 2 * * *"}}),
    );
    let root = "/api/v1/namespaces/tts/configmaps/kube-root-ca.crt";
    cluster.put(root, json!({"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "c"}}));
}

fn deployment(replicas: u64, app: &str) -> Value {
    json!({
        "metadata": {"name": "chatterbox-tts", "namespace": "tts", "annotations": {"keel.sh/policy": "force"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": app}},
            "template": {"spec": {"containers": [{"name": "chatterbox", "image": "hand:1"}]}},
        },
        "status": {"replicas": replicas},
    })
}

fn adopting() -> ServiceModel {
    ServiceModel { adopt: Attr::Known(Set(vec!["Deployment/chatterbox-tts".into()])), ..chatterbox() }
}

#[tokio::test]
async fn one_that_is_awake_is_not_touched() {
    let (cluster, driver, ..) = with_floor().await;
    by_hand(&cluster, 1, "chatterbox-tts");
    cluster.take_calls();
    let after = driver.create(SERVICE, &adopting()).await;
    let said = told(&after.diagnostics);
    assert!(after.instance.is_none());
    assert!(
        said.contains("is awake") && said.contains("scale deployment chatterbox-tts --replicas=0"),
        "{said}"
    );
    assert!(cluster.take_calls().iter().all(|call| call.starts_with("GET")));
}

#[tokio::test]
async fn one_that_sleeps_makes_place_and_what_it_leaves_is_named() {
    let (cluster, driver, ..) = with_floor().await;
    by_hand(&cluster, 0, "chatterbox-tts");
    let uid = cluster.get(DEPLOYMENT).unwrap()["metadata"]["uid"].clone();
    let after = driver.create(SERVICE, &adopting()).await;
    let said = told(&after.diagnostics);
    assert!(!after.diagnostics.has_errors(), "{said}");
    let live = cluster.get(DEPLOYMENT).unwrap();
    assert_eq!(live["spec"]["replicas"], 0);
    assert_ne!(live["metadata"]["uid"], uid);
    assert_eq!(live["spec"]["template"]["spec"]["containers"].as_array().unwrap().len(), 1);
    assert!(said.contains("made anew while it slept, because a selector can never change"), "{said}");
    assert!(said.contains("metadata.annotations[keel.sh/policy]"), "{said}");
    assert!(said.contains("delete cronjob/chatterbox-window-up"), "{said}");
    assert!(!said.contains("kube-root-ca.crt") && !said.contains("chatterbox-tts-guard"), "{said}");
    assert!(cluster.get(CRON_JOB).is_some(), "what is not ours is only named");
    let read = driver.read(SERVICE, &after.instance.unwrap()).await;
    assert!(read.diagnostics.is_empty(), "{}", told(&read.diagnostics));
    assert!(driver.plan(SERVICE, Some(&read.instance.unwrap()), Some(&adopting())).await.is_empty());
}

#[tokio::test]
async fn one_with_our_selector_and_containers_of_other_names_makes_place_too() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let selector = cluster.get(DEPLOYMENT).unwrap()["spec"]["selector"].clone();
    driver.destroy(SERVICE, &made).await;
    by_hand(&cluster, 0, "x");
    cluster.put(DEPLOYMENT, {
        let mut same = deployment(0, "x");
        same["spec"]["selector"] = selector;
        same
    });
    let said = told(&driver.create(SERVICE, &adopting()).await.diagnostics);
    assert!(said.contains("because its containers would run beside ours"), "{said}");
}

#[tokio::test]
async fn what_the_cluster_would_refuse_costs_nobody_the_one_that_is_there() {
    let (cluster, driver, ..) = with_floor().await;
    by_hand(&cluster, 0, "chatterbox-tts");
    let uid = cluster.get(DEPLOYMENT).unwrap()["metadata"]["uid"].clone();
    cluster.fail(Method::PATCH, "/deployments/chatterbox-tts-tried", 422);
    let after = driver.create(SERVICE, &adopting()).await;
    let said = told(&after.diagnostics);
    assert!(after.instance.is_none() && said.contains("Deployment tts/chatterbox-tts"), "{said}");
    assert!(!said.contains("Deployment tts/chatterbox-tts-tried"), "{said}");
    assert_eq!(cluster.get(DEPLOYMENT).unwrap()["metadata"]["uid"], uid);
}

#[tokio::test]
async fn one_that_wakes_between_the_look_and_its_taking_over_is_not_touched() {
    let (cluster, driver, ..) = with_floor().await;
    by_hand(&cluster, 0, "chatterbox-tts");
    let uid = cluster.get(DEPLOYMENT).unwrap()["metadata"]["uid"].clone();
    cluster.when(Method::PATCH, "/deployments/chatterbox-tts-tried", |inside| {
        inside.store(DEPLOYMENT, deployment(1, "chatterbox-tts"), "kubectl");
    });
    let after = driver.create(SERVICE, &adopting()).await;
    let said = told(&after.diagnostics);
    assert!(after.instance.is_none() && said.contains("is awake"), "{said}");
    assert_eq!(cluster.get(DEPLOYMENT).unwrap()["metadata"]["uid"], uid);
}

#[tokio::test]
async fn ours_in_its_place_stays_when_the_rest_of_the_create_fails() {
    let (cluster, driver, ..) = with_floor().await;
    by_hand(&cluster, 0, "chatterbox-tts");
    cluster.fail(Method::PATCH, "/cronjobs/", 403);
    let after = driver.create(SERVICE, &adopting()).await;
    assert!(after.instance.is_none());
    assert!(cluster.get(DEPLOYMENT).is_some(), "the user would have no Deployment at all");
    cluster.heal();
    let again = driver.create(SERVICE, &adopting()).await;
    assert!(!again.diagnostics.has_errors(), "{}", told(&again.diagnostics));
}

fn adopting_the_service() -> ServiceModel {
    ServiceModel { adopt: Attr::Known(Set(vec!["Service/chatterbox-tts".into()])), ..chatterbox() }
}

const SERVICE_URL: &str = "/api/v1/namespaces/tts/services/chatterbox-tts";

#[tokio::test]
async fn what_is_ours_already_is_taken_over_no_more() {
    let (cluster, driver, ..) = with_floor().await;
    by_hand(&cluster, 0, "chatterbox-tts");
    cluster.0.lock().unwrap().objects.remove(DEPLOYMENT);
    let hand = || json!({"metadata": {"name": "chatterbox-tts"}, "spec": {"type": "NodePort"}});
    cluster.put(SERVICE_URL, hand());
    let made = driver.create(SERVICE, &adopting_the_service()).await;
    assert!(!made.diagnostics.has_errors(), "{}", told(&made.diagnostics));
    // Since the last refresh somebody has put another in its place.
    cluster.0.lock().unwrap().objects.remove(SERVICE_URL);
    cluster.put(SERVICE_URL, hand());
    let uid = cluster.get(SERVICE_URL).unwrap()["metadata"]["uid"].clone();
    let front = FrontModel { port: Attr::Known(9000), ..FrontModel::default() };
    let changed = ServiceModel { service: Attr::Known(front), ..adopting_the_service() };
    let after = driver.update(SERVICE, &made.instance.unwrap(), &changed).await;
    let said = told(&after.diagnostics);
    assert!(after.diagnostics.has_errors() && said.contains("is not ours"), "{said}");
    let live = cluster.get(SERVICE_URL).unwrap();
    assert_eq!((&live["metadata"]["uid"], &live["spec"]["type"]), (&uid, &json!("NodePort")));
}

#[tokio::test]
async fn a_failed_create_names_what_it_took_over() {
    let (cluster, driver, ..) = with_floor().await;
    by_hand(&cluster, 0, "chatterbox-tts");
    cluster.0.lock().unwrap().objects.remove(DEPLOYMENT);
    cluster.put(SERVICE_URL, json!({"metadata": {"name": "chatterbox-tts"}, "spec": {"type": "NodePort"}}));
    cluster.fail(Method::PATCH, "/cronjobs/", 403);
    let after = driver.create(SERVICE, &adopting_the_service()).await;
    let said = told(&after.diagnostics);
    assert!(after.instance.is_none() && after.diagnostics.has_errors(), "{said}");
    assert!(said.contains("Service tts/chatterbox-tts existed before"), "{said}");
    assert!(said.contains("--server-side --force-conflicts"), "{said}");
    cluster.heal();
    let again = driver.create(SERVICE, &adopting_the_service()).await;
    assert!(!again.diagnostics.has_errors(), "{}", told(&again.diagnostics));
}
