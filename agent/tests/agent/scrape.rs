//! Exporters that do not answer as they should, over real connections.

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use gpu_agent::observe::{fetch, scrape};

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
