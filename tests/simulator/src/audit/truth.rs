//! The card's sum as it really is.

use tenancy::ledger::{Entry, Ledger};

use crate::world::device::{Owner, Snapshot};
use crate::world::{Pod, World};

/// What is taken, what is promised beyond it, and what must stay free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) used_mib: u64,
    pub(super) owed_mib: u64,
    pub(super) headroom_mib: u64,
    pub(super) usable_mib: u64,
}

impl Sum {
    /// By how much the card is promised beyond its size; negative while it is not.
    pub(super) fn over_mib(&self) -> i64 {
        let promised = self.used_mib + self.owed_mib + self.headroom_mib;
        i64::try_from(promised).unwrap_or(i64::MAX) - i64::try_from(self.usable_mib).unwrap_or(i64::MAX)
    }

    fn keep(&mut self, peak_mib: u64, used_mib: u64, headroom_mib: u64) {
        self.owed_mib += peak_mib.saturating_sub(used_mib);
        self.headroom_mib = self.headroom_mib.max(headroom_mib);
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { used_mib, owed_mib, headroom_mib, usable_mib } = self;
        write!(f, "{used_mib} used + {owed_mib} owed + {headroom_mib} headroom, {usable_mib} MiB usable")
    }
}

/// The sum over everybody whom the ledger has in, the candidate `me` with its whole peak.
/// Without a candidate it is the sum of a card that may be short.
/// What `me` paused is looked up in the ledger as it is now, which says that it was seen at 0.
pub(super) fn by_ledger(world: &World, ledger: &Ledger, then: &Snapshot, me: Option<usize>) -> Sum {
    let mut sum = start(world, then);
    // Whoever asks counts on those whom it paused itself; nobody yields for want of a room that was given to him.
    let asks = |tenant: &usize| me.is_none_or(|me| me == *tenant);
    let after = &world.ledger.read;
    for (index, spec) in world.script.residents.iter().enumerate().filter(|(_, spec)| spec.protected) {
        let tenants = (0..world.tenants.len()).filter(asks);
        let gave_way = tenants
            .filter_map(|tenant| after.get(&world.tenants[tenant].id))
            .any(|entry| gave_way(world, index, entry));
        // One that a hand brought back takes its room before he for whom it gave way has noticed.
        let gave_way = gave_way && (me.is_some() || world.residents[index].replicas == 0);
        let holds = then.held_by(|owner| owner == Owner::Resident(index));
        // Who holds nothing is not listed, and judged by nobody to be owed when the card is short.
        if !gave_way && (me.is_some() || holds > 0) {
            sum.keep(spec.peak_mib, holds, 0);
        }
    }
    for (index, spec) in world.script.tenants.iter().enumerate() {
        let entry = ledger.get(&world.tenants[index].id).filter(|entry| entry.state.is_admitted());
        match (me == Some(index), entry) {
            (true, _) => sum.keep(spec.peak_mib, 0, spec.headroom_mib),
            (false, Some(entry)) => {
                let uid = entry.pod.as_ref().and_then(|pod| pod.uid.parse().ok()).unwrap_or(0);
                sum.keep(
                    spec.peak_mib,
                    then.held_by(|owner| owner == Owner::Tenant(index, uid)),
                    spec.headroom_mib,
                );
            }
            (false, None) => {}
        }
    }
    sum
}

/// The sum over everybody who runs, whatever a ledger says: for both keepers the same. For a tenant that wants in,
/// the room of a resident that gave way for another is not there: the resident is back when that other sleeps.
pub(super) fn by_processes(world: &World, wants_in: Option<usize>) -> Sum {
    let then = world.device.snapshot();
    let mut sum = start(world, &then);
    for (index, spec) in world.script.residents.iter().enumerate() {
        // One that a person put to sleep may be back at any time; one that gave way for a window may not.
        let gave_way = world.residents[index].replicas == 0 && !world.audit.is_asleep_by_hand(index);
        let for_whom = |tenant: usize| world.ledger.read.get(&world.tenants[tenant].id);
        let gave_way = gave_way
            && wants_in.is_none_or(|tenant| {
                for_whom(tenant).is_some_and(|entry| self::gave_way(world, index, entry))
            });
        if spec.protected && !gave_way {
            sum.keep(spec.peak_mib, then.held_by(|owner| owner == Owner::Resident(index)), 0);
        }
    }
    for (index, spec) in world.script.tenants.iter().enumerate() {
        let here = |pod: &&Pod| pod.process.is_some() && !pod.deleting && !pod.elsewhere;
        for pod in world.tenants[index].pods.iter().filter(here) {
            let held = then.held_by(|owner| owner == Owner::Tenant(index, pod.uid));
            sum.keep(spec.peak_mib, held, spec.headroom_mib);
        }
    }
    sum
}

fn start(world: &World, then: &Snapshot) -> Sum {
    Sum { used_mib: then.used_mib(), owed_mib: 0, headroom_mib: 0, usable_mib: world.device.usable_mib }
}

/// Whether the resident was scaled to 0 for the tenant with this entry.
fn gave_way(world: &World, resident: usize, mine: &Entry) -> bool {
    let all = mine.paused.iter().filter(|paused| paused.seen_at_zero && !paused.left_alone);
    all.map(|paused| world.resident_of(&paused.target)).any(|target| target == Some(resident))
}
