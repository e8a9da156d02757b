//! A measurement from beginning to end, with a gate that is played.

use std::time::Duration;

use gpu_agent::measure::{Measure, MeasureError, Measured};

use crate::fake_api::{FakeApi, Scenario, page};
use crate::gate::api;

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
    measure.run(&api(fake), &|_| ()).await
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
