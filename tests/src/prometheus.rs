//! A fake Prometheus: the query API of the real one, with what a test told it.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

/// Serves on this machine until the process ends.
#[derive(Debug)]
pub struct FakePrometheus {
    /// Its address.
    pub url: String,
    told: Arc<Mutex<Told>>,
}

/// What it has of one container.
#[derive(Debug, Clone)]
pub struct Container {
    /// The pod's name.
    pub pod: String,
    /// What it had held at most by then: seconds ago, and MiB.
    pub held: Vec<(i64, u64)>,
    /// In how many scrapes of our exporter, a quarter of a minute apart, it was seen.
    pub samples: u64,
}

#[derive(Debug, Default)]
struct Told {
    containers: Vec<Container>,
    is_down: bool,
}

#[derive(Debug, serde::Deserialize)]
struct Range {
    query: String,
    end: i64,
}

impl FakePrometheus {
    /// On a port of its own, with no series at all.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen for a fake Prometheus")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let told = Arc::new(Mutex::new(Told::default()));
        let router = Router::new().route("/api/v1/query_range", get(range)).with_state(Arc::clone(&told));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, router).await
            })
        });
        Ok(Self { url, told })
    }

    /// From now on these are the containers that it has series of.
    pub fn has(&self, containers: impl Into<Vec<Container>>) {
        lock(&self.told).containers = containers.into();
    }

    /// Whether it answers that it is away.
    pub fn is_down(&self, is_down: bool) {
        lock(&self.told).is_down = is_down;
    }
}

/// Both of the questions that are asked of a peak: for what was held, and how long that was seen.
async fn range(State(told): State<Arc<Mutex<Told>>>, Query(range): Query<Range>) -> (StatusCode, String) {
    let told = lock(&told);
    if told.is_down {
        return (StatusCode::BAD_GATEWAY, "fake Prometheus: it was told to be away".to_owned());
    }
    let asks_how_long = range.query.contains("last_seen");
    let result: Vec<Value> = told
        .containers
        .iter()
        .map(|container| {
            let held = container.held.iter();
            let value = |mib: u64| if asks_how_long { container.samples * 15 } else { mib << 20 };
            let values: Vec<Value> =
                held.map(|(ago_s, mib)| json!([range.end - ago_s, value(*mib).to_string()])).collect();
            json!({"metric": {"pod": container.pod}, "values": values})
        })
        .collect();
    let answer = json!({"status": "success", "data": {"resultType": "matrix", "result": result}});
    (StatusCode::OK, answer.to_string())
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
