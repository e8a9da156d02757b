//! Running cargo's tests with their output passed on and their closing lines kept for the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::step;

/// How the test runner begins the line that sums up one test binary.
const CLOSING: &str = "test result: ";

/// How the line begins by which a night on the real cluster ends.
const NIGHT: &str = "test night::";

/// The closing lines of every test binary so far.
#[derive(Debug, Default)]
pub(crate) struct Closing(Vec<String>);

/// The nights of one run, which is among what else runs at once.
#[derive(Debug, Default)]
struct Nights {
    count: usize,
    last: Duration,
}

impl Nights {
    fn hear(&mut self, line: &str, since_the_start: Duration) {
        if line.starts_with(NIGHT) && line.contains(" ... ") {
            *self = Self { count: self.count + 1, last: since_the_start };
        }
    }

    /// What to say of them, where there were any.
    fn told(&self) -> Option<String> {
        let minutes = self.last.as_secs_f64() / 60.0;
        (self.count > 0)
            .then(|| format!("nights: {} within {minutes:.1} min, all other tests beside them", self.count))
    }
}

impl Closing {
    /// Runs a test command; its output appears as it comes.
    ///
    /// # Errors
    /// When it cannot be started or a test fails.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        let line = step::shown(command);
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
        let output = child.stdout.take().context("a child without output")?;
        let (started, mut nights) = (Instant::now(), Nights::default());
        for text in BufReader::new(output).lines() {
            let text = text.with_context(|| format!("lost the output of `{line}`"))?;
            println!("{text}");
            nights.hear(&text, started.elapsed());
            self.keep(&text);
        }
        if let Some(told) = nights.told() {
            step::say(told);
        }
        let status = child.wait().with_context(|| format!("lost sight of `{line}`"))?;
        if !status.success() {
            bail!("`{line}` failed ({status})");
        }
        Ok(())
    }

    /// Prints the closing lines of all runs once more: whatever was said in between, they end the output.
    pub(crate) fn print(&self) {
        for line in &self.0 {
            println!("{line}");
        }
    }

    fn keep(&mut self, line: &str) {
        // A binary without tests says nothing worth repeating, unless it had something filtered out.
        let empty = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        if line.starts_with(CLOSING) && !line.starts_with(empty) {
            self.0.push(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_kept_in_order() {
        let mut closing = Closing::default();
        let script = "echo running 1 test; echo 'test result: ok. 1 passed; 0 failed'; \
                      echo 'test result: FAILED. 0 passed; 1 failed'";
        closing.run(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(closing.0.len(), 2);
        assert!(closing.0[1].contains("FAILED"), "{:?}", closing.0);
    }

    #[test]
    fn nights_are_counted_until_the_last_has_ended() {
        let mut nights = Nights::default();
        assert_eq!(nights.told(), None);
        for (line, s) in [
            ("test life::a_life ... ok", 30),
            ("test night::hands::a_hand ... ok", 240),
            ("test night::pauses::two ... FAILED", 720),
            ("test stacks::all ... ok", 900),
        ] {
            nights.hear(line, Duration::from_secs(s));
        }
        assert_eq!(nights.told().unwrap(), "nights: 2 within 12.0 min, all other tests beside them");
    }

    #[test]
    fn a_failing_run_is_an_error() {
        let error = Closing::default().run(Command::new("sh").args(["-c", "exit 101"])).unwrap_err();
        assert!(error.to_string().contains("101"), "{error}");
    }
}
