//! How errors become answers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::board::BoardError;
use crate::wire::Problem;

impl IntoResponse for BoardError {
    fn into_response(self) -> Response {
        let status = match &self {
            BoardError::Spec(_) | BoardError::Seconds { .. } => StatusCode::BAD_REQUEST,
            BoardError::CardExists(_) => StatusCode::CONFLICT,
            BoardError::NoCard(_) | BoardError::NoAllocation(_) => StatusCode::NOT_FOUND,
            BoardError::OutOfMemory(_) => StatusCode::INSUFFICIENT_STORAGE,
        };
        let free_mib = match &self {
            BoardError::OutOfMemory(refusal) => Some(refusal.free_mib),
            _ => None,
        };
        (status, Json(Problem { error: self.to_string(), free_mib })).into_response()
    }
}
