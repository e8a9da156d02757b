//! Cards, what is held on them, and what was refused.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::SharedBoard;
use crate::board::BoardError;
use crate::say;
use crate::spec::CardSpec;
use crate::wire::{
    Allocated, AllocationRequest, CardState, FaultRequest, Refusals, ResidentRequest, ResizeRequest,
    ScriptRequest,
};

type Answer<T> = Result<Json<T>, BoardError>;

pub(super) async fn list(State(board): State<SharedBoard>) -> Json<Vec<CardState>> {
    Json(board.with(|board, now| board.states(now)))
}

pub(super) async fn add(
    State(board): State<SharedBoard>,
    Json(spec): Json<CardSpec>,
) -> Result<(StatusCode, Json<CardState>), BoardError> {
    let name = spec.name.clone();
    let state = board.with(|board, now| board.add_card(spec).and_then(|()| board.state(&name, now)))?;
    println!(
        "fake-card: added {name}, {} MiB of which the driver keeps {}",
        state.total_mib, state.reserved_mib
    );
    Ok((StatusCode::CREATED, Json(state)))
}

pub(super) async fn remove(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
) -> Result<StatusCode, BoardError> {
    board.with(|board, _| board.remove_card(&name))?;
    say!("fake-card: removed {name}");
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn state(State(board): State<SharedBoard>, Path(name): Path<String>) -> Answer<CardState> {
    board.with(|board, now| board.state(&name, now)).map(Json)
}

pub(super) async fn allocate(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
    Json(request): Json<AllocationRequest>,
) -> Answer<Allocated> {
    let holder = format!("{}/{}", request.owner.namespace, request.owner.pod);
    let outcome = board.with(|board, now| board.allocate(&name, request, now));
    log(&outcome, |made| {
        format!("{name}: {holder} holds {} MiB as {}, {} free", made.mib, made.id, made.free_mib)
    });
    outcome.map(Json)
}

pub(super) async fn resize(
    State(board): State<SharedBoard>,
    Path(id): Path<u64>,
    Json(request): Json<ResizeRequest>,
) -> Answer<Allocated> {
    let outcome = board.with(|board, now| board.resize(id, &request, now));
    log(&outcome, |made| format!("allocation {id} holds {} MiB, {} free", made.mib, made.free_mib));
    outcome.map(Json)
}

pub(super) async fn release(
    State(board): State<SharedBoard>,
    Path(id): Path<u64>,
) -> Result<StatusCode, BoardError> {
    let outcome = board.with(|board, now| board.release(id, now));
    log(&outcome, |()| format!("allocation {id} was freed"));
    outcome.map(|()| StatusCode::NO_CONTENT)
}

pub(super) async fn keep_alive(
    State(board): State<SharedBoard>,
    Path(id): Path<u64>,
) -> Result<StatusCode, BoardError> {
    board.with(|board, now| board.keep_alive(id, now)).map(|()| StatusCode::NO_CONTENT)
}

pub(super) async fn set_resident(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
    Json(request): Json<ResidentRequest>,
) -> Answer<CardState> {
    let (resident, mib) = (request.name.clone(), request.mib);
    let outcome = board.with(|board, now| board.set_resident(&name, request, now));
    log(&outcome, |state| format!("{name}: {resident} holds {mib} MiB, {} free", state.free_mib));
    outcome.map(Json)
}

pub(super) async fn add_script(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
    Json(script): Json<ScriptRequest>,
) -> Answer<CardState> {
    let outcome = board
        .with(|board, now| board.add_script(&name, script.steps, now).and_then(|()| board.state(&name, now)));
    outcome.map(Json)
}

pub(super) async fn set_fault(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
    Json(request): Json<FaultRequest>,
) -> Answer<CardState> {
    let outcome = board
        .with(|board, now| board.set_fault(&name, request.mode, now).and_then(|()| board.state(&name, now)));
    log(&outcome, |state| format!("{name}: its metrics have the fault {:?}", state.fault));
    outcome.map(Json)
}

/// What `DELETE /cards/{name}/leaks` gave back.
#[derive(Serialize)]
pub(super) struct Cleared {
    cleared_mib: u64,
}

pub(super) async fn clear_leaks(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
) -> Answer<Cleared> {
    board.with(|board, now| board.clear_leaks(&name, now)).map(|cleared_mib| Json(Cleared { cleared_mib }))
}

#[derive(Deserialize)]
pub(super) struct Only {
    card: Option<String>,
}

pub(super) async fn refusals(State(board): State<SharedBoard>, Query(only): Query<Only>) -> Json<Refusals> {
    Json(board.with(|board, now| board.refusals(only.card.as_deref(), now)))
}

fn log<T>(outcome: &Result<T, BoardError>, sentence: impl FnOnce(&T) -> String) {
    match outcome {
        Ok(done) => say!("fake-card: {}", sentence(done)),
        Err(error) => say!("fake-card: {error}"),
    }
}
