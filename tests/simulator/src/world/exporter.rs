//! What measures the card, and what becomes of its figures on the way.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use tenancy::defaults::SAMPLE_FRESH_S;
use tenancy::observation::{PodKey, Sample, Unknown};
use tenancy::quantity::Mib;

use super::World;
use super::device::Snapshot;
use crate::queue::Ms;
use crate::script::Failure;

/// The card's UUID.
pub(crate) const UUID: &str = "GPU-5a6b";
/// The UUID of the card beside it.
pub(crate) const OTHER_UUID: &str = "GPU-0000";

/// A page of per-pod gauges, as the shell gate scrapes it; `None`: no answer.
type Page = Option<Vec<(Rc<PodKey>, u64)>>;

impl World {
    /// The moment that an answer now is of, and the card at that moment.
    pub(crate) fn collected(&self) -> (Ms, Rc<Snapshot>) {
        if let Some((Failure::Stale, since)) = self.outages.source() {
            return (since, self.device.snapshot_at(since));
        }
        let every = Ms::from(self.script.card.collects_every_s) * 1000;
        let at = if every == 0 { self.now } else { self.now - self.now.rem_euclid(every) };
        (at, self.device.snapshot_at(at))
    }

    /// Whether a gate that goes by the API server's clock has no figures that may count. Their age is counted in
    /// whole seconds, and figures of the time to come are none either.
    pub(crate) fn is_blind_by_api(&self) -> bool {
        let age_s = self.api_now().div_euclid(1000) - self.collected().0.div_euclid(1000);
        let lost = !matches!(self.outages.source(), Some((Failure::Partial | Failure::Stale, _)) | None);
        lost || age_s.abs() > SAMPLE_FRESH_S
    }

    /// Whether the figures of now are none that may count.
    pub(crate) fn is_blind(&self) -> bool {
        match self.outages.source() {
            Some((Failure::Away | Failure::Empty | Failure::OtherDevice | Failure::Absurd, _)) => true,
            Some((Failure::Stale, since)) => self.now - since > SAMPLE_FRESH_S * 1000 + 1000,
            Some((Failure::Partial, _)) | None => false,
        }
    }

    /// What our gate makes of a scrape.
    pub(crate) fn sample(&self) -> Result<Sample, Unknown> {
        let unknown = |reason: &str| Err(Unknown { reason: reason.to_owned() });
        let failure = self.outages.source().map(|(how, _)| how);
        match failure {
            Some(Failure::Away) => return unknown("the scrape timed out"),
            Some(Failure::Empty) => return unknown("the page has no sample of the card"),
            _ => {}
        }
        let card = &self.script.card;
        let (at, then) = self.collected();
        let (used, usable) = (then.used_mib(), self.device.usable_mib);
        let free = if failure == Some(Failure::Absurd) { card.total_mib + 1 } else { usable - used };
        let uuid = if failure == Some(Failure::OtherDevice) { OTHER_UUID } else { UUID };
        Ok(Sample {
            // The figure of an honest exporter says when it was collected, in whole seconds.
            at: Timestamp::from_second(at.div_euclid(1000)).unwrap_or_default(),
            uuid: Some(uuid.to_owned()),
            index: Some(0),
            total_mib: Mib(card.total_mib),
            free_mib: Mib(free),
            used_mib: Mib(used),
            reserved_mib: Mib(card.reserved_mib),
            per_pod: card.attributes.then(|| self.attributed(&then)),
        })
    }

    fn attributed(&self, then: &Snapshot) -> BTreeMap<PodKey, Mib> {
        let partial = self.outages.source().is_some_and(|(how, _)| how == Failure::Partial);
        let mut all = BTreeMap::new();
        let listed =
            then.0.iter().filter(|one| one.owner != super::device::Owner::Nobody && one.holds_mib > 0);
        for one in listed.filter(|one| !partial || one.id % 3 == 0) {
            let sum = all.entry(one.pod.as_ref().clone()).or_insert(Mib(0));
            *sum = Mib(sum.0 + one.holds_mib);
        }
        all
    }

    /// What the shell gate's collector of per-pod gauges answers: the same failures, and no device.
    pub(crate) fn page(&self) -> Page {
        let (_, then) = self.collected();
        let listed = then.0.iter().filter(|one| one.owner != super::device::Owner::Nobody);
        let all = listed.map(|one| (one.id, one.pod.clone(), one.holds_mib));
        match self.outages.source().map(|(how, _)| how) {
            Some(Failure::Away) => None,
            // Its page has no device: one of another card has other pods, and none of ours.
            Some(Failure::Empty | Failure::OtherDevice) => Some(Vec::new()),
            Some(Failure::Partial) => {
                Some(all.filter(|(id, ..)| id % 3 == 0).map(|(_, pod, mib)| (pod, mib)).collect())
            }
            Some(Failure::Stale | Failure::Absurd) | None => {
                Some(all.map(|(_, pod, mib)| (pod, mib)).collect())
            }
        }
    }
}
