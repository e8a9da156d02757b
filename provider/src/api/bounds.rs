//! How long the calls of an operation may take, and who may end them.

use std::future::Future;
use std::time::{Duration, Instant};

use tfplugin::CancellationToken;

/// How long an operation may take that has no `timeouts`: a refresh, an import, a look-up, and every change of
/// a small resource. Its objects are small, without finalizers of ours, and pods among them end within seconds.
/// In tests it is still what the matrix of half-way failures needs, which leads sixteen lives at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 30 } else { 120 });
/// For a call that begins when the time is nearly or wholly up. What waits looks at the time itself,
/// after a last look, and what a failed create made is taken back after its time.
const LAST_CALL: Duration = Duration::from_secs(5);
/// For a call that is under way when the user interrupts: on a healthy server it comes to its end.
const AFTER_INTERRUPT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });

/// The bounds of one operation's calls.
#[derive(Clone)]
pub(super) struct Bounds {
    pub(super) deadline: Instant,
    pub(super) cancel: CancellationToken,
}

/// Why a call was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// Its time was up.
    Late,
    /// The user interrupted, and it did not end soon after.
    Interrupted,
}

impl Bounds {
    /// When a call that begins now must have ended, its retries included.
    pub(super) fn end(&self) -> Instant {
        self.deadline.max(Instant::now() + LAST_CALL)
    }

    /// What a call answers, unless it has to be given up.
    ///
    /// # Errors
    /// It was given up. It may have done its work all the same.
    pub(super) async fn until<T>(&self, end: Instant, call: impl Future<Output = T>) -> Result<T, GivenUp> {
        let interrupted = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(AFTER_INTERRUPT).await;
        };
        tokio::select! {
            biased;
            outcome = call => Ok(outcome),
            () = tokio::time::sleep_until(end.into()) => Err(GivenUp::Late),
            () = interrupted => Err(GivenUp::Interrupted),
        }
    }

    /// A pause between two tries: `false` when the user interrupted it.
    pub(super) async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.cancel.cancelled() => false,
        }
    }
}
