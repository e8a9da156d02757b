//! The admit check against the fake.

use std::time::Duration;

use gpu_agent::admit::Admit;
use gpu_agent::report::Format;
use serde_json::json;
use tenancy::ledger::PodRef;

use crate::fake_api::{FakeApi, Scenario, page};
use crate::gate::{api, config};

fn admit() -> Admit {
    Admit {
        gate: config(json!({})),
        pod: PodRef { name: "speech-1".into(), uid: "p-1".into() },
        poll: Duration::from_millis(20),
        format: Format::Text,
    }
}

/// The gate has reserved room for the tenant.
fn reserve(fake: &FakeApi) {
    fake.world(|world| {
        let entry = json!({
            "state": "reserved", "since": world.now,
            "admission": { "at": world.now, "peak_mib": 4096, "headroom_mib": 2048 },
            "replicas_set": 1,
        });
        world.ledger.insert("tts.speech".into(), entry.to_string());
        world.replicas = 1;
    });
}

async fn for_a_while(work: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(Duration::from_millis(500), work).await.is_ok()
}

#[tokio::test]
async fn a_pod_that_the_gate_admitted_is_entered_as_loading() {
    let fake = FakeApi::start(Scenario::Fine).await;
    reserve(&fake);
    assert!(for_a_while(admit().run(&api(&fake))).await);
    assert_eq!(fake.deeds(), ["PUT ledger: loading", "POST event PodAdmitted"]);
}

#[tokio::test]
async fn the_ledger_is_read_before_the_pods_that_are_counted_beside_it() {
    let fake = FakeApi::start(Scenario::Fine).await;
    reserve(&fake);
    assert!(for_a_while(admit().run(&api(&fake))).await);
    let calls = fake.world(|world| world.calls.clone());
    let at = |what: &str| calls.iter().position(|call| call.starts_with(what)).unwrap();
    assert!(at("GET configmap card.t4.ledger") < at("GET deployment"), "{calls:?}");
}

#[tokio::test]
async fn a_pod_that_outlives_its_deployment_is_not_let_in() {
    let fake = FakeApi::start(Scenario::DeploymentDeleted).await;
    reserve(&fake);
    assert!(!for_a_while(admit().run(&api(&fake))).await);
    assert!(fake.world(|world| world.state()) == "reserved", "{:?}", fake.deeds());
}

#[tokio::test]
async fn a_pod_that_nobody_asked_for_waits_and_says_so_once() {
    let fake = FakeApi::start(Scenario::Fine).await;
    assert!(!for_a_while(admit().run(&api(&fake))).await);
    assert_eq!(fake.deeds(), ["POST event PodWaits"], "one Event, although it looked many times");
    assert!(fake.world(|world| world.ledger.is_empty()));
}

#[tokio::test]
async fn a_pod_waits_while_the_card_is_short_and_is_admitted_once_it_is_not() {
    let fake = FakeApi::start(Scenario::Fine).await;
    reserve(&fake);
    fake.world(|world| world.page = page(12_000));
    let running = admit();
    let api = api(&fake);
    let work = running.run(&api);
    tokio::pin!(work);
    assert!(!for_a_while(&mut work).await);
    fake.world(|world| world.page = page(12_500));
    assert!(!for_a_while(&mut work).await);
    assert_eq!(fake.deeds(), ["POST event PodWaits"], "other figures are not another reason");
    fake.world(|world| world.page = page(0));
    assert!(for_a_while(&mut work).await);
    assert_eq!(fake.deeds()[1..], ["PUT ledger: loading", "POST event PodAdmitted"]);
}

#[tokio::test]
async fn a_pod_waits_while_its_card_does_not_answer() {
    let fake = FakeApi::start(Scenario::Fine).await;
    reserve(&fake);
    fake.world(|world| world.page.clear());
    assert!(!for_a_while(admit().run(&api(&fake))).await);
    assert_eq!(fake.deeds(), ["POST event PodWaits"]);
    let note = fake.world(|world| world.events[0]["note"].as_str().unwrap().to_owned());
    assert!(note.contains("the page is empty"), "{note}");
}

#[tokio::test]
async fn a_pod_whose_entry_was_overtaken_asks_again() {
    let fake = FakeApi::start(Scenario::RivalTakesTheCard).await;
    reserve(&fake);
    assert!(!for_a_while(admit().run(&api(&fake))).await);
    assert_eq!(
        fake.deeds(),
        ["PUT ledger, 409", "POST event PodWaits"],
        "the rival's room is no longer free"
    );
}
