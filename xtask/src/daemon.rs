//! Daemons that outlive the command that started them, and how they are found again.
//!
//! Each carries a mark in its environment. The kernel keeps a process's environment, so neither a killed
//! xtask nor a reused process id can make us lose one of ours or take another's for ours, which a file with
//! process ids could not promise.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::content::Content;
use crate::environment::MARK;

/// How often a process that was told to end is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Where daemons find other programs: iptables and runc lie in the folders for administrators.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Becomes its arguments with nothing open but the three usual streams. Whoever starts a cluster may hold a lock
/// or the end of a pipe, and a daemon that inherited it would hold it for as long as it lives.
const WITHOUT_WHAT_IS_OPEN: &str = r#"for open in /proc/self/fd/*; do
  open=${open##*/}
  if [ "$open" -gt 2 ]; then exec {open}>&-; fi
done
exec "$@""#;

/// A program to keep running.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    /// The component's name, unique in its home.
    pub(crate) component: String,
    /// The program's own path; what `/proc/PID/exe` will show.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Settings that it reads from elsewhere: with other ones it is another daemon and must be restarted.
    pub(crate) settings: Vec<String>,
    /// The network namespace to run in, by path; the machine's own when absent.
    pub(crate) network: Option<PathBuf>,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// A process that carries our mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The process id.
    pub(crate) pid: Pid,
    /// The component that it, or the process that started it, was started as.
    pub(crate) component: String,
    /// The digest of the settings it was started with.
    pub(crate) digest: String,
    /// The program it runs.
    pub(crate) program: PathBuf,
}

impl Daemon {
    /// Changes when the program, its arguments or its settings do.
    pub(crate) fn digest(&self) -> String {
        let mut content = Content::default().bytes(self.program.as_os_str().as_encoded_bytes());
        for part in self.arguments.iter().chain(&self.settings) {
            content = content.bytes(part);
        }
        content.hash()
    }

    /// Starts it in a session of its own, so that no terminal's hang-up reaches it.
    ///
    /// # Errors
    /// When its log cannot be written or `setsid` cannot be run.
    pub(crate) fn start(&self, home: &Path) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        let errors = log.try_clone().with_context(|| format!("cannot write {}", self.log.display()))?;
        // Each of bash, setsid and nsenter becomes the program it is given: one process, one id.
        let mut command = Command::new("bash");
        command.args(["-c", WITHOUT_WHAT_IS_OPEN, "bash", "setsid"]);
        if let Some(network) = &self.network {
            command.arg("nsenter").arg(format!("--net={}", network.display()));
        }
        command
            .arg(&self.program)
            .args(&self.arguments)
            // A proxy or a KUBECONFIG of whoever starts the cluster must not reach its components.
            .env_clear()
            .env("PATH", SYSTEM_PATH)
            .env("HOME", home)
            .env(MARK, format!("{} {} {}", self.component, self.digest(), home.display()))
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .with_context(|| {
                format!("cannot start {} through bash and setsid (package util-linux)", self.component)
            })?;
        Ok(())
    }
}

/// Every living process whose mark names this home.
pub(crate) fn marked(home: &Path) -> Vec<Marked> {
    processes().filter_map(|pid| read_mark(pid, home)).collect()
}

/// The home of a daemon of that name that belongs to another home.
pub(crate) fn elsewhere(component: &str, home: &Path) -> Option<PathBuf> {
    processes().filter_map(read_mark_text).find_map(|text| {
        let (name, _, of) = split_mark(&text)?;
        (name == component && of != home).then(|| of.to_path_buf())
    })
}

fn processes() -> impl Iterator<Item = Pid> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(Pid::from_raw)
}

fn read_mark(pid: Pid, home: &Path) -> Option<Marked> {
    let text = read_mark_text(pid)?;
    let (component, digest, of) = split_mark(&text)?;
    if of != home {
        return None;
    }
    let program = fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).ok()?;
    Some(Marked { pid, component: component.to_owned(), digest: digest.to_owned(), program })
}

fn read_mark_text(pid: Pid) -> Option<String> {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()?;
    let prefix = format!("{MARK}=");
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| std::str::from_utf8(variable).ok()?.strip_prefix(&prefix))
        .map(str::to_owned)
}

fn split_mark(text: &str) -> Option<(&str, &str, &Path)> {
    let mut parts = text.splitn(3, ' ');
    Some((parts.next()?, parts.next()?, Path::new(parts.next()?)))
}

/// Ends processes: asks, waits for the grace, then kills. The mark is read again before each signal, so that
/// an id that was reused in between is left alone.
///
/// # Errors
/// When one is still there in the end.
pub(crate) fn stop(processes: &[Marked], home: &Path, grace: Duration) -> Result<()> {
    signal(processes, home, Signal::TERM);
    if gone_within(processes, home, grace) {
        return Ok(());
    }
    signal(processes, home, Signal::KILL);
    if gone_within(processes, home, Duration::from_secs(10)) {
        return Ok(());
    }
    let left: Vec<String> = processes
        .iter()
        .filter(|process| alive(process, home))
        .map(|process| format!("{} ({})", process.pid.as_raw_nonzero(), process.component))
        .collect();
    bail!("cannot stop these processes, even by SIGKILL: {}", left.join(", "))
}

fn signal(processes: &[Marked], home: &Path, signal: Signal) {
    for process in processes.iter().filter(|process| alive(process, home)) {
        // One that ended by itself in between is what was wanted.
        let _ = kill_process(process.pid, signal);
    }
}

fn gone_within(processes: &[Marked], home: &Path, limit: Duration) -> bool {
    let started = Instant::now();
    loop {
        if !processes.iter().any(|process| alive(process, home)) {
            return true;
        }
        if started.elapsed() > limit {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

fn alive(process: &Marked, home: &Path) -> bool {
    read_mark(process.pid, home).is_some_and(|found| found.component == process.component)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `role` tells the sleepers of tests apart that run beside each other, the process's number those of other runs.
    fn sleeper(home: &Path, role: &str, seconds: &str) -> Daemon {
        Daemon {
            component: format!("{role}-{}", std::process::id()),
            program: fs::canonicalize("/bin/sleep").unwrap(),
            arguments: vec![seconds.to_owned()],
            settings: Vec::new(),
            network: None,
            log: home.join("sleeper.log"),
        }
    }

    /// Waits until the daemon has become its program.
    fn appeared(daemon: &Daemon, home: &Path) -> Vec<Marked> {
        let started = Instant::now();
        loop {
            let found = marked(home);
            if found.iter().any(|process| process.program == daemon.program) {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "never appeared: {found:?}");
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn a_daemon_holds_nothing_open_that_its_starter_had() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let lock = File::create(&path).unwrap();
        // As flock and shells leave it to their children; what Rust opens by itself is closed for them.
        let left_open = rustix::io::dup(&lock).unwrap();
        let daemon = sleeper(home.path(), "holder", "601");
        daemon.start(home.path()).unwrap();
        let found = appeared(&daemon, home.path());
        let folder = format!("/proc/{}/fd", found[0].pid.as_raw_nonzero());
        let open = fs::read_dir(folder).unwrap().flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
        let open: Vec<PathBuf> = open.collect();
        stop(&found, home.path(), Duration::from_secs(5)).unwrap();
        drop(left_open);
        assert!(!open.contains(&path), "{open:?}");
    }

    #[test]
    fn a_started_daemon_is_found_by_its_home_and_stopped() {
        let home = tempfile::tempdir().unwrap();
        let daemon = sleeper(home.path(), "sleeper", "600");
        daemon.start(home.path()).unwrap();
        let found = appeared(&daemon, home.path());
        assert_eq!(found[0].component, daemon.component);
        assert_eq!(found[0].digest, daemon.digest());
        assert_eq!(marked(Path::new("/another/home")), Vec::new());
        assert_eq!(elsewhere(&daemon.component, Path::new("/another/home")).as_deref(), Some(home.path()));

        stop(&found, home.path(), Duration::from_secs(5)).unwrap();
        assert_eq!(marked(home.path()), Vec::new());
    }

    #[test]
    fn other_settings_are_another_digest() {
        let one = sleeper(Path::new("/home"), "sleeper", "1");
        let other = Daemon { settings: vec!["changed".to_owned()], ..one.clone() };
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn a_mark_keeps_a_home_with_spaces() {
        let mark = split_mark("etcd 12ab /a home/with spaces");
        assert_eq!(mark, Some(("etcd", "12ab", Path::new("/a home/with spaces"))));
    }
}
