//! What a gate promises, checked against the world as it really is.

mod promises;
mod truth;
mod wall;
mod watch;

use tenancy::decide::Decision;
use tenancy::window::Schedule;

use crate::Keeper;
use crate::queue::Ms;
use crate::tally::Tally;
use crate::world::{Basis, World};

/// The auditor's notes.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(crate) tally: Tally,
    broken: Option<String>,
    tenants: Vec<TenantNotes>,
    residents: Vec<ResidentNotes>,
    /// Since when the card is short with somebody in who could go.
    short_since: Option<Ms>,
}

/// What is known of a tenant beyond what the world says.
#[derive(Debug, Default)]
struct TenantNotes {
    /// Its windows as spans of time, oldest first, those that touch joined.
    open: Vec<(Ms, Ms)>,
    /// The first of them that has not ended.
    next: usize,
    /// Whether it is asked for by demand and has no windows.
    on_demand: bool,
    /// Since when all its looks saw no figures.
    blind_since: Option<Ms>,
    /// When it yielded last.
    yielded_at: Option<Ms>,
    /// The first tick that found it running outside its windows.
    found_outside: Option<Ms>,
    /// Since when it runs outside its windows and nothing keeps ticks from coming.
    outside_since: Option<Ms>,
    /// Whether a person has ever scaled it.
    hand_scaled: bool,
    /// When a person last had a say.
    hand_at: Option<Ms>,
    /// Whether it was ready in the window that is open.
    served: bool,
    /// For how many minutes on end it could have been let in.
    room_minutes: u32,
    /// Whether that was half an hour in the window that is open.
    had_room: bool,
}

/// What is known of a resident beyond what the world says.
#[derive(Debug, Default)]
struct ResidentNotes {
    /// Whether it is at 0 because a person wanted that.
    asleep_by_hand: bool,
    /// The first tick that could have given it back what it had.
    owed_back: Option<Ms>,
}

impl Audit {
    pub(crate) fn new(world: &World) -> Self {
        let tenants = world.tenants.iter().zip(&world.script.tenants).map(|(tenant, spec)| {
            let all = spec.windows.iter().flat_map(|window| wall::spans(window, world.now, world.end));
            let mut open: Vec<(Ms, Ms)> = all.collect();
            open.sort_unstable();
            let on_demand = tenant.gate.schedule == Schedule::OnDemand;
            TenantNotes { open: joined(&open), on_demand, ..TenantNotes::default() }
        });
        Self {
            tenants: tenants.collect(),
            residents: world.residents.iter().map(|_| ResidentNotes::default()).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn outcome(self) -> (Tally, Option<String>) {
        (self.tally, self.broken)
    }

    /// A promise was broken. Only ours are promises.
    fn fault(world: &mut World, what: String) {
        if world.keeper == Keeper::Ours && world.audit.broken.is_none() {
            world.trace.say(world.now, || format!("BROKEN: {what}"));
            world.trace.close();
            world.audit.broken = Some(format!("{}: {what}", world.clock()));
        }
    }

    fn is_asleep_by_hand(&self, resident: usize) -> bool {
        self.residents[resident].asleep_by_hand
    }

    /// Somebody changed a resident's replicas, which takes the place of what anybody wanted before.
    pub(crate) fn resident_scaled(&mut self, resident: usize, by_hand: bool, replicas: u32) {
        self.residents[resident].asleep_by_hand = by_hand && replicas == 0;
    }

    pub(crate) fn hand_on_tenant(&mut self, tenant: usize, now: Ms, scales: bool) {
        self.tenants[tenant].hand_at = Some(now);
        self.tenants[tenant].hand_scaled |= scales;
    }

    /// An allocation was refused. Where everybody keeps to what was declared, no gate may let that happen.
    pub(crate) fn out_of_memory(world: &mut World, resident: bool, what: &str) {
        world.audit.tally.out_of_memory += 1;
        world.audit.tally.resident_out_of_memory += u64::from(resident);
        world.trace.say(world.now, || format!("out of memory: {what}"));
        // Figures that are old are believed where the clock says that they are new.
        if world.script.is_honest() && !promises::is_time_off(world) {
            Self::fault(world, format!("out of memory although everybody kept to his peak: {what}"));
        }
    }

    /// A tick saw the card.
    pub(crate) fn looked(world: &mut World, tenant: usize, basis: Basis) {
        let notes = &mut world.audit.tenants[tenant];
        notes.blind_since = basis.blind.then(|| notes.blind_since.unwrap_or(world.now));
    }

    /// A tick decided.
    pub(crate) fn decided(world: &mut World, tenant: usize, decision: &Decision) {
        world.audit.tally.judgements += 1;
        let id = &world.tenants[tenant].id;
        let before = world.ledger.read.get(id).and_then(|entry| entry.status.as_ref());
        let changed = before.is_none_or(|status| status.rule != decision.rule);
        world.note_decision(tenant, decision, changed);
    }

    /// Decisions asked for one another without end.
    pub(crate) fn circles(world: &mut World, tenant: usize) {
        let what = format!("the gate of {} decides in a circle", world.tenants[tenant].id);
        Self::fault(world, what);
    }
}

/// Spans that touch or overlap as one.
fn joined(spans: &[(Ms, Ms)]) -> Vec<(Ms, Ms)> {
    let mut all: Vec<(Ms, Ms)> = Vec::new();
    for (opens, closes) in spans {
        match all.last_mut() {
            Some(last) if *opens <= last.1 => last.1 = last.1.max(*closes),
            _ => all.push((*opens, *closes)),
        }
    }
    all
}
