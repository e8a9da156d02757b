//! The life of a tenant, and what is left when a call in it fails.

use axum::http::Method;
use serde_json::json;
use tfplugin::testing::{Driver, Instance};
use tfplugin::{Attr, Set, Severity};

use super::cluster::FakeCluster;
use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, texts, told};
use crate::provider::Gpu;
use crate::service::ServiceModel;
use crate::service::parts::{PrefetchModel, StorageModel};

pub(super) const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/tts/deployments/chatterbox-tts";
pub(super) const CLAIM: &str = "/api/v1/namespaces/tts/persistentvolumeclaims/chatterbox-tts-data";
pub(super) const LEDGER: &str = "/api/v1/namespaces/gpu-tenancy/configmaps/card.gpu-1-0.ledger";

/// A cluster with the card and the claim of the first seed.
pub(super) async fn with_floor() -> (FakeCluster, Driver<Gpu>, Instance, Instance) {
    let (cluster, driver) = FakeCluster::start().await;
    let card = driver.create(CARD, &t4()).await;
    let floor = driver.create(FLOOR, &claim()).await;
    assert!(card.diagnostics.is_empty() && floor.diagnostics.is_empty(), "{}", told(&floor.diagnostics));
    cluster.take_calls();
    (cluster, driver, card.instance.unwrap(), floor.instance.unwrap())
}

pub(super) fn stored() -> ServiceModel {
    let storage = StorageModel { mount_path: "/data".into(), size: "20Gi".into(), ..StorageModel::default() };
    ServiceModel { storage: Attr::Known(storage), ..chatterbox() }
}

#[tokio::test]
async fn a_tenant_is_born_asleep_in_the_order_that_its_parts_need() {
    let (cluster, driver, ..) = with_floor().await;
    let after = driver.create(SERVICE, &chatterbox()).await;
    assert!(after.diagnostics.is_empty(), "{}", told(&after.diagnostics));
    assert_eq!(cluster.get(DEPLOYMENT).unwrap()["spec"]["replicas"], 0);
    let calls = cluster.take_calls();
    let first =
        |part: &str| calls.iter().position(|call| call.starts_with("PATCH") && call.contains(part)).unwrap();
    assert!(first("/namespaces/tts/configmaps") < first("/deployments/"));
    assert!(first("/roles/") < first("/rolebindings/"));
    assert!(first("/deployments/") < first("/cronjobs/"));
    let births =
        calls.iter().filter(|call| call.starts_with("PATCH") && call.contains("/deployments/")).count();
    assert_eq!(births, 2, "the replicas are handed to the birth manager");
    assert!(
        !calls.iter().any(|call| call.starts_with("GET") && call.contains("/cronjobs/")),
        "the namespace is new"
    );
}

#[tokio::test]
async fn a_read_after_an_apply_finds_nothing_and_asks_once_an_object() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.take_calls();
    let read = driver.read(SERVICE, &made).await;
    assert!(read.diagnostics.is_empty(), "{}", told(&read.diagnostics));
    assert_eq!(read.instance.as_ref().map(|it| &it.state), Some(&made.state));
    let calls = cluster.take_calls();
    let objects = made.model::<ServiceModel>().unwrap().objects.known().unwrap().len();
    assert_eq!(calls.len(), objects, "{calls:?}");
    assert!(calls.iter().all(|call| call.starts_with("GET")));
}

#[tokio::test]
async fn a_failed_create_leaves_nothing_and_no_state() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.fail(Method::PATCH, "/deployments/", 403);
    let after = driver.create(SERVICE, &stored()).await;
    assert!(after.instance.is_none(), "a state with an error would be tainted and destroyed");
    assert!(
        told(&after.diagnostics).contains("Deployment tts/chatterbox-tts"),
        "{}",
        told(&after.diagnostics)
    );
    let left = cluster.paths("/namespaces/tts");
    assert_eq!(left, ["/api/v1/namespaces/tts"], "the namespace stays: another may have moved in");
    cluster.heal();
    let again = driver.create(SERVICE, &stored()).await;
    assert!(!again.diagnostics.has_errors(), "{}", told(&again.diagnostics));
}

#[tokio::test]
async fn what_cannot_be_taken_back_stays_in_the_state_with_a_warning() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.fail(Method::PATCH, "/deployments/", 403);
    cluster.fail(Method::DELETE, "/configmaps/", 403);
    let after = driver.create(SERVICE, &chatterbox()).await;
    assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    cluster.heal();
    let read = driver.read(SERVICE, &after.instance.unwrap()).await.instance.unwrap();
    let plan = driver.plan(SERVICE, Some(&read), Some(&chatterbox())).await;
    assert!(!plan.is_empty() && plan.replace.is_empty(), "the next plan makes what is missing");
    let done = driver.apply(plan).await;
    assert!(!done.diagnostics.has_errors(), "{}", told(&done.diagnostics));
    assert!(cluster.get(DEPLOYMENT).is_some());
    let read = driver.read(SERVICE, &done.instance.unwrap()).await.instance.unwrap();
    assert!(driver.plan(SERVICE, Some(&read), Some(&chatterbox())).await.is_empty());
}

#[tokio::test]
async fn an_apply_that_was_cut_off_is_taken_up() {
    let (cluster, driver, ..) = with_floor().await;
    driver.create(SERVICE, &chatterbox()).await;
    let uid = cluster.get(DEPLOYMENT).unwrap()["metadata"]["uid"].clone();
    let again = driver.create(SERVICE, &chatterbox()).await;
    let warning = again.diagnostics.iter().next().unwrap();
    assert_eq!(warning.severity, Severity::Warning);
    assert!(warning.summary.contains("took up"), "{}", told(&again.diagnostics));
    assert_eq!(cluster.get(DEPLOYMENT).unwrap()["metadata"]["uid"], uid);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_before_anything_is_made() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.put("/api/v1/namespaces/tts", json!({"metadata": {"name": "tts"}}));
    let service = "/api/v1/namespaces/tts/services/chatterbox-tts";
    cluster.put(service, json!({"metadata": {"name": "chatterbox-tts"}, "spec": {"type": "NodePort"}}));
    cluster.take_calls();
    let after = driver.create(SERVICE, &chatterbox()).await;
    let said = told(&after.diagnostics);
    assert!(said.starts_with("service | ") && said.contains("somebody") && said.contains("adopt"), "{said}");
    assert!(cluster.take_calls().iter().all(|call| call.starts_with("GET")));
    let adopt = Attr::Known(Set(vec!["Service/chatterbox-tts".into()]));
    let after = driver.create(SERVICE, &ServiceModel { adopt, ..chatterbox() }).await;
    assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    assert!(told(&after.diagnostics).contains("taken over"), "{}", told(&after.diagnostics));
}

#[tokio::test]
async fn a_failed_update_is_planned_again() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let changed = ServiceModel { env: texts(&[("TTS_BF16", "on")]), ..chatterbox() };
    cluster.fail(Method::PATCH, "/deployments/", 422);
    let after = driver.update(SERVICE, &made, &changed).await;
    assert!(after.diagnostics.has_errors());
    cluster.heal();
    let read = driver.read(SERVICE, &after.instance.unwrap()).await.instance.unwrap();
    let plan = driver.plan(SERVICE, Some(&read), Some(&changed)).await;
    assert!(!plan.is_empty());
    let done = driver.apply(plan).await;
    assert!(!done.diagnostics.has_errors(), "{}", told(&done.diagnostics));
    assert_eq!(cluster.get(DEPLOYMENT).unwrap()["spec"]["replicas"], 0);
}

#[tokio::test]
async fn other_work_to_prefetch_is_another_job_and_the_one_before_goes() {
    let (cluster, driver, ..) = with_floor().await;
    let fetching = |args: &str| {
        let prefetch = PrefetchModel {
            image: "fetch:1".into(),
            args: Attr::Known(vec![args.into()]),
            ..PrefetchModel::default()
        };
        ServiceModel { prefetch: Attr::Known(prefetch), ..stored() }
    };
    let made = driver.create(SERVICE, &fetching("--one")).await;
    assert!(made.diagnostics.is_empty(), "{}", told(&made.diagnostics));
    let made = made.instance.unwrap();
    let first = cluster.paths("/jobs/");
    assert_eq!(first.len(), 1);
    let model: ServiceModel = made.model().unwrap();
    assert!(model.objects.known().unwrap().keys().any(|key| key.starts_with("Job/chatterbox-tts-prefetch-")));
    let plan = driver.plan(SERVICE, Some(&made), Some(&fetching("--one"))).await;
    assert!(plan.is_empty(), "it runs once");
    let mut job = cluster.get(&first[0]).unwrap();
    let words = "Job has reached the specified backoff limit";
    job["status"] = json!({"conditions": [{"type": "Failed", "status": "True", "message": words}]});
    cluster.put(&first[0], job);
    let said = told(&driver.read(SERVICE, &made).await.diagnostics);
    assert!(
        said.contains("prefetch") && said.contains(words) && said.contains("-n tts delete job"),
        "{said}"
    );
    let changed = driver.update(SERVICE, &made, &fetching("--two")).await;
    assert!(changed.diagnostics.is_empty(), "{}", told(&changed.diagnostics));
    let second = cluster.paths("/jobs/");
    assert!(second.len() == 1 && second != first, "{first:?}, {second:?}");
    let gone = driver.update(SERVICE, &changed.instance.unwrap(), &stored()).await;
    assert!(gone.diagnostics.is_empty() && cluster.paths("/jobs/").is_empty());
}

#[tokio::test]
async fn a_removed_window_takes_its_cronjobs_with_it() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let ServiceModel { windows: Attr::Known(mut windows), .. } = chatterbox() else { panic!() };
    let night = windows.remove("night").unwrap();
    windows.insert("late".to_owned(), night);
    let changed = ServiceModel { windows: Attr::Known(windows), ..chatterbox() };
    let after = driver.update(SERVICE, &made, &changed).await;
    assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
    let ticks = cluster.paths("/cronjobs/");
    let stays = |path: &String| path.ends_with("-late") || path.ends_with("-sweep");
    assert!(ticks.len() > 1 && ticks.iter().all(stays), "{ticks:?}");
}

#[tokio::test]
async fn destroy_is_a_bedtime_and_keeps_claims() {
    let (cluster, driver, card, floor) = with_floor().await;
    cluster.put(
        "/apis/apps/v1/namespaces/immich/deployments/ml",
        json!({"metadata": {"name": "ml"}, "spec": {"replicas": 0}}),
    );
    let made = driver.create(SERVICE, &stored()).await.instance.unwrap();
    wake(&cluster);
    cluster.take_calls();
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
    let calls = cluster.take_calls();
    let at = |words: &str| {
        calls.iter().position(|call| call.contains(words)).unwrap_or_else(|| panic!("{words}: {calls:?}"))
    };
    assert!(at("DELETE /apis/batch") < at(&format!("PATCH {DEPLOYMENT}/scale")));
    assert!(
        at(&format!("PATCH {DEPLOYMENT}/scale"))
            < at("PATCH /apis/apps/v1/namespaces/immich/deployments/ml/scale")
    );
    assert!(at(&format!("PUT {LEDGER}")) < at(&format!("DELETE {DEPLOYMENT}")));
    let resident = cluster.get("/apis/apps/v1/namespaces/immich/deployments/ml").unwrap();
    assert_eq!(resident["spec"]["replicas"], 2);
    assert_eq!(cluster.paths("/namespaces/tts"), ["/api/v1/namespaces/tts", CLAIM]);
    assert!(told(&gone.diagnostics).contains("stays with its data"), "{}", told(&gone.diagnostics));
    assert!(cluster.get(LEDGER).unwrap()["data"].get("tts.chatterbox-tts").is_none());

    let refused = driver.destroy(CARD, &card).await;
    assert!(told(&refused.diagnostics).contains("tts/chatterbox-tts"), "{}", told(&refused.diagnostics));
    assert!(refused.instance.is_some());
    let floor = driver.destroy(FLOOR, &floor).await;
    assert!(floor.instance.is_none(), "{}", told(&floor.diagnostics));
}

/// The tenant is awake in the ledger, with a resident paused for it.
fn wake(cluster: &FakeCluster) {
    let entry = json!({
        "state": "awake", "since": "2026-11-21T02:00:00Z", "replicas_confirmed": true,
        "paused": [{"namespace": "immich", "deployment": "ml", "replicas": 2, "since": "2026-11-21T02:00:00Z", "seen_at_zero": true}],
    });
    let mut inside = cluster.0.lock().unwrap();
    inside.objects.get_mut(LEDGER).unwrap()["data"] = json!({"tts.chatterbox-tts": entry.to_string()});
    inside.objects.get_mut(DEPLOYMENT).unwrap()["spec"]["replicas"] = json!(1);
}

#[tokio::test]
async fn a_namespace_that_we_made_goes_with_its_last_tenant() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(gone.diagnostics.is_empty(), "{}", told(&gone.diagnostics));
    assert!(cluster.paths("/namespaces/tts").is_empty());
}

#[tokio::test]
async fn a_namespace_with_anything_else_in_it_stays() {
    for other in [
        "/api/v1/namespaces/tts/secrets/mine",
        "/api/v1/namespaces/tts/resourcequotas/mine",
        "/api/v1/namespaces/tts/limitranges/mine",
        "/api/v1/namespaces/tts/podtemplates/mine",
        "/apis/networking.k8s.io/v1/namespaces/tts/ingresses/mine",
        "/apis/resource.k8s.io/v1/namespaces/tts/resourceclaims/mine",
    ] {
        let (cluster, driver, ..) = with_floor().await;
        let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
        cluster.put(other, json!({"metadata": {"name": "mine"}}));
        let gone = driver.destroy(SERVICE, &made).await;
        assert!(
            gone.instance.is_none() && told(&gone.diagnostics).contains("mine"),
            "{}",
            told(&gone.diagnostics)
        );
        assert!(cluster.get("/api/v1/namespaces/tts").is_some());
    }
}

#[tokio::test]
async fn a_namespace_into_which_another_tenant_moves_at_that_moment_stays() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    let mut moved = false;
    cluster.when(Method::DELETE, "/api/v1/namespaces/tts", move |inside| {
        let path = "/api/v1/namespaces/tts";
        if inside.calls.last().unwrap().ends_with(path) && !std::mem::replace(&mut moved, true) {
            let ground = inside.objects[path].clone();
            inside.store(path, ground, "gpu-tenancy/gpu_windowed_service/tts/whisper");
        }
    });
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(
        gone.instance.is_none() && told(&gone.diagnostics).contains("tts/whisper"),
        "{}",
        told(&gone.diagnostics)
    );
    assert!(cluster.get("/api/v1/namespaces/tts").is_some());
}

#[tokio::test]
async fn the_system_namespace_outlives_its_cards() {
    let (cluster, driver, card, floor) = with_floor().await;
    driver.destroy(FLOOR, &floor).await;
    let gone = driver.destroy(CARD, &card).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
    assert_eq!(cluster.paths("/namespaces/gpu-tenancy"), ["/api/v1/namespaces/gpu-tenancy"]);
}

#[tokio::test]
async fn a_namespace_that_we_may_not_look_into_stays() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster.fail(Method::GET, "/namespaces/tts/secrets", 403);
    let gone = driver.destroy(SERVICE, &made).await;
    assert!(
        gone.instance.is_none() && told(&gone.diagnostics).contains("Secret"),
        "{}",
        told(&gone.diagnostics)
    );
    assert!(cluster.get("/api/v1/namespaces/tts").is_some());
}

#[tokio::test]
async fn a_tenant_without_its_claim_is_refused_by_its_name() {
    let (cluster, driver) = FakeCluster::start().await;
    let after = driver.create(SERVICE, &chatterbox()).await;
    assert!(told(&after.diagnostics).starts_with("vram_floor | "), "{}", told(&after.diagnostics));
    let after = driver.create(FLOOR, &claim()).await;
    assert!(told(&after.diagnostics).contains("Card gpu-1-0 does not exist"), "{}", told(&after.diagnostics));
    assert!(cluster.take_calls().iter().all(|call| call.starts_with("GET")));
}

#[tokio::test]
async fn storage_that_cannot_change_is_refused_at_plan() {
    let (_cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &stored()).await.instance.unwrap();
    type Change = fn(&mut StorageModel);
    let rows: [(&str, Change); 3] = [
        ("shrink", |it| it.size = "10Gi".into()),
        ("access_mode", |it| it.access_mode = "ReadWriteMany".into()),
        ("nfs", |it| {
            let (server, path) = ("nas".into(), "/srv".into());
            it.nfs = Attr::Known(crate::service::parts::NfsModel { server, path, ..Default::default() });
        }),
    ];
    for (words, change) in rows {
        let mut storage = stored().storage.into_known().unwrap();
        change(&mut storage);
        let config = ServiceModel { storage: Attr::Known(storage), ..chatterbox() };
        let plan = driver.plan(SERVICE, Some(&made), Some(&config)).await;
        let said = told(&plan.diagnostics);
        assert!(said.starts_with("storage | ") && said.contains(words), "{words}: {said}");
    }
}

/// The API server forbids it in the middle of the apply: "only dynamically provisioned pvc can be resized".
#[tokio::test]
async fn storage_on_nfs_keeps_its_size() {
    let (_cluster, driver, ..) = with_floor().await;
    let of_size = |size: &str| {
        let (server, path) = ("nas".into(), "/srv".into());
        let nfs = Attr::Known(crate::service::parts::NfsModel { server, path, ..Default::default() });
        let storage = StorageModel { size: size.into(), nfs, ..stored().storage.into_known().unwrap() };
        ServiceModel { storage: Attr::Known(storage), ..chatterbox() }
    };
    let made = driver.create(SERVICE, &of_size("20Gi")).await.instance.unwrap();
    for size in ["30Gi", "10Gi"] {
        let said = told(&driver.plan(SERVICE, Some(&made), Some(&of_size(size))).await.diagnostics);
        assert!(said.starts_with("storage | Storage cannot change in place | storage.size is "), "{said}");
        assert!(
            said.contains("keep 20Gi") && said.contains("existing_claim") && !said.contains('\n'),
            "{said}"
        );
    }
    let spelled = driver.plan(SERVICE, Some(&made), Some(&of_size("20480Mi"))).await;
    assert!(spelled.diagnostics.is_empty(), "{}", told(&spelled.diagnostics));
    let made = driver.create(SERVICE, &stored()).await.instance.unwrap();
    let storage = StorageModel { size: "30Gi".into(), ..stored().storage.into_known().unwrap() };
    let grown = ServiceModel { storage: Attr::Known(storage), ..chatterbox() };
    let plan = driver.plan(SERVICE, Some(&made), Some(&grown)).await;
    assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
}

#[tokio::test]
async fn a_changed_deletion_policy_counts_although_it_applies_nothing() {
    let (cluster, driver, ..) = with_floor().await;
    let with = |policy: &str| {
        let storage = stored().storage.into_known().unwrap();
        let storage = StorageModel { deletion_policy: policy.into(), ..storage };
        ServiceModel { storage: Attr::Known(storage), ..chatterbox() }
    };
    let made = driver.create(SERVICE, &with("delete")).await.instance.unwrap();
    let kept = driver.update(SERVICE, &made, &with("retain")).await.instance.unwrap();
    driver.destroy(SERVICE, &kept).await;
    assert!(cluster.get(CLAIM).is_some(), "retained at last");
    let made = driver.create(SERVICE, &with("retain")).await.instance.unwrap();
    let loose = driver.update(SERVICE, &made, &with("delete")).await.instance.unwrap();
    driver.destroy(SERVICE, &loose).await;
    assert!(cluster.get(CLAIM).is_none(), "deleted at last");
}

#[tokio::test]
async fn our_own_claim_named_as_an_existing_one_is_let_go_and_never_deleted() {
    for (nfs, left) in [(false, 1), (true, 2)] {
        let (cluster, driver, ..) = with_floor().await;
        let mut storage = stored().storage.into_known().unwrap();
        storage.deletion_policy = "delete".into();
        if nfs {
            let (server, path) = ("nas".into(), "/srv".into());
            storage.nfs = Attr::Known(crate::service::parts::NfsModel { server, path, ..Default::default() });
        }
        let with = |storage| ServiceModel { storage: Attr::Known(storage), ..chatterbox() };
        let made = driver.create(SERVICE, &with(storage)).await.instance.unwrap();
        let own = StorageModel {
            mount_path: "/data".into(),
            existing_claim: "chatterbox-tts-data".into(),
            deletion_policy: "delete".into(),
            ..StorageModel::default()
        };
        cluster.fail(Method::DELETE, "/persistentvolume", 500);
        let after = driver.update(SERVICE, &made, &with(own)).await;
        assert!(!after.diagnostics.has_errors(), "{}", told(&after.diagnostics));
        assert!(told(&after.diagnostics).contains("stays with its data"), "{}", told(&after.diagnostics));
        let gone = driver.destroy(SERVICE, &after.instance.unwrap()).await;
        assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
        assert!(cluster.get(CLAIM).is_some(), "the claim was deleted");
        assert_eq!(cluster.paths("/persistentvolume").len(), left);
    }
}

#[tokio::test]
async fn a_claim_let_go_stays_so_when_the_update_fails() {
    let (cluster, driver, ..) = with_floor().await;
    let mut storage = stored().storage.into_known().unwrap();
    storage.deletion_policy = "delete".into();
    let with = |storage| ServiceModel { storage: Attr::Known(storage), ..chatterbox() };
    let made = driver.create(SERVICE, &with(storage.clone())).await.instance.unwrap();
    storage.existing_claim = "chatterbox-tts-data".into();
    storage.size = Attr::Null;
    cluster.fail(Method::PATCH, "/deployments/", 422);
    let other = ServiceModel { image: "ghcr.io/example/other:1".into(), ..with(storage) };
    let failed = driver.update(SERVICE, &made, &other).await;
    assert!(failed.diagnostics.has_errors());
    cluster.heal();
    driver.destroy(SERVICE, &failed.instance.unwrap()).await;
    assert!(cluster.get(CLAIM).is_some(), "the claim was deleted");
}

#[tokio::test]
async fn who_else_steers_the_replicas_is_named() {
    let (cluster, driver, ..) = with_floor().await;
    let aim = json!({"kind": "Deployment", "name": "chatterbox-tts"});
    let scaler = "/apis/autoscaling/v2/namespaces/tts/horizontalpodautoscalers/keda-hpa-tts";
    cluster.put(scaler, json!({"metadata": {"name": "keda-hpa-tts"}, "spec": {"scaleTargetRef": aim}}));
    let refused = driver.create(SERVICE, &chatterbox()).await;
    assert!(
        refused.instance.is_none() && told(&refused.diagnostics).contains("keda-hpa-tts"),
        "{}",
        told(&refused.diagnostics)
    );
    cluster.0.lock().unwrap().objects.remove(scaler);
    let labels = json!({"kustomize.toolkit.fluxcd.io/name": "apps"});
    cluster.put(
        "/apis/apps/v1/namespaces/immich/deployments/ml",
        json!({"metadata": {"name": "ml", "labels": labels}}),
    );
    let pauses = Attr::Known(Set(vec!["immich/ml".into(), "immich/absent".into()]));
    let after = driver.create(SERVICE, &ServiceModel { pauses, ..chatterbox() }).await;
    let said = told(&after.diagnostics);
    assert!(after.instance.is_some() && said.contains("Flux manages Deployment immich/ml"), "{said}");
    assert!(said.contains("Deployment immich/absent does not exist"), "{said}");
}

#[tokio::test]
async fn everything_gone_is_planned_anew() {
    let (cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await.instance.unwrap();
    cluster
        .0
        .lock()
        .unwrap()
        .objects
        .retain(|path, _| !path.starts_with("/api/v1/namespaces/tts") && !path.contains("/namespaces/tts/"));
    let read = driver.read(SERVICE, &made).await;
    assert!(read.instance.is_none(), "{}", told(&read.diagnostics));
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_with_the_form_of_an_id() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.put(
        "/apis/apps/v1/namespaces/tts/deployments/whisper",
        json!({"metadata": {"name": "whisper"}, "spec": {"replicas": 1}}),
    );
    for (id, words) in [
        ("tts", "namespace/name"),
        ("tts/absent", "does not exist"),
        ("TTS/x", "lower-case"),
        ("tts/whisper", "somebody"),
    ] {
        let refused = driver.import(SERVICE, id).await;
        assert!(
            refused.instance.is_none() && told(&refused.diagnostics).contains(words),
            "{}",
            told(&refused.diagnostics)
        );
    }
    let floor = driver.import(FLOOR, "tts/chatterbox-tts").await;
    assert!(floor.diagnostics.is_empty(), "{}", told(&floor.diagnostics));
    assert!(driver.plan(FLOOR, floor.instance.as_ref(), Some(&claim())).await.is_empty());
    let card = driver.import(CARD, "gpu-1-0").await;
    assert!(driver.plan(CARD, card.instance.as_ref(), Some(&t4())).await.is_empty());
}

#[tokio::test]
async fn an_overloaded_cluster_is_asked_again() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.fail(Method::GET, "/configmaps/tenant.", 503);
    let healing = cluster.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        healing.heal();
    });
    let after = driver.create(SERVICE, &chatterbox()).await;
    assert!(after.diagnostics.is_empty(), "{}", told(&after.diagnostics));
}
