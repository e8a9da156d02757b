//! All cards of one fake-card process and what time does to them.
//!
//! Nothing runs in the background: every call brings the time, and what fell due
//! since the last one (leases that ended, steps of scripts) happens first, in the
//! order in which it fell due. So a slow machine cannot change an outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::card::{Allocation, Card, Snapshot, count_refusals};
use crate::spec::{CardSpec, SpecError};
use crate::wire::{
    Allocated, AllocationRequest, CardState, Fault, Refusal, Refusals, ResidentRequest, ResizeRequest, Step,
};

/// All cards.
#[derive(Debug, Default)]
pub struct Board {
    slots: BTreeMap<String, Slot>,
    /// Which card an allocation is on.
    homes: BTreeMap<u64, String>,
    last_id: u64,
    /// A refusal must not be forgotten because a test tidied its card away.
    refusals_of_removed_cards: Vec<Refusal>,
    /// What happened by itself, for the log.
    happened: Vec<String>,
}

#[derive(Debug)]
struct Slot {
    card: Card,
    /// Steps to come with the time when they are due, sorted by it.
    steps: Vec<(Duration, Step)>,
    fault: Fault,
    /// The figures that a stale exporter goes on showing.
    frozen: Option<Snapshot>,
}

/// Why a request could not be followed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoardError {
    /// The card as ordered is impossible.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A second card of the same name.
    #[error("there is a card `{0}` already; delete it or choose another name")]
    CardExists(String),
    /// No card of that name.
    #[error("there is no card `{0}`; GET /cards lists those there are")]
    NoCard(String),
    /// No allocation of that id: never made, freed, or its lease ended.
    #[error("there is no allocation {0}; it was freed or its lease ended")]
    NoAllocation(u64),
    /// A time that is negative, not a number, or beyond any test.
    #[error("{field} = {value} is not a number of seconds from 0 to 86,400")]
    Seconds {
        /// The field of the request.
        field: &'static str,
        /// What it held.
        value: f64,
    },
    /// More was asked for than is free.
    #[error("out of memory: {holder} asked {card} for {requested_mib} MiB more, {free_mib} are free",
        holder = .0.holder, card = .0.card, requested_mib = .0.requested_mib, free_mib = .0.free_mib)]
    OutOfMemory(Refusal),
}

/// What a metrics page is made from: a card's figures and what is wrong with them.
pub type Reading = (Snapshot, Fault);

impl Board {
    /// Adds an empty card.
    ///
    /// # Errors
    /// An impossible card, or one of that name exists.
    pub fn add_card(&mut self, spec: CardSpec) -> Result<(), BoardError> {
        let spec = spec.check()?;
        if self.slots.contains_key(&spec.name) {
            return Err(BoardError::CardExists(spec.name));
        }
        let name = spec.name.clone();
        let slot = Slot { card: Card::new(spec), steps: Vec::new(), fault: Fault::None, frozen: None };
        self.slots.insert(name, slot);
        Ok(())
    }

    /// Removes a card with everything on it; its refusals are kept.
    ///
    /// # Errors
    /// No such card.
    pub fn remove_card(&mut self, name: &str) -> Result<(), BoardError> {
        let slot = self.slots.remove(name).ok_or_else(|| BoardError::NoCard(name.to_owned()))?;
        self.refusals_of_removed_cards.extend_from_slice(slot.card.refusals());
        self.homes.retain(|_, home| home != name);
        Ok(())
    }

    /// Gives memory to a process.
    ///
    /// # Errors
    /// No such card, an impossible lease, or out of memory.
    pub fn allocate(
        &mut self,
        card: &str,
        request: AllocationRequest,
        now: Duration,
    ) -> Result<Allocated, BoardError> {
        self.advance(now);
        let lease = seconds("lease_s", request.lease_s)?;
        let id = self.last_id + 1;
        let slot = self.slot(card)?;
        let allocation = Allocation {
            owner: request.owner,
            mib: request.mib,
            lease,
            expires: now.saturating_add(lease),
            leaves_leak: request.leaves_leak,
        };
        slot.card.allocate(id, allocation, request.scripted, now).map_err(BoardError::OutOfMemory)?;
        let free_mib = slot.card.free_mib();
        self.last_id = id;
        self.homes.insert(id, card.to_owned());
        Ok(Allocated { id, mib: request.mib, free_mib })
    }

    /// Changes the size of an allocation; also a sign of life.
    ///
    /// # Errors
    /// No such allocation, or out of memory.
    pub fn resize(
        &mut self,
        id: u64,
        request: &ResizeRequest,
        now: Duration,
    ) -> Result<Allocated, BoardError> {
        self.advance(now);
        let card = self.card_of(id)?;
        card.resize(id, request.mib, request.scripted, now)
            .ok_or(BoardError::NoAllocation(id))?
            .map_err(BoardError::OutOfMemory)?;
        Ok(Allocated { id, mib: request.mib, free_mib: card.free_mib() })
    }

    /// A sign of life from the owner of an allocation.
    ///
    /// # Errors
    /// No such allocation.
    pub fn keep_alive(&mut self, id: u64, now: Duration) -> Result<(), BoardError> {
        self.advance(now);
        self.card_of(id)?.keep_alive(id, now);
        Ok(())
    }

    /// Whether an allocation is still there.
    pub fn is_held(&mut self, id: u64, now: Duration) -> bool {
        self.advance(now);
        self.homes.contains_key(&id)
    }

    /// Takes an allocation back.
    ///
    /// # Errors
    /// No such allocation.
    pub fn release(&mut self, id: u64, now: Duration) -> Result<(), BoardError> {
        self.advance(now);
        self.card_of(id)?.release(id);
        self.homes.remove(&id);
        Ok(())
    }

    /// Gives back all leaks of a card; returns how much that was, in MiB.
    ///
    /// # Errors
    /// No such card.
    pub fn clear_leaks(&mut self, card: &str, now: Duration) -> Result<u64, BoardError> {
        self.advance(now);
        Ok(self.slot(card)?.card.clear_leaks())
    }

    /// Sets what a resident holds.
    ///
    /// # Errors
    /// No such card, or out of memory.
    pub fn set_resident(
        &mut self,
        card: &str,
        request: ResidentRequest,
        now: Duration,
    ) -> Result<CardState, BoardError> {
        self.advance(now);
        let ResidentRequest { name, mib, scripted, hidden, owner } = request;
        let slot = self.slot(card)?;
        slot.card.set_resident(&name, owner, hidden, mib, scripted, now).map_err(BoardError::OutOfMemory)?;
        Ok(slot.state())
    }

    /// Adds timed steps to what a card has to come.
    ///
    /// # Errors
    /// No such card, or a step at an impossible time; then no step is taken.
    pub fn add_script(&mut self, card: &str, steps: Vec<Step>, now: Duration) -> Result<(), BoardError> {
        self.advance(now);
        let due: Result<Vec<_>, BoardError> = steps
            .into_iter()
            .map(|step| Ok((now.saturating_add(seconds("after_s", step.after_s)?), step)))
            .collect();
        let slot = self.slot(card)?;
        slot.steps.extend(due?);
        slot.steps.sort_by_key(|(due, _)| *due);
        Ok(())
    }

    /// Orders a fault of a card's metrics.
    ///
    /// # Errors
    /// No such card.
    pub fn set_fault(&mut self, card: &str, fault: Fault, now: Duration) -> Result<(), BoardError> {
        self.advance(now);
        let slot = self.slot(card)?;
        slot.fault = fault;
        slot.frozen = (fault == Fault::Stale).then(|| slot.card.snapshot());
        Ok(())
    }

    /// The state of one card.
    ///
    /// # Errors
    /// No such card.
    pub fn state(&mut self, card: &str, now: Duration) -> Result<CardState, BoardError> {
        self.advance(now);
        Ok(self.slot(card)?.state())
    }

    /// The states of all cards, by name.
    pub fn states(&mut self, now: Duration) -> Vec<CardState> {
        self.advance(now);
        self.slots.values().map(Slot::state).collect()
    }

    /// What the metrics of one card show.
    ///
    /// # Errors
    /// No such card.
    pub fn reading(&mut self, card: &str, now: Duration) -> Result<Reading, BoardError> {
        self.advance(now);
        Ok(self.slot(card)?.reading())
    }

    /// What the metrics of all cards show, by name: one moment, under one lock.
    pub fn readings(&mut self, now: Duration) -> Vec<Reading> {
        self.advance(now);
        self.slots.values().map(Slot::reading).collect()
    }

    /// Every refusal, or those of one card; those of removed cards included.
    pub fn refusals(&mut self, card: Option<&str>, now: Duration) -> Refusals {
        self.advance(now);
        let kept = self.refusals_of_removed_cards.iter();
        let mut refusals: Vec<Refusal> = kept
            .chain(self.slots.values().flat_map(|slot| slot.card.refusals()))
            .filter(|refusal| card.is_none_or(|name| refusal.card == name))
            .cloned()
            .collect();
        refusals.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        Refusals { refused: count_refusals(&refusals), refusals }
    }

    /// What happened by itself since this was last asked, as sentences for a log.
    pub fn take_happened(&mut self, now: Duration) -> Vec<String> {
        self.advance(now);
        std::mem::take(&mut self.happened)
    }

    /// Lets everything happen that fell due, in the order in which it did.
    fn advance(&mut self, now: Duration) {
        while let Some((due, card, lease)) = self.next_due().filter(|(due, ..)| *due <= now) {
            let Some(slot) = self.slots.get_mut(&card) else { return };
            match lease {
                Some(id) => {
                    slot.card.release(id);
                    self.homes.remove(&id);
                    self.happened.push(format!("{card}: the lease of allocation {id} ended"));
                }
                None => self.happened.push(slot.take_step(due)),
            }
        }
    }

    /// What is due next and when: the lease of an allocation, or a card's first
    /// step. At one and the same time a lease ends before a step needs its memory.
    fn next_due(&self) -> Option<(Duration, String, Option<u64>)> {
        let leases = self
            .slots
            .iter()
            .filter_map(|(name, slot)| slot.card.next_expiry().map(|(due, id)| (due, 0, name, Some(id))));
        let steps = self.slots.iter().filter_map(|(name, slot)| Some((slot.steps.first()?.0, 1, name, None)));
        leases.chain(steps).min().map(|(due, _, name, lease)| (due, name.clone(), lease))
    }

    fn slot(&mut self, card: &str) -> Result<&mut Slot, BoardError> {
        self.slots.get_mut(card).ok_or_else(|| BoardError::NoCard(card.to_owned()))
    }

    fn card_of(&mut self, id: u64) -> Result<&mut Card, BoardError> {
        let home = self.homes.get(&id).ok_or(BoardError::NoAllocation(id))?;
        let slot = self.slots.get_mut(home).ok_or(BoardError::NoAllocation(id))?;
        Ok(&mut slot.card)
    }
}

impl Slot {
    fn state(&self) -> CardState {
        let Snapshot { spec, used_mib, free_mib, holders } = self.card.snapshot();
        CardState {
            name: spec.name,
            uuid: spec.uuid,
            index: spec.index,
            total_mib: spec.total_mib,
            reserved_mib: spec.reserved_mib,
            used_mib,
            free_mib,
            peak_used_mib: self.card.peak_used_mib(),
            holders,
            refused: self.card.refused(),
            steps_to_come: self.steps.len() as u64,
            fault: self.fault,
        }
    }

    fn reading(&self) -> Reading {
        (self.frozen.clone().unwrap_or_else(|| self.card.snapshot()), self.fault)
    }

    fn take_step(&mut self, due: Duration) -> String {
        let (_, step) = self.steps.remove(0);
        let Step { resident, mib, scripted, hidden, .. } = step;
        let card = self.card.spec().name.clone();
        match self.card.set_resident(&resident, None, hidden, mib, scripted, due) {
            Ok(()) => format!("{card}: by its script, {resident} holds {mib} MiB"),
            Err(refusal) => format!("{}, as its script said", BoardError::OutOfMemory(refusal)),
        }
    }
}

fn seconds(field: &'static str, value: f64) -> Result<Duration, BoardError> {
    if !(0.0..=86_400.0).contains(&value) {
        return Err(BoardError::Seconds { field, value });
    }
    Ok(Duration::from_secs_f64(value))
}

#[cfg(test)]
mod tests;
