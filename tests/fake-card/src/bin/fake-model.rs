//! A model that is not there: see this package's README.md.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use fake_card::model::config_file;
use fake_card::model::life::Life;
use fake_card::model::service::router;
use fake_card::model::settings::Settings;
use fake_card::say;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Settings::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("fake-model: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    say!("fake-model: starting as {}/{}", settings.namespace, settings.pod);
    let config = match &settings.config_path {
        Some(path) => Some(config_file::take_up(path, settings.config_rewrite)?),
        None => None,
    };
    let life = Arc::new(Life::new(settings)?);
    // Listened for from the beginning: a container's first process that has no
    // handler yet never gets the signal.
    let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        lived = live(&life, config) => lived,
        () = crash_in_time(life.settings()) => Err("crashing, as CRASH_AFTER_S says".into()),
        stopped = stop(&life, signals) => stopped,
    }
}

/// Waits to be told to stop, goes on for its grace, and frees its memory.
async fn stop(life: &Life, (mut terminate, mut interrupt): (Signal, Signal)) -> Result<(), Box<dyn Error>> {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    say!("fake-model: told to stop, stops in {} s", life.settings().grace_s);
    sleep(life.settings().grace()).await;
    life.unload().await?;
    Ok(())
}

/// Loads and serves, in the order that the settings say, until told to stop.
async fn live(life: &Arc<Life>, config: Option<String>) -> Result<(), Box<dyn Error>> {
    let routes = router(life.clone(), config);
    let address = (Ipv4Addr::UNSPECIFIED, life.settings().port);
    if !life.settings().open_early {
        life.load().await?;
    }
    let listener = TcpListener::bind(address).await?;
    say!("fake-model: listening on {}", listener.local_addr()?);
    let served = async { axum::serve(listener, routes).await.map_err(Box::<dyn Error>::from) };
    if !life.settings().open_early {
        return served.await;
    }
    let loading = async { life.load().await.map_err(Box::<dyn Error>::from) };
    tokio::try_join!(served, loading).map(drop)
}

/// Ends when CRASH_AFTER_S has passed; never without it.
async fn crash_in_time(settings: &Settings) {
    match settings.crash_after() {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}
