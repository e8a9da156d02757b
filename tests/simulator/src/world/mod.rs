//! A cluster with one card, as far as a gate can tell it from a real one: an API
//! server, controllers, a kubelet, a device and an exporter, in the time of an
//! event queue.

mod build;
pub(crate) mod device;
pub(crate) mod exporter;
mod jobs;
pub(crate) mod pods;
mod residents;
mod troubles;

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use tenancy::declared::Declared;
use tenancy::gate::GateConfig;
use tenancy::ledger::Ledger;
use tenancy::names::TenantId;
use tenancy::observation::PodKey;

use crate::Keeper;
use crate::audit::Audit;
use crate::gates::Run;
use crate::queue::{Ms, Queue};
use crate::script::Script;
use crate::trace::Trace;
use device::Device;
pub(crate) use jobs::CronJob;
pub(crate) use pods::Pod;
pub(crate) use troubles::Outages;

/// Everything there is.
pub(crate) struct World {
    pub(crate) keeper: Keeper,
    pub(crate) script: Script,
    pub(crate) now: Ms,
    pub(crate) end: Ms,
    pub(crate) queue: Queue<Event>,
    pub(crate) device: Device,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) residents: Vec<Resident>,
    pub(crate) jobs: Vec<CronJob>,
    pub(crate) runs: BTreeMap<u64, Run>,
    pub(crate) declared: Declared,
    pub(crate) ledger: Stored,
    pub(crate) outages: Outages,
    pub(crate) audit: Audit,
    pub(crate) trace: Trace,
    /// How many uids were given out.
    uids: u64,
    random: u64,
}

/// A tenant's objects.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) gate: GateConfig,
    pub(crate) replicas: u32,
    /// The Deployment's resourceVersion.
    pub(crate) version: u64,
    pub(crate) annotation: Option<String>,
    pub(crate) pods: Vec<Pod>,
    /// What its server holds once it was told so; `None`: what it loads.
    pub(crate) wants_mib: Option<u64>,
}

/// A resident's objects.
pub(crate) struct Resident {
    pub(crate) key: Rc<PodKey>,
    pub(crate) replicas: u32,
    pub(crate) version: u64,
    pub(crate) wants_mib: u64,
    pub(crate) process: Option<u64>,
}

/// The ledger's ConfigMap: its text, and the same as it reads.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) data: Rc<BTreeMap<String, String>>,
    pub(crate) read: Rc<Ledger>,
    pub(crate) version: u64,
}

/// A write of the ledger on its way.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) tenant: usize,
    /// The pod that enters itself; `None`: the gate.
    pub(crate) pod: Option<u64>,
    /// The version that it replaces.
    pub(crate) version: u64,
    pub(crate) data: Rc<BTreeMap<String, String>>,
    /// What the decision rested on.
    pub(crate) basis: Basis,
}

/// The figures of a decision, as they really were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis {
    /// The moment that they were of.
    pub(crate) at: Ms,
    /// Whether there were none that count.
    pub(crate) blind: bool,
}

/// What the queue holds.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    TroubleBegins(usize),
    TroubleEnds(usize),
    CronDue(usize),
    /// The controllers compare a Deployment with its pods.
    Reconcile(usize),
    Pod {
        tenant: usize,
        uid: u64,
        life: u64,
        step: pods::Step,
    },
    Resident {
        resident: usize,
    },
    Run {
        run: u64,
        step: crate::gates::Step,
    },
    /// A write of the ledger that was on its way when its gate gave up.
    LateWrite(Write),
    Minute,
}

impl World {
    /// Plays the script to its end.
    pub(crate) fn play(&mut self) {
        while let Some((at, event)) = self.queue.next() {
            if at > self.end {
                break;
            }
            self.now = at;
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::TroubleBegins(index) => self.trouble_begins(index),
            Event::TroubleEnds(index) => self.trouble_ends(index),
            Event::CronDue(job) => self.cron_due(job),
            Event::Reconcile(tenant) => self.reconcile(tenant),
            Event::Pod { tenant, uid, life, step } => self.pod_step(tenant, uid, life, step),
            Event::Resident { resident } => self.resident_step(resident),
            Event::Run { run, step } => self.run_step(run, step),
            Event::LateWrite(write) => {
                self.write_ledger(&write);
            }
            Event::Minute => {
                Audit::minute(self);
                self.queue.add(self.now + 60_000, Event::Minute);
            }
        }
    }

    /// The time, in whole seconds.
    pub(crate) fn clock(&self) -> Timestamp {
        Timestamp::from_second(self.now.div_euclid(1000)).unwrap_or_default()
    }

    /// What the API server takes for the time, in milliseconds.
    pub(crate) fn api_now(&self) -> Ms {
        self.now + self.outages.leap_ms()
    }

    /// What it says of it, in whole seconds.
    pub(crate) fn api_clock(&self) -> Timestamp {
        Timestamp::from_second(self.api_now().div_euclid(1000)).unwrap_or_default()
    }

    /// A number of milliseconds from `low` to `high`, by chance (splitmix64).
    pub(crate) fn between(&mut self, low: Ms, high: Ms) -> Ms {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let span = (high - low + 1).unsigned_abs();
        low + i64::try_from((mixed ^ (mixed >> 31)) % span).unwrap_or(0)
    }

    pub(crate) fn new_uid(&mut self) -> u64 {
        self.uids += 1;
        self.uids
    }

    /// Compare-and-swap of the ledger. `false`: somebody was faster.
    pub(crate) fn write_ledger(&mut self, write: &Write) -> bool {
        if write.version != self.ledger.version {
            return false;
        }
        let before = self.ledger.clone();
        let read = Rc::new(before.read.parse_next(&write.data));
        self.ledger = Stored { read, data: write.data.clone(), version: write.version + 1 };
        Audit::ledger_written(self, write, &before);
        true
    }

    /// Sets a Deployment's replicas, whoever does it.
    pub(crate) fn set_replicas(&mut self, tenant: usize, replicas: u32) {
        let one = &mut self.tenants[tenant];
        if one.replicas != replicas {
            one.replicas = replicas;
            one.version += 1;
            self.queue.add(self.now + 200, Event::Reconcile(tenant));
            self.trace.say(self.now, || format!("{} is scaled to {replicas}", self.tenants[tenant].id));
        }
    }
}
