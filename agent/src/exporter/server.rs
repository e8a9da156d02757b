//! The exporter's three pages, over plain HTTP.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::page;
use super::sampler::Snapshot;

/// What the pages are written from.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The node's name, a label of every series.
    pub node: Arc<str>,
    /// The newest snapshot.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
}

impl Pages {
    /// `/metrics`, `/healthz` and `/livez`. None of them waits for the driver.
    pub fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/livez", get(live))
            .with_state(self)
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    node: Option<String>,
}

/// The page. Who asks for `?node=` gets that node's page or none: behind one
/// name there are the exporters of all nodes, and a gate must know whose
/// figures it reads.
async fn metrics(State(pages): State<Pages>, Query(asked): Query<Asked>) -> Response {
    if asked.node.is_some_and(|node| *node != *pages.node) {
        let body = format!("This is the exporter of node {}.\n", pages.node);
        return (StatusCode::MISDIRECTED_REQUEST, body).into_response();
    }
    let snapshot = pages.snapshot.borrow().clone();
    let page = page::page(&pages.node, snapshot, Instant::now());
    ([(header::CONTENT_TYPE, page::CONTENT_TYPE)], page).into_response()
}

/// Fails only where a driver that once answered is seen by a new container alone: the runtime mounts the
/// driver's library when it makes a container, and never later. A node whose driver never answered may have
/// none, and a restart every ten minutes would make gaps in the metric that says so.
async fn live(State(pages): State<Pages>) -> Response {
    let snapshot = pages.snapshot.borrow().clone();
    match &snapshot.failure {
        Some(failure) if failure.needs_new_container && snapshot.last.is_some() => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{failure}\n")).into_response()
        }
        _ => "ok\n".into_response(),
    }
}

/// Listens on a port of every address; without IPv6 on those of IPv4.
///
/// # Errors
/// The port cannot be had.
pub async fn listen(port: u16) -> std::io::Result<TcpListener> {
    let all: SocketAddr = (Ipv6Addr::UNSPECIFIED, port).into();
    match TcpListener::bind(all).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await,
    }
}
