//! A watcher against the fake: who acts, how fast, when it stops, and what it asks.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gpu_agent::report::Format;
use gpu_agent::watch::Watch;
use gpu_agent::watch::lease::{Lease, Times};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fake_api::{FakeApi, Scenario, page};
use crate::gate::{api, awake};
use crate::program::{folder, program};

const INTERVAL: Duration = Duration::from_millis(200);

/// A watcher with short times in a thread of its own, as its client is of one thread.
struct Running {
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
    url: String,
}

fn watch(fake: &FakeApi, instance: &str) -> Running {
    watch_resting(fake, instance, Duration::from_secs(60))
}

fn watch_resting(fake: &FakeApi, instance: &str, rest: Duration) -> Running {
    let mut watch = Watch::new("t4".parse().unwrap(), instance.to_owned(), Format::Text);
    (watch.interval, watch.rest) = (INTERVAL, rest);
    watch.times = Times { holds: Duration::from_secs(2), renew: Duration::from_millis(300) };
    let (fake, (stop, stopped)) = (fake.clone(), oneshot::channel::<()>());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ended = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let stopped = async move { drop(stopped.await) };
            watch.run(&api(&fake), listener, stopped).await.unwrap();
        });
    });
    Running { stop: Some(stop), ended, url }
}

impl Running {
    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.ended.await.unwrap();
    }

    async fn page(&self) -> String {
        gpu_agent::observe::scrape::page(&format!("{}/metrics", self.url)).await.unwrap()
    }
}

async fn until(what: &str, limit: Duration, mut is: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

fn holder(fake: &FakeApi) -> String {
    fake.world(|world| world.lease.0["holderIdentity"].as_str().unwrap_or("nobody").to_owned())
}

/// The fake's time stands still, and a Lease that is judged by it never runs out by itself.
fn pass(fake: &FakeApi, seconds: i64) {
    fake.world(|world| world.now += jiff::SignedDuration::from_secs(seconds));
}

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_card_below_its_critical_line_is_answered_within_one_interval() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    let watcher = watch(&fake, "one");
    let looked = |fake: &FakeApi| fake.world(|world| world.state()) == "awake" && !fake.deeds().is_empty();
    until("the first turn", PATIENCE, || looked(&fake)).await;
    tokio::time::sleep(2 * INTERVAL).await;
    let calls = |fake: &FakeApi| {
        // A floor without a gate is the other tenant's, whose gate is looked for in longer and longer pauses.
        let counts = |call: &&String| !call.ends_with(" lease") && !call.ends_with("/rival-gate");
        fake.world(|world| world.calls.iter().filter(counts).count())
    };
    let before = calls(&fake);
    tokio::time::sleep(5 * INTERVAL).await;
    assert_eq!(calls(&fake), before, "at rest nothing is asked of the API server");

    fake.world(|world| world.page = page(14_700));
    let took = until("the scale call", PATIENCE, || fake.world(|world| world.replicas) == 0).await;
    assert!(took < INTERVAL + Duration::from_millis(500), "{took:?}");
    let deeds = fake.deeds();
    assert!(deeds.contains(&"PUT ledger: draining".to_owned()), "{deeds:?}");
    println!("from the metric to the scale call: {took:?} of an interval of {INTERVAL:?}");
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_floor_that_is_entered_and_then_its_gate_are_seen_before_a_rest_is_over() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| (world.has_floor, world.has_gate) = (false, false));
    let watcher = watch(&fake, "one");
    until("it leads", PATIENCE, || holder(&fake) == "one").await;
    tokio::time::sleep(2 * INTERVAL).await;
    assert!(fake.deeds().is_empty(), "{:?}", fake.deeds());
    let asked = |fake: &FakeApi, what: &str| fake.world(|world| world.calls.iter().any(|call| call == what));
    assert!(!asked(&fake, "GET configmap speech-gate"), "a tenant without a floor has no turn");
    fake.world(|world| world.has_floor = true);
    let took = until("its gate is looked for", PATIENCE, || asked(&fake, "GET configmap speech-gate")).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    fake.world(|world| world.has_gate = true);
    let took = until("it is admitted", PATIENCE, || fake.world(|world| world.replicas) == 1).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let read = |call: &&String| *call == "GET configmap card.t4.declared";
    let reads = fake.world(|world| world.calls.iter().filter(read).count());
    assert!(reads <= 3, "it was read {reads} times, once by the watcher and once in each turn");
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_watchers_one_acts_and_hands_over_when_told_to_go() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let one = watch(&fake, "one");
    until("the first leads", PATIENCE, || holder(&fake) == "one").await;
    let two = watch(&fake, "two");
    until("the tenant is admitted", PATIENCE, || fake.world(|world| world.replicas) == 1).await;
    tokio::time::sleep(3 * INTERVAL).await;
    assert_eq!(holder(&fake), "one");
    let events = fake.world(|world| world.events.clone());
    assert!(events.iter().all(|event| event["reportingInstance"] == "one"), "{events:?}");
    assert!(one.page().await.contains("gpu_tenancy_watcher_leads{card=\"t4\"} 1.0"));
    let idle = two.page().await;
    assert!(idle.contains("gpu_tenancy_watcher_leads{card=\"t4\"} 0.0"), "{idle}");
    assert!(!idle.contains("gpu_tenancy_gate_"), "{idle}");
    one.stop().await;
    let took = until("the second leads", PATIENCE, || holder(&fake) == "two").await;
    assert!(took < Duration::from_secs(1), "it waited for a Lease that was let go of: {took:?}");
    two.stop().await;
    assert_eq!(holder(&fake), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_lease_stops_acting() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    let watcher = watch(&fake, "one");
    until("it leads", PATIENCE, || !fake.deeds().is_empty()).await;
    let now = fake.world(|world| world.now);
    fake.world(|world| {
        world.lease.0 = json!({ "holderIdentity": "other", "leaseDurationSeconds": 30, "renewTime": now });
        world.lease.1 += 1;
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    fake.world(|world| world.page = page(14_700));
    tokio::time::sleep(5 * INTERVAL).await;
    assert_eq!(fake.world(|world| world.replicas), 1, "{:?}", fake.deeds());
    pass(&fake, 31);
    until("it acts again once the other's has run out", PATIENCE, || fake.world(|world| world.replicas) == 0)
        .await;
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_renew_stops_while_the_lease_still_holds() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    let watcher = watch(&fake, "one");
    until("it leads", PATIENCE, || !fake.deeds().is_empty()).await;
    fake.world(|world| world.scenario = Scenario::LeaseAway);
    tokio::time::sleep(Duration::from_secs(2)).await;
    fake.world(|world| world.page = page(14_700));
    tokio::time::sleep(5 * INTERVAL).await;
    assert_eq!(fake.world(|world| world.replicas), 1, "{:?}", fake.deeds());
    watcher.stop().await;
}

/// By the usual bounds, ten times as fast.
#[tokio::test]
async fn a_lease_is_kept_through_renewals_that_fail_and_given_up_while_it_still_holds() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let Times { holds, renew } = Times::default();
    let times = Times { holds: holds / 10, renew: renew / 10 };
    let lease = Lease::of(&"t4".parse().unwrap(), "one", times);
    let api = api(&fake);
    lease.acquire(&api, |why| panic!("{why}")).await;
    let keep = lease.keep(&api);
    tokio::pin!(keep);
    let tries =
        |fake: &FakeApi| fake.world(|world| world.calls.iter().filter(|call| *call == "PUT lease").count());
    fake.world(|world| world.scenario = Scenario::LeaseAway);
    let still = tokio::time::timeout(times.renew + times.renew / 2, &mut keep).await;
    assert!(still.is_err(), "{still:?}");
    assert!(tries(&fake) >= 3, "one to take it, and two that failed: {}", tries(&fake));
    fake.world(|world| world.scenario = Scenario::Fine);
    let still = tokio::time::timeout(times.holds, &mut keep).await;
    assert!(still.is_err(), "{still:?}");
    fake.world(|world| world.scenario = Scenario::LeaseAway);
    let given_up = tokio::time::timeout(times.holds, &mut keep).await;
    assert!(given_up.is_ok(), "another one may take it now");
}

/// Terraform tells a tenant's gate to sleep, lets a tick put it to sleep, and goes on: a watcher that still
/// knew the old word would wake it once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_was_told_to_sleep_is_not_woken_on_the_old_word() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    let watcher = watch(&fake, "one");
    until("the first turn", PATIENCE, || !fake.deeds().is_empty()).await;
    // As its bedtime leaves it, and the card changes, so that the watcher looks at it again.
    fake.world(|world| {
        world.gate = json!({ "suspend": true });
        world.replicas = 0;
        world.pods = vec![];
        let entry =
            json!({ "state": "asleep", "since": world.now, "replicas_set": 0, "replicas_confirmed": true });
        world.ledger.insert("tts.speech".into(), entry.to_string());
        world.calls.clear();
        world.page = page(14_700);
    });
    until("it looks again", PATIENCE, || !fake.deeds().is_empty()).await;
    fake.world(|world| world.page = page(0));
    tokio::time::sleep(5 * INTERVAL).await;
    let deeds = fake.deeds();
    assert!(!deeds.contains(&"PATCH scale tts/speech: 1".to_owned()), "{deeds:?}");
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_counts_what_the_gates_have_come_to() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({ "tally": { "decisions": { "refused": 1 } } }));
    let watcher = watch(&fake, "one");
    until("the first turn", PATIENCE, || !fake.deeds().is_empty()).await;
    fake.world(|world| world.page = page(14_700));
    until("the yield", PATIENCE, || fake.world(|world| world.replicas) == 0).await;
    tokio::time::sleep(2 * INTERVAL).await;
    let page = watcher.page().await;
    let tenant = "card=\"t4\",namespace=\"tts\",tenant=\"speech\"";
    for line in [
        format!("gpu_tenancy_gate_yields_total{{{tenant},rule=\"critical_yield\"}} 1"),
        format!("gpu_tenancy_gate_decisions_total{{{tenant},rule=\"critical_yield\"}} 1"),
        format!("gpu_tenancy_gate_state{{{tenant},state=\"draining\"}} 1.0"),
        format!("gpu_tenancy_gate_unknown_seconds_total{{{tenant}}} 0"),
        format!("gpu_tenancy_floor_peak_bytes{{{tenant}}} 4294967296.0"),
        "gpu_tenancy_watcher_sample_up{card=\"t4\"} 1.0".to_owned(),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
    let skew = format!("gpu_tenancy_gate_clock_skew_seconds{{{tenant}}} ");
    let told: f64 = page.lines().find_map(|line| line.strip_prefix(&skew)).unwrap().parse().unwrap();
    let really = jiff::Timestamp::now().duration_since(fake.world(|world| world.now)).as_secs_f64();
    assert!((told - really).abs() < 30.0, "the fake's clock stands still: {told} s, {really} s");
    crate::monitoring::names_only_what_is_on(&page);
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_lets_go_of_the_lease_on_sigterm() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let folder = folder(&fake);
    let mut command = program(folder.path());
    command.args(["watch", "--card", "t4", "--port", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    until("it leads", PATIENCE, || holder(&fake) == "a-pod").await;
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(holder(&fake), "");
    let spec: Value = fake.world(|world| world.lease.0.clone());
    assert_eq!(spec["leaseTransitions"], 1);
}

fn turns(fake: &FakeApi) -> usize {
    fake.world(|world| world.calls.iter().filter(|call| *call == "GET deployment").count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_cannot_be_read_is_told_at_times_and_makes_no_turn_of_every_look() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    let rest = 3 * INTERVAL;
    let watcher = watch_resting(&fake, "one", rest);
    until("the first turn", PATIENCE, || !fake.deeds().is_empty()).await;
    fake.world(|world| world.scenario = Scenario::NoLedger);
    let told = |fake: &FakeApi| {
        fake.world(|world| world.events.iter().filter(|it| it["reason"] == "LedgerUnreadable").count())
    };
    until("it is told", PATIENCE, || told(&fake) > 0).await;
    let before = turns(&fake);
    tokio::time::sleep(4 * rest).await;
    let more = turns(&fake) - before;
    assert!((2..=5).contains(&more), "{more} turns in four rests");
    assert_eq!(told(&fake), 1);
    pass(&fake, 240);
    until("it is told again", PATIENCE, || told(&fake) == 2).await;
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_object_that_cannot_be_read_keeps_nobody_awake_past_its_window() {
    let fake = FakeApi::start(Scenario::Fine).await;
    awake(&fake, json!({}));
    let watcher = watch_resting(&fake, "one", 2 * INTERVAL);
    until("the first turn", PATIENCE, || !fake.deeds().is_empty()).await;
    fake.world(|world| world.scenario = Scenario::NoDeclared);
    tokio::time::sleep(4 * INTERVAL).await;
    let before = turns(&fake);
    tokio::time::sleep(8 * INTERVAL).await;
    let more = turns(&fake) - before;
    assert!((2..=6).contains(&more), "{more} turns in four rests");
    assert!(
        watcher.page().await.contains("gpu_tenancy_watcher_sample_up{card=\"t4\"} 1.0"),
        "by the old one"
    );
    fake.world(|world| world.now = "2026-11-21T12:00:00Z".parse().unwrap());
    until("it is closed", PATIENCE, || fake.world(|world| world.replicas) == 0).await;
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_of_which_nothing_was_ever_read_shows_no_figures() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let watcher = watch_resting(&fake, "one", 2 * INTERVAL);
    until("the first turn", PATIENCE, || !fake.deeds().is_empty()).await;
    let now = fake.world(|world| world.now);
    fake.world(|world| {
        world.scenario = Scenario::NoDeclared;
        world.lease.0 = json!({ "holderIdentity": "other", "leaseDurationSeconds": 1, "renewTime": now });
        world.lease.1 += 1;
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    pass(&fake, 2);
    until("it leads again", PATIENCE, || holder(&fake) == "one").await;
    tokio::time::sleep(3 * INTERVAL).await;
    let page = watcher.page().await;
    assert!(page.contains("gpu_tenancy_watcher_sample_up{card=\"t4\"} 0.0"), "{page}");
    watcher.stop().await;
}

/// A model server takes as long as its grace period for the unload call; its neighbours have no such time.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_unloads_slowly_holds_up_nobody_else() {
    let fake = FakeApi::start(Scenario::Fine).await;
    // It takes the connection and never answers.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    fake.world(|world| {
        world.gate =
            json!({ "unload": { "method": "POST", "path": "/api/unload", "port": port, "timeout_s": 4 } })
    });
    awake(&fake, json!({}));
    let watcher = watch(&fake, "one");
    until("the first turn", PATIENCE, || !fake.deeds().is_empty()).await;
    fake.world(|world| world.page = page(14_700));
    until("it is told to go", PATIENCE, || fake.world(|world| world.state()) == "draining").await;
    let looks = async || {
        let page = watcher.page().await;
        let line = page.lines().find(|line| line.starts_with("gpu_tenancy_watcher_looks_total"));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse::<u32>().ok()).unwrap()
    };
    let (before, neighbour) = (looks().await, "GET configmap rival-gate");
    let asked = |fake: &FakeApi| {
        fake.world(|world| world.calls.iter().filter(|call| call.ends_with("/rival-gate")).count())
    };
    let asked_before = asked(&fake);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(asked(&fake) > asked_before, "{neighbour} was not asked for: {:?}", fake.deeds());
    assert!(looks().await >= before + 10, "{before} looks, then {}", looks().await);
    assert_eq!(fake.world(|world| world.replicas), 1, "it is waited for");
    until("it is scaled", PATIENCE, || fake.world(|world| world.replicas) == 0).await;
    watcher.stop().await;
}
