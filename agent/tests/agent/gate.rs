//! One tick against the fake: what is done, in which order, and what when it fails.

use std::collections::BTreeMap;
use std::time::Duration;

use gpu_agent::gate::{GateError, Tick};
use gpu_agent::observe::api::{Api, ApiError};
use gpu_agent::report::Format;
use serde_json::{Value, json};
use tenancy::gate::GateConfig;
use tenancy::observation::Trigger;

use crate::fake_api::{FakeApi, Scenario, page};

/// The gate's configuration of the tenant that the fake knows.
pub(crate) fn config(more: Value) -> GateConfig {
    let mut config = json!({
        "tenant": "tts/speech",
        "schedule": { "windows": { "night": { "start": "02:00", "end": "06:00", "time_zone": "UTC" } } },
        "timing": tenancy::gate::Timing::default(),
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

pub(crate) fn api(fake: &FakeApi) -> Api {
    Api::without_credentials(fake.url().parse().unwrap()).unwrap()
}

pub(crate) async fn tick(fake: &FakeApi, config: GateConfig) -> Result<(), GateError> {
    let tick = Tick {
        gate: config,
        trigger: Trigger::Guard,
        instance: "speech-guard-night-1".into(),
        // A decision that asks for the next one at once is followed, one that waits is not.
        max_duration: Duration::from_secs(1),
        format: Format::Text,
        unreadable_told: None,
        unloading: None,
    };
    tick.run(&api(fake)).await
}

/// The entry of our tenant while it is awake with a pod.
pub(crate) fn awake(fake: &FakeApi, more: Value) {
    fake.world(|world| {
        let mut entry = json!({
            "state": "awake", "since": world.now, "awake_since": world.now,
            "admission": { "at": world.now, "peak_mib": 4096, "headroom_mib": 2048 },
            "pod": { "name": "speech-1", "uid": "p-1" }, "replicas_set": 1, "replicas_confirmed": true,
        });
        for (key, value) in more.as_object().unwrap() {
            entry[key] = value.clone();
        }
        world.ledger = BTreeMap::from([("tts.speech".into(), entry.to_string())]);
        world.replicas = 1;
        world.page = page(4096);
        world.pods = vec![json!({
            "metadata": { "name": "speech-1", "uid": "p-1", "creationTimestamp": world.now },
            "spec": { "nodeName": "gpu-1" },
            "status": { "phase": "Running", "podIP": "127.0.0.1",
                        "conditions": [{ "type": "Ready", "status": "True" }],
                        "initContainerStatuses": [{ "name": "admit", "state": { "terminated": { "exitCode": 0 } } }] },
        })];
    });
}

fn noon(fake: &FakeApi) {
    fake.world(|world| world.now = "2026-11-21T12:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn room_is_reserved_before_the_pod_is_asked_for() {
    let fake = FakeApi::start(Scenario::Fine).await;
    tick(&fake, config(json!({}))).await.unwrap();
    assert_eq!(fake.deeds(), ["PUT ledger: reserved", "PATCH scale tts/speech: 1", "POST event Admitted"]);
    let event = fake.world(|world| world.events[0].clone());
    assert_eq!(event["regarding"]["uid"], "d-1");
    assert_eq!(event["reportingInstance"], "speech-guard-night-1");
    assert!(event["eventTime"].as_str().unwrap().starts_with("2026-11-21T03:00:00."), "{event}");
}

#[tokio::test]
async fn the_loser_of_the_swap_decides_again_and_refuses() {
    let fake = FakeApi::start(Scenario::RivalTakesTheCard).await;
    tick(&fake, config(json!({}))).await.unwrap();
    assert_eq!(fake.deeds(), ["PUT ledger, 409", "PUT ledger: asleep", "POST event Refused"]);
    assert_eq!(fake.world(|world| world.replicas), 0);
    assert!(fake.world(|world| world.ledger.contains_key("llm.rival")), "the rival's entry is kept");
}

#[tokio::test]
async fn who_is_always_overtaken_gives_up_and_has_done_nothing() {
    let fake = FakeApi::start(Scenario::AlwaysOvertaken).await;
    let error = tick(&fake, config(json!({}))).await.unwrap_err();
    assert!(matches!(error, GateError::Overtaken(ApiError::Conflict { .. })), "{error}");
    assert!(fake.deeds().iter().all(|deed| deed == "PUT ledger, 409"), "{:?}", fake.deeds());
}

/// Fifty gates whose windows end in the same minute write one ledger, and one of them may lose every time.
#[tokio::test]
async fn who_is_overtaken_every_time_closes_all_the_same() {
    let fake = FakeApi::start(Scenario::AlwaysOvertaken).await;
    awake(&fake, json!({}));
    fake.world(|world| world.now = "2026-11-21T06:00:05Z".parse().unwrap());
    let error = tick(&fake, config(json!({}))).await.unwrap_err();
    assert!(matches!(error, GateError::Overtaken(ApiError::Conflict { .. })), "{error}");
    assert_eq!(fake.world(|world| world.replicas), 0, "{:?}", fake.deeds());
}

#[tokio::test]
async fn nothing_is_admitted_that_cannot_be_written_down() {
    let fake = FakeApi::start(Scenario::LedgerReadOnly).await;
    let error = tick(&fake, config(json!({}))).await.unwrap_err().to_string();
    assert!(error.contains("writing ConfigMap gpu-tenancy/card.t4.ledger is not allowed"), "{error}");
    assert!(error.contains("Apply the tenant's `gpu_vram_floor`"), "{error}");
    assert_eq!(fake.deeds(), ["PUT ledger, refused"]);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_keeps_nobody_awake_past_its_window() {
    let fake = FakeApi::start(Scenario::LedgerReadOnly).await;
    awake(&fake, json!({}));
    noon(&fake);
    tick(&fake, config(json!({}))).await.unwrap_err();
    assert_eq!(fake.deeds(), ["PUT ledger, refused", "PATCH scale tts/speech: 0"]);
}

#[tokio::test]
async fn a_deployment_that_somebody_touched_is_looked_at_again() {
    let fake = FakeApi::start(Scenario::DeploymentTouchedOnce).await;
    tick(&fake, config(json!({}))).await.unwrap();
    let deeds = fake.deeds();
    assert_eq!(deeds[..2], ["PUT ledger: reserved", "PATCH scale tts/speech, 409"]);
    assert!(deeds.contains(&"PATCH scale tts/speech: 1".to_owned()), "{deeds:?}");
    assert_eq!(fake.world(|world| (world.replicas, world.state())), (1, "reserved".into()));
}

#[tokio::test]
async fn an_event_that_may_not_be_written_stops_nothing() {
    let fake = FakeApi::start(Scenario::NoEvents).await;
    tick(&fake, config(json!({}))).await.unwrap();
    assert_eq!(fake.world(|world| world.replicas), 1);
}

/// What cannot be read and what the Event of the refusal must name.
const UNREADABLE: [(Scenario, &str); 5] = [
    (Scenario::NoPods, "reading the pods of tts/speech is not allowed: pods is forbidden"),
    (Scenario::NoPointer, "configmaps \"tenant.tts.speech\" is forbidden"),
    (Scenario::NoDeclared, "configmaps \"card.t4.declared\" is forbidden"),
    (Scenario::NoLedger, "configmaps \"card.t4.ledger\" is forbidden"),
    (Scenario::BrokenFloor, "floor.llm.rival"),
];

#[tokio::test]
async fn what_cannot_be_read_admits_nobody_and_is_named() {
    for (scenario, named) in UNREADABLE {
        let fake = FakeApi::start(scenario).await;
        tick(&fake, config(json!({}))).await.unwrap();
        assert_eq!(fake.world(|world| world.replicas), 0, "{scenario:?}");
        let note = fake.world(|world| world.events[0]["note"].as_str().unwrap().to_owned());
        assert!(note.contains(named), "{scenario:?}: {note}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_keeps_nobody_awake_past_its_window() {
    for scenario in UNREADABLE.map(|(scenario, _)| scenario).into_iter().chain([Scenario::NoDeployment]) {
        let fake = FakeApi::start(scenario).await;
        awake(&fake, json!({}));
        noon(&fake);
        tick(&fake, config(json!({}))).await.unwrap();
        assert_eq!(fake.world(|world| world.replicas), 0, "{scenario:?}: {:?}", fake.deeds());
    }
}

#[tokio::test]
async fn a_deployment_that_was_deleted_keeps_no_room_and_no_resident_down() {
    let fake = FakeApi::start(Scenario::DeploymentDeleted).await;
    let paused = json!({ "namespace": "llm", "deployment": "llama", "replicas": 2, "since": "2026-11-21T02:00:00Z", "seen_at_zero": true });
    awake(&fake, json!({ "paused": [paused] }));
    fake.world(|world| world.others.insert("llm/llama".into(), 0));
    let tick = async || tick(&fake, config(json!({}))).await.unwrap();
    tick().await;
    tick().await;
    assert_eq!(fake.world(|world| world.state()), "draining, llama had 2", "its pod is still there");
    fake.world(|world| world.pods.clear());
    tick().await;
    tick().await;
    let llama = fake.world(|world| world.others["llm/llama"]);
    assert_eq!((llama, fake.world(|world| world.state())), (2, "asleep".into()), "{:?}", fake.deeds());
    let (first, deeds) = (fake.world(|world| world.events[0].clone()), fake.deeds());
    assert_eq!((&first["reason"], &first["type"]), (&json!("NoDeployment"), &json!("Warning")));
    assert!(!deeds.iter().any(|deed| deed.starts_with("PATCH scale tts/speech")), "{deeds:?}");
}

/// An apply makes a tenant's rights beside its Deployment, and a watcher may look between the two.
#[tokio::test]
async fn a_deployment_that_is_not_made_yet_is_not_taken_for_one_that_was_deleted() {
    let fake = FakeApi::start(Scenario::DeploymentDeleted).await;
    fake.world(|world| world.ledger.clear());
    let why = tick(&fake, config(json!({}))).await.unwrap_err().to_string();
    assert!(why.contains("it does not exist") && fake.deeds().is_empty(), "{why} {:?}", fake.deeds());
}

#[tokio::test]
async fn without_the_api_server_or_its_time_nothing_is_decided() {
    for scenario in [Scenario::Away, Scenario::NoDate] {
        let fake = FakeApi::start(scenario).await;
        let error = tick(&fake, config(json!({}))).await.unwrap_err();
        assert!(matches!(error, GateError::Observe(_)), "{error}");
        assert!(fake.deeds().is_empty());
    }
}

#[tokio::test]
async fn the_model_server_is_asked_to_unload_before_it_is_scaled() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    noon(&fake);
    let unload = json!({ "unload": { "method": "POST", "path": "/api/unload", "port": fake.address.port(), "body": { "keep_alive": 0 }, "timeout_s": 5 } });
    tick(&fake, config(unload)).await.unwrap();
    let deeds = fake.deeds();
    assert_eq!(
        deeds[..3],
        ["PUT ledger: draining", "POST unload {\"keep_alive\":0}", "PATCH scale tts/speech: 0"]
    );
}

/// The call may take minutes, and a look after it could not tell it from another gate's that is still under way.
#[tokio::test]
async fn a_deployment_that_somebody_touched_during_the_unload_call_is_scaled_right_after_it() {
    let fake = FakeApi::start(Scenario::DeploymentTouchedOnce).await;
    awake(&fake, json!({}));
    noon(&fake);
    let unload = json!({ "unload": { "method": "POST", "path": "/api/unload", "port": fake.address.port(), "timeout_s": 5 } });
    tick(&fake, config(unload)).await.unwrap();
    assert_eq!(fake.world(|world| world.replicas), 0, "{:?}", fake.deeds());
}

#[tokio::test]
async fn a_model_server_that_does_not_answer_is_scaled_all_the_same() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    noon(&fake);
    let unload = json!({ "unload": { "method": "POST", "path": "/api/unload", "port": 1, "timeout_s": 1 } });
    tick(&fake, config(unload)).await.unwrap();
    assert_eq!(fake.world(|world| world.replicas), 0);
}

#[tokio::test]
async fn a_resident_s_replicas_are_written_down_before_it_makes_room() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| world.others.insert("llm/llama".into(), 3));
    let pauses = json!({ "pauses": [{ "namespace": "llm", "deployment": "llama" }] });
    tick(&fake, config(pauses.clone())).await.unwrap();
    let deeds = fake.deeds();
    let at = |what: &str| {
        deeds.iter().position(|deed| deed == what).unwrap_or_else(|| panic!("{what}: {deeds:?}"))
    };
    assert!(at("PUT ledger: asleep, llama had 3") < at("PATCH scale llm/llama: 0"), "{deeds:?}");

    noon(&fake);
    fake.world(|world| world.replicas = 0);
    for _ in 0..3 {
        tick(&fake, config(json!({}))).await.unwrap();
    }
    let restored = fake.world(|world| world.others["llm/llama"]);
    assert_eq!(restored, 3, "restored although it is no longer configured: {:?}", fake.deeds());
}

#[tokio::test]
async fn only_what_the_gate_has_rights_to_is_asked_for() {
    let fake = FakeApi::start(Scenario::Fine).await;
    tick(&fake, config(json!({}))).await.unwrap();
    let mut reads: Vec<String> =
        fake.world(|world| world.calls.iter().filter(|call| call.starts_with("GET")).cloned().collect());
    reads.sort();
    reads.dedup();
    assert_eq!(
        reads,
        [
            "GET configmap card.t4.declared",
            "GET configmap card.t4.ledger",
            "GET configmap tenant.tts.speech",
            "GET deployment",
            "GET pods labelSelector=app.kubernetes.io/name%3Dspeech",
        ]
    );
}

/// A Deployment from before another gate's scale call, beside that gate's ledger, looks as if a hand had scaled it.
#[tokio::test]
async fn the_ledger_is_read_before_what_it_is_compared_with() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    tick(&fake, config(json!({}))).await.unwrap();
    let calls = fake.world(|world| world.calls.clone());
    let at = |what: &str| calls.iter().position(|call| call.starts_with(what)).unwrap();
    assert!(at("GET configmap card.t4.ledger") < at("GET deployment"), "{calls:?}");
    assert!(at("GET configmap card.t4.ledger") < at("GET pods"), "{calls:?}");
}

/// The next tick could not tell such a yield from a hand.
#[tokio::test]
async fn a_pod_that_the_source_has_on_another_card_yields_and_says_so() {
    let other = |pod: &str| {
        format!(
            "DCGM_FI_DEV_FB_FREE{{gpu=\"1\",UUID=\"GPU-2\",hostname=\"gpu-1\",namespace=\"tts\",pod=\"{pod}\"}} 1\n"
        )
    };
    // One that asked for two slices may have the other on its own card, and a pod of before is gone.
    for (pod, slices, replicas) in [("speech-1", "2", 1), ("speech-0", "1", 1), ("speech-1", "1", 0)] {
        let fake = FakeApi::start(Scenario::Fine).await;
        awake(&fake, json!({}));
        fake.world(|world| {
            world.page.push_str(&other(pod));
            world.pods[0]["spec"]["containers"] =
                json!([{ "name": "server", "resources": { "limits": { "nvidia.com/gpu": slices } } }]);
        });
        tick(&fake, config(json!({}))).await.unwrap();
        assert_eq!(fake.world(|world| world.replicas), replicas, "{pod} with {slices} slices");
        let told =
            fake.world(|world| world.events.iter().map(|it| it["note"].to_string()).collect::<String>());
        assert_eq!(told.contains("od speech-1 was given GPU-2"), replicas == 0, "{told}");
    }
}

#[tokio::test]
async fn a_yield_that_cannot_be_written_down_is_not_done() {
    let fake = FakeApi::start(Scenario::LedgerReadOnly).await;
    awake(&fake, json!({}));
    fake.world(|world| world.page = page(14_600));
    tick(&fake, config(json!({}))).await.unwrap_err();
    assert_eq!(fake.deeds(), ["PUT ledger, refused"]);
    assert_eq!(fake.world(|world| world.replicas), 1);
}

#[tokio::test]
async fn one_refused_restore_keeps_nobody_else_down_and_no_event_back() {
    let fake = FakeApi::start(Scenario::OneStuck).await;
    noon(&fake);
    let paused = |name: &str| json!({ "namespace": "llm", "deployment": name, "replicas": 2, "since": "2026-11-21T02:00:00Z", "seen_at_zero": true });
    fake.world(|world| {
        let entry = json!({
            "state": "asleep", "since": "2026-11-21T06:00:00Z", "replicas_set": 0, "replicas_confirmed": true,
            "paused": [paused("a"), paused("stuck"), paused("z")],
        });
        world.ledger.insert("tts.speech".into(), entry.to_string());
        world.others.extend(["llm/a", "llm/stuck", "llm/z"].map(|name| (name.to_owned(), 0)));
    });
    let error = tick(&fake, config(json!({}))).await.unwrap_err().to_string();
    assert!(error.contains("a webhook denied it"), "{error}");
    let others = fake.world(|world| world.others.clone());
    assert_eq!((others["llm/a"], others["llm/stuck"], others["llm/z"]), (2, 0, 2));
    let notes =
        fake.world(|world| world.events.iter().map(|event| event["note"].to_string()).collect::<Vec<_>>());
    assert!(notes.iter().any(|note| note.contains("llm/stuck could not be scaled to 2")), "{notes:?}");
    assert!(fake.deeds().contains(&"POST event Restoring".to_owned()), "{:?}", fake.deeds());
}
