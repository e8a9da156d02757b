//! The card as it really is: processes, what each holds, and what was so a moment ago.

use std::collections::VecDeque;
use std::rc::Rc;

use tenancy::observation::PodKey;

use crate::queue::Ms;

/// How long the past is kept: longer than any exporter waits between two collections.
const PAST_MS: Ms = 300_000;

/// Whose process it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A tenant's, in the pod with this uid.
    Tenant(usize, u64),
    /// A resident's.
    Resident(usize),
    /// Of a pod that is gone: it was not reaped.
    Nobody,
}

/// A process that may hold memory.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) id: u64,
    pub(crate) owner: Owner,
    pub(crate) holds_mib: u64,
    /// By which name the metrics know it.
    pub(crate) pod: Rc<PodKey>,
}

/// All processes of one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot(pub(crate) Vec<Process>);

impl Snapshot {
    pub(crate) fn used_mib(&self) -> u64 {
        self.0.iter().map(|process| process.holds_mib).sum()
    }

    /// What the processes of an owner hold.
    pub(crate) fn held_by(&self, owner: impl Fn(Owner) -> bool) -> u64 {
        self.0.iter().filter(|process| owner(process.owner)).map(|process| process.holds_mib).sum()
    }
}

/// The memory of one card.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) usable_mib: u64,
    now: Rc<Snapshot>,
    past: VecDeque<(Ms, Rc<Snapshot>)>,
    started: u64,
}

impl Device {
    pub(crate) fn new(usable_mib: u64) -> Self {
        Self { usable_mib, now: Rc::default(), past: VecDeque::new(), started: 0 }
    }

    pub(crate) fn snapshot(&self) -> Rc<Snapshot> {
        self.now.clone()
    }

    /// The processes as they were at a moment of the last minutes.
    pub(crate) fn snapshot_at(&self, at: Ms) -> Rc<Snapshot> {
        let found = self.past.iter().rev().find(|(since, _)| *since <= at);
        found.map_or_else(|| self.now.clone(), |(_, then)| then.clone())
    }

    pub(crate) fn free_mib(&self) -> u64 {
        self.usable_mib.saturating_sub(self.now.used_mib())
    }

    pub(crate) fn holds_mib(&self, id: u64) -> u64 {
        self.now.0.iter().find(|process| process.id == id).map_or(0, |process| process.holds_mib)
    }

    pub(crate) fn start(&mut self, at: Ms, owner: Owner, pod: Rc<PodKey>) -> u64 {
        self.started += 1;
        let id = self.started;
        self.change(at, |all| all.push(Process { id, owner, holds_mib: 0, pod }));
        id
    }

    /// Lets a process hold this much. `false` when the card has not as much: out of memory.
    pub(crate) fn resize(&mut self, at: Ms, id: u64, mib: u64) -> bool {
        if mib > self.holds_mib(id).saturating_add(self.free_mib()) {
            return false;
        }
        self.change(at, |all| all.iter_mut().filter(|one| one.id == id).for_each(|one| one.holds_mib = mib));
        true
    }

    pub(crate) fn end(&mut self, at: Ms, id: u64) {
        self.change(at, |all| all.retain(|process| process.id != id));
    }

    /// Leaves a process without its pod.
    pub(crate) fn orphan(&mut self, at: Ms, id: u64) {
        self.change(at, |all| {
            all.iter_mut().filter(|one| one.id == id).for_each(|one| one.owner = Owner::Nobody)
        });
    }

    pub(crate) fn end_all(&mut self, at: Ms, of: impl Fn(Owner) -> bool) {
        self.change(at, |all| all.retain(|process| !of(process.owner)));
    }

    fn change(&mut self, at: Ms, how: impl FnOnce(&mut Vec<Process>)) {
        let mut all = self.now.0.clone();
        how(&mut all);
        self.now = Rc::new(Snapshot(all));
        self.past.push_back((at, self.now.clone()));
        // The newest one that is older is what was so at the edge of the past.
        while self.past.get(1).is_some_and(|(second, _)| *second < at - PAST_MS) {
            self.past.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let pod = Rc::new(PodKey { namespace: "tts".parse().unwrap(), pod: "a".to_owned() });
        let mut card = Device::new(100);
        let first = card.start(0, Owner::Resident(0), pod.clone());
        let second = card.start(1000, Owner::Tenant(0, 7), pod);
        assert!(
            card.resize(2000, first, 60) && !card.resize(3000, second, 41) && card.resize(4000, second, 40)
        );
        assert_eq!((card.free_mib(), card.holds_mib(second)), (0, 40));
        assert_eq!(card.snapshot_at(3999).used_mib(), 60);
        card.orphan(5000, second);
        assert_eq!(card.snapshot().held_by(|owner| owner == Owner::Nobody), 40);
        card.end(6000, first);
        assert_eq!(card.free_mib(), 60);
    }
}
