//! Sources over real connections: exporters that do not answer as they should,
//! several of them behind one name, and a Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Query;
use axum::http::{StatusCode, header};
use axum::routing::get;
use gpu_agent::exporter::sampler::Sampler;
use gpu_agent::exporter::server::Pages;
use gpu_agent::observe::{fetch, scrape};

use crate::fake_nvml::{FakeNode, T4};

/// An exporter whose every page misbehaves in its own way; answers its address.
async fn exporter() -> String {
    let router = Router::new()
        .route("/fine", get(|| async { "a 1\n" }))
        .route("/broken", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "nvidia-smi failed") }))
        .route("/moved", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/fine")]) }))
        .route("/cached", get(|| async { ([(header::AGE, "300")], "a 1\n") }))
        .route("/binary", get(|| async { vec![0xff_u8, 0xfe] }))
        .route("/endless", get(|| async { "a 1\n".repeat(2 << 20) }))
        .route("/hangs", get(|| async { tokio::time::sleep(Duration::from_secs(60)).await }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn an_exporter_that_does_not_answer_is_told_with_its_reason() {
    let exporter = exporter().await;
    assert_eq!(scrape::page(&format!("{exporter}/fine")).await.unwrap(), "a 1\n");
    let mut table = String::new();
    for page in ["/broken", "/moved", "/cached", "/binary", "/endless"] {
        let why = scrape::page(&format!("{exporter}{page}")).await.unwrap_err();
        table.push_str(&format!("{}\n", why.replace(&exporter, "http://exporter")));
    }
    for url in
        ["http://127.0.0.1:1/metrics", "https://exporter/metrics", "exporter:9400/metrics", "http://a b/"]
    {
        table.push_str(&format!("{}\n", scrape::page(url).await.unwrap_err()));
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn an_exporter_that_hangs_is_given_three_seconds() {
    let url = format!("{}/hangs", exporter().await);
    let asked = Instant::now();
    let why = scrape::page(&url).await.unwrap_err();
    assert!(why.ends_with("took longer than 3 s"), "{why}");
    assert!(asked.elapsed() < fetch::TIMEOUT + Duration::from_secs(1));
}

fn card(source: serde_json::Value) -> tenancy::card::Card {
    serde_json::from_value(serde_json::json!({
        "name": "gpu-1-0", "node": "gpu-1", "device": { "index": 0 }, "source": { "device": source },
    }))
    .unwrap()
}

/// Serves our exporter's pages of a node on one of the loopback addresses.
async fn exporter_of(node: &str, state: &str, address: &str, port: u16) -> u16 {
    let fake = FakeNode::new(state);
    let mut sampler = Sampler::new(fake.settings());
    let (_publish, snapshot) = tokio::sync::watch::channel(Arc::new(sampler.turn().clone()));
    let router = Pages { node: node.into(), snapshot }.router();
    let listener = tokio::net::TcpListener::bind((address, port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

#[tokio::test]
async fn our_exporter_is_read_by_the_gate_and_another_node_s_is_not() {
    let port = exporter_of("gpu-1", T4, "127.0.0.1", 0).await;
    let at = |port: u16| card(serde_json::json!({ "exporter": format!("http://127.0.0.1:{port}/metrics") }));
    let scrape::Told { sample, devices } = scrape::card(&at(port), jiff::Timestamp::now()).await.unwrap();
    assert_eq!((sample.total_mib.0, sample.free_mib.0, sample.reserved_mib.0), (15_360, 10_814, 450));
    let held: Vec<String> = sample
        .per_pod
        .iter()
        .flatten()
        .map(|(pod, mib)| format!("{}/{} {}", pod.namespace, pod.pod, mib.0))
        .collect();
    assert_eq!(held, ["llm/llama-0 4096"]);
    let devices: Vec<_> = devices.into_iter().collect();
    assert_eq!(devices, [(("llm".into(), "llama-0".into()), sample.uuid.into_iter().collect())]);

    let other = exporter_of("gpu-2", T4, "127.0.0.1", 0).await;
    let why = scrape::card(&at(other), jiff::Timestamp::now()).await.unwrap_err().reason;
    assert!(why.contains("421"), "{why}");
}

#[tokio::test]
async fn a_prometheus_is_asked_by_its_query_api() {
    async fn answer(Query(asked): Query<BTreeMap<String, String>>) -> (StatusCode, String) {
        let now = jiff::Timestamp::now().as_second();
        let value = match asked["query"].as_str() {
            "free{gpu=\"0\"}[5m]" => "10814",
            "used[5m]" => "4096",
            "reserved[5m]" => "450",
            other => {
                let error =
                    format!(r#"{{"status":"error","errorType":"bad_data","error":"what is {other}"}}"#);
                return (StatusCode::BAD_REQUEST, error);
            }
        };
        let series = format!(r#"{{"metric":{{}},"values":[[{now}.25,"{value}"]]}}"#);
        (
            StatusCode::OK,
            format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}"#),
        )
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/api/v1/query", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let with = |free: &str, url: &str| {
        card(serde_json::json!({ "prometheus": {
            "url": url, "free": free, "used": "used", "reserved": "reserved", "unit": "mib" } }))
    };
    let told = scrape::card(&with("free{gpu=\"0\"}", &url), jiff::Timestamp::now()).await.unwrap();
    let sample = told.sample;
    assert_eq!((sample.total_mib.0, sample.free_mib.0), (15_360, 10_814));
    let why = async |card| scrape::card(&card, jiff::Timestamp::now()).await.unwrap_err().reason;
    assert!(why(with("nonsense", &url)).await.contains("what is nonsense[5m]"));
    assert!(why(with("free", &format!("{url}other"))).await.contains("is it the address of a Prometheus"));
    assert!(why(with("free", "http://127.0.0.1:1")).await.contains("refused"));
}
