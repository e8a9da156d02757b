//! Reads the driver again and again on a thread of its own, since NVML may
//! block for minutes on a sick card, and leaves what it read for whoever asks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::containers::Containers;
use super::driver::{CardReading, Driver, DriverError, Reading};
use super::held::{Held, Peaks, add_up};
use crate::report;

/// Between two tries while the driver does not answer: often enough that a
/// reloaded one is found before a window's first tick would miss it.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Where things are and how often they are read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// NVML's library, where it is not to be found by the loader.
    pub library: Option<PathBuf>,
    /// A `/proc` of the host's PID namespace.
    pub proc: PathBuf,
    /// The kubelet's links to the logs of its containers.
    pub links: PathBuf,
    /// Between two readings.
    pub interval: Duration,
}

/// What is known after a reading, for whoever asks before the next.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The last reading that succeeded.
    pub last: Option<Taken>,
    /// Why the last try did not succeed; `None` if it did.
    pub failure: Option<DriverError>,
    /// How many tries succeeded.
    pub readings: u64,
    /// How many did not, those of single cards included.
    pub failures: u64,
    /// The UUID of each index that was ever read, so that a card that fails
    /// later can still be named.
    pub uuids: BTreeMap<u32, String>,
    /// The most that each container held.
    pub peaks: Peaks,
}

/// A reading, and when it was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// When it began: figures are never younger than this.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// The driver's version.
    pub driver_version: String,
    /// Each card, with what its containers hold where the driver lists processes.
    pub cards: Vec<(CardReading, Option<Held>)>,
}

/// The reader. It owns everything that lasts from one reading to the next.
pub struct Sampler {
    settings: Settings,
    driver: Option<Driver>,
    containers: Containers,
    snapshot: Snapshot,
    told: Vec<String>,
}

impl Sampler {
    /// Reads nothing yet.
    pub fn new(settings: Settings) -> Self {
        let containers = Containers::new(&settings.proc, &settings.links);
        Self { settings, driver: None, containers, snapshot: Snapshot::default(), told: Vec::new() }
    }

    /// Reads for ever and publishes each snapshot, on a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(mut self) -> std::io::Result<watch::Receiver<Arc<Snapshot>>> {
        let (publish, receive) = watch::channel(Arc::default());
        std::thread::Builder::new().name("nvml".to_owned()).spawn(move || {
            loop {
                let began = Instant::now();
                let snapshot = Arc::new(self.turn().clone());
                let pause = if snapshot.failure.is_some() { AGAIN_AFTER } else { self.settings.interval };
                if publish.send(snapshot).is_err() {
                    return;
                }
                std::thread::sleep(pause.saturating_sub(began.elapsed()));
            }
        })?;
        Ok(receive)
    }

    /// One reading. What changed since the one before is told on standard output.
    pub fn turn(&mut self) -> &Snapshot {
        let at = Instant::now();
        let mut troubles = Vec::new();
        match self.read() {
            Ok(reading) => {
                let taken = self.take_in(reading, at, &mut troubles);
                self.snapshot.last = Some(taken);
                self.snapshot.failure = None;
                self.snapshot.readings += 1;
            }
            Err(error) => {
                troubles.push(error.to_string());
                self.driver = None;
                self.snapshot.failure = Some(error);
                self.snapshot.failures += 1;
            }
        }
        self.snapshot.peaks.forget(Timestamp::now());
        self.tell(troubles);
        &self.snapshot
    }

    fn read(&mut self) -> Result<Reading, DriverError> {
        let driver = match self.driver.take() {
            Some(driver) => driver,
            None => Driver::open(self.settings.library.as_deref())?,
        };
        let reading = driver.read()?;
        // A card that fell off the bus comes back, if ever, only to who initialises anew.
        if reading.cards.iter().all(|card| card.figures.is_ok()) {
            self.driver = Some(driver);
        }
        Ok(reading)
    }

    fn take_in(&mut self, reading: Reading, at: Instant, troubles: &mut Vec<String>) -> Taken {
        let now = Timestamp::now();
        let mut cards = Vec::new();
        for card in reading.cards {
            let mut held = None;
            match &card.figures {
                Ok(figures) => {
                    self.snapshot.uuids.insert(card.index, figures.uuid.clone());
                    if let Some(processes) = &figures.processes {
                        let pids: Vec<u32> = processes.iter().map(|process| process.pid).collect();
                        let (holders, trouble) = self.containers.holders(&pids);
                        troubles.extend(trouble.map(|why| {
                            format!(
                                "{} cannot be listed: {why}. Mount it read-only; until then memory is attributed to nobody.",
                                self.settings.links.display()
                            )
                        }));
                        let sums = add_up(processes, &holders);
                        self.snapshot.peaks.take_in(&figures.uuid, &sums, now);
                        held = Some(sums);
                    }
                }
                Err(why) => {
                    self.snapshot.failures += 1;
                    let uuid = self.snapshot.uuids.get(&card.index).map_or("never read", String::as_str);
                    troubles.push(format!("card {} ({uuid}) does not answer: {why}", card.index));
                }
            }
            cards.push((card, held));
        }
        Taken { at, took: at.elapsed(), driver_version: reading.driver_version, cards }
    }

    /// Tells troubles that are new, and once when there are none any more.
    fn tell(&mut self, troubles: Vec<String>) {
        let mut said = Vec::new();
        for trouble in troubles {
            if !self.told.contains(&trouble) && !said.contains(&trouble) {
                log(&trouble);
            }
            said.push(trouble);
        }
        let first = self.snapshot.readings == 1 && self.snapshot.failure.is_none() && self.told.is_empty();
        if said.is_empty()
            && (first || !self.told.is_empty())
            && let Some(last) = &self.snapshot.last
        {
            log(&format!("driver {} answers; cards: {}", last.driver_version, last.cards.len()));
        }
        self.told = said;
    }
}

/// A line with its time on standard output.
pub(super) fn log(text: &str) {
    report::print(&format!("{} exporter: {text}", Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ")));
}
