//! `gpu-agent watch`: looks at one card every few seconds, and does for each of
//! its tenants what that tenant's gate would.
//!
//! Between two looks nothing is asked of the API server: the card is scraped,
//! and the same `decide` says of each tenant, on what was last seen of it,
//! whether there is anything to do ([`memory`]). Only then, and once a minute,
//! a tenant's gate takes its turn on a fresh observation. The card's declared
//! object is followed, so that a floor is known as soon as it is entered.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tenancy::declared::{Declared, declared_name};
use tenancy::defaults::{WATCH_INTERVAL_S, WATCH_REST_S};
use tenancy::gate::{GATE_CONFIG_KEY, GateConfig};
use tenancy::ledger::Ledger;
use tenancy::names::{CardName, TenantId};
use tenancy::observation::{Sample, Trigger, Unknown};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedSender};

pub mod lease;
mod memory;
pub mod page;

use crate::gate::{Effort, Tick, Turn};
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
        let known = RefCell::new(Known::default());
        let mut aside = Aside::new();
        loop {
            let started = Instant::now();
            if let Some(object) = news.declared.take() {
                self.heard(&mut known.borrow_mut(), parsed(&object));
            }
            self.look(api, &known, board, &mut aside).await;
            on(board, |board| {
                board.called(api.calls(), api.now().is_some());
                board.looked(started.elapsed(), &known.borrow());
            });
            let pause = tokio::time::sleep(self.interval.saturating_sub(started.elapsed()));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    () = news.arrived.notified() => break,
                    Some(()) = aside.next(), if !aside.is_empty() => {}
                }
            }
        }
    }

    /// One look at the card, and a turn of each tenant for whom there may be something to do. A turn that
    /// has come to wait for its model server goes on aside.
    async fn look<'w>(
        &'w self,
        api: &'w Api,
        known: &'w RefCell<Known>,
        board: &Mutex<Board>,
        aside: &mut Aside<'w>,
    ) {
        if !known.borrow().is_recent(self.rest) {
            let declared = self.declared(api).await;
            self.heard(&mut known.borrow_mut(), declared);
        }
        // What was declared before holds until something else can be read.
        let Some(declared) = known.borrow().declared.clone() else {
            return on(board, |board| board.sampled(None));
        };
        let now = api.now();
        let sample = match now {
            Some(now) => scrape::card(&declared.card, now).await.map(|told| told.sample),
            None => Err(Unknown { reason: "the API server's time is not known".to_owned() }),
        };
        on(board, |board| board.sampled(sample.as_ref().ok()));
        for tenant in declared.floors.values().filter(|floor| !floor.always).map(|floor| &floor.tenant) {
            if !self.is_due(&known.borrow(), tenant, &sample, now) {
                continue;
            }
            let (tells, mut hears) = mpsc::unbounded_channel();
            let mut turns = self.turns(api, tenant.clone(), known, tells).boxed_local();
            loop {
                tokio::select! {
                    biased;
                    () = &mut turns => break,
                    Some(ledger) = hears.recv() => {
                        let mut known = known.borrow_mut();
                        known.ledger = Some(ledger);
                        known.aside.insert(tenant.clone());
                        aside.push(turns);
                        break;
                    }
                    Some(()) = aside.next(), if !aside.is_empty() => {}
                }
            }
            on(board, |board| board.alive());
        }
    }

    fn is_due(
        &self,
        known: &Known,
        tenant: &TenantId,
        sample: &Result<Sample, Unknown>,
        now: Option<Timestamp>,
    ) -> bool {
        match (known.memory.get(tenant), now) {
            _ if known.aside.contains(tenant) => false,
            (Some(memory), Some(now)) => {
                let declared = known.declared.as_ref().filter(|_| known.unread.is_none());
                memory.is_due(self.interval, self.rest)
                    || memory.has_to_act(declared, known.ledger.as_ref(), sample.clone(), now)
            }
            _ => true,
        }
    }

    /// A tenant's gate decides and acts, and again while it asks for that at once.
    async fn turns(
        &self,
        api: &Api,
        tenant: TenantId,
        known: &RefCell<Known>,
        unloading: UnboundedSender<Ledger>,
    ) {
        let printer = Printer { tenant: &tenant, format: self.format };
        let absent = |why: &str| {
            known.borrow_mut().is_absent(&tenant);
            printer.note(why);
        };
        // Never one that was kept: Terraform tells a gate to sleep and then counts on it.
        let gate = match config(api, &tenant).await {
            Ok(gate) => gate,
            Err(why) => return absent(&why),
        };
        let mut tick = Tick {
            gate,
            trigger: Trigger::Guard,
            instance: self.instance.clone(),
            max_duration: self.interval,
            format: self.format,
            unreadable_told: None,
            unloading: Some(unloading),
        };
        for _ in 0..AT_ONCE_LIMIT {
            tick.unreadable_told =
                known.borrow().memory.get(&tenant).and_then(|memory| memory.unreadable_told);
            let turn = match tick.turn(api, &printer, &mut Effort::default()).await {
                Ok(turn) => turn,
                Err(why) => return absent(&why.to_string()),
            };
            if let Some(why) = &turn.failed {
                printer.note(&format!("\"{}\" could not be carried out: {why}", turn.decision.reason));
            }
            let at_once = turn.decision.again_in == Some(Duration::ZERO) && turn.failed.is_none();
            let was_aside = known.borrow_mut().took_its_turn(&tenant, turn);
            if !at_once || was_aside {
                return;
            }
        }
        printer.note("its decisions ask for one another without end; that is a defect of the gate");
    }

    /// What came of asking for the declared object, or of following it.
    fn heard(&self, known: &mut Known, declared: Result<Declared, String>) {
        match declared {
            Ok(declared) => known.declared(declared),
            Err(why) => {
                if known.unread.as_ref() != Some(&why) {
                    let before =
                        if known.declared.is_some() { "; going on with what it said before" } else { "" };
                    self.note(&format!("{why}{before}"));
                }
                known.unread = Some(why);
            }
        }
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

/// The turns that wait for a model server. They write nothing into the ledger before they end.
type Aside<'w> = FuturesUnordered<LocalBoxFuture<'w, ()>>;

/// What a watcher knows of its card and tenants.
#[derive(Debug, Default)]
pub(crate) struct Known {
    declared: Option<Declared>,
    declared_at: Option<Instant>,
    /// Why the declared object could not be read since.
    unread: Option<String>,
    /// As the last turn of any tenant left it; `None` where it could not be read.
    pub(crate) ledger: Option<Ledger>,
    memory: BTreeMap<TenantId, Memory>,
    /// Whose turn waits for its model server.
    aside: BTreeSet<TenantId>,
}

impl Known {
    fn declared(&mut self, declared: Declared) {
        self.memory.retain(|tenant, _| declared.floors.contains_key(tenant));
        (self.declared, self.declared_at, self.unread) = (Some(declared), Some(Instant::now()), None);
    }

    /// Whether the declared object was read or heard of within this time.
    fn is_recent(&self, rest: Duration) -> bool {
        self.unread.is_none() && self.declared_at.is_some_and(|at| at.elapsed() < rest)
    }

    /// Remembers a turn, and says whether it had been put aside.
    fn took_its_turn(&mut self, tenant: &TenantId, turn: Turn) -> bool {
        let was_aside = self.aside.remove(tenant);
        match &turn.situation.ledger {
            Err(_) => self.ledger = None,
            // Others may have written since it was put aside.
            Ok(_) if was_aside => {}
            Ok(_) => self.ledger = Some(turn.decision.ledger.clone()),
        }
        if turn.situation.declared.is_err() {
            self.declared_at = None;
        }
        let told = self.memory.get(tenant).and_then(|memory| memory.unreadable_told);
        self.memory.insert(tenant.clone(), Memory::of(turn, told));
        was_aside
    }

    /// Remembers that a tenant's gate could not take its turn.
    fn is_absent(&mut self, tenant: &TenantId) {
        self.aside.remove(tenant);
        let before = self.memory.remove(tenant);
        self.memory.insert(tenant.clone(), Memory::absent(before));
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
