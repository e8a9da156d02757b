//! A watcher's pages: `/metrics`, `/readyz` and `/livez`.
//!
//! The series are listed in `docs/metrics.md`; those of gates come from [`crate::status`].
//!
//! A watcher that does not lead shows nothing of card and tenants: what it saw
//! last is of the past, and the one that leads shows it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::{Registry, Unit};
use tenancy::floor::Floor;
use tenancy::ledger::Ledger;
use tenancy::names::CardName;
use tenancy::observation::Sample;

use super::Known;
use crate::exporter::page::CONTENT_TYPE;
use crate::status::{self, Labels, bytes, counter, gauge};

/// A watcher that did not get through a round of its loop for so long hangs. A
/// round waits for calls of seconds; unload calls, which may take minutes, are waited for beside it.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// What the pages are written from.
#[derive(Debug)]
pub struct Board {
    card: CardName,
    /// Whether this is the watcher that acts.
    pub(super) leads: bool,
    alive: Instant,
    /// Whether the API server answered since the start.
    ready: bool,
    looks: u64,
    last_look: Option<(Instant, Duration)>,
    api_calls: u64,
    free_mib: Option<u64>,
    ledger: Ledger,
    floors: Vec<Floor>,
}

impl Board {
    pub(super) fn of(card: &CardName) -> Self {
        Self {
            card: card.clone(),
            leads: false,
            alive: Instant::now(),
            ready: false,
            looks: 0,
            last_look: None,
            api_calls: 0,
            free_mib: None,
            ledger: Ledger::default(),
            floors: Vec::new(),
        }
    }

    pub(super) fn alive(&mut self) {
        self.alive = Instant::now();
    }

    pub(super) fn called(&mut self, api_calls: u32, answered: bool) {
        self.api_calls = u64::from(api_calls);
        self.ready |= answered;
    }

    pub(super) fn sampled(&mut self, sample: Option<&Sample>) {
        self.free_mib = sample.map(|sample| sample.free_mib.0);
    }

    pub(super) fn looked(&mut self, took: Duration, known: &Known) {
        self.alive();
        self.looks += 1;
        self.last_look = Some((Instant::now(), took));
        self.ledger = known.ledger.clone().unwrap_or_default();
        self.floors = known.floors().cloned().collect();
    }

    /// The page as OpenMetrics text.
    pub fn page(&self) -> String {
        let card = self.card.to_string();
        let of_card = || -> Labels { vec![("card", card.clone())] };
        let mut registry = Registry::with_prefix(status::PREFIX);
        let one = |value: f64| [(of_card(), value)];
        let help = "Whether this watcher is the one that acts for the card.";
        gauge(&mut registry, "watcher_leads", help, None, one(f64::from(u8::from(self.leads))));
        counter(&mut registry, "watcher_looks", "Looks at the card.", [(of_card(), self.looks)]);
        let help = "Calls to the API server, those for the Lease included.";
        counter(&mut registry, "watcher_api_calls", help, [(of_card(), self.api_calls)]);
        if let (true, Some((at, took))) = (self.leads, self.last_look) {
            let help = "Time since the last look at the card ended.";
            let age = at.elapsed().as_secs_f64();
            gauge(&mut registry, "watcher_last_look_age", help, Some(Unit::Seconds), one(age));
            let help = "What the last look took, waiting for answers included.";
            gauge(&mut registry, "watcher_look_duration", help, Some(Unit::Seconds), one(took.as_secs_f64()));
            let help = "Whether the last scrape of the card gave figures.";
            let up = f64::from(u8::from(self.free_mib.is_some()));
            gauge(&mut registry, "watcher_sample_up", help, None, one(up));
            let help = "What the device called free in the last scrape.";
            let free = self.free_mib.map(|mib| (of_card(), bytes(mib)));
            gauge(&mut registry, "watcher_free", help, Some(Unit::Bytes), free);
            status::of_gates(&mut registry, &self.card, &self.ledger, &self.floors);
        }
        let mut page = String::new();
        // Writing to a String cannot fail, and neither does anything above.
        let _ = text::encode(&mut page, &registry);
        page
    }
}

type Shared = Arc<Mutex<Board>>;

pub(super) fn router(board: Shared) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/readyz", get(ready))
        .route("/livez", get(live))
        .with_state(board)
}

async fn metrics(State(board): State<Shared>) -> Response {
    let page = board.lock().unwrap_or_else(PoisonError::into_inner).page();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response()
}

async fn ready(State(board): State<Shared>) -> Response {
    match board.lock().unwrap_or_else(PoisonError::into_inner).ready {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the API server has not answered yet\n").into_response(),
    }
}

async fn live(State(board): State<Shared>) -> Response {
    let silent = board.lock().unwrap_or_else(PoisonError::into_inner).alive.elapsed();
    match silent < HANGS_AFTER {
        true => "ok\n".into_response(),
        false => {
            let body = format!("no round of the loop ended for {} s\n", silent.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}
