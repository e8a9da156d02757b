//! What a fake model does, as flags or environment variables say.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser};

use crate::wire::Owner;

/// A stand-in for a model server (speech, transcription, language).
///
/// It answers no question; it holds the memory of a fake card as a real server
/// holds that of a real one.
#[derive(Debug, Clone, Parser)]
#[command(name = "fake-model", version)]
pub struct Settings {
    /// The fake card's address, such as http://fake-card.gpu-tenancy:9400; needed when memory is.
    #[arg(long, env = "FAKE_CARD_URL")]
    pub card_url: Option<String>,
    /// The card's name.
    #[arg(long, env = "CARD")]
    pub card: Option<String>,
    /// What the model holds once it is loaded, in MiB; 0 needs no card.
    #[arg(long, env = "LOAD_MIB", default_value_t = 0)]
    pub load_mib: u64,
    /// How long loading takes, in seconds; the memory grows in ten steps meanwhile.
    #[arg(long, env = "LOAD_SECONDS", default_value_t = 2.0, value_parser = seconds)]
    pub load_seconds: f64,
    /// The port to listen on; 0 takes a free one and prints it.
    #[arg(long, env = "PORT", default_value_t = 8004)]
    pub port: u16,
    /// Opens the port before the model is loaded, with 503 until then; otherwise
    /// the port opens when the model is loaded, as Chatterbox's does.
    #[arg(long, env = "OPEN_EARLY", action = ArgAction::Set, default_value_t = false)]
    pub open_early: bool,
    /// How long one piece of work takes, in milliseconds.
    #[arg(long, env = "WORK_MS", default_value_t = 200)]
    pub work_ms: u64,
    /// How much more memory is held after each piece of work, in MiB.
    #[arg(long, env = "GROW_MIB", default_value_t = 0)]
    pub grow_mib: u64,
    /// Where that growth ends, in MiB held; without it, it does not.
    #[arg(long, env = "GROW_UP_TO_MIB", default_value_t = u64::MAX, hide_default_value = true)]
    pub grow_up_to_mib: u64,
    /// Ends with status 1 this many seconds after the start.
    #[arg(long, env = "CRASH_AFTER_S", value_parser = seconds)]
    pub crash_after_s: Option<f64>,
    /// How long it goes on, with its memory, after SIGTERM, in seconds.
    #[arg(long, env = "GRACE_S", default_value_t = 0.0, value_parser = seconds)]
    pub grace_s: f64,
    /// What GET /queue says at first.
    #[arg(long, env = "PENDING", default_value_t = 0)]
    pub pending: u64,
    /// A file that must be readable at the start; GET /config shows it.
    #[arg(long, env = "CONFIG_PATH")]
    pub config_path: Option<PathBuf>,
    /// Writes that file anew at the start, as Chatterbox does, and fails where it cannot.
    #[arg(long, env = "CONFIG_REWRITE", action = ArgAction::Set, default_value_t = false)]
    pub config_rewrite: bool,
    /// Tells the card that running out of memory is what the test expects.
    #[arg(long, env = "OOM_EXPECTED", action = ArgAction::Set, default_value_t = false)]
    pub oom_expected: bool,
    /// The memory stays held when this process is gone, as after a driver fault.
    #[arg(long, env = "LEAVES_LEAK", action = ArgAction::Set, default_value_t = false)]
    pub leaves_leak: bool,
    /// The pod, from the downward API.
    #[arg(long, env = "POD_NAME", default_value = "no-pod")]
    pub pod: String,
    /// The pod's namespace, from the downward API.
    #[arg(long, env = "POD_NAMESPACE", default_value = "no-namespace")]
    pub namespace: String,
    /// The pod's uid, from the downward API.
    #[arg(long, env = "POD_UID")]
    pub pod_uid: Option<String>,
    /// The container's name.
    #[arg(long, env = "CONTAINER", default_value = "server")]
    pub container: String,
    /// The process's name in per-pod metrics.
    #[arg(long, env = "PROCESS_NAME", default_value = "fake-model")]
    pub process_name: String,
}

impl Settings {
    /// How long loading takes.
    pub fn load_time(&self) -> Duration {
        Duration::from_secs_f64(self.load_seconds)
    }

    /// How long one piece of work takes.
    pub fn work_time(&self) -> Duration {
        Duration::from_millis(self.work_ms)
    }

    /// How long it goes on after SIGTERM.
    pub fn grace(&self) -> Duration {
        Duration::from_secs_f64(self.grace_s)
    }

    /// When it crashes by itself.
    pub fn crash_after(&self) -> Option<Duration> {
        self.crash_after_s.map(Duration::from_secs_f64)
    }

    /// Who holds the memory.
    pub fn owner(&self) -> Owner {
        Owner {
            namespace: self.namespace.clone(),
            pod: self.pod.clone(),
            container: self.container.clone(),
            process_name: self.process_name.clone(),
            pid: None,
            pod_uid: self.pod_uid.clone(),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=86_400.0).contains(&value) => Ok(value),
        _ => Err("not a number of seconds from 0 to 86400".to_owned()),
    }
}
