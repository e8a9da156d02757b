//! What people are told of a decision.

use gpu_agent::explain::{ExplainError, explain};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::fake_api::{FakeApi, Scenario, page};
use crate::gate::api;

async fn told(fake: &FakeApi, at: Option<&str>) -> String {
    let at = at.map(|at| at.parse().unwrap());
    let told = explain(&api(fake), &"tts/speech".parse().unwrap(), at).await.unwrap();
    assert!(fake.deeds().is_empty(), "explaining changes nothing");
    let rendered = told.render(false).replace(&fake.address.to_string(), "exporter");
    assert!(told.render(true).contains("\u{1b}[1mtts/speech\u{1b}[0m"));
    // The table's numbers are tenancy's to change.
    let (before, after) = rendered.split_once("rule ").unwrap();
    format!("{before}rule N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn prometheus(url: &str) -> Value {
    json!({ "prometheus": { "url": url, "free": "free", "used": "used", "total": "total", "unit": "mib" } })
}

#[tokio::test]
async fn a_tenant_that_fits() {
    let fake = FakeApi::start(Scenario::Fine).await;
    assert_snapshot!(told(&fake, None).await);
}

#[tokio::test]
async fn a_tenant_that_does_not_fit_beside_others() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| {
        world.page = page(11_000);
        let rival = format!(r#"{{ "state": "awake", "since": "{}" }}"#, world.now);
        world.ledger.insert("llm.rival".into(), rival);
    });
    assert_snapshot!(told(&fake, None).await);
}

#[tokio::test]
async fn another_time_with_the_card_as_it_is_now() {
    let fake = FakeApi::start(Scenario::Fine).await;
    assert_snapshot!(told(&fake, Some("2026-11-22T05:55:00Z")).await);
}

#[tokio::test]
async fn a_gate_that_looks_no_more_is_told_from_one_that_does() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let looked = |at: &str| {
        let status =
            format!(r#"{{"rule":"refused","reason":"450 MiB short.","at":"{at}","looks_every_s":300}}"#);
        let entry = format!(r#"{{"state":"asleep","since":"2026-11-21T00:00:00Z","status":{status}}}"#);
        fake.world(|world| drop(world.ledger.insert("tts.speech".into(), entry)));
    };
    looked("2026-11-21T02:58:00Z");
    let shown = told(&fake, None).await;
    assert!(shown.contains("gate       looked 2 min ago: refused"), "{shown}");
    looked("2026-11-21T02:00:00Z");
    let shown = told(&fake, None).await;
    let late = "looked 1 h 0 min ago, and should every 5 min: kubectl -n tts get cronjobs,jobs,pods";
    assert!(shown.contains(late), "{shown}");
    // The clock of `--at` is the decision's alone.
    let shown = told(&fake, Some("2026-11-22T05:55:00Z")).await;
    assert!(shown.contains(late) && shown.contains("asleep for 3 h 0 min"), "{shown}");
}

#[tokio::test]
async fn residents_with_what_each_may_still_take() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| {
        let held = "DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-1\",hostname=\"gpu-1\",namespace=\"llama\",pod=\"llama-0\",vgpu=\"0\"} 4096\n";
        world.page = page(4096) + held;
        world.residents = serde_json::json!({
            "comfyui": { "namespace": "images" },
            "llama": { "namespace": "llama", "peak_mib": 9216, "protected": true },
            "whisper": { "namespace": "stt", "peak_mib": 3072 },
            "xtts": { "namespace": "xtts", "peak_mib": 6144 },
        });
    });
    assert_snapshot!(told(&fake, None).await);
}

/// A pod that fills the whole card by the gauge keeps nobody out: the device says it is idle.
#[tokio::test]
async fn the_gauge_per_pod_is_shown_and_decides_nothing() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let held = |namespace: &str, pod: &str, mib: u64| {
        format!("gpu_pod_memory_used_bytes{{namespace=\"{namespace}\",pod=\"{pod}\"}} {}\n", mib << 20)
    };
    fake.world(|world| {
        world.gauge = Some(held("llama", "llama-0", 4096) + &held("images", "comfyui-0", 12_000))
    });
    let shown = told(&fake, None).await;
    assert_snapshot!(shown);
    fake.world(|world| world.gauge = Some(String::new()));
    let without = told(&fake, None).await;
    let verdict = |told: &str| told.split_once("rule N").map(|(_, verdict)| verdict.to_owned());
    assert_eq!(verdict(&shown), verdict(&without));
    assert!(
        without.contains("by pod     unknown: the scrape of http://exporter/pods was answered with 500"),
        "{without}"
    );
}

#[tokio::test]
async fn the_gauge_per_pod_is_not_asked_where_the_device_s_source_tells_pods_apart() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| {
        world.gauge = Some("gpu_pod_memory_used_bytes{namespace=\"a\",pod=\"b\"} 1\n".into());
        let held = "DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-1\",hostname=\"gpu-1\",namespace=\"llama\",pod=\"llama-0\",vgpu=\"0\"} 4096\n";
        world.page = page(4096) + held;
    });
    assert!(!told(&fake, None).await.contains("by pod"));
}

#[tokio::test]
async fn a_card_that_does_not_answer() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| world.page.clear());
    assert_snapshot!(told(&fake, None).await);
}

/// Whoever explains is mostly outside the cluster, where the name of a Prometheus means nothing.
#[tokio::test]
async fn a_prometheus_is_asked_through_the_api_server() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| world.source = Some(prometheus("http://prometheus.monitoring:9090")));
    let shown = told(&fake, None).await;
    assert!(shown.contains("10,000 MiB free of 15,360 MiB; 4,910 MiB used"), "{shown}");
}

#[tokio::test]
async fn a_source_that_cannot_be_asked_from_here_is_no_blind_card() {
    let fake = FakeApi::start(Scenario::Fine).await;
    for (source, why) in [
        (prometheus("https://prometheus.monitoring:9090"), "nor can the API server ask it"),
        (
            json!({ "dcgm": "http://dcgm-exporter.gpu-operator:9400/metrics" }),
            "through the API server: not allowed",
        ),
    ] {
        fake.world(|world| world.source = Some(source));
        let shown = told(&fake, None).await;
        assert!(shown.contains("card       not known from here: ") && shown.contains(why), "{shown}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_named() {
    let fake = FakeApi::start(Scenario::Away).await;
    let error = explain(&api(&fake), &"tts/speech".parse().unwrap(), None).await.unwrap_err();
    assert!(matches!(error, ExplainError::Api(_)), "{error}");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_the_rest_explained() {
    for (scenario, row) in [
        (
            Scenario::NoDeclared,
            "floor      unknown: reading ConfigMap gpu-tenancy/card.t4.declared is not allowed",
        ),
        (
            Scenario::NoLedger,
            "ledger     cannot be read: reading ConfigMap gpu-tenancy/card.t4.ledger is not allowed",
        ),
        (Scenario::NoPods, "pods       unknown: reading the pods of tts/speech is not allowed"),
    ] {
        let fake = FakeApi::start(scenario).await;
        let told = told(&fake, None).await;
        assert!(told.contains(row), "{scenario:?}: {told}");
        assert!(told.contains("window     night 02:00-06:00"), "{told}");
    }
}
