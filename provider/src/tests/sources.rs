//! What is looked up of cards and tenants.

use axum::http::Method;
use serde_json::json;
use tfplugin::Attr;

use super::flow::{LEDGER, with_floor};
use super::{claim, told};
use crate::sources::card::CardSourceModel;
use crate::sources::status::StatusModel;

const CARD: &str = "gpu_card";
const STATUS: &str = "gpu_windowed_service_status";
const NODE: &str = "/api/v1/nodes/gpu-1";

fn card() -> CardSourceModel {
    CardSourceModel { name: "gpu-1-0".into(), ..CardSourceModel::default() }
}

fn status() -> StatusModel {
    StatusModel { tenant: claim().tenant, ..StatusModel::default() }
}

#[tokio::test]
async fn a_card_is_what_is_declared_of_it_and_what_its_node_s_labels_say() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.put(
        NODE,
        json!({"metadata": {"name": "gpu-1", "labels": {
            "nvidia.com/gpu.product": "Tesla-T4-SHARED", "nvidia.com/gpu.memory": "15360",
            "nvidia.com/gpu.replicas": "8", "nvidia.com/gpu.sharing-strategy": "time-slicing",
        }}}),
    );
    let (found, remarks) = driver.look_up(CARD, &card()).await.unwrap();
    assert!(remarks.is_empty(), "{}", told(&remarks));
    assert_eq!((found.node.as_str(), &found.index), (Some("gpu-1"), &Attr::Known(0)));
    assert!(found.uuid.is_null());
    assert_eq!(found.product.as_str(), Some("Tesla-T4-SHARED"));
    assert_eq!((&found.memory_mib, &found.replicas), (&Attr::Known(15360), &Attr::Known(8)));
    assert_eq!(found.sharing_strategy.as_str(), Some("time-slicing"));
    let tenants = found.tenants.known().unwrap();
    assert_eq!(tenants.keys().collect::<Vec<_>>(), ["tts/chatterbox-tts"]);
    let claim = tenants["tts/chatterbox-tts"].known().unwrap();
    assert_eq!((&claim.peak_mib, &claim.headroom_mib), (&Attr::Known(4096), &Attr::Known(2048)));
    assert!(found.free_mib.is_null() && found.free_at.is_null() && claim.state.is_null());
}

#[tokio::test]
async fn what_is_free_on_a_card_is_what_a_gate_saw_last() {
    let (cluster, driver, ..) = with_floor().await;
    cluster.put(NODE, json!({"metadata": {"name": "gpu-1"}}));
    let entry = |at: &str, free_mib: Option<u32>| {
        let status = json!({"rule": "hold", "reason": "It holds.", "at": at, "free_mib": free_mib});
        json!(json!({"state": "awake", "since": "2026-11-21T02:03:00Z", "status": status}).to_string())
    };
    cluster.0.lock().unwrap().objects.get_mut(LEDGER).unwrap()["data"] = json!({
        "tts.chatterbox-tts": entry("2026-11-21T02:05:00Z", Some(6718)),
        "stt.whisper": entry("2026-11-21T02:00:00Z", Some(10_814)),
        "llm.blind": entry("2026-11-21T02:10:00Z", None),
    });
    let (found, _) = driver.look_up(CARD, &card()).await.unwrap();
    assert_eq!((&found.free_mib, found.free_at.as_str()), (&Attr::Known(6718), Some("2026-11-21T02:05:00Z")));
    let tenants = found.tenants.known().unwrap();
    assert_eq!(tenants["tts/chatterbox-tts"].known().unwrap().state.as_str(), Some("awake"));
}

#[tokio::test]
async fn a_node_that_cannot_be_read_leaves_what_is_declared_and_says_why() {
    let (cluster, driver, ..) = with_floor().await;
    let (found, remarks) = driver.look_up(CARD, &card()).await.unwrap();
    assert!(told(&remarks).contains("Node gpu-1 does not exist"), "{}", told(&remarks));
    assert!(found.product.is_null() && found.memory_mib.is_null() && found.tenants.known().is_some());
    cluster.fail(Method::GET, "/nodes/", 403);
    let (found, remarks) = driver.look_up(CARD, &card()).await.unwrap();
    assert!(told(&remarks).contains("the right to get nodes is missing"), "{}", told(&remarks));
    assert!(found.replicas.is_null());
}

#[tokio::test]
async fn a_card_that_is_not_there_is_named() {
    let (_cluster, driver, ..) = with_floor().await;
    let absent = CardSourceModel { name: "gpu-9-0".into(), ..CardSourceModel::default() };
    let refused = driver.look_up(CARD, &absent).await.unwrap_err();
    assert!(told(&refused).starts_with("name | Card gpu-9-0 does not exist"), "{}", told(&refused));
    let illegal = CardSourceModel { name: "GPU".into(), ..CardSourceModel::default() };
    let refused = driver.look_up(CARD, &illegal).await.unwrap_err();
    assert!(told(&refused).contains("\"GPU\" is not a card name"), "{}", told(&refused));
}

#[tokio::test]
async fn a_tenant_s_status_is_what_its_gate_wrote() {
    let (cluster, driver, ..) = with_floor().await;
    let (before, _) = driver.look_up(STATUS, &status()).await.unwrap();
    assert_eq!((before.state.as_str(), before.card.as_str()), (Some("asleep"), Some("gpu-1-0")));
    assert!(before.since.is_null() && before.reason.is_null());

    let entry = json!({
        "state": "awake", "since": "2026-11-21T02:03:00Z", "until": "2026-11-21T06:00:00Z",
        "status": {
            "rule": "hold", "reason": "6,718 MiB are free.", "at": "2026-11-21T02:05:00Z",
            "free_mib": 6718, "owed_mib": 0,
        },
    });
    cluster.0.lock().unwrap().objects.get_mut(LEDGER).unwrap()["data"]["tts.chatterbox-tts"] =
        json!(entry.to_string());
    let (found, _) = driver.look_up(STATUS, &status()).await.unwrap();
    assert_eq!((found.state.as_str(), found.rule.as_str()), (Some("awake"), Some("hold")));
    assert_eq!(found.since.as_str(), Some("2026-11-21T02:03:00Z"));
    assert_eq!(found.until.as_str(), Some("2026-11-21T06:00:00Z"));
    assert_eq!(found.reason.as_str(), Some("6,718 MiB are free."));
    assert_eq!(found.decided_at.as_str(), Some("2026-11-21T02:05:00Z"));
    assert_eq!((&found.free_mib, &found.owed_mib), (&Attr::Known(6718), &Attr::Known(0)));
}

#[tokio::test]
async fn a_tenant_that_sleeps_since_ever_says_no_time() {
    let (cluster, driver, ..) = with_floor().await;
    let entry = json!({
        "state": "asleep", "since": "1970-01-01T00:00:00Z", "until": "2026-11-21T06:00:00Z",
        "status": {"rule": "refused", "reason": "450 MiB short.", "at": "2026-11-21T02:05:00Z"},
    });
    cluster.0.lock().unwrap().objects.get_mut(LEDGER).unwrap()["data"] =
        json!({"tts.chatterbox-tts": entry.to_string()});
    let (found, _) = driver.look_up(STATUS, &status()).await.unwrap();
    assert_eq!((found.state.as_str(), found.reason.as_str()), (Some("asleep"), Some("450 MiB short.")));
    assert!(found.since.is_null() && found.until.is_null(), "{found:?}");
}

#[tokio::test]
async fn a_tenant_without_a_gate_is_not_called_asleep() {
    let (cluster, driver, ..) = with_floor().await;
    {
        let mut seen = cluster.0.lock().unwrap();
        let declared = seen.objects.iter_mut().find(|(path, _)| path.ends_with("card.gpu-1-0.declared"));
        let data = &mut declared.unwrap().1["data"]["floor.tts.chatterbox-tts"];
        *data = json!(data.as_str().unwrap().replace("\"always\":false", "\"always\":true"));
    }
    let (found, _) = driver.look_up(STATUS, &status()).await.unwrap();
    assert!(found.state.is_null(), "{found:?}");
    assert!(found.reason.as_str().unwrap().contains("no gate"), "{found:?}");
}

#[tokio::test]
async fn a_tenant_on_no_card_has_no_status() {
    let (_cluster, driver, ..) = with_floor().await;
    let stranger = StatusModel { tenant: "tts/whisper".into(), ..StatusModel::default() };
    let refused = driver.look_up(STATUS, &stranger).await.unwrap_err();
    assert!(told(&refused).contains("tts/whisper is entered on no card"), "{}", told(&refused));
    let illegal = StatusModel { tenant: "whisper".into(), ..StatusModel::default() };
    assert!(driver.look_up(STATUS, &illegal).await.is_err());
}
