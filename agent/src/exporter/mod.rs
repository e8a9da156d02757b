//! `gpu-agent exporter`: what a node's cards hold, by container, as metrics.
//!
//! One thread reads the driver ([`sampler`]), the pages are written from its
//! last snapshot ([`page`], [`server`]); a scrape never waits for NVML.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub mod cgroup;
pub mod containers;
pub mod driver;
pub mod held;
pub mod page;
pub mod sampler;
pub mod server;

use sampler::{Sampler, Settings, Snapshot, log};
use server::Pages;

/// A driver that is silent for so long is told of. A reading takes milliseconds.
const SILENT: Duration = Duration::from_secs(30);

/// Why the exporter cannot run. A driver that is missing is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The port cannot be had.
    #[error("port {port} cannot be listened on: {cause}. Choose another with --port.")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The reading thread cannot be started.
    #[error("no thread for reading the driver can be started: {0}")]
    Thread(std::io::Error),
    /// Serving ended.
    #[error("serving the metrics ended: {0}")]
    Serve(std::io::Error),
}

/// Reads the driver and serves what it says, until the process is told to go.
///
/// # Errors
/// The port or a thread cannot be had.
pub async fn run(node: String, port: u16, settings: Settings) -> Result<(), ExporterError> {
    let listener = server::listen(port).await.map_err(|cause| ExporterError::Listen { port, cause })?;
    let snapshot = Sampler::new(settings).start().map_err(ExporterError::Thread)?;
    log(&format!("node {node}, port {port}"));
    let pages = Pages { node: node.into(), snapshot: snapshot.clone() };
    tokio::select! {
        served = axum::serve(listener, pages.router()) => served.map_err(ExporterError::Serve),
        () = watch_over(snapshot) => Ok(()),
    }
}

/// Says when the driver blocks, and when it answers again: the reading thread
/// cannot say so itself.
async fn watch_over(mut snapshot: watch::Receiver<Arc<Snapshot>>) {
    loop {
        let waiting = Instant::now();
        match tokio::time::timeout(SILENT, snapshot.changed()).await {
            Ok(Ok(())) => continue,
            Ok(Err(_)) => return,
            Err(_) => log(&format!(
                "the driver has not answered for {} s; it blocks, and what it said before goes stale",
                SILENT.as_secs()
            )),
        }
        if snapshot.changed().await.is_err() {
            return;
        }
        log(&format!("the driver answers again after {} s", waiting.elapsed().as_secs()));
    }
}
