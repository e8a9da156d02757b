//! A measurement from beginning to end, with a gate that is played.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gpu_agent::measure::{Measure, MeasureError, Measured};
use serde_json::json;
use tokio::sync::Notify;

use crate::fake_api::{FakeApi, Scenario, page};
use crate::gate::api;
use crate::program::{folder, program};

async fn run(fake: &FakeApi, requests: &[&str]) -> Result<Measured, MeasureError> {
    let measure = Measure {
        tenant: "tts/speech".parse().unwrap(),
        requests: requests.iter().map(|request| request.parse().unwrap()).collect(),
        rounds: 2,
        patience: Duration::from_secs(5),
        interval: Duration::from_millis(10),
        limit: Duration::from_secs(3600),
        port: None,
        beside: false,
    };
    measure.run(&api(fake), &|_| (), &Notify::new()).await
}

#[tokio::test]
async fn a_tenant_is_woken_by_its_gate_driven_and_put_to_sleep_again() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| world.annotation = Some("auto".into()));
    let measured = run(&fake, &[r#"POST /tts {"text":"to be"}"#, "GET /broken"]).await.unwrap();
    assert_eq!(measured.peak.0, 6_812);
    assert_eq!((measured.driven.answered, measured.driven.failed.len()), (2, 2));
    assert_eq!(measured.driven.image.as_deref(), Some("speech@sha256:aaaa"));
    assert_eq!(
        fake.deeds(),
        [
            "PATCH annotation awake-until=2026-11-21T04:00:00Z",
            "POST job guard",
            r#"POST tts {"text":"to be"}"#,
            r#"POST tts {"text":"to be"}"#,
            "PATCH annotation off",
            "POST job guard",
            "PATCH annotation auto",
        ],
    );
    assert_eq!(fake.world(|world| world.state()), "asleep");
}

/// Only a turn of the gate enters it as awake, and the one that was asked for ends before a long start does.
#[tokio::test]
async fn a_start_that_outlasts_a_tick_is_waited_for_with_another() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| world.turns_of_loading = 2);
    let measured = tokio::time::timeout(Duration::from_secs(20), run(&fake, &["POST /tts hello"])).await;
    measured.expect("it is awake at the third turn").unwrap();
    let tick = "POST job guard";
    let deeds = fake.deeds();
    assert_eq!(deeds[1..5], [tick, tick, tick, "POST tts null"], "{deeds:?}");
}

/// An evicted pod stays in the list, before the one that took its place.
#[tokio::test]
async fn the_work_goes_to_the_pod_that_is_ready() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let evicted = json!({
        "metadata": { "name": "speech-1-aaaaa", "uid": "p-0" },
        "spec": { "containers": [{ "name": "server", "ports": [{ "containerPort": 8004 }] }] },
        "status": { "phase": "Failed", "reason": "Evicted" },
    });
    fake.world(|world| world.pods = vec![evicted]);
    let measured = run(&fake, &["GET /tts"]).await.unwrap();
    assert_eq!(measured.driven.image.as_deref(), Some("speech@sha256:aaaa"));
    assert!(measured.driven.failed.is_empty(), "{:?}", measured.driven.failed);
}

#[tokio::test]
async fn what_the_gate_refuses_is_not_measured_and_the_annotation_comes_back() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| world.gate_obeys = false);
    let why = run(&fake, &["GET /x"]).await.unwrap_err().to_string();
    assert!(why.contains("tts/speech was not woken: rule "), "{why}");
    let deeds = fake.deeds();
    assert_eq!(deeds.last().unwrap(), "PATCH annotation away");
    assert!(!deeds.iter().any(|deed| deed.contains("/x")), "{deeds:?}");
}

#[tokio::test]
async fn nothing_is_touched_where_it_may_not_begin() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| {
        world.page = page(9_000);
        let rival = format!(r#"{{ "state": "awake", "since": "{}" }}"#, world.now);
        world.ledger.insert("llm.rival".into(), rival);
    });
    let why = run(&fake, &["GET /x"]).await.unwrap_err().to_string();
    assert!(why.contains("llm/rival is awake"), "{why}");
    assert!(fake.deeds().is_empty());
}

/// Whoever interrupts it while it waits for the server has his own word back, and the tenant asleep.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_gives_the_annotation_back() {
    for signal in ["-INT", "-TERM"] {
        let fake = FakeApi::start(Scenario::Fine).await;
        fake.world(|world| {
            (world.gate_obeys, world.jobs_end) = (false, false);
            world.annotation = Some("auto".into());
        });
        let folder = folder(&fake);
        let mut command = program(folder.path());
        command.args(["measure", "--tenant", "tts/speech", "--request", "GET /x", "--interval", "1"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(10);
        while !fake.deeds().contains(&"POST job guard".to_owned()) {
            assert!(Instant::now() < patience, "{:?}", fake.deeds());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        assert!(!status.success());
        let deeds = fake.deeds();
        assert!(deeds.contains(&"PATCH annotation off".to_owned()), "{deeds:?}");
        assert_eq!(deeds.last().unwrap(), "PATCH annotation auto");
    }
}

#[tokio::test]
async fn the_annotation_comes_back_where_no_tick_can_be_asked_for() {
    let fake = FakeApi::start(Scenario::NoJobs).await;
    fake.world(|world| world.annotation = Some("auto".into()));
    let why = run(&fake, &["GET /x"]).await.unwrap_err().to_string();
    assert!(why.contains("jobs.batch is forbidden"), "{why}");
    assert_eq!(fake.deeds().last().unwrap(), "PATCH annotation auto");
}
