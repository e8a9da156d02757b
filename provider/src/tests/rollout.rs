//! Waiting for a tenant that is always awake, and what is remembered of a wait that was given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use serde_json::{Value, json};
use tfplugin::testing::{Driver, Instance};
use tfplugin::{Attr, Severity};

use super::cluster::{FakeCluster, Inside};
use super::flow::DEPLOYMENT;
use super::{SERVICE, chatterbox, told};
use crate::provider::Gpu;
use crate::service::ServiceModel;
use crate::service::parts::TimeoutsModel;

const PODS: &str = "/api/v1/namespaces/tts/pods";

/// A tenant on the CPU that is always awake.
fn awake(image: &str) -> ServiceModel {
    ServiceModel {
        image: image.into(),
        vram_floor: Attr::Null,
        slices: Attr::Known(0),
        windows: Attr::Null,
        always: Attr::Known(true),
        ..chatterbox()
    }
}

/// A pod of the template of that hash. What its server waits for, where it waits.
fn pod(hash: &str, born: &str, reason: Option<&str>) -> Value {
    let waiting = reason.map(|reason| json!({"waiting": {"reason": reason, "message": "no such image"}}));
    json!({
        "metadata": {
            "name": format!("chatterbox-tts-{hash}"), "creationTimestamp": born,
            "labels": {"pod-template-hash": hash},
        },
        "status": {"phase": "Pending", "containerStatuses": [{"name": "server", "state": waiting}]},
    })
}

/// Lets the Deployment stand so, with the newest generation seen.
fn stand(inside: &mut Inside, updated: u64, available: u64) {
    if let Some(deployment) = inside.objects.get_mut(DEPLOYMENT) {
        deployment["metadata"]["generation"] = json!(2);
        deployment["status"] = json!({
            "observedGeneration": 2, "replicas": 1, "updatedReplicas": updated, "availableReplicas": available,
        });
    }
}

/// A tenant whose image cannot be had, made with a warning.
async fn not_ready() -> (FakeCluster, Driver<Gpu>, Instance) {
    let (cluster, driver) = FakeCluster::start().await;
    cluster.put(&format!("{PODS}/one"), pod("one", "2026-11-21T12:00:00Z", Some("ErrImageNeverPull")));
    cluster.when(Method::GET, "/pods", |inside| stand(inside, 1, 0));
    let made = driver.create(SERVICE, &awake("missing:1")).await;
    let said = told(&made.diagnostics);
    assert!(said.contains("ErrImageNeverPull") && !made.diagnostics.has_errors(), "{said}");
    (cluster, driver, made.instance.unwrap())
}

fn reason(instance: &Instance) -> Attr<String> {
    instance.model::<ServiceModel>().unwrap().not_ready
}

#[tokio::test]
async fn what_was_not_ready_is_planned_and_waited_for_again() {
    let (cluster, driver, made) = not_ready().await;
    assert!(reason(&made).as_str().unwrap().contains("ErrImageNeverPull"));
    let read = driver.read(SERVICE, &made).await.instance.unwrap();
    let plan = driver.plan(SERVICE, Some(&read), Some(&awake("missing:1"))).await;
    assert!(!plan.is_empty() && plan.model::<ServiceModel>().unwrap().not_ready.is_unknown());
    let again = driver.apply(plan).await;
    assert!(again.diagnostics.has_errors(), "{}", told(&again.diagnostics));
    let again = again.instance.unwrap();
    assert!(!driver.plan(SERVICE, Some(&again), Some(&awake("missing:1"))).await.is_empty());
    cluster.when(Method::GET, "/deployments/", |inside| stand(inside, 1, 1));
    let plan = driver.plan(SERVICE, Some(&again), Some(&awake("missing:1"))).await;
    let done = driver.apply(plan).await;
    assert!(done.diagnostics.is_empty(), "{}", told(&done.diagnostics));
    assert!(driver.plan(SERVICE, done.instance.as_ref(), Some(&awake("missing:1"))).await.is_empty());
}

#[tokio::test]
async fn who_became_ready_meanwhile_is_found_by_a_refresh() {
    let (cluster, driver, made) = not_ready().await;
    cluster.when(Method::GET, "/deployments/", |inside| stand(inside, 1, 1));
    let read = driver.read(SERVICE, &made).await.instance.unwrap();
    assert!(reason(&read).is_null());
    assert!(driver.plan(SERVICE, Some(&read), Some(&awake("missing:1"))).await.is_empty());
}

#[tokio::test]
async fn who_is_waited_for_no_more_is_ready_enough() {
    let (_cluster, driver, made) = not_ready().await;
    let config = ServiceModel { wait: Attr::Known(false), ..awake("missing:1") };
    let after = driver.update(SERVICE, &made, &config).await;
    assert!(after.diagnostics.is_empty(), "{}", told(&after.diagnostics));
    assert!(reason(after.instance.as_ref().unwrap()).is_null());
}

/// What the pods of a look say, one look after the other: the old pod as it was, on its way out, and beside
/// the new one; then all is well.
#[tokio::test]
async fn a_corrected_image_is_not_judged_by_the_pods_before() {
    let (cluster, driver, made) = not_ready().await;
    let looks = Arc::new(AtomicUsize::new(0));
    let seen = looks.clone();
    cluster.when(Method::GET, "/deployments/", move |inside| {
        let look = looks.fetch_add(1, Ordering::Relaxed);
        let old = || pod("one", "2026-11-21T12:00:00Z", Some("CrashLoopBackOff"));
        let fresh = pod("two", "2026-11-21T12:05:00Z", Some("ContainerCreating"));
        stand(inside, if look < 4 { 0 } else { 1 }, if look < 8 { 0 } else { 1 });
        if look < 2
            && let Some(deployment) = inside.objects.get_mut(DEPLOYMENT)
        {
            // The controller has not looked yet, and counts the old pod.
            deployment["metadata"]["generation"] = json!(3);
            deployment["status"]["updatedReplicas"] = json!(1);
        }
        let mut going = old();
        going["metadata"]["deletionTimestamp"] = json!("2026-11-21T12:05:00Z");
        inside.objects.insert(format!("{PODS}/one"), if look < 6 { old() } else { going });
        if look >= 4 {
            inside.objects.insert(format!("{PODS}/two"), fresh);
        }
    });
    let after = driver.update(SERVICE, &made, &awake("there:1")).await;
    assert!(after.diagnostics.is_empty(), "{}", told(&after.diagnostics));
    assert!(seen.load(Ordering::Relaxed) > 8 && reason(&after.instance.unwrap()).is_null());
}

#[tokio::test]
async fn a_time_that_is_up_names_what_the_containers_wait_for() {
    let (cluster, driver) = FakeCluster::start().await;
    cluster.put(&format!("{PODS}/one"), pod("one", "2026-11-21T12:00:00Z", Some("ErrImagePull")));
    let timeouts = TimeoutsModel { create: "1s".into(), ..TimeoutsModel::default() };
    let config = ServiceModel { timeouts: Attr::Known(timeouts), ..awake("missing:1") };
    let made = driver.create(SERVICE, &config).await;
    let said = told(&made.diagnostics);
    assert!(said.contains("not ready in time") && said.contains("ErrImagePull: no such image"), "{said}");
    assert!(made.diagnostics.iter().all(|it| it.severity == Severity::Warning) && made.instance.is_some());
}
