//! The memory that this process holds on its card: one allocation that grows and
//! shrinks, with a connection that frees it when the process ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::settings::Settings;
use crate::client::{Client, ClientError};
use crate::say;
use crate::wire::AllocationRequest;

/// Seconds without a sign of life after which the card frees the memory even if
/// the connection still seems open. Long, because a loaded machine may starve this
/// process, and a real driver does not take memory from the slow.
const LEASE_S: f64 = 60.0;
/// How often a sign of life is given.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// How long a card that does not answer is waited for at the start: names of
/// services may take some seconds to become known in a new pod.
const CARD_PATIENCE: Duration = Duration::from_secs(15);

/// This process's memory. All calls block.
///
/// The lock is held during a call to the card, so that two growths cannot both
/// start from the same size.
#[derive(Debug, Clone)]
pub struct Memory {
    on: Option<OnCard>,
    now: Arc<Mutex<Now>>,
    /// Whether a load came to its end since all was freed last. Written under the
    /// lock and read without it, so that a probe never waits for the card.
    loaded: Arc<AtomicBool>,
}

/// What changes.
#[derive(Debug, Default)]
struct Now {
    held: Option<Held>,
    /// How often all of it was freed.
    unloads: u64,
}

#[derive(Debug, Clone)]
struct OnCard {
    client: Client,
    card: String,
    template: AllocationRequest,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    id: u64,
    mib: u64,
}

/// Memory is needed but no card is named.
#[derive(Debug, thiserror::Error)]
#[error("LOAD_MIB is {0}, but FAKE_CARD_URL or CARD is not set; name the card that holds the memory")]
pub struct NoCard(u64);

/// Why memory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The card said no, or nothing.
    #[error(transparent)]
    Card(#[from] ClientError),
    /// There is no card to ask.
    #[error("this fake-model was started without a card; set FAKE_CARD_URL and CARD")]
    NoCard,
}

impl Memory {
    /// The memory of a process with these settings; nothing is held yet.
    ///
    /// # Errors
    /// The settings want memory and name no card.
    pub fn new(settings: &Settings) -> Result<Self, NoCard> {
        let on = match (&settings.card_url, &settings.card) {
            (Some(url), Some(card)) => Some(OnCard {
                client: Client::new(url),
                card: card.clone(),
                template: AllocationRequest {
                    owner: settings.owner(),
                    mib: 0,
                    scripted: settings.oom_expected,
                    lease_s: LEASE_S,
                    leaves_leak: settings.leaves_leak,
                },
            }),
            _ if settings.load_mib > 0 => return Err(NoCard(settings.load_mib)),
            _ => None,
        };
        Ok(Memory { on, now: Arc::default(), loaded: Arc::default() })
    }

    /// What is held now, in MiB.
    pub fn held_mib(&self) -> u64 {
        self.lock().held_mib()
    }

    /// Waits until the card answers; a real one is there before any process.
    ///
    /// # Errors
    /// It does not within a quarter of a minute.
    pub fn wait_for_card(&self) -> Result<(), MemoryError> {
        let Some(on) = &self.on else { return Ok(()) };
        let end = Instant::now() + CARD_PATIENCE;
        loop {
            match on.client.health() {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= end => return Err(error.into()),
                Err(error) => say!("fake-model: waiting for the card: {error}"),
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Whether the model is loaded.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::SeqCst)
    }

    /// How often all memory was freed: what a load has to know when it begins.
    pub fn unloads(&self) -> u64 {
        self.lock().unloads
    }

    /// Holds `mib`, unless all was freed since the load began; says whether it did.
    /// After the last step the model is loaded.
    ///
    /// # Errors
    /// Out of memory, or no card to ask; what was held stays.
    pub fn load_step(&self, unloads: u64, mib: u64, is_last: bool) -> Result<bool, MemoryError> {
        let mut now = self.lock();
        if now.unloads != unloads {
            return Ok(false);
        }
        self.change(&mut now.held, mib)?;
        self.loaded.store(is_last, Ordering::SeqCst);
        Ok(true)
    }

    /// Frees all of it; returns how much that was, in MiB.
    ///
    /// # Errors
    /// The card could not be told.
    pub fn unload(&self) -> Result<u64, MemoryError> {
        let mut now = self.lock();
        now.unloads += 1;
        self.loaded.store(false, Ordering::SeqCst);
        let freed_mib = now.held_mib();
        self.change(&mut now.held, 0)?;
        Ok(freed_mib)
    }

    /// Holds `more_mib` more, but not more than `up_to_mib` together; returns what
    /// is held then, in MiB.
    ///
    /// # Errors
    /// Out of memory, or no card to ask; what was held stays.
    pub fn grow(&self, more_mib: u64, up_to_mib: u64) -> Result<u64, MemoryError> {
        let mut now = self.lock();
        let held_mib = now.held_mib();
        let mib = held_mib.saturating_add(more_mib).min(up_to_mib.max(held_mib));
        self.change(&mut now.held, mib)?;
        Ok(mib)
    }

    fn change(&self, held: &mut Option<Held>, mib: u64) -> Result<(), MemoryError> {
        match *held {
            Some(gone) if mib == 0 => {
                // Forgotten first, so that the end of its connection is no surprise.
                *held = None;
                if let Some(on) = &self.on {
                    on.client.free(gone.id)?;
                }
            }
            Some(now) if now.mib == mib => {}
            Some(now) => {
                let on = self.on.as_ref().ok_or(MemoryError::NoCard)?;
                on.client.resize(now.id, mib, on.template.scripted)?;
                *held = Some(Held { mib, ..now });
            }
            None if mib == 0 => {}
            None => {
                let on = self.on.as_ref().ok_or(MemoryError::NoCard)?;
                let request = AllocationRequest { mib, ..on.template.clone() };
                let id = on.client.allocate(&on.card, &request)?.id;
                *held = Some(Held { id, mib });
                self.keep(on.client.clone(), id);
            }
        }
        Ok(())
    }

    /// Starts the two threads that keep an allocation: one is a connection that
    /// ends with the process, the other gives signs of life.
    fn keep(&self, client: Client, id: u64) {
        let (memory, holder) = (self.clone(), client.clone());
        thread::spawn(move || {
            let outcome = holder.hold(id);
            // Locking waits for a free that is under way, so that it is not
            // mistaken for a loss.
            if memory.lock().held.is_some_and(|held| held.id == id) {
                println!(
                    "fake-model: the card is gone with our memory ({outcome:?}); this process cannot go on"
                );
                std::process::exit(1);
            }
        });
        let memory = self.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(ALIVE_EVERY);
                if memory.lock().held.is_none_or(|held| held.id != id) {
                    return;
                }
                if let Err(error) = client.keep_alive(id) {
                    say!("fake-model: no sign of life could be given: {error}");
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn held_mib(&self) -> u64 {
        self.held.map_or(0, |held| held.mib)
    }
}
