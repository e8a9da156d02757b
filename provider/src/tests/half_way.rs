//! Updates that end half-way, and fields and objects that change hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use tfplugin::testing::Driver;
use tfplugin::{Attr, Set};

use super::cluster::FakeCluster;
use super::flow::{CLAIM, DEPLOYMENT, stored, with_floor};
use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, texts, told, window};
use crate::provider::{Gpu, Settings};
use crate::service::ServiceModel;
use crate::service::parts::{FrontModel, TimeoutsModel};

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

#[tokio::test]
async fn a_window_that_is_taken_from_an_awake_tenant_is_told() {
    let (cluster, driver) = FakeCluster::start().await;
    driver.create(CARD, &t4()).await;
    driver.create(FLOOR, &claim()).await;
    let around = |from: i64, to: i64| {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let at = |hours: i64| (&now + jiff::Span::new().hours(hours)).strftime("%H:%M").to_string();
        window(&at(from), &at(to), "UTC")
    };
    let open = ServiceModel { windows: around(-2, 2), ..chatterbox() };
    let made = driver.create(SERVICE, &open).await.instance.unwrap();
    let other = ServiceModel { windows: around(6, 9), ..chatterbox() };
    let longer = ServiceModel { windows: around(-2, 3), ..chatterbox() };
    let told_of = async |changed: &ServiceModel| {
        told(&driver.plan(SERVICE, Some(&made), Some(changed)).await.diagnostics)
    };
    assert_eq!(told_of(&other).await, "", "it sleeps");
    cluster.0.lock().unwrap().objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(1);
    let said = told_of(&other).await;
    assert!(said.starts_with("windows | ") && said.contains("will be put to sleep"), "{said}");
    assert_eq!(told_of(&longer).await, "");
    let now = jiff::Timestamp::now();
    let hours = |hours: i64| now + jiff::SignedDuration::from_hours(hours);
    for (until, is_told) in [(hours(1), false), (hours(-1), true), (hours(48), true)] {
        // The gate heeds no time that has passed, and none more than a day away.
        cluster.0.lock().unwrap().objects.get_mut(DEPLOYMENT).unwrap()["metadata"]["annotations"] =
            json!({"gpu-tenancy.dev/gate": format!("awake-until={until}")});
        let said = told_of(&other).await;
        assert_eq!(said.contains("put to sleep"), is_told, "{until}: {said}");
    }
}

#[tokio::test]
async fn what_was_made_before_its_second_call_failed_is_taken_back_too() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.when(Method::PATCH, "/deployments/", |inside| {
        if inside.objects.contains_key(DEPLOYMENT) {
            inside.faults.push((Method::PATCH, "/deployments/", 403));
        }
    });
    let after = driver.create(SERVICE, &chatterbox()).await;
    assert!(after.instance.is_none() && after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    assert_eq!(cluster.paths("/namespaces/tts"), ["/api/v1/namespaces/tts"]);
}

#[tokio::test]
async fn a_claim_that_is_taken_back_is_gone_before_the_next_apply_looks() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.fail(Method::PATCH, "/deployments/", 403);
    cluster.when(Method::PATCH, "/deployments/", |inside| {
        let claim = inside.objects.get_mut(CLAIM).unwrap();
        claim["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
    });
    let mut looks = 0;
    cluster.when(Method::GET, "/persistentvolumeclaims/", move |inside| {
        let going =
            inside.objects.get(CLAIM).is_some_and(|it| !it["metadata"]["deletionTimestamp"].is_null());
        looks += usize::from(going);
        if looks == 3 {
            inside.objects.remove(CLAIM);
        }
    });
    let after = driver.create(SERVICE, &stored()).await;
    assert!(after.instance.is_none() && cluster.get(CLAIM).is_none(), "{}", told(&after.diagnostics));
}

#[tokio::test]
async fn a_refused_deletion_is_an_error_and_no_wait() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.fail(Method::DELETE, "/services/", 409);
    let after = tokio::time::timeout(Duration::from_secs(10), driver.destroy(SERVICE, &made)).await.unwrap();
    let said = told(&after.diagnostics);
    assert!(after.instance.is_some() && said.contains("Service tts/chatterbox-tts"), "{said}");
}

#[tokio::test]
async fn a_claim_whose_release_is_refused_stays_in_the_state() {
    let (cluster, driver, _, floor) = with_floor().await;
    cluster.fail(Method::PATCH, ".declared", 422);
    let after = driver.destroy(FLOOR, &floor).await;
    let said = told(&after.diagnostics);
    assert!(after.instance.is_some() && said.contains("card.gpu-1-0.declared"), "{said}");
    cluster.heal();
    let gone = driver.destroy(FLOOR, &after.instance.unwrap()).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_in_no_namespace() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.fail(Method::GET, "/horizontalpodautoscalers", 404);
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(gone.diagnostics.is_empty(), "{}", told(&gone.diagnostics));
    assert!(cluster.paths("/namespaces/tts").is_empty());
}

#[tokio::test]
async fn a_silent_cluster_is_waited_for_as_long_as_timeouts_say() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", silent.local_addr().unwrap());
    let driver = Driver::new(Gpu);
    driver
        .configure(&Settings { host: host.as_str().into(), token: "t".into(), ..Settings::default() })
        .await;
    let timeouts = TimeoutsModel { create: "1s".into(), ..TimeoutsModel::default() };
    let config = ServiceModel { timeouts: Attr::Known(timeouts), ..chatterbox() };
    let after = tokio::time::timeout(Duration::from_secs(20), driver.create(SERVICE, &config)).await.unwrap();
    let said = told(&after.diagnostics);
    assert!(said.contains("asked to get ConfigMap gpu-tenancy/tenant.tts.chatterbox-tts"), "{said}");
    assert!(said.contains("kept silent until the time was up"), "{said}");
}

#[tokio::test]
async fn a_load_balancer_s_class_is_told_at_plan_to_be_fixed() {
    let (_cluster, driver, ..) = with_floor().await;
    let with = |class: &str, kind: &str| {
        let class = if class.is_empty() { Attr::Null } else { Attr::from(class) };
        let port = Attr::Known(8000);
        let front =
            FrontModel { port, r#type: kind.into(), load_balancer_class: class, ..FrontModel::default() };
        ServiceModel { service: Attr::Known(front), ..chatterbox() }
    };
    let made = driver.create(SERVICE, &with("example.org/a", "LoadBalancer")).await.instance.unwrap();
    for other in ["example.org/b", ""] {
        let said = driver.plan(SERVICE, Some(&made), Some(&with(other, "LoadBalancer"))).await.diagnostics;
        assert!(told(&said).starts_with("service | The class of a load balancer cannot"), "{}", told(&said));
    }
    let plan = driver.plan(SERVICE, Some(&made), Some(&with("", "ClusterIP"))).await;
    assert!(!plan.diagnostics.has_errors(), "{}", told(&plan.diagnostics));
}

#[tokio::test]
async fn a_claim_on_a_card_that_failed_half_way_is_not_counted() {
    for status in [403, 500] {
        let (cluster, driver) = FakeCluster::start().await;
        driver.create(CARD, &t4()).await;
        cluster.fail(Method::PATCH, "/rolebindings/", status);
        let after = driver.create(FLOOR, &claim()).await;
        assert!(after.instance.is_none() && after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
        let declared =
            cluster.get("/api/v1/namespaces/gpu-tenancy/configmaps/card.gpu-1-0.declared").unwrap();
        assert!(!declared["data"].to_string().contains("floor."), "{}", declared["data"]);
        assert!(cluster.paths("tenant.tts").is_empty(), "{:?}", cluster.paths("tenant.tts"));
    }
}

#[tokio::test]
async fn who_holds_what_does_not_go_away_is_named() {
    let (cluster, driver, ..) = with_floor().await;
    let timeouts = TimeoutsModel { delete: "1s".into(), ..TimeoutsModel::default() };
    let config = ServiceModel { timeouts: Attr::Known(timeouts), ..chatterbox() };
    let made = driver.create(SERVICE, &config).await.instance.unwrap();
    let service = "/api/v1/namespaces/tts/services/chatterbox-tts";
    let hold = |finalizers: serde_json::Value| {
        let mut inside = cluster.0.lock().unwrap();
        inside.objects.get_mut(service).unwrap()["metadata"]["finalizers"] = finalizers;
    };
    hold(json!(["service.kubernetes.io/load-balancer-cleanup"]));
    let after = driver.destroy(SERVICE, &made).await;
    let said = told(&after.diagnostics);
    assert!(said.contains("Service tts/chatterbox-tts does not go away"), "{said}");
    assert!(said.contains("service.kubernetes.io/load-balancer-cleanup"), "{said}");
    assert!(cluster.get("/api/v1/namespaces/tts").is_none(), "its own seconds run beside those of the rest");
    cluster.0.lock().unwrap().objects.remove(service);
    let gone = driver.destroy(SERVICE, &after.instance.unwrap()).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
}

#[tokio::test]
async fn a_namespace_that_a_failed_destroy_did_not_leave_is_left_by_the_next() {
    // The last of the objects may have gone in spite of the failure.
    for (method, path, goes) in [
        (Method::GET, "/namespaces/tts/secrets", None),
        (Method::DELETE, "/services/", Some("/api/v1/namespaces/tts/services/chatterbox-tts")),
    ] {
        let (cluster, driver, ..) = with_floor().await;
        let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
        cluster.fail(method, path, 500);
        let after = driver.destroy(SERVICE, &made).await;
        assert!(after.diagnostics.has_errors());
        cluster.heal();
        cluster.0.lock().unwrap().objects.retain(|url, _| goes != Some(url.as_str()));
        assert_eq!(cluster.paths("/namespaces/tts"), ["/api/v1/namespaces/tts"]);
        let read = driver.read(SERVICE, &after.instance.unwrap()).await;
        let kept = read.instance.expect("the namespace is still to be left");
        let back = driver.plan(SERVICE, Some(&kept), Some(&chatterbox())).await;
        assert!(!back.is_empty() && back.replace.is_empty(), "whoever changes his mind gets his tenant back");
        let gone = driver.destroy(SERVICE, &kept).await;
        assert!(gone.diagnostics.is_empty(), "{}", told(&gone.diagnostics));
        assert!(cluster.paths("/namespaces/tts").is_empty());
    }
}
