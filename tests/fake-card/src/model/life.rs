//! What a fake model goes through: loading, work, unloading, draining, its end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::memory::{Memory, MemoryError, NoCard};
use super::settings::Settings;
use crate::client::ClientError;
use crate::say;

/// In how many steps the memory grows while the model loads.
const LOAD_STEPS: u32 = 10;

/// One fake model.
#[derive(Debug)]
pub struct Life {
    settings: Settings,
    memory: Memory,
    draining: AtomicBool,
    at_work: AtomicU64,
    /// What GET /queue says; [`UNKNOWN`] when it is to fail.
    pending: AtomicU64,
}

/// The value of `pending` that stands for a queue that cannot be read.
const UNKNOWN: u64 = u64::MAX;

/// Why a piece of work was not done.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// There is no model to do it.
    #[error("the model is not loaded; POST /load loads it")]
    NotLoaded,
    /// No new work is taken.
    #[error("this server is draining and takes no new work")]
    Draining,
    /// The card is full, in CUDA's words, or cannot be asked.
    #[error("{0}")]
    Memory(String),
}

impl Life {
    /// A model that is not loaded yet.
    ///
    /// # Errors
    /// The settings want memory and name no card.
    pub fn new(settings: Settings) -> Result<Self, NoCard> {
        Ok(Life {
            memory: Memory::new(&settings)?,
            draining: AtomicBool::new(false),
            at_work: AtomicU64::new(0),
            pending: AtomicU64::new(settings.pending),
            settings,
        })
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the model is loaded.
    pub fn is_loaded(&self) -> bool {
        self.memory.is_loaded()
    }

    /// Whether new work is refused.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// What it holds on its card, in MiB.
    pub async fn held_mib(&self) -> u64 {
        let memory = self.memory.clone();
        // The lock may be held during a call to the card.
        spawn_blocking(move || memory.held_mib()).await.unwrap_or(0)
    }

    /// The work that waits; `None` when nobody can tell.
    pub fn pending(&self) -> Option<u64> {
        Some(self.pending.load(Ordering::SeqCst)).filter(|pending| *pending != UNKNOWN)
    }

    /// Sets the work that waits; `None` makes the queue unreadable.
    pub fn set_pending(&self, pending: Option<u64>) {
        self.pending.store(pending.unwrap_or(UNKNOWN), Ordering::SeqCst);
    }

    /// Loads the model: its memory grows step by step. Says whether it is loaded
    /// then: an unload that comes between stops it.
    ///
    /// # Errors
    /// CUDA's words when the card is full; what the steps before got is held until
    /// the process ends, as in a real server.
    pub async fn load(&self) -> Result<bool, String> {
        let target_mib = self.settings.load_mib;
        say!("fake-model: loading {target_mib} MiB in {} s", self.settings.load_seconds);
        let unloads = self.with_memory(|memory| memory.wait_for_card().map(|()| memory.unloads())).await?;
        for step in 1..=LOAD_STEPS {
            sleep(self.settings.load_time() / LOAD_STEPS).await;
            let mib = target_mib - target_mib / u64::from(LOAD_STEPS) * u64::from(LOAD_STEPS - step);
            let is_last = step == LOAD_STEPS;
            if !self.with_memory(move |memory| memory.load_step(unloads, mib, is_last)).await? {
                say!("fake-model: it was unloaded while it loaded");
                return Ok(false);
            }
        }
        self.draining.store(false, Ordering::SeqCst);
        say!("fake-model: loaded, holds {target_mib} MiB");
        Ok(true)
    }

    /// Does one piece of work, then grows as the settings say.
    ///
    /// # Errors
    /// No model, draining, or a full card; the server goes on.
    pub async fn work(&self) -> Result<(), WorkError> {
        // Counted before it looks, so that a drain that sees no work is right.
        let _at_work = AtWork::begin(&self.at_work);
        if self.is_draining() {
            return Err(WorkError::Draining);
        }
        if !self.is_loaded() {
            return Err(WorkError::NotLoaded);
        }
        sleep(self.settings.work_time()).await;
        if self.settings.grow_mib > 0 {
            let (more_mib, up_to_mib) = (self.settings.grow_mib, self.settings.grow_up_to_mib);
            self.grow(more_mib, up_to_mib).await.map_err(WorkError::Memory)?;
        }
        Ok(())
    }

    /// Holds this much more, in MiB, up to a limit; returns what it holds then.
    ///
    /// # Errors
    /// CUDA's words when the card is full.
    pub async fn grow(&self, more_mib: u64, up_to_mib: u64) -> Result<u64, String> {
        let mib = self.with_memory(move |memory| memory.grow(more_mib, up_to_mib)).await?;
        say!("fake-model: grew to {mib} MiB");
        Ok(mib)
    }

    /// Frees all memory and stays up; stops a load that is under way. Returns how
    /// much was held, in MiB.
    ///
    /// # Errors
    /// The card could not be told.
    pub async fn unload(&self) -> Result<u64, String> {
        let held_mib = self.with_memory(Memory::unload).await?;
        say!("fake-model: unloaded, {held_mib} MiB freed");
        Ok(held_mib)
    }

    /// Takes no new work and waits until what was begun is done.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        while self.at_work.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        say!("fake-model: drained");
    }

    /// Does something with the memory beside the requests, since it blocks.
    async fn with_memory<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Memory) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, String> {
        let memory = self.memory.clone();
        match spawn_blocking(move || act(&memory)).await {
            Ok(outcome) => outcome.map_err(|error| in_cuda_s_words(&error)),
            Err(panicked) => Err(panicked.to_string()),
        }
    }
}

/// What PyTorch prints, so that whoever reads logs for it finds it.
fn in_cuda_s_words(error: &MemoryError) -> String {
    match error {
        MemoryError::Card(ClientError::OutOfMemory { error, requested_mib, free_mib }) => format!(
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {requested_mib}.00 MiB. \
             GPU 0 has {free_mib}.00 MiB free. (This is fake-model: {error})"
        ),
        other => other.to_string(),
    }
}

/// One piece of work under way.
struct AtWork<'a>(&'a AtomicU64);

impl<'a> AtWork<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        AtWork(count)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
