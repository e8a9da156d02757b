//! What must hold at every full minute, and what a tick must make good.

use tenancy::defaults::{SWEEP_INTERVAL_S, TICK_DEADLINE_S};
use tenancy::ledger::{Ledger, State};

use super::{Audit, truth};
use crate::Keeper;
use crate::queue::Ms;
use crate::world::World;

/// After the first tick that found it, a tenant outside its windows is gone
/// within this and what its pod takes to go.
const PUT_DOWN_MS: Ms = 120_000;
/// After the first tick that could restore it, a resident has its replicas back
/// within this: a drain, a drain that fails, and the calls.
const RESTORE_MS: Ms = 600_000;
/// A short card gets a yield within this and two ticks of the slowest tenant: the
/// longest load, a neighbour's drain and the grace.
const SHORT_MS: Ms = 1000 * (1200 + 600 + 60);
/// From the moment at which a CronJob is due to a tick's first look, at the latest.
const TICK_COMES_MS: Ms = 1000 * (TICK_DEADLINE_S as Ms + 10);
/// So long on end a tenant must have had room for its absence to count.
const ROOM_MINUTES: u32 = 30;

impl Audit {
    /// A tick begins to look.
    pub(crate) fn tick_begins(world: &mut World, tenant: usize) {
        world.audit.tally.ticks += 1;
        if is_disturbed(world) {
            return;
        }
        let now = world.now;
        if runs(world, tenant) && !may_run(world, tenant) {
            world.audit.tenants[tenant].found_outside.get_or_insert(now);
        }
        for resident in 0..world.residents.len() {
            if should_be_back(world, resident) && holds_back(&world.ledger.read, world, tenant, resident) {
                world.audit.residents[resident].owed_back.get_or_insert(now);
            }
        }
    }

    pub(crate) fn minute(world: &mut World) {
        world.audit.tally.minutes += 1;
        if is_disturbed(world) {
            for notes in &mut world.audit.tenants {
                (notes.found_outside, notes.outside_since) = (None, None);
            }
            world.audit.residents.iter_mut().for_each(|notes| notes.owed_back = None);
            world.audit.short_since = None;
        }
        let in_use = (0..world.tenants.len()).any(|tenant| runs(world, tenant));
        if in_use {
            let over = u64::try_from(truth::by_processes(world, None).over_mib()).unwrap_or(0);
            world.audit.tally.over_worst_mib = world.audit.tally.over_worst_mib.max(over);
        }
        for tenant in 0..world.tenants.len() {
            Self::minute_of_tenant(world, tenant);
        }
        if world.keeper == Keeper::Ours {
            for resident in 0..world.residents.len() {
                Self::minute_of_resident(world, resident);
            }
            Self::shortage(world);
        }
    }

    fn minute_of_tenant(world: &mut World, tenant: usize) {
        Self::follow_windows(world, tenant);
        let now = world.now;
        let (runs, may) = (runs(world, tenant), may_run(world, tenant));
        let in_window = is_open(world, tenant);
        let ready = world.tenants[tenant].pods.iter().any(|pod| pod.ready && !pod.deleting);
        world.audit.tally.minutes_outside += u64::from(runs && !may);
        world.audit.tally.minutes_served += u64::from(ready && in_window);
        let room = in_window && !ready && could_start(world, tenant);
        let notes = &mut world.audit.tenants[tenant];
        notes.served |= ready;
        notes.room_minutes = if room { notes.room_minutes + 1 } else { 0 };
        notes.had_room |= notes.room_minutes >= ROOM_MINUTES;
        if !runs || may {
            (notes.found_outside, notes.outside_since) = (None, None);
        }
        let late_ms = PUT_DOWN_MS + world.outages.exit_ms();
        if let Some(found) = notes.found_outside.filter(|found| now - found > late_ms) {
            let minutes = (now - found) / 60_000;
            let id = world.tenants[tenant].id.clone();
            Self::fault(
                world,
                format!("{id} still runs outside its windows {minutes} min after a tick saw it"),
            );
        }
        Self::some_tick_comes(world, tenant, runs && !may);
        Self::entry_is_there(world, tenant);
    }

    /// Whoever runs outside its windows while ticks can come is gone soon after the next should have come,
    /// whether one came or not.
    fn some_tick_comes(world: &mut World, tenant: usize, runs_outside: bool) {
        if !runs_outside || is_disturbed(world) || world.keeper != Keeper::Ours {
            return;
        }
        let now = world.now;
        let since = *world.audit.tenants[tenant].outside_since.get_or_insert(now);
        let late_ms = longest_pause_ms(world, tenant) + TICK_COMES_MS + PUT_DOWN_MS + world.outages.exit_ms();
        if now - since > late_ms {
            let minutes = (now - since) / 60_000;
            let id = world.tenants[tenant].id.clone();
            Self::fault(
                world,
                format!("{id} runs outside its windows for {minutes} min and no tick ends it"),
            );
        }
    }

    /// Whoever runs, the ledger knows it.
    fn entry_is_there(world: &mut World, tenant: usize) {
        let serving = world.tenants[tenant].pods.iter().any(|pod| pod.process.is_some());
        if world.keeper != Keeper::Ours || !serving {
            return;
        }
        let entry = world.ledger.read.get(&world.tenants[tenant].id);
        if entry.is_none_or(|entry| entry.state == State::Asleep) {
            let what = format!("{} runs and the ledger has it asleep", world.tenants[tenant].id);
            Self::fault(world, what);
        }
    }

    fn follow_windows(world: &mut World, tenant: usize) {
        let now = world.now;
        let notes = &mut world.audit.tenants[tenant];
        let Some((opens, closes)) = notes.open.get(notes.next).copied() else { return };
        if now < closes {
            return;
        }
        let hand = notes.hand_at.is_some_and(|at| at >= opens - 86_400_000);
        let missed = !notes.served && notes.had_room && !hand;
        notes.next += 1;
        (notes.served, notes.had_room, notes.room_minutes) = (false, false, 0);
        world.audit.tally.windows += 1;
        world.audit.tally.windows_missed += u64::from(missed);
        if missed {
            world.trace.say(now, || format!("{} missed its window", world.tenants[tenant].id));
        }
    }

    fn minute_of_resident(world: &mut World, resident: usize) {
        let now = world.now;
        if !should_be_back(world, resident) {
            world.audit.residents[resident].owed_back = None;
            return;
        }
        let known =
            (0..world.tenants.len()).any(|tenant| holds_back(&world.ledger.read, world, tenant, resident));
        if !known {
            Self::fault(world, format!("resident{resident} stays at 0 and nobody remembers what it had"));
        }
        let owed = world.audit.residents[resident].owed_back;
        if let Some(since) = owed.filter(|since| now - since > RESTORE_MS + world.outages.exit_ms()) {
            let minutes = (now - since) / 60_000;
            Self::fault(
                world,
                format!("resident{resident} is not restored {minutes} min after a tick could"),
            );
        }
    }

    /// A card that is short and somebody in who could go: nobody waits for ever.
    fn shortage(world: &mut World) {
        let ledger = world.ledger.read.clone();
        let somebody = ledger.entries().any(|(_, entry)| entry.state.is_admitted());
        let mut sum = truth::by_ledger(world, &ledger, &world.device.snapshot(), None);
        if !world.script.card.attributes {
            // What is not attributed is not known to be owed.
            sum.owed_mib = 0;
        }
        if !somebody || sum.over_mib() <= 0 || world.outages.source().is_some() {
            world.audit.short_since = None;
            return;
        }
        let since = *world.audit.short_since.get_or_insert(world.now);
        let slowest_ms = (0..world.tenants.len()).map(|tenant| longest_pause_ms(world, tenant)).max();
        if world.now - since > SHORT_MS + 2 * slowest_ms.unwrap_or(0) + world.outages.exit_ms() {
            let minutes = (world.now - since) / 60_000;
            Self::fault(world, format!("the card is short for {minutes} min and nobody yields: {sum}"));
        }
    }
}

/// The longest between two ticks of a tenant: of those round the clock, and of the guard's where a window is
/// open or where there are no windows.
pub(super) fn longest_pause_ms(world: &World, tenant: usize) -> Ms {
    let guard_ms = 1000 * Ms::from(world.script.tenants[tenant].guard_interval_s);
    let sweep_ms = 1000 * Ms::from(SWEEP_INTERVAL_S);
    match (world.audit.tenants[tenant].on_demand, is_open(world, tenant)) {
        (true, _) => guard_ms,
        (false, true) => guard_ms.min(sweep_ms),
        (false, false) => sweep_ms,
    }
}

/// Whether something keeps ticks from coming, looking or acting.
fn is_disturbed(world: &World) -> bool {
    let out = &world.outages;
    out.api_away + out.controller_away + out.gates_die + out.writes_unanswered > 0
        || out.write_ms().is_some()
        || out.tick_ms() > 0
        || out.leap_ms() != 0
        || out.node_away > 0
}

fn runs(world: &World, tenant: usize) -> bool {
    world.tenants[tenant].pods.iter().any(|pod| pod.process.is_some())
}

fn is_open(world: &World, tenant: usize) -> bool {
    let notes = &world.audit.tenants[tenant];
    let contains = |(opens, closes): &(Ms, Ms)| *opens <= world.now && world.now < *closes;
    notes.on_demand || notes.open.get(notes.next).is_some_and(contains)
}

/// Whether windows or a person let it run now.
fn may_run(world: &World, tenant: usize) -> bool {
    let until =
        world.tenants[tenant].annotation.as_deref().and_then(|text| text.strip_prefix("awake-until="));
    let asked =
        until.and_then(|text| text.parse().ok()).is_some_and(|until: jiff::Timestamp| until > world.clock());
    is_open(world, tenant) || asked
}

/// Whether the card has room for it, nobody keeps it asleep and nothing ails it.
fn could_start(world: &World, tenant: usize) -> bool {
    let out = &world.outages;
    let ails = out.never_ready(tenant) || out.crash_loops(tenant) || out.on_another_card(tenant);
    let well = !ails && out.no_node + out.node_away == 0;
    let one = &world.tenants[tenant];
    let wanted =
        !one.gate.suspend && one.annotation.is_none() && one.gate.schedule.windows().next().is_some();
    let spec = &world.script.tenants[tenant];
    let sum = truth::by_processes(world, Some(tenant));
    let headroom = i64::try_from(spec.headroom_mib.saturating_sub(sum.headroom_mib)).unwrap_or(0);
    well && wanted && sum.over_mib() + i64::try_from(spec.peak_mib).unwrap_or(i64::MAX) + headroom <= 0
}

/// Whether a resident is at 0 although no tenant that pauses it may be awake.
fn should_be_back(world: &World, resident: usize) -> bool {
    let had = world.script.residents[resident].replicas > 0;
    let down = had && world.residents[resident].replicas == 0 && !world.audit.is_asleep_by_hand(resident);
    down && (0..world.tenants.len()).all(|tenant| {
        !holds_back(&world.ledger.read, world, tenant, resident)
            || (!may_run(world, tenant) && !runs(world, tenant))
    })
}

/// Whether the ledger has the resident as paused for the tenant.
fn holds_back(ledger: &Ledger, world: &World, tenant: usize, resident: usize) -> bool {
    let entry = ledger.get(&world.tenants[tenant].id);
    let mut targets = entry.into_iter().flat_map(|entry| &entry.paused);
    targets.any(|paused| world.resident_of(&paused.target) == Some(resident))
}
