//! What must hold when a ledger is written and when a server starts.

use tenancy::decide::Rule;
use tenancy::defaults::{BACKOFF_LIMIT_S, CRASH_LIMIT, MIN_AWAKE_S};
use tenancy::gate::Timing;
use tenancy::ledger::{CARD_MEMORY_KEY, Entry, State};

use super::watch::longest_pause_ms;
use super::{Audit, truth};
use crate::queue::Ms;
use crate::world::{Stored, World, Write};

/// The longest that a gate counts from a moment in the past: the limit of a load, of ten minutes blind, of a pause.
const TIME_OFF_MS: Ms = 1000 * (BACKOFF_LIMIT_S as Ms);

impl Audit {
    /// A gate's or a pod's write of the ledger was taken.
    pub(crate) fn ledger_written(world: &mut World, write: &Write, before: &Stored) {
        Self::nothing_is_lost(world, write, before);
        let id = world.tenants[write.tenant].id.clone();
        let (old, new) = (before.read.entry(&id), world.ledger.read.entry(&id));
        let enters = match write.pod {
            Some(_) => true,
            None => !old.state.is_admitted() && new.state == State::Reserved,
        };
        if enters {
            Self::admitted(world, write, before);
        }
        let rule = new.status.as_ref().map(|status| status.rule);
        let leaves = old.state.is_admitted() && new.state == State::Draining;
        if let Some(rule) = rule.filter(|rule| leaves && is_yield(*rule)) {
            Self::yielded(world, write, before, rule);
        }
        if leaves && rule == Some(Rule::Idle) {
            Self::idle(world, write.tenant, &old);
        }
        let accused = matches!(rule, Some(Rule::HeldByHand | Rule::StartedByHand));
        if accused && !world.audit.tenants[write.tenant].hand_scaled {
            Self::fault(world, format!("{id} is said to have been scaled by hand, and no hand was at work"));
        }
    }

    /// Whoever has no work was awake for long enough to be worth its start.
    fn idle(world: &mut World, tenant: usize, old: &Entry) {
        let now = world.clock().as_second();
        let awake_s = old.awake_since.map_or(0, |since| now - since.as_second());
        if !is_time_off(world) && awake_s < i64::from(MIN_AWAKE_S) {
            let id = &world.tenants[tenant].id;
            Self::fault(world, format!("{id} is sent to sleep without work {awake_s} s after it woke"));
        }
    }

    /// Everybody's key stays as it was, but the writer's own.
    fn nothing_is_lost(world: &mut World, write: &Write, before: &Stored) {
        let own = world.tenants[write.tenant].id.key();
        let foreign = |key: &&String| **key != own && *key != CARD_MEMORY_KEY;
        let lost =
            before.data.keys().filter(foreign).find(|key| write.data.get(*key) != before.data.get(*key));
        let added = write.data.keys().filter(foreign).find(|key| !before.data.contains_key(*key));
        if let Some(key) = lost.or(added).cloned() {
            Self::fault(world, format!("{own} changed the entry {key}"));
        }
        if before.data.contains_key(&own) && !write.data.contains_key(&own) {
            Self::fault(world, format!("{own} lost its own entry"));
        }
        if let Some((key, why)) = world.ledger.read.unreadable.first_key_value() {
            let what = format!("{own} wrote a ledger whose key {key} cannot be read: {why}");
            Self::fault(world, what);
        }
    }

    /// The admission inequality, on the device as it was at the moment of the figures.
    fn admitted(world: &mut World, write: &Write, before: &Stored) {
        let id = world.tenants[write.tenant].id.clone();
        if write.basis.blind {
            world.audit.tally.blind_admissions += 1;
            Self::fault(world, format!("{id} is admitted although the card is not known"));
        }
        let then = world.device.snapshot_at(write.basis.at);
        let sum = truth::by_ledger(world, &before.read, &then, Some(write.tenant));
        if sum.over_mib() > 0 {
            let by = sum.over_mib();
            Self::fault(world, format!("{id} is admitted {by} MiB beyond the card: {sum}"));
        }
        let backoff_ms = Ms::from(Timing::default().backoff_s) * 1000;
        let early =
            world.audit.tenants[write.tenant].yielded_at.filter(|at| world.now - at < backoff_ms - 1000);
        if let (Some(at), None, false) = (early, write.pod, is_time_off(world)) {
            let after = (world.now - at) / 1000;
            Self::fault(world, format!("{id} is admitted {after} s after it yielded"));
        }
    }

    /// Whether a yield had a cause in what really was.
    fn yielded(world: &mut World, write: &Write, before: &Stored, rule: Rule) {
        // By the gate's own time: its write may have been long on its way.
        let since = world.ledger.read.entry(&world.tenants[write.tenant].id).since.as_millisecond();
        let at = if is_time_off(world) { world.now } else { since };
        world.audit.tenants[write.tenant].yielded_at = Some(at);
        world.audit.short_since = None;
        world.audit.tally.yields += 1;
        let id = world.tenants[write.tenant].id.clone();
        let why = Self::no_cause(world, write, before, rule);
        if let Some(why) = why {
            world.audit.tally.wrongful_yields += 1;
            Self::fault(world, format!("{id} yields by {rule:?} without a cause: {why}"));
        }
        let for_the_card = matches!(rule, Rule::ShortYield | Rule::CriticalYield);
        if let Some(first) = Self::whose_turn(world, write.tenant, before).filter(|_| for_the_card) {
            let first = &world.tenants[first].id;
            Self::fault(world, format!("{id} yields by {rule:?} in the place of {first}"));
        }
    }

    /// Somebody of a lower priority who is in and whose gate has written lately.
    fn whose_turn(world: &World, yields: usize, before: &Stored) -> Option<usize> {
        let priority = |tenant: usize| world.script.tenants[tenant].priority;
        let is_in = |tenant: usize| {
            let entry = before.read.get(&world.tenants[tenant].id).filter(|it| it.state.is_admitted());
            let wrote =
                entry.and_then(|entry| entry.status.as_ref()).map(|status| status.at.as_millisecond());
            wrote.is_some_and(|at| world.now - at <= 2 * longest_pause_ms(world, tenant))
        };
        let mut others = 0..world.tenants.len();
        others.find(|other| !is_time_off(world) && priority(*other) < priority(yields) && is_in(*other))
    }

    fn no_cause(world: &World, write: &Write, before: &Stored, rule: Rule) -> Option<String> {
        let timing = world.tenants[write.tenant].gate.timing;
        let pods = || world.tenants[write.tenant].pods.iter().filter(|pod| !pod.deleting);
        let since_s = |at: Ms| (world.now - at) / 1000;
        let by_time = matches!(rule, Rule::BlindYield | Rule::LoadingLimit);
        match rule {
            // What began while the clock was wrong lasts for as long as the clock says.
            _ if by_time && is_time_off(world) => None,
            Rule::ShortYield | Rule::CriticalYield => {
                let then = world.device.snapshot_at(write.basis.at);
                let sum = truth::by_ledger(world, &before.read, &then, None);
                (sum.over_mib() <= 0).then(|| sum.to_string())
            }
            Rule::BlindYield => {
                let blind_s = world.audit.tenants[write.tenant].blind_since.map_or(0, since_s);
                (blind_s < i64::from(timing.unknown_hold_s)).then(|| format!("blind for {blind_s} s"))
            }
            Rule::CrashLoop => {
                let crashes: u32 = pods().map(|pod| pod.restarts).sum();
                (crashes < CRASH_LIMIT).then(|| format!("{crashes} crashes"))
            }
            Rule::WrongCard => {
                let elsewhere = pods().any(|pod| pod.elsewhere);
                (!elsewhere).then(|| "its pod has the card".to_owned())
            }
            Rule::PodPending => {
                let placed = pods().any(|pod| pod.has_node);
                placed.then(|| "its pod has a node".to_owned())
            }
            Rule::LoadingLimit => {
                let started_s = before.read.entry(&world.tenants[write.tenant].id).starting_since;
                let taken = started_s.map_or(0, |at| since_s(at.as_millisecond()));
                let ready = pods().any(|pod| pod.ready);
                (ready || taken < i64::from(timing.loading_limit_s))
                    .then(|| format!("after {taken} s, ready: {ready}"))
            }
            _ => None,
        }
    }

    /// A server was let start.
    pub(crate) fn server_started(world: &mut World, tenant: usize, uid: u64) {
        world.audit.tally.starts += 1;
        let sum = truth::by_processes(world, None);
        let over = u64::try_from(sum.over_mib()).unwrap_or(0);
        if over > 0 {
            world.trace.say(world.now, || format!("the card is promised {over} MiB beyond its size: {sum}"));
        }
        let tally = &mut world.audit.tally;
        tally.over_at_start_mib = tally.over_at_start_mib.max(over);
        let id = &world.tenants[tenant].id;
        let others = world.tenants[tenant].pods.iter().filter(|pod| pod.uid != uid && pod.process.is_some());
        let ghosts = others.filter(|pod| !pod.deleting).count();
        if ghosts > 0 {
            let what = format!("{id} runs {} servers on the room of one", ghosts + 1);
            Self::fault(world, what);
        }
    }

    /// The shell gate scales up.
    pub(crate) fn shell_admits(world: &mut World, tenant: usize, blind: bool) {
        if world.tenants[tenant].replicas == 0 {
            world.audit.tally.blind_admissions += u64::from(blind);
        }
    }

    /// The shell gate's guard scales down.
    pub(crate) fn shell_yields(world: &mut World, tenant: usize) {
        if world.tenants[tenant].replicas == 0 {
            return;
        }
        let has_room = truth::by_processes(world, None).over_mib() <= 0;
        world.audit.tally.yields += 1;
        world.audit.tally.wrongful_yields += u64::from(has_room);
    }
}

/// Whether moments may stand in the ledger that a wrong clock gave, and from which something is counted that
/// has not ended.
pub(super) fn is_time_off(world: &World) -> bool {
    let lately = |at: Ms| world.now - at < TIME_OFF_MS;
    world.outages.leap_ms() != 0 || world.outages.leapt.is_some_and(lately)
}

/// Whether the rule sends a tenant away for trouble.
fn is_yield(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::BlindYield
            | Rule::CriticalYield
            | Rule::WrongCard
            | Rule::CrashLoop
            | Rule::PodPending
            | Rule::LoadingLimit
            | Rule::ShortYield
    )
}
