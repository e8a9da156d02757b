//! The HTTP face of fake-card. Every handler takes the lock, calls one method of
//! the board and lets go: a page is one moment of all cards.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{delete, get, patch, post, put};

use crate::board::Board;

mod cards;
mod hold;
mod pages;
mod reply;

/// The board with its clock, shared by all requests.
///
/// A mutex and not a task that owns the board: no handler waits while it holds
/// it, and what a request did is done when its answer goes out.
#[derive(Clone)]
pub struct SharedBoard {
    board: Arc<Mutex<Board>>,
    started: Instant,
}

impl SharedBoard {
    /// Starts the clock of a board.
    pub fn new(board: Board) -> Self {
        SharedBoard { board: Arc::new(Mutex::new(board)), started: Instant::now() }
    }

    /// Does one thing with the board at this moment.
    pub fn with<T>(&self, act: impl FnOnce(&mut Board, Duration) -> T) -> T {
        // The time is read under the lock, or two requests could swap their order.
        let mut board = self.lock();
        let now = self.started.elapsed();
        act(&mut board, now)
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        // A handler that panicked has answered nothing; the others go on.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All routes of fake-card.
pub fn router(board: SharedBoard) -> Router {
    Router::new()
        .route("/health", get(|| async { "fake-card: ok\n" }))
        .route("/cards", get(cards::list).post(cards::add))
        .route("/cards/{name}", delete(cards::remove))
        .route("/cards/{name}/state", get(cards::state))
        .route("/cards/{name}/allocations", post(cards::allocate))
        .route("/cards/{name}/residents", post(cards::set_resident))
        .route("/cards/{name}/script", post(cards::add_script))
        .route("/cards/{name}/faults", post(cards::set_fault))
        .route("/cards/{name}/leaks", delete(cards::clear_leaks))
        .route("/allocations/{id}", patch(cards::resize).delete(cards::release))
        .route("/allocations/{id}/alive", put(cards::keep_alive))
        .route("/allocations/{id}/hold", get(hold::hold))
        .route("/refusals", get(cards::refusals))
        .route("/metrics", get(pages::all_dcgm))
        .route("/nodes/{node}/dcgm/metrics", get(pages::node_dcgm))
        .route("/cards/{name}/dcgm/metrics", get(pages::dcgm))
        .route("/cards/{name}/nvidia_smi/metrics", get(pages::nvidia_smi))
        .route("/cards/{name}/pods/metrics", get(pages::pods))
        .layer(map_response(async |answer| mark_fake(answer, "fake-card")))
        .with_state(board)
}

/// Adds the header that says that no card and no model is behind this answer.
pub fn mark_fake(mut answer: Response, program: &'static str) -> Response {
    answer.headers_mut().insert(HeaderName::from_static("x-fake"), HeaderValue::from_static(program));
    answer
}
