//! Cards that are not there: see this package's README.md.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use fake_card::board::Board;
use fake_card::say;
use fake_card::service::{SharedBoard, router};
use fake_card::spec::CardSpec;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A stand-in for graphics cards: an allocator with the metrics of real exporters.
#[derive(Parser)]
#[command(name = "fake-card", version)]
struct Flags {
    /// The address to listen on; port 0 takes a free one and prints it.
    #[arg(long, env = "FAKE_CARD_LISTEN", default_value = "0.0.0.0:9400")]
    listen: SocketAddr,
    /// A card to start with; may be given several times. More come by POST /cards.
    #[arg(
        long = "card",
        value_name = "name=NAME,uuid=GPU-...,total-mib=N[,index=N][,reserved-mib=N][,model=TEXT][,node=TEXT]"
    )]
    cards: Vec<CardSpec>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let mut board = Board::default();
    for card in flags.cards {
        board.add_card(card)?;
    }
    let board = SharedBoard::new(board);
    let listener = TcpListener::bind(flags.listen)
        .await
        .map_err(|error| format!("fake-card: cannot listen on {}: {error}", flags.listen))?;
    say!("fake-card: listening on {}", listener.local_addr()?);

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        served = axum::serve(listener, router(board.clone())) => served?,
        () = tell_what_happened(board) => {}
        // Holders keep their connections open for ever, so nothing is waited for.
        _ = terminate.recv() => say!("fake-card: told to stop"),
        _ = interrupt.recv() => say!("fake-card: told to stop"),
    }
    Ok(())
}

/// Logs ended leases and script steps although nobody asks for the state.
async fn tell_what_happened(board: SharedBoard) {
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        ticks.tick().await;
        for sentence in board.with(|board, now| board.take_happened(now)) {
            say!("fake-card: {sentence}");
        }
    }
}
