//! The HTTP face of fake-model: the routes of the servers that it stands in for
//! (Chatterbox's above all), and orders that a real one would not take.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::life::{Life, WorkError};
use crate::say;
use crate::service::mark_fake;
use crate::wire::Problem;

/// A WAV file without a sample: the answer to every text.
const SILENCE: &[u8] =
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\0\0\0";

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    life: Arc<Life>,
    /// The configuration file as it was taken up.
    config: Arc<Option<String>>,
}

/// All routes of fake-model.
pub fn router(life: Arc<Life>, config: Option<String>) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .route("/api/model-info", get(model_info))
        .route("/v1/audio/speech", post(speech))
        .route("/queue", get(queue).put(set_queue))
        .route("/config", get(show_config))
        .route("/load", post(load))
        .route("/api/unload", post(unload))
        .route("/unload", post(unload))
        .route("/drain", post(drain))
        .route("/order/grow", post(grow))
        .route("/order/crash", post(crash))
        .layer(map_response(async |answer| mark_fake(answer, "fake-model")))
        .with_state(Shared { life, config: Arc::new(config) })
}

/// What a server answers that has models to load on demand, such as Ollama: that it runs.
async fn root() -> &'static str {
    "fake-model is running"
}

async fn health(State(Shared { life, .. }): State<Shared>) -> Response {
    if life.is_loaded() {
        return Json(json!({ "status": "ok", "fake": true })).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not loaded", "fake": true }))).into_response()
}

async fn model_info(State(Shared { life, .. }): State<Shared>) -> Response {
    Json(json!({
        "loaded": life.is_loaded(),
        "draining": life.is_draining(),
        "type": "fake",
        "held_mib": life.held_mib().await,
    }))
    .into_response()
}

async fn speech(State(Shared { life, .. }): State<Shared>) -> Response {
    match life.work().await {
        Ok(()) => ([(CONTENT_TYPE, "audio/wav")], SILENCE).into_response(),
        Err(error @ (WorkError::NotLoaded | WorkError::Draining)) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
        }
        Err(WorkError::Memory(error)) => {
            say!("fake-model: {error}");
            problem(StatusCode::INTERNAL_SERVER_ERROR, error)
        }
    }
}

/// `GET /queue` and `PUT /queue`; null stands for a queue that cannot be read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Queue {
    pending: Option<u64>,
}

async fn queue(State(Shared { life, .. }): State<Shared>) -> Response {
    match life.pending() {
        Some(pending) => Json(Queue { pending: Some(pending) }).into_response(),
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "the queue was ordered to be unreadable".to_owned()),
    }
}

async fn set_queue(State(Shared { life, .. }): State<Shared>, Json(queue): Json<Queue>) -> StatusCode {
    life.set_pending(queue.pending);
    StatusCode::NO_CONTENT
}

async fn show_config(State(Shared { config, .. }): State<Shared>) -> Response {
    match config.as_ref() {
        Some(text) => text.clone().into_response(),
        None => problem(StatusCode::NOT_FOUND, "CONFIG_PATH is not set".to_owned()),
    }
}

async fn load(State(Shared { life, .. }): State<Shared>) -> Response {
    answer(life.load().await, |loaded| json!({ "loaded": loaded }))
}

async fn unload(State(Shared { life, .. }): State<Shared>) -> Response {
    answer(life.unload().await, |freed_mib| json!({ "loaded": false, "freed_mib": freed_mib }))
}

async fn drain(State(Shared { life, .. }): State<Shared>) -> Response {
    life.drain().await;
    Json(json!({ "drained": true })).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Growth {
    mib: u64,
}

async fn grow(State(Shared { life, .. }): State<Shared>, Json(growth): Json<Growth>) -> Response {
    answer(life.grow(growth.mib, u64::MAX).await, |held_mib| json!({ "held_mib": held_mib }))
}

async fn crash() -> StatusCode {
    say!("fake-model: crashing, as ordered");
    tokio::spawn(async {
        // The answer has to leave first.
        tokio::time::sleep(Duration::from_millis(50)).await;
        std::process::exit(1);
    });
    StatusCode::ACCEPTED
}

fn answer<T>(outcome: Result<T, String>, body: impl FnOnce(T) -> serde_json::Value) -> Response {
    match outcome {
        Ok(done) => Json(body(done)).into_response(),
        Err(error) => {
            say!("fake-model: {error}");
            problem(StatusCode::INSUFFICIENT_STORAGE, error)
        }
    }
}

fn problem(status: StatusCode, error: String) -> Response {
    (status, Json(Problem::new(error))).into_response()
}
