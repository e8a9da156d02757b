//! Waiting for something to become true, with what was last seen when it does not.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Calls `look` each half second until it answers `Ok(Some(_))`.
///
/// # Errors
/// After `limit`, with what the last look saw. `look` answers `Ok(None)` or an
/// error for "not yet"; the error's text is what is reported.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        let seen = match look() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => "nothing yet".to_owned(),
            Err(why) => format!("{why:#}"),
        };
        if started.elapsed() > limit {
            bail!("{what}: not within {} s; last seen: {seen}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
