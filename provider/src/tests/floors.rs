//! A claim and its card: what a plan can say, and how a claim leaves.

use axum::http::Method;
use serde_json::json;
use tfplugin::Attr;

use super::cluster::FakeCluster;
use super::flow::{LEDGER, with_floor};
use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, told, without_cluster};
use crate::card::CardModel;
use crate::floor::FloorModel;
use crate::service::ServiceModel;

fn small() -> CardModel {
    CardModel { memory: "15GiB".into(), ..t4() }
}

fn large() -> FloorModel {
    FloorModel { peak: "14GiB".into(), ..claim() }
}

#[tokio::test]
async fn a_claim_over_its_card_is_refused_at_plan() {
    let (_cluster, driver) = FakeCluster::start().await;
    driver.create(CARD, &small()).await;
    let plan = driver.plan(FLOOR, None, Some(&large())).await;
    assert!(told(&plan.diagnostics).starts_with("peak | "), "{}", told(&plan.diagnostics));
    let made = driver.create(FLOOR, &claim()).await.instance.unwrap();
    let plan = driver.plan(FLOOR, Some(&made), Some(&large())).await;
    assert!(told(&plan.diagnostics).starts_with("peak | "), "{}", told(&plan.diagnostics));
}

#[tokio::test]
async fn a_card_of_the_same_plan_counts_and_not_what_it_was() {
    let driver = without_cluster().await;
    driver.plan(CARD, None, Some(&small())).await;
    let plan = driver.plan(FLOOR, None, Some(&large())).await;
    assert!(told(&plan.diagnostics).starts_with("peak | "), "{}", told(&plan.diagnostics));
    driver.plan(CARD, None, Some(&CardModel { memory: Attr::Unknown, ..t4() })).await;
    assert!(driver.plan(FLOOR, None, Some(&large())).await.diagnostics.is_empty());

    let (_cluster, driver) = FakeCluster::start().await;
    let card = driver.create(CARD, &small()).await.instance.unwrap();
    driver.plan(CARD, Some(&card), Some(&CardModel { memory: "24GiB".into(), ..t4() })).await;
    let plan = driver.plan(FLOOR, None, Some(&large())).await;
    assert!(plan.diagnostics.is_empty(), "the card grows in the same plan: {}", told(&plan.diagnostics));
}

#[tokio::test]
async fn a_cluster_that_fails_is_asked_once_and_never_blocks_a_plan() {
    let (cluster, driver) = FakeCluster::start().await;
    cluster.fail(Method::GET, "/configmaps/", 403);
    for _ in 0..3 {
        let plan = driver.plan(FLOOR, None, Some(&large())).await;
        assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
    }
    assert_eq!(cluster.take_calls().len(), 1);
}

fn enter(cluster: &FakeCluster, entry: serde_json::Value) {
    let mut inside = cluster.0.lock().unwrap();
    inside.objects.get_mut(LEDGER).unwrap()["data"] = json!({"tts.chatterbox-tts": entry.to_string()});
}

#[tokio::test]
async fn a_claim_stays_while_its_tenant_is_admitted_and_takes_its_entry_along() {
    let (cluster, driver, _, floor) = with_floor().await;
    let second = CardModel { name: "gpu-2-0".into(), ..t4() };
    driver.create(CARD, &second).await;
    let moved = FloorModel { card: "gpu-2-0".into(), ..claim() };
    enter(&cluster, json!({"state": "awake", "since": "2026-11-21T02:00:00Z", "replicas_confirmed": true}));
    let foreseen = driver.plan(FLOOR, Some(&floor), Some(&moved)).await;
    assert!(!foreseen.diagnostics.has_errors());
    let said = told(&foreseen.diagnostics);
    assert!(
        said.starts_with("card | tts/chatterbox-tts is not asleep") && said.contains("suspend"),
        "{said}"
    );
    let stays = driver.plan(FLOOR, Some(&floor), Some(&claim())).await;
    assert!(stays.diagnostics.is_empty(), "{}", told(&stays.diagnostics));
    cluster.take_calls();
    for after in [driver.destroy(FLOOR, &floor).await, driver.update(FLOOR, &floor, &moved).await] {
        let said = told(&after.diagnostics);
        assert!(after.instance.is_some() && said.starts_with("card | "), "{said}");
        assert!(said.contains("awake") && said.contains("suspend"), "{said}");
    }
    assert!(cluster.take_calls().iter().all(|call| call.starts_with("GET")));
    let asleep = json!({"state": "asleep", "since": "2026-11-21T06:00:00Z", "replicas_confirmed": true});
    enter(&cluster, asleep.clone());
    let after = driver.update(FLOOR, &floor, &moved).await;
    assert!(after.diagnostics.is_empty(), "{}", told(&after.diagnostics));
    assert_eq!(cluster.get(LEDGER).unwrap()["data"], json!({}));
    let back = driver.update(FLOOR, &after.instance.unwrap(), &claim()).await.instance.unwrap();
    enter(&cluster, asleep);
    let gone = driver.destroy(FLOOR, &back).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
    assert_eq!(cluster.get(LEDGER).unwrap()["data"], json!({}));
}

#[tokio::test]
async fn a_tenant_is_entered_on_one_card() {
    let (cluster, driver, _, floor) = with_floor().await;
    driver.create(CARD, &CardModel { name: "gpu-2-0".into(), ..t4() }).await;
    let elsewhere = FloorModel { card: "gpu-2-0".into(), ..claim() };
    cluster.take_calls();
    let refused = cluster.another_run().await.create(FLOOR, &elsewhere).await;
    let said = told(&refused.diagnostics);
    assert!(said.starts_with("card | tts/chatterbox-tts is entered on card gpu-1-0 already"), "{said}");
    assert!(refused.instance.is_none() && said.contains("import") && said.contains("apply again"), "{said}");
    assert!(cluster.take_calls().iter().all(|call| call.starts_with("GET")));

    let cut_off = cluster.another_run().await.create(FLOOR, &claim()).await;
    assert!(!cut_off.diagnostics.has_errors(), "{}", told(&cut_off.diagnostics));
    let moved = driver.update(FLOOR, &floor, &elsewhere).await;
    assert!(moved.diagnostics.is_empty(), "{}", told(&moved.diagnostics));
    driver.destroy(FLOOR, &moved.instance.unwrap()).await;
    let anew = cluster.another_run().await.create(FLOOR, &claim()).await;
    assert!(anew.diagnostics.is_empty(), "{}", told(&anew.diagnostics));
}

#[tokio::test]
async fn two_new_claims_of_one_tenant_are_refused_at_plan() {
    let driver = without_cluster().await;
    let elsewhere = FloorModel { card: "gpu-2-0".into(), ..claim() };
    for config in [claim(), FloorModel { card: Attr::Unknown, ..claim() }, claim()] {
        assert!(driver.plan(FLOOR, None, Some(&config)).await.diagnostics.is_empty());
    }
    let said = told(&driver.plan(FLOOR, None, Some(&elsewhere)).await.diagnostics);
    assert!(said.starts_with("card | tts/chatterbox-tts is entered on two cards"), "{said}");
    let another = FloorModel { tenant: "tts/narrator".into(), ..elsewhere };
    assert!(driver.plan(FLOOR, None, Some(&another)).await.diagnostics.is_empty());
}

#[tokio::test]
async fn residents_that_are_still_down_get_their_replicas_before_a_claim_goes() {
    let (cluster, driver, _, floor) = with_floor().await;
    let resident = "/apis/apps/v1/namespaces/immich/deployments/ml";
    cluster.put(resident, json!({"metadata": {"name": "ml"}, "spec": {"replicas": 0}}));
    let paused =
        json!([{"namespace": "immich", "deployment": "ml", "replicas": 2, "since": "2026-11-21T02:00:00Z"}]);
    enter(&cluster, json!({"state": "asleep", "since": "2026-11-21T06:00:00Z", "paused": paused}));
    cluster.fail(Method::PATCH, "/deployments/ml", 403);
    let refused = driver.destroy(FLOOR, &floor).await;
    assert!(refused.instance.is_some() && told(&refused.diagnostics).contains("immich/ml"));
    cluster.heal();
    let gone = driver.destroy(FLOOR, &floor).await;
    assert!(gone.instance.is_none(), "{}", told(&gone.diagnostics));
    assert_eq!(cluster.get(resident).unwrap()["spec"]["replicas"], 2);
}

#[tokio::test]
async fn a_destroy_whose_entry_stays_in_the_ledger_is_not_forgotten() {
    let (cluster, driver, _, floor) = with_floor().await;
    enter(&cluster, json!({"state": "asleep", "since": "2026-11-21T02:00:00Z"}));
    cluster.fail(Method::PUT, ".ledger", 403);
    let after = driver.destroy(FLOOR, &floor).await;
    assert!(after.diagnostics.has_errors());
    cluster.heal();
    let read = driver.read(FLOOR, &after.instance.unwrap()).await;
    let left = read.instance.expect("the refresh forgot what is left to do");
    let gone = driver.destroy(FLOOR, &left).await;
    assert!(gone.instance.is_none() && gone.diagnostics.is_empty(), "{}", told(&gone.diagnostics));
    assert!(cluster.get(LEDGER).unwrap()["data"]["tts.chatterbox-tts"].is_null());
    assert!(driver.read(FLOOR, &left).await.instance.is_none(), "now nothing is left");
    let again = driver.update(FLOOR, &left, &claim()).await;
    assert!(again.diagnostics.is_empty(), "{}", told(&again.diagnostics));
    let read = driver.read(FLOOR, &again.instance.unwrap()).await.instance.unwrap();
    assert!(driver.plan(FLOOR, Some(&read), Some(&claim())).await.is_empty());
}

/// No gate enters such a tenant into the ledger: without the word on its claim nobody keeps its memory.
#[tokio::test]
async fn a_tenant_that_is_always_awake_is_told_of_a_claim_that_is_not() {
    for (always, suspend) in [(true, false), (false, false), (false, true)] {
        let (_cluster, driver) = FakeCluster::start().await;
        driver.create(CARD, &t4()).await;
        driver.create(FLOOR, &FloorModel { always: Attr::Known(always), ..claim() }).await;
        let awake = ServiceModel {
            windows: Attr::Null,
            always: Attr::Known(true),
            suspend: Attr::Known(suspend),
            wait: Attr::Known(false),
            ..chatterbox()
        };
        let made = driver.create(SERVICE, &awake).await;
        let said = told(&made.diagnostics);
        assert!(made.instance.is_some(), "{said}");
        assert_eq!(said.contains("is not kept"), !always && !suspend, "{said}");
    }
}
