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
const LOAD_STEPS: u64 = 10;

/// One fake model.
#[derive(Debug)]
pub struct Life {
    settings: Settings,
    memory: Memory,
    loaded: AtomicBool,
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
            loaded: AtomicBool::new(false),
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
        self.loaded.load(Ordering::SeqCst)
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

    /// Loads the model: its memory grows step by step.
    ///
    /// # Errors
    /// CUDA's words when the card is full; what the steps before got is held until
    /// the process ends, as in a real server.
    pub async fn load(&self) -> Result<(), String> {
        let target_mib = self.settings.load_mib;
        say!("fake-model: loading {target_mib} MiB in {} s", self.settings.load_seconds);
        for step in 1..=LOAD_STEPS {
            sleep(self.settings.load_time() / LOAD_STEPS as u32).await;
            let mib = u64::try_from(u128::from(target_mib) * u128::from(step) / u128::from(LOAD_STEPS))
                .unwrap_or(target_mib);
            if mib > 0 {
                self.hold(mib).await?;
            }
        }
        self.draining.store(false, Ordering::SeqCst);
        self.loaded.store(true, Ordering::SeqCst);
        say!("fake-model: loaded, holds {target_mib} MiB");
        Ok(())
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
            let held_mib = self.held_mib().await;
            let room = self.settings.grow_up_to_mib.saturating_sub(held_mib);
            self.grow(self.settings.grow_mib.min(room)).await.map_err(WorkError::Memory)?;
        }
        Ok(())
    }

    /// Holds this much more, in MiB; returns what it holds then.
    ///
    /// # Errors
    /// CUDA's words when the card is full.
    pub async fn grow(&self, more_mib: u64) -> Result<u64, String> {
        let mib = self.held_mib().await.saturating_add(more_mib);
        self.hold(mib).await?;
        say!("fake-model: grew by {more_mib} MiB to {mib}");
        Ok(mib)
    }

    /// Frees all memory and stays up; returns how much that was, in MiB.
    ///
    /// # Errors
    /// The card could not be told.
    pub async fn unload(&self) -> Result<u64, String> {
        self.loaded.store(false, Ordering::SeqCst);
        let held_mib = self.held_mib().await;
        self.hold(0).await?;
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

    async fn hold(&self, mib: u64) -> Result<(), String> {
        let memory = self.memory.clone();
        match spawn_blocking(move || memory.set(mib)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.in_cuda_s_words(mib, &error).await),
            Err(panicked) => Err(panicked.to_string()),
        }
    }

    /// What PyTorch prints, so that whoever reads logs for it finds it.
    async fn in_cuda_s_words(&self, wanted_mib: u64, error: &MemoryError) -> String {
        match error {
            MemoryError::Card(ClientError::OutOfMemory { error, free_mib }) => {
                let more_mib = wanted_mib.saturating_sub(self.held_mib().await);
                format!(
                    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {more_mib}.00 MiB. \
                     GPU 0 has {free_mib}.00 MiB free. (This is fake-model: {error})"
                )
            }
            other => other.to_string(),
        }
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
