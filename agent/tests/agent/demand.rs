//! Ticks of a tenant that wakes when there is work: what a queue's answers do.

use serde_json::{Value, json};

use crate::fake_api::{FakeApi, Scenario};
use crate::gate::{api, awake, config, tick};

/// On demand, asking the fake's queue.
fn on_demand(fake: &FakeApi) -> Value {
    let http = json!({ "url": format!("{}/queue", fake.url()), "json_path": "$.pending" });
    json!({ "schedule": "on_demand", "demand": { "source": { "http": http }, "idle_after_s": 600 } })
}

async fn queue(fake: &FakeApi, answer: &str) -> Vec<String> {
    fake.world(|world| {
        world.queue = answer.to_owned();
        world.calls.clear();
    });
    tick(fake, config(on_demand(fake))).await.unwrap();
    fake.deeds()
}

fn reason(fake: &FakeApi) -> String {
    let entry: Value = fake.world(|world| serde_json::from_str(&world.ledger["tts.speech"]).unwrap());
    entry["status"]["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn work_wakes_and_neither_an_empty_queue_nor_a_broken_one_does() {
    let fake = FakeApi::start(Scenario::Fine).await;
    // At noon no window is open, and none is asked for.
    fake.world(|world| world.now = "2026-11-21T12:00:00Z".parse().unwrap());
    assert_eq!(queue(&fake, r#"{"pending":0}"#).await, ["PUT ledger: asleep", "POST event NoDemand"]);
    for broken in [r#"{"pending":null}"#, "{}", ""] {
        let deeds = queue(&fake, broken).await;
        assert!(!deeds.iter().any(|deed| deed.starts_with("PATCH")), "{broken}: {deeds:?}");
        assert!(reason(&fake).starts_with("It is not known whether there is work for it: http://"));
    }
    let woken = ["PUT ledger: reserved", "PATCH scale tts/speech: 1", "POST event Admitted"];
    assert_eq!(queue(&fake, r#"{"pending":2}"#).await, woken);
}

#[tokio::test]
async fn a_queue_that_stays_empty_puts_to_sleep_and_one_that_breaks_does_not() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let long_ago = |fake: &FakeApi| {
        let since = fake.world(|world| world.now - jiff::SignedDuration::from_mins(20));
        awake(fake, json!({ "awake_since": since, "empty_since": since }));
    };
    long_ago(&fake);
    for broken in [r#"{"pending":null}"#, "{}", ""] {
        long_ago(&fake);
        let deeds = queue(&fake, broken).await;
        assert!(!deeds.iter().any(|deed| deed.starts_with("PATCH")), "{broken}: {deeds:?}");
    }
    long_ago(&fake);
    let deeds = queue(&fake, r#"{"pending":0}"#).await;
    assert_eq!(deeds, ["PUT ledger: draining", "PATCH scale tts/speech: 0", "POST event Idle"]);
    assert_eq!(reason(&fake), "There has been no work for 20 min. It was awake and is sent to sleep.");
}

#[tokio::test]
async fn what_hangs_is_unknown_within_seconds() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut more = on_demand(&fake);
    more["demand"]["source"]["http"]["url"] = json!(format!("http://{}/queue", silent.local_addr().unwrap()));
    let asked = std::time::Instant::now();
    tick(&fake, config(more)).await.unwrap();
    assert!(asked.elapsed() < gpu_agent::observe::fetch::TIMEOUT + std::time::Duration::from_secs(2));
    assert!(reason(&fake).contains("took longer than 3 s"), "{}", reason(&fake));
}

#[tokio::test]
async fn an_answer_beyond_its_bounds_is_unknown() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let endless = format!(r#"{{"pending":1,"jobs":"{}"}}"#, "x".repeat(2 << 20));
    let deeds = queue(&fake, &endless).await;
    assert_eq!(deeds, ["PUT ledger: asleep", "POST event NoDemand"]);
    assert!(reason(&fake).contains("broke off: length limit exceeded"), "{}", reason(&fake));
}

/// Whoever explains is mostly outside the cluster, where the queue's name means nothing.
#[tokio::test]
async fn an_explanation_asks_through_the_api_server() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let mut more = on_demand(&fake);
    more["demand"]["source"]["http"]["url"] = json!("http://queue.tts/stats");
    fake.world(|world| {
        world.gate = more;
        world.queue = r#"{"pending":4}"#.to_owned();
    });
    let told = gpu_agent::explain::explain(&api(&fake), &"tts/speech".parse().unwrap(), None).await.unwrap();
    let told = told.render(false);
    assert!(told.contains("demand     work: 4 at $.pending of http://queue.tts/stats"), "{told}");
    assert!(told.contains("admitted"), "{told}");
}
