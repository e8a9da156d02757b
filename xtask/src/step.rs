//! Running other programs: quick ones for their output, long ones with progress shown.

use std::borrow::BorrowMut;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a long step says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often a running step is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How much of a log is shown when its step failed.
const TAIL_LINES: usize = 30;

/// Tells the person at the terminal something. Standard error, so that standard output stays for results.
pub(crate) fn say(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// Runs a command and returns what it printed.
///
/// # Errors
/// When it cannot be started or fails; the message has its standard error.
pub(crate) fn output(mut command: impl BorrowMut<Command>) -> Result<String> {
    let command = command.borrow_mut();
    let line = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command could be run and succeeded.
pub(crate) fn succeeds(mut command: impl BorrowMut<Command>) -> bool {
    command
        .borrow_mut()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command with the terminal as its own, for programs whose output is the point.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn visible(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs a long command with its output in a log file, says now and then that it is still at work, and how
/// long it took.
///
/// # Errors
/// When it cannot be started or fails; the message has the end of the log.
pub(crate) fn long(title: &str, log: &Path, command: &mut Command) -> Result<()> {
    let started = Instant::now();
    say(format!("{title} ..."));
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let copy = file.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
    let line = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let mut told = started;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("lost sight of `{line}`"))? {
            if !status.success() {
                bail!("{title}: `{line}` failed ({status}). The end of {}:\n{}", log.display(), tail(log));
            }
            say(format!("{title}: done in {}", seconds(started)));
            return Ok(());
        }
        if told.elapsed() >= HEARTBEAT {
            told = Instant::now();
            say(format!("{title}: {} so far", seconds(started)));
        }
        std::thread::sleep(POLL);
    }
}

/// The last lines of a log, indented, or a note that there is none.
pub(crate) fn tail(log: &Path) -> String {
    let Ok(bytes) = fs::read(log) else { return format!("    (no log at {})", log.display()) };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines[from..].iter().map(|line| format!("    {line}\n")).collect()
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Time since then, as text.
pub(crate) fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}
