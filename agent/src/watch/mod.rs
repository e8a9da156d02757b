//! `gpu-agent watch`: looks at one card every few seconds, and does for each of
//! its tenants what that tenant's gate would.
//!
//! Between two looks nothing is asked of the API server: the card is scraped,
//! and the same `decide` says of each tenant, on what was last seen of it,
//! whether there is anything to do ([`memory`]). Only then, and once a minute,
//! a tenant's gate takes its turn on a fresh observation. The card's declared
//! object is followed, so that a floor is known as soon as it is entered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tenancy::declared::{Declared, declared_name};
use tenancy::defaults::{WATCH_INTERVAL_S, WATCH_REST_S};
use tenancy::gate::{GATE_CONFIG_KEY, GateConfig};
use tenancy::ledger::Ledger;
use tenancy::names::{CardName, TenantId};
use tenancy::observation::{Trigger, Unknown};
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub mod lease;
mod memory;
pub mod page;

use crate::gate::{Effort, Tick};
use crate::observe::api::{Api, ApiError};
use crate::observe::object::Object;
use crate::observe::{self, scrape};
use crate::report::{Format, Printer};
use lease::{Lease, NotHeld};
use memory::Memory;
use page::Board;

/// How often in a row a tenant may have another turn at once.
const AT_ONCE_LIMIT: u32 = 20;
/// How long the declared object is followed before it is asked for anew: a connection that died without a
/// word is given up by then, and the object is read once in a while besides.
const FOLLOWED_FOR: Duration = Duration::from_secs(300);

/// What a watcher is told.
#[derive(Debug)]
pub struct Watch {
    /// Its card.
    pub card: CardName,
    /// Who this is, in the Lease and in Events: the pod's name.
    pub instance: String,
    /// Between two looks at the card.
    pub interval: Duration,
    /// Between two turns of a tenant about whom there is nothing new.
    pub rest: Duration,
    /// The bounds in time of its Lease.
    pub times: lease::Times,
    /// How decisions are printed.
    pub format: Format,
}

/// Why a watcher cannot run.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The port cannot be had.
    #[error("port {port} cannot be listened on: {cause}. Choose another with --port.")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Serving ended.
    #[error("serving the metrics ended: {0}")]
    Serve(std::io::Error),
}

impl Watch {
    /// A watcher with the usual bounds in time.
    pub fn new(card: CardName, instance: String, format: Format) -> Self {
        Self {
            card,
            instance,
            interval: Duration::from_secs(WATCH_INTERVAL_S),
            rest: Duration::from_secs(WATCH_REST_S),
            times: lease::Times::default(),
            format,
        }
    }

    /// Watches until `stop`, then lets go of the Lease. Acts only while it holds it.
    ///
    /// # Errors
    /// The page cannot be served.
    pub async fn run(
        &self,
        api: &Api,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), WatchError> {
        let board = Arc::new(Mutex::new(Board::of(&self.card)));
        let lease = Lease::of(&self.card, &self.instance, self.times);
        let served = {
            let served = axum::serve(listener, page::router(Arc::clone(&board)));
            async move { served.await.map_err(WatchError::Serve) }
        };
        let outcome = tokio::select! {
            outcome = served => outcome,
            () = stop => Ok(()),
            never = self.lead(api, &lease, &board) => match never {},
        };
        match lease.release(api).await {
            Ok(()) => self.note("let go of the Lease"),
            Err(why) => self.note(&format!("the Lease is not this watcher's to let go of: {why}")),
        }
        outcome
    }

    /// Takes the Lease, looks as long as it holds, and again.
    async fn lead(&self, api: &Api, lease: &Lease, board: &Mutex<Board>) -> std::convert::Infallible {
        loop {
            // A watcher that waits for its turn is well: another one looks.
            let waiting = async {
                loop {
                    on(board, |board| {
                        board.alive();
                        board.called(api.calls(), api.now().is_some());
                    });
                    tokio::time::sleep(self.interval).await;
                }
            };
            tokio::select! {
                () = lease.acquire(api, |why| self.note(&format!("waiting: {why}"))) => {}
                () = waiting => {}
            }
            self.note("holds the Lease");
            on(board, |board| board.leads = true);
            let news = News::default();
            let why: NotHeld = tokio::select! {
                why = lease.keep(api) => why,
                never = self.look_again_and_again(api, board, &news) => match never {},
                never = self.follow(api, &news) => match never {},
            };
            on(board, |board| board.leads = false);
            self.note(&format!("stopped, the Lease does not hold any longer: {why}"));
        }
    }

    /// Hears of each change of the card's declared object.
    async fn follow(&self, api: &Api, news: &News) -> std::convert::Infallible {
        let object = Object::followed_config_map(&declared_name(&self.card));
        let mut is_told = false;
        loop {
            let followed = api
                .follow(&object, FOLLOWED_FOR, |mut event| {
                    is_told = false;
                    if event["type"] == "ADDED" || event["type"] == "MODIFIED" {
                        news.declared.replace(Some(event["object"].take()));
                        news.arrived.notify_one();
                    }
                })
                .await;
            match followed {
                Ok(()) => tokio::time::sleep(self.interval).await,
                Err(why) => {
                    if !std::mem::replace(&mut is_told, true) {
                        self.note(&format!("a new floor may be seen {} s late: {why}", self.rest.as_secs()));
                    }
                    tokio::time::sleep(self.rest).await;
                }
            }
        }
    }

    async fn look_again_and_again(
        &self,
        api: &Api,
        board: &Mutex<Board>,
        news: &News,
    ) -> std::convert::Infallible {
        let mut known = Known::default();
        loop {
            let started = Instant::now();
            if let Some(object) = news.declared.take() {
                match parsed(&object) {
                    Ok(declared) => known.declared(declared),
                    Err(why) => self.note(&why),
                }
            }
            self.look(api, &mut known, board).await;
            on(board, |board| {
                board.called(api.calls(), api.now().is_some());
                board.looked(started.elapsed(), &known);
            });
            tokio::select! {
                () = tokio::time::sleep(self.interval.saturating_sub(started.elapsed())) => {}
                () = news.arrived.notified() => {}
            }
        }
    }

    /// One look at the card, and a turn of each tenant for whom there may be something to do.
    async fn look(&self, api: &Api, known: &mut Known, board: &Mutex<Board>) {
        if known.declared_at.is_none_or(|at| at.elapsed() >= self.rest) {
            match self.declared(api).await {
                Ok(declared) => known.declared(declared),
                Err(why) => return self.note(&why),
            }
        }
        let Some(declared) = known.declared.clone() else { return };
        let now = api.now();
        let sample = match now {
            Some(now) => scrape::card(&declared.card, now).await.map(|told| told.sample),
            None => Err(Unknown { reason: "the API server's time is not known".to_owned() }),
        };
        on(board, |board| board.sampled(sample.as_ref().ok()));
        for tenant in declared.floors.values().filter(|floor| !floor.always).map(|floor| &floor.tenant) {
            let due = match (known.memory.get(tenant), now) {
                (Some(memory), Some(now)) => {
                    memory.is_due(self.interval, self.rest)
                        || memory.has_to_act(&declared, known.ledger.as_ref(), sample.clone(), now)
                }
                _ => true,
            };
            if due {
                self.turns(api, tenant, known).await;
                on(board, |board| board.alive());
            }
        }
    }

    /// A tenant's gate decides and acts, and again while it asks for that at once.
    async fn turns(&self, api: &Api, tenant: &TenantId, known: &mut Known) {
        let printer = Printer { tenant, format: self.format };
        // Never one that was kept: Terraform tells a gate to sleep and then counts on it.
        let gate = match config(api, tenant).await {
            Ok(gate) => gate,
            Err(why) => {
                let before = known.memory.remove(tenant);
                known.memory.insert(tenant.clone(), Memory::absent(before));
                return printer.note(&why);
            }
        };
        let tick = Tick {
            gate,
            trigger: Trigger::Guard,
            instance: self.instance.clone(),
            max_duration: self.interval,
            format: self.format,
        };
        for _ in 0..AT_ONCE_LIMIT {
            let turn = match tick.turn(api, &printer, &mut Effort::default()).await {
                Ok(turn) => turn,
                Err(why) => {
                    let before = known.memory.remove(tenant);
                    known.memory.insert(tenant.clone(), Memory::absent(before));
                    return printer.note(&why.to_string());
                }
            };
            if let Some(why) = &turn.failed {
                printer.note(&format!("\"{}\" could not be carried out: {why}", turn.decision.reason));
            }
            if turn.situation.ledger.is_ok() {
                known.ledger = Some(turn.decision.ledger.clone());
            }
            let at_once = turn.decision.again_in == Some(Duration::ZERO) && turn.failed.is_none();
            known.memory.insert(tenant.clone(), Memory::of(turn));
            if !at_once {
                return;
            }
        }
        printer.note("its decisions ask for one another without end; that is a defect of the gate");
    }

    async fn declared(&self, api: &Api) -> Result<Declared, String> {
        let object = api.get(&Object::system_config_map(&declared_name(&self.card))).await;
        parsed(&object.map_err(|why| why.to_string())?)
    }

    fn note(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ =
            std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("card {}: {text}\n", self.card));
    }
}

/// What was heard of the declared object since the last look.
#[derive(Default)]
struct News {
    declared: RefCell<Option<Value>>,
    arrived: Notify,
}

fn parsed(declared: &Value) -> Result<Declared, String> {
    Declared::from_data(&observe::data(declared)).map_err(|why| why.to_string())
}

/// What a watcher knows of its card and tenants.
#[derive(Debug, Default)]
pub(crate) struct Known {
    declared: Option<Declared>,
    declared_at: Option<Instant>,
    /// As the last turn of any tenant left it.
    pub(crate) ledger: Option<Ledger>,
    memory: BTreeMap<TenantId, Memory>,
}

impl Known {
    fn declared(&mut self, declared: Declared) {
        self.memory.retain(|tenant, _| declared.floors.contains_key(tenant));
        (self.declared, self.declared_at) = (Some(declared), Some(Instant::now()));
    }

    /// The card's tenants.
    pub(crate) fn floors(&self) -> impl Iterator<Item = &tenancy::floor::Floor> {
        self.declared.iter().flat_map(|declared| declared.floors.values())
    }
}

/// Reads a tenant's gate configuration, or says why it has no turn.
async fn config(api: &Api, tenant: &TenantId) -> Result<GateConfig, String> {
    let object = match api.get(&Object::gate_config(tenant)).await {
        Err(ApiError::Absent { .. } | ApiError::Forbidden { .. }) => {
            return Err("it has a floor on the card and no gate yet; nothing is done for it".to_owned());
        }
        answer => answer.map_err(|why| why.to_string())?,
    };
    let data = observe::data(&object);
    serde_json::from_str(data.get(GATE_CONFIG_KEY).map_or("", String::as_str)).map_err(|why| {
        format!("its gate's configuration cannot be read: {why}. Apply its `gpu_windowed_service` again.")
    })
}

/// Writes to the board. A writer that panicked left figures at worst.
fn on<T>(board: &Mutex<Board>, with: impl FnOnce(&mut Board) -> T) -> T {
    with(&mut board.lock().unwrap_or_else(PoisonError::into_inner))
}
