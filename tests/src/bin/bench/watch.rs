//! The peak memory of a program's processes, read from `/proc` while they run.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Looks at every process of one program until it is stopped.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    /// Starts looking for processes whose executable's path contains `program`.
    pub(crate) fn start(program: &str) -> Self {
        let program = program.to_owned();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(largest(&program));
                std::thread::sleep(Duration::from_millis(20));
            }
            peak
        });
        Self { stop, thread }
    }

    /// Stops, and answers the largest peak that one process had, in KiB.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(0)
    }
}

fn largest(program: &str) -> u64 {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    entries
        .flatten()
        .filter(|entry| {
            let exe = fs::read_link(entry.path().join("exe")).unwrap_or_default();
            exe.to_string_lossy().contains(program)
        })
        .filter_map(|entry| peak_kib(&fs::read_to_string(entry.path().join("status")).ok()?))
        .max()
        .unwrap_or(0)
}

fn peak_kib(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
