//! The memory that this process holds on its card: one allocation that grows and
//! shrinks, with a connection that frees it when the process ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

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

/// This process's memory. All calls block.
///
/// The lock is held during a call to the card, so that two growths cannot both
/// start from the same size.
#[derive(Debug, Clone)]
pub struct Memory {
    on: Option<OnCard>,
    held: Arc<Mutex<Option<Held>>>,
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
        Ok(Memory { on, held: Arc::default() })
    }

    /// What is held now, in MiB.
    pub fn held_mib(&self) -> u64 {
        self.lock().map_or(0, |held| held.mib)
    }

    /// Changes what is held to `mib`.
    ///
    /// # Errors
    /// Out of memory, or no card to ask; what was held stays.
    pub fn set(&self, mib: u64) -> Result<(), MemoryError> {
        let mut held = self.lock();
        match *held {
            _ if mib == 0 => {
                if let (Some(gone), Some(on)) = (held.take(), &self.on) {
                    on.client.free(gone.id)?;
                }
            }
            Some(now) => {
                let on = self.on.as_ref().ok_or(MemoryError::NoCard)?;
                on.client.resize(now.id, mib, on.template.scripted)?;
                *held = Some(Held { mib, ..now });
            }
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
            if memory.lock().is_some_and(|held| held.id == id) {
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
                if memory.lock().is_none_or(|held| held.id != id) {
                    return;
                }
                if let Err(error) = client.keep_alive(id) {
                    say!("fake-model: no sign of life could be given: {error}");
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
