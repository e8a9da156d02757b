//! One card's memory: who holds how much, and what was refused.
//!
//! The invariant is that of the device: `total = reserved + used + free`, and a
//! refusal changes nothing but the record of refusals.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::spec::CardSpec;
use crate::wire::{Holder, HolderKind, Owner, Refusal, RefusedCounts};

/// The process id of the first holder that brings none; a number that no one
/// mistakes for a real one of a small container.
const FIRST_INVENTED_PID: u32 = 70_001;

/// The memory of one card.
#[derive(Debug, Clone)]
pub struct Card {
    spec: CardSpec,
    allocations: BTreeMap<u64, Allocation>,
    residents: BTreeMap<String, Resident>,
    leaks: Vec<(Owner, u64)>,
    refusals: Vec<Refusal>,
    peak_used_mib: u64,
    next_pid: u32,
}

/// Memory that a process asked for over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Who holds it.
    pub owner: Owner,
    /// How much, in MiB.
    pub mib: u64,
    /// How long it lives after a sign of life.
    pub lease: Duration,
    /// When it is taken back, since the start of fake-card.
    pub expires: Duration,
    /// Whether it stays held when its owner is gone.
    pub leaves_leak: bool,
}

#[derive(Debug, Clone)]
struct Resident {
    owner: Owner,
    mib: u64,
    hidden: bool,
}

/// What a holder asks for, with what a refusal of it would have to say.
struct Claim<'a> {
    holder: &'a str,
    held_mib: u64,
    wanted_mib: u64,
    scripted: bool,
    now: Duration,
}

/// The figures of one moment; every metrics format is made from these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The card.
    pub spec: CardSpec,
    /// What the holders hold together, in MiB.
    pub used_mib: u64,
    /// What is left, in MiB.
    pub free_mib: u64,
    /// The holders: allocations by id, then residents by name, then leaks by age.
    pub holders: Vec<Holder>,
}

impl Card {
    /// An empty card.
    pub fn new(spec: CardSpec) -> Self {
        Card {
            spec,
            allocations: BTreeMap::new(),
            residents: BTreeMap::new(),
            leaks: Vec::new(),
            refusals: Vec::new(),
            peak_used_mib: 0,
            next_pid: FIRST_INVENTED_PID,
        }
    }

    /// What the card is.
    pub fn spec(&self) -> &CardSpec {
        &self.spec
    }

    /// Gives memory to a process, under an id that the caller chose.
    ///
    /// # Errors
    /// The refusal, when less is free; it is recorded and nothing else changes.
    pub fn allocate(
        &mut self,
        id: u64,
        mut allocation: Allocation,
        scripted: bool,
        now: Duration,
    ) -> Result<(), Refusal> {
        let holder = pod_name(&allocation.owner);
        self.claim(Claim { holder: &holder, held_mib: 0, wanted_mib: allocation.mib, scripted, now })?;
        self.give_pid(&mut allocation.owner);
        self.allocations.insert(id, allocation);
        self.note_peak();
        Ok(())
    }

    /// Changes the size of an allocation; also a sign of life. `None` when the
    /// card has no such allocation.
    ///
    /// # Errors
    /// The refusal, when the growth does not fit; the old size stays.
    pub fn resize(
        &mut self,
        id: u64,
        mib: u64,
        scripted: bool,
        now: Duration,
    ) -> Option<Result<(), Refusal>> {
        let Allocation { owner, mib: held_mib, .. } = self.allocations.get(&id)?;
        let (holder, held_mib) = (pod_name(owner), *held_mib);
        self.keep_alive(id, now);
        if let Err(refusal) = self.claim(Claim { holder: &holder, held_mib, wanted_mib: mib, scripted, now })
        {
            return Some(Err(refusal));
        }
        self.allocations.get_mut(&id)?.mib = mib;
        self.note_peak();
        Some(Ok(()))
    }

    /// Renews the lease of an allocation; false when the card has none of that id.
    pub fn keep_alive(&mut self, id: u64, now: Duration) -> bool {
        let Some(allocation) = self.allocations.get_mut(&id) else { return false };
        allocation.expires = now.saturating_add(allocation.lease);
        true
    }

    /// Takes an allocation back, or turns it into a leak when it was ordered to
    /// leave one. False when the card has none of that id.
    pub fn release(&mut self, id: u64) -> bool {
        let Some(gone) = self.allocations.remove(&id) else { return false };
        if gone.leaves_leak {
            self.leaks.push((gone.owner, gone.mib));
        }
        true
    }

    /// The allocation whose lease ends first, and when.
    pub fn next_expiry(&self) -> Option<(Duration, u64)> {
        self.allocations.iter().map(|(id, held)| (held.expires, *id)).min()
    }

    /// Gives back all memory whose owners are gone; returns how much, in MiB.
    pub fn clear_leaks(&mut self) -> u64 {
        self.leaks.drain(..).map(|(_, mib)| mib).sum()
    }

    /// Sets what a resident holds; nothing removes it.
    ///
    /// # Errors
    /// The refusal, when the growth does not fit; it goes on holding what it held.
    pub fn set_resident(
        &mut self,
        name: &str,
        owner: Option<Owner>,
        hidden: bool,
        mib: u64,
        scripted: bool,
        now: Duration,
    ) -> Result<(), Refusal> {
        let held = self.residents.get(name);
        let held_mib = held.map_or(0, |resident| resident.mib);
        let known_owner = held.map(|resident| resident.owner.clone());
        self.claim(Claim { holder: name, held_mib, wanted_mib: mib, scripted, now })?;
        if mib == 0 {
            self.residents.remove(name);
            return Ok(());
        }
        let mut owner = owner.or(known_owner).unwrap_or_else(|| resident_owner(name));
        self.give_pid(&mut owner);
        self.residents.insert(name.to_owned(), Resident { owner, mib, hidden });
        self.note_peak();
        Ok(())
    }

    /// What the holders hold together, in MiB.
    pub fn used_mib(&self) -> u64 {
        let allocated: u64 = self.allocations.values().map(|held| held.mib).sum();
        let resident: u64 = self.residents.values().map(|held| held.mib).sum();
        let leaked: u64 = self.leaks.iter().map(|(_, mib)| mib).sum();
        allocated + resident + leaked
    }

    /// What is left, in MiB.
    pub fn free_mib(&self) -> u64 {
        self.spec.total_mib - self.spec.reserved_mib - self.used_mib()
    }

    /// The most that was ever used, in MiB.
    pub fn peak_used_mib(&self) -> u64 {
        self.peak_used_mib
    }

    /// Every refusal, oldest first.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// How many allocations were refused.
    pub fn refused(&self) -> RefusedCounts {
        count_refusals(&self.refusals)
    }

    /// The figures of this moment.
    pub fn snapshot(&self) -> Snapshot {
        let allocations = self.allocations.iter().map(|(id, held)| Holder {
            kind: HolderKind::Allocation,
            id: Some(*id),
            owner: held.owner.clone(),
            mib: held.mib,
            in_pod_metrics: true,
        });
        let residents = self.residents.values().map(|held| Holder {
            kind: HolderKind::Resident,
            id: None,
            owner: held.owner.clone(),
            mib: held.mib,
            in_pod_metrics: !held.hidden,
        });
        // No process is left that an exporter could attribute a leak to.
        let leaks = self.leaks.iter().map(|(owner, mib)| Holder {
            kind: HolderKind::Leak,
            id: None,
            owner: owner.clone(),
            mib: *mib,
            in_pod_metrics: false,
        });
        Snapshot {
            spec: self.spec.clone(),
            used_mib: self.used_mib(),
            free_mib: self.free_mib(),
            holders: allocations.chain(residents).chain(leaks).collect(),
        }
    }

    fn claim(&mut self, claim: Claim<'_>) -> Result<(), Refusal> {
        let more_mib = claim.wanted_mib.saturating_sub(claim.held_mib);
        let free_mib = self.free_mib();
        if more_mib <= free_mib {
            return Ok(());
        }
        let refusal = Refusal {
            at_s: claim.now.as_secs_f64(),
            card: self.spec.name.clone(),
            holder: claim.holder.to_owned(),
            requested_mib: more_mib,
            free_mib,
            scripted: claim.scripted,
        };
        self.refusals.push(refusal.clone());
        Err(refusal)
    }

    fn give_pid(&mut self, owner: &mut Owner) {
        if owner.pid.is_none() {
            owner.pid = Some(self.next_pid);
            self.next_pid += 1;
        }
    }

    fn note_peak(&mut self) {
        self.peak_used_mib = self.peak_used_mib.max(self.used_mib());
    }
}

/// Counts refusals by whether the test had ordered them.
pub fn count_refusals(refusals: &[Refusal]) -> RefusedCounts {
    let scripted = refusals.iter().filter(|refusal| refusal.scripted).count() as u64;
    RefusedCounts { scripted, unscripted: refusals.len() as u64 - scripted }
}

fn pod_name(owner: &Owner) -> String {
    format!("{}/{}", owner.namespace, owner.pod)
}

fn resident_owner(name: &str) -> Owner {
    Owner {
        namespace: "residents".to_owned(),
        pod: name.to_owned(),
        container: name.to_owned(),
        process_name: name.to_owned(),
        pid: None,
        pod_uid: None,
    }
}

#[cfg(test)]
mod tests;
