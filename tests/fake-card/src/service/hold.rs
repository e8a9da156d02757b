//! A connection that stands for the life of a process.
//!
//! When a process is killed, its kernel closes its connections at once, however
//! slow the machine is; so memory comes back as soon as with a real driver, and no
//! loaded test machine makes a lease end by mistake.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use tokio::time::interval;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::IntervalStream;

use super::SharedBoard;
use crate::board::BoardError;
use crate::say;

/// How often the holder gets a line. It also bounds how long a connection of an
/// allocation that was freed in another way stays open.
const LINE_EVERY: Duration = Duration::from_millis(200);

/// Frees the allocation when the connection ends, unless it is gone already.
struct Held {
    board: SharedBoard,
    id: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.board.with(|board, now| board.release(self.id, now)).is_ok() {
            say!("fake-card: the process behind allocation {} is gone; it was freed", self.id);
        }
    }
}

pub(super) async fn hold(State(board): State<SharedBoard>, Path(id): Path<u64>) -> Result<Body, BoardError> {
    board.with(|board, now| board.keep_alive(id, now))?;
    let held = Held { board, id };
    let lines = IntervalStream::new(interval(LINE_EVERY))
        .map(move |_| held.board.with(|board, now| board.is_held(held.id, now)))
        .take_while(|is_held| *is_held)
        .map(|_| Ok::<_, Infallible>("fake-card: held\n"));
    Ok(Body::from_stream(lines))
}
