//! The metrics pages, and the faults that concern a whole page.

use std::future::pending;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::SharedBoard;
use crate::board::{BoardError, Reading};
use crate::metrics;
use crate::wire::Fault;

pub(super) async fn all_dcgm(
    State(board): State<SharedBoard>,
    Query(settings): Query<metrics::dcgm::Settings>,
) -> Response {
    let readings = board.with(|board, now| board.readings(now));
    answer(&readings, |readings| metrics::dcgm::page(readings, settings)).await
}

pub(super) async fn node_dcgm(
    State(board): State<SharedBoard>,
    Path(node): Path<String>,
    Query(settings): Query<metrics::dcgm::Settings>,
) -> Response {
    let mut readings = board.with(|board, now| board.readings(now));
    readings.retain(|(card, _)| card.spec.node == node);
    answer(&readings, |readings| metrics::dcgm::page(readings, settings)).await
}

pub(super) async fn dcgm(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
    Query(settings): Query<metrics::dcgm::Settings>,
) -> Result<Response, BoardError> {
    let reading = board.with(|board, now| board.reading(&name, now))?;
    Ok(answer(&[reading], |readings| metrics::dcgm::page(readings, settings)).await)
}

pub(super) async fn nvidia_smi(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
) -> Result<Response, BoardError> {
    let reading = board.with(|board, now| board.reading(&name, now))?;
    Ok(answer(&[reading], metrics::nvidia_smi::page).await)
}

pub(super) async fn pods(
    State(board): State<SharedBoard>,
    Path(name): Path<String>,
) -> Result<Response, BoardError> {
    let reading = board.with(|board, now| board.reading(&name, now))?;
    Ok(answer(&[reading], metrics::pods::page).await)
}

/// A page fails or hangs as a whole when any of its cards is ordered to.
async fn answer(readings: &[Reading], page: impl FnOnce(&[Reading]) -> String) -> Response {
    let any = |wanted: Fault| readings.iter().any(|(_, fault)| *fault == wanted);
    if any(Fault::Hang) {
        // Ends when the reader gives up and closes its connection.
        pending::<()>().await;
    }
    if any(Fault::Http500) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "fake-card: this failure was ordered\n").into_response();
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page(readings)).into_response()
}
