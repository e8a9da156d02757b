//! A tenant is put to sleep by its own gate; what is done without one; and
//! residents that a change lets go.

use axum::http::Method;
use serde_json::{Value, json};
use tfplugin::testing::{Driver, Instance};
use tfplugin::{Attr, Set};

use super::cluster::{FakeCluster, Inside};
use super::flow::{DEPLOYMENT, LEDGER, with_floor};
use super::{SERVICE, chatterbox, told};
use crate::provider::Gpu;
use crate::service::ServiceModel;
use crate::service::parts::TimeoutsModel;

const RESIDENT: &str = "/apis/apps/v1/namespaces/immich/deployments/ml";
const JOBS: &str = "/apis/batch/v1/namespaces/tts/jobs";
const POD: &str = "/api/v1/namespaces/tts/pods/chatterbox-tts-bedtime-x";

fn pausing() -> ServiceModel {
    ServiceModel { pauses: Attr::Known(Set(vec!["immich/ml".into()])), ..chatterbox() }
}

fn suspended() -> ServiceModel {
    ServiceModel { suspend: Attr::Known(true), ..pausing() }
}

pub(super) fn entry(state: &str) -> Value {
    json!({
        "state": state, "since": "2026-11-21T02:00:00Z", "replicas_confirmed": true,
        "paused": [{"namespace": "immich", "deployment": "ml", "replicas": 2, "since": "2026-11-21T02:00:00Z", "seen_at_zero": true}],
    })
}

pub(super) fn enter(inside: &mut Inside, tenant: &str, entry: &Value) {
    inside.objects.get_mut(LEDGER).unwrap()["data"][tenant] = json!(entry.to_string());
}

/// A tenant that is awake, with a resident at 0 for it.
async fn awake() -> (FakeCluster, Driver<Gpu>, Instance) {
    let (cluster, driver, ..) = with_floor().await;
    cluster.put(RESIDENT, json!({"metadata": {"name": "ml"}, "spec": {"replicas": 0}}));
    let made = driver.create(SERVICE, &pausing()).await.instance.unwrap();
    {
        let mut inside = cluster.0.lock().unwrap();
        enter(&mut inside, "tts.chatterbox-tts", &entry("awake"));
        inside.objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(1);
    }
    cluster.take_calls();
    (cluster, driver, made)
}

/// Plays the gate: a Job that is made puts the tenant to sleep, residents included.
fn with_gate(cluster: &FakeCluster) {
    cluster.when(Method::POST, "/jobs", |inside| {
        let config = &inside.objects["/api/v1/namespaces/tts/configmaps/chatterbox-tts-gate"];
        assert!(config["data"]["gate.json"].as_str().unwrap().contains(r#""suspend":true"#), "{config}");
        let mut asleep = entry("asleep");
        asleep["paused"] = json!([]);
        enter(inside, "tts.chatterbox-tts", &asleep);
        inside.objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(0);
        inside.objects.get_mut(RESIDENT).unwrap()["spec"]["replicas"] = json!(2);
    });
}

fn ledger(cluster: &FakeCluster) -> Value {
    let text = cluster.get(LEDGER).unwrap()["data"]["tts.chatterbox-tts"].as_str().map(str::to_owned);
    text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
}

fn replicas(cluster: &FakeCluster, path: &str) -> Value {
    cluster.get(path).unwrap()["spec"]["replicas"].clone()
}

#[tokio::test]
async fn a_destroy_lets_the_gate_do_it() {
    let (cluster, driver, made) = awake().await;
    with_gate(&cluster);
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(gone.instance.is_none() && gone.diagnostics.is_empty(), "{}", told(&gone.diagnostics));
    let calls = cluster.take_calls();
    assert!(!calls.iter().any(|call| call.contains("/scale")), "the provider scaled by itself: {calls:?}");
    let at = |words: &str| {
        calls.iter().position(|it| it.contains(words)).unwrap_or_else(|| panic!("{words}: {calls:?}"))
    };
    assert!(at("PATCH /apis/batch") < at(&format!("POST {JOBS}")));
    assert!(at(&format!("POST {JOBS}")) < at(&format!("DELETE {JOBS}")));
    assert!(at(&format!("DELETE {JOBS}")) < at(&format!("PUT {LEDGER}")));
    assert!(at(&format!("PUT {LEDGER}")) < at(&format!("DELETE {DEPLOYMENT}")));
    assert_eq!(ledger(&cluster), Value::Null);
}

#[tokio::test]
async fn the_job_is_a_tick_of_the_guard_that_belongs_to_nobody() {
    let (cluster, driver, made) = awake().await;
    with_gate(&cluster);
    cluster.when(Method::DELETE, "/jobs/", |inside| {
        let job = inside.objects[&format!("{JOBS}/chatterbox-tts-bedtime")].clone();
        let guard = &inside.objects["/apis/batch/v1/namespaces/tts/cronjobs/chatterbox-tts-guard-night"];
        assert_eq!(job["spec"], guard["spec"]["jobTemplate"]["spec"]);
        assert!(job["metadata"]["ownerReferences"].is_null());
    });
    driver.update(SERVICE, &made, &suspended()).await;
    assert!(cluster.paths("/jobs/").is_empty());
}

/// By then the tenant sleeps, so that no other Job is made in the place of the one that is left.
#[tokio::test]
async fn a_job_that_could_not_be_removed_goes_with_the_next_try() {
    let job = format!("{JOBS}/chatterbox-tts-bedtime");
    let (cluster, driver, made) = awake().await;
    with_gate(&cluster);
    cluster.fail(Method::DELETE, "/jobs/", 403);
    let failed = driver.destroy(SERVICE, &made).await;
    let kept = failed.instance.unwrap();
    assert!(cluster.get(&job).is_some() && told(&failed.diagnostics).contains("chatterbox-tts-bedtime"));
    cluster.heal();
    let gone = driver.destroy(SERVICE, &kept).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
    assert!(cluster.get(&job).is_none(), "the Job is left and nobody knows of it");

    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.put(&job, json!({"metadata": {"name": "chatterbox-tts-bedtime"}}));
    driver.destroy(SERVICE, &made).await;
    assert!(cluster.get(&job).is_some(), "a Job of somebody else has gone");
}

#[tokio::test]
async fn a_tenant_that_is_asleep_takes_no_job() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.take_calls();
    driver.destroy(SERVICE, &made).await;
    assert!(!cluster.take_calls().iter().any(|call| call.starts_with("POST")));
}

#[tokio::test]
async fn a_prefetch_that_still_runs_is_not_waited_for() {
    let (cluster, driver, ..) = with_floor().await;
    let timeouts = TimeoutsModel { delete: "2s".into(), ..TimeoutsModel::default() };
    let hurried = ServiceModel { timeouts: Attr::Known(timeouts), ..chatterbox() };
    let made = driver.create(SERVICE, &hurried).await.instance.unwrap();
    let labels = json!({"app.kubernetes.io/name": "gpu-tenancy.prefetch"});
    let fetching = json!({"metadata": {"name": "p", "labels": labels}, "status": {"phase": "Pending"}});
    cluster.put("/api/v1/namespaces/tts/pods/p", fetching);
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(gone.instance.is_none() && !gone.diagnostics.has_errors(), "{}", told(&gone.diagnostics));
}

#[tokio::test]
async fn a_gate_that_cannot_start_is_told_and_done_without() {
    let waiting = json!({"name": "gate", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}});
    let cases = [
        (
            POD,
            json!({"metadata": {"name": "chatterbox-tts-bedtime-x"}, "status": {"phase": "Pending", "containerStatuses": [waiting]}}),
            "ImagePullBackOff",
        ),
        (
            "/api/v1/namespaces/tts/events/e",
            json!({"involvedObject": {"name": "chatterbox-tts-bedtime"}, "type": "Warning", "message": "exceeded quota: pods"}),
            "exceeded quota",
        ),
    ];
    for (path, object, words) in cases {
        let (cluster, driver, made) = awake().await;
        cluster.when(Method::POST, "/jobs", move |inside| {
            drop(inside.objects.insert(path.to_owned(), object.clone()))
        });
        cluster.when(Method::DELETE, "/jobs/", move |inside| drop(inside.objects.remove(path)));
        let gone = driver.destroy(SERVICE, &made).await;
        let said = told(&gone.diagnostics);
        assert!(
            gone.instance.is_none() && said.contains(words) && said.contains("not seen to return"),
            "{said}"
        );
        assert_eq!(replicas(&cluster, RESIDENT), 2);
        assert_eq!(ledger(&cluster), Value::Null);
        assert!(cluster.get(DEPLOYMENT).is_none());
    }
}

#[tokio::test]
async fn a_resident_that_another_tenant_keeps_down_stays_down() {
    let (cluster, driver, made) = awake().await;
    enter(&mut cluster.0.lock().unwrap(), "stt.whisper", &entry("loading"));
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
    assert_eq!(replicas(&cluster, RESIDENT), 0);
    assert_eq!(ledger(&cluster), Value::Null);
}

#[tokio::test]
async fn who_could_not_be_restored_is_not_forgotten() {
    let (cluster, driver, made) = awake().await;
    cluster.fail(Method::PATCH, "/deployments/ml", 403);
    let gone = driver.destroy(SERVICE, &made).await;
    let said = told(&gone.diagnostics);
    assert!(gone.instance.is_none() && said.contains("immich/ml") && said.contains("2 replicas"), "{said}");
    let left = ledger(&cluster);
    assert_eq!((&left["state"], &left["paused"][0]["deployment"]), (&json!("asleep"), &json!("ml")));
}

#[tokio::test]
async fn a_suspend_is_the_gate_s_work_too() {
    let (cluster, driver, made) = awake().await;
    with_gate(&cluster);
    let after = driver.update(SERVICE, &made, &suspended()).await;
    assert!(after.diagnostics.is_empty(), "{}", told(&after.diagnostics));
    assert_eq!((replicas(&cluster, DEPLOYMENT), replicas(&cluster, RESIDENT)), (json!(0), json!(2)));
    let read = driver.read(SERVICE, &after.instance.unwrap()).await.instance;
    assert!(driver.plan(SERVICE, read.as_ref(), Some(&suspended())).await.is_empty());
}

#[tokio::test]
async fn a_suspend_that_failed_is_planned_again() {
    let (cluster, driver, made) = awake().await;
    cluster.fail(Method::POST, "/jobs", 403);
    cluster.fail(Method::PATCH, "/scale", 403);
    let after = driver.update(SERVICE, &made, &suspended()).await;
    assert!(after.diagnostics.has_errors());
    let state = after.instance.unwrap();
    assert!(state.model::<ServiceModel>().unwrap().suspend.is_null());
    cluster.heal();
    let back = driver.plan(SERVICE, Some(&state), Some(&pausing())).await;
    assert!(!back.is_empty(), "the CronJobs are suspended, and going back does not see it");
    let again = driver.plan(SERVICE, Some(&state), Some(&suspended())).await;
    let done = driver.apply(again).await;
    assert!(!done.diagnostics.has_errors(), "{}", told(&done.diagnostics));
    assert_eq!((replicas(&cluster, DEPLOYMENT), replicas(&cluster, RESIDENT)), (json!(0), json!(2)));
}

#[tokio::test]
async fn a_resident_that_a_change_lets_go_gets_its_replicas_before_the_right_goes() {
    for changed in [
        chatterbox(),
        ServiceModel {
            windows: Attr::Null,
            always: Attr::Known(true),
            wait: Attr::Known(false),
            ..chatterbox()
        },
    ] {
        let (cluster, driver, made) = awake().await;
        let after = driver.update(SERVICE, &made, &changed).await;
        assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
        assert_eq!(replicas(&cluster, RESIDENT), 2);
        let calls = cluster.take_calls();
        let at = |words: &str| calls.iter().position(|it| it.contains(words)).unwrap();
        assert!(at(&format!("PATCH {RESIDENT}/scale")) < at("DELETE /apis/rbac"));
        let left = ledger(&cluster);
        assert!(left.is_null() || left["paused"].is_null(), "{left}");
        assert_eq!(left.is_null(), changed.windows.is_null());
    }
}

#[tokio::test]
async fn a_resident_that_is_let_go_and_kept_down_by_another_stays_down() {
    let (cluster, driver, made) = awake().await;
    enter(&mut cluster.0.lock().unwrap(), "stt.whisper", &entry("awake"));
    let after = driver.update(SERVICE, &made, &chatterbox()).await;
    assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    assert_eq!(replicas(&cluster, RESIDENT), 0);
    assert!(ledger(&cluster)["paused"].is_null());
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_made_all_the_same() {
    let (cluster, driver, made) = awake().await;
    with_gate(&cluster);
    // The first try is done and its answer lost on the way: the next one of the same call meets it.
    cluster.lose_an_answer(Method::POST, "/jobs");
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(gone.instance.is_none() && gone.diagnostics.is_empty(), "{}", told(&gone.diagnostics));
    assert!(cluster.take_calls().iter().filter(|call| **call == format!("POST {JOBS}")).count() == 2);
}
