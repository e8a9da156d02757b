//! What happened, line by line, for the person who reads a case that failed.

use std::fmt;

use jiff::Timestamp;

use crate::queue::Ms;

/// The lines, if anybody wants them.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<(Ms, String)>>,
    /// What comes after a broken promise explains nothing.
    closed: bool,
}

impl Trace {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { lines: wanted.then(Vec::new), closed: false }
    }

    pub(crate) fn say(&mut self, at: Ms, what: impl FnOnce() -> String) {
        if let (Some(lines), false) = (&mut self.lines, self.closed) {
            lines.push((at, what()));
        }
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().flatten() {
            let at = Timestamp::from_millisecond(*at).unwrap_or_default();
            writeln!(f, "{}  {line}", at.strftime("%a %Y-%m-%d %H:%M:%S%.3f"))?;
        }
        Ok(())
    }
}
