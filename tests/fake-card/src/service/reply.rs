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
        let mut problem = Problem::new(self.to_string());
        if let BoardError::OutOfMemory(refusal) = self {
            problem.requested_mib = Some(refusal.requested_mib);
            problem.free_mib = Some(refusal.free_mib);
        }
        (status, Json(problem)).into_response()
    }
}
