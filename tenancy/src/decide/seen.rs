//! The situation, read once into the few facts that the rules match on.

use jiff::Timestamp;

use super::Situation;
use crate::arithmetic::{Claim, Holder};
use crate::card::{Card, Device, Resident};
use crate::declared::Declared;
use crate::defaults::{ATTRIBUTION_TOLERANCE_MIB, SAMPLE_FRESH_S, SAMPLE_LAG_S};
use crate::floor::Floor;
use crate::gate::{GateConfig, ScaleTarget};
use crate::ledger::{Entry, Ledger, State};
use crate::names::TenantId;
use crate::observation::{Observation, PodSeen, Sample, Unknown};
use crate::quantity::Mib;

/// What the rules look at.
pub(crate) struct Seen<'a> {
    pub(crate) now: Timestamp,
    pub(crate) gate: &'a GateConfig,
    pub(crate) me: &'a TenantId,
    pub(crate) declared: Option<&'a Declared>,
    /// Why there is no `declared`, as a clause.
    pub(crate) undeclared: Option<&'a str>,
    /// As it may be believed, to judge by.
    pub(crate) ledger: &'a Ledger,
    /// As it was read, to write.
    pub(crate) as_read: &'a Ledger,
    pub(crate) observation: &'a Observation,
    pub(crate) floor: Option<&'a Floor>,
    /// The card's figures, or why there are none that count, as a clause.
    pub(crate) sample: Result<&'a Sample, String>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(input: &'a Situation, ledger: &'a Ledger, as_read: &'a Ledger) -> Self {
        let me = &input.gate.tenant;
        let declared = input.declared.as_ref();
        Self {
            now: input.now,
            gate: &input.gate,
            me,
            declared: declared.ok(),
            undeclared: declared.err().map(|unknown| unknown.reason.as_str()),
            ledger,
            as_read,
            observation: &input.observation,
            floor: declared.ok().and_then(|declared| declared.floors.get(me)),
            sample: match declared {
                Ok(declared) => fresh(&input.observation.device, &declared.card, input.now),
                Err(unknown) => Err(unknown.reason.clone()),
            },
        }
    }

    /// The card, if its declared object could be read.
    pub(super) fn card(&self) -> Option<&'a Card> {
        self.declared.map(|declared| &declared.card)
    }

    /// The tenant's pods; none where they could not be listed, see [`Seen::pods_unknown`].
    fn pods(&self) -> &'a [PodSeen] {
        self.observation.pods.as_deref().unwrap_or_default()
    }

    /// Why its pods could not be listed, as a clause.
    pub(super) fn pods_unknown(&self) -> Option<&'a str> {
        self.observation.pods.as_ref().err().map(|unknown| unknown.reason.as_str())
    }

    /// What the device calls free.
    pub(super) fn free(&self) -> Option<Mib> {
        self.sample.as_ref().ok().map(|sample| sample.free_mib)
    }

    /// The pods that may hold memory, those under deletion included.
    pub(super) fn live_pods(&self) -> impl Iterator<Item = &'a PodSeen> {
        self.pods().iter().filter(|pod| pod.is_live())
    }

    /// The pod that is meant to run: live, not under deletion, the newest.
    pub(super) fn pod(&self) -> Option<&'a PodSeen> {
        self.live_pods().filter(|pod| !pod.deleting).max_by_key(|pod| (pod.created, &pod.name))
    }

    /// Whether nothing of the tenant runs or is about to, as far as can be seen.
    /// Without its pods that is the Deployment's own word.
    pub(super) fn is_gone(&self) -> bool {
        self.observation.replicas() == 0 && self.live_pods().next().is_none()
    }

    /// Seconds since `then`.
    pub(super) fn since(&self, then: Timestamp) -> i64 {
        self.now.as_second().saturating_sub(then.as_second())
    }

    /// What all pods of the tenant hold, where the sample says it.
    pub(super) fn held_by_me(&self) -> Option<Mib> {
        used_by_tenant(self.sample.as_ref().ok()?, self.me)
    }

    /// The card with all who are entered on it.
    pub(super) fn books(&self) -> Books<'a> {
        Books {
            declared: self.declared,
            ledger: self.ledger,
            sample: self.sample.as_ref().ok().copied(),
            now: self.now,
            guard_interval_s: self.gate.timing.guard_interval_s,
        }
    }

    /// The claims of everybody else, as the tenant with the entry `mine` counts them.
    pub(super) fn claims_beside(&self, mine: &Entry) -> Vec<Claim> {
        self.books().claims_beside(self.me, mine)
    }

    /// All claims, the tenant's own as `mine` has it.
    pub(super) fn claims_with(&self, mine: &Entry) -> Vec<Claim> {
        let mut all = self.claims_beside(mine);
        all.extend(self.books().claim_of(self.me, mine));
        all
    }

    /// Why its pod is not on the card that it was admitted to, as a clause.
    pub(super) fn on_another_card(&self) -> Option<String> {
        let (card, pod) = (self.card()?, self.pod()?);
        if let Some(node) = pod.node.as_ref().filter(|node| **node != card.node) {
            return Some(format!(
                "pod {} is on node {node}, and card {} in {}",
                pod.name, card.name, card.node
            ));
        }
        let ours = match (&card.device, &self.sample) {
            (Device::Uuid(uuid), _) => Some(uuid.as_str()),
            (Device::Index(_), Ok(sample)) => sample.uuid.as_deref(),
            (Device::Index(_), Err(_)) => None,
        };
        let given = pod.device_uuid.as_deref()?;
        ours.filter(|ours| *ours != given)
            .map(|ours| format!("pod {} was given {given}, and card {} is {ours}", pod.name, card.name))
    }
}

/// The sample if it is of this card and of now, and can be true.
pub(crate) fn fresh<'a>(
    device: &'a Result<Sample, Unknown>,
    card: &Card,
    now: Timestamp,
) -> Result<&'a Sample, String> {
    let sample = device.as_ref().map_err(|unknown| unknown.reason.clone())?;
    let other = match (&card.device, &sample.uuid, sample.index) {
        (Device::Uuid(wanted), Some(uuid), _) if wanted != uuid => Some(uuid.clone()),
        (Device::Index(wanted), _, Some(index)) if *wanted != index => Some(format!("index {index}")),
        _ => None,
    };
    if let Some(other) = other {
        return Err(format!("the figures are of another device, {other}"));
    }
    if sample.free_mib > sample.total_mib {
        return Err(format!("{} are said to be free of {}", sample.free_mib, sample.total_mib));
    }
    let age = now.as_second().saturating_sub(sample.at.as_second());
    if age.abs() > SAMPLE_FRESH_S {
        return Err(format!("the last sample is {age} s old"));
    }
    Ok(sample)
}

/// A card as its declared object, its ledger and one sample have it.
#[derive(Clone, Copy)]
pub(crate) struct Books<'a> {
    pub(crate) declared: Option<&'a Declared>,
    pub(crate) ledger: &'a Ledger,
    pub(crate) sample: Option<&'a Sample>,
    pub(crate) now: Timestamp,
    /// How often the asker's gate ticks.
    pub(crate) guard_interval_s: u32,
}

impl<'a> Books<'a> {
    /// For how long nothing was heard of a tenant's gate, if it is silent. One of an older version is
    /// taken to tick as the asker's does.
    pub(crate) fn silent_for_s(&self, entry: &Entry) -> Option<i64> {
        entry.silent_for_s(self.now, self.guard_interval_s)
    }

    /// A tenant other than this that was told to go and whose memory has not
    /// returned. One whose gate does not tick is not waited for: nobody would say
    /// that its memory is back, so it is owed its peak instead.
    pub(crate) fn somebody_draining(&self, me: &TenantId) -> Option<(&'a TenantId, &'a Entry)> {
        self.ledger.entries().find(|(tenant, entry)| {
            *tenant != me && entry.state == State::Draining && self.silent_for_s(entry).is_none()
        })
    }

    /// Whether somebody other than this tenant woke so lately that his figures do
    /// not go together yet.
    pub(crate) fn somebody_just_woke(&self, me: &TenantId) -> bool {
        let attributed = self.sample.is_some_and(|sample| sample.per_pod.is_some());
        let lately = |entry: &Entry| attributed && entry.awake_since.is_some() && !self.is_settled(entry);
        self.ledger.entries().any(|(tenant, entry)| tenant != me && lately(entry))
    }

    /// Everybody but one tenant whose room on the card is kept: protected residents,
    /// tenants that are always awake, and those that the ledger has as reserved,
    /// loading or awake. A resident that this tenant paused is owed nothing by it;
    /// others, whose time does not end with this tenant's, still owe it.
    pub(crate) fn claims_beside(&self, me: &TenantId, mine: &Entry) -> Vec<Claim> {
        let (Some(declared), sample) = (self.declared, self.sample) else { return Vec::new() };
        let residents = declared.card.residents.iter().filter_map(|(name, resident)| {
            let peak = resident.peak_mib.filter(|_| resident.protected && !is_paused(resident, mine))?;
            Some(Claim {
                holder: Holder::Resident(name.clone()),
                peak_mib: peak,
                used_mib: sample.and_then(|sample| used_by_resident(sample, resident, declared)),
                headroom_mib: Mib(0),
            })
        });
        let always = declared.floors.values().filter(|floor| floor.always).map(|floor| Claim {
            holder: Holder::Tenant(floor.tenant.clone()),
            peak_mib: floor.peak_mib,
            used_mib: sample.and_then(|sample| used_by_tenant(sample, &floor.tenant)),
            headroom_mib: floor.headroom_mib,
        });
        let tenants = self
            .ledger
            .entries()
            .filter(|(tenant, _)| !declared.floors.get(tenant).is_some_and(|floor| floor.always))
            .filter_map(|(tenant, entry)| self.claim_of(tenant, entry));
        let all = residents.chain(always).chain(tenants);
        all.filter(|claim| claim.holder != Holder::Tenant(me.clone())).collect()
    }

    /// The claim of one tenant by its entry. Where floor and admission differ, the
    /// larger counts: the pod that runs was started under one of them. An entry
    /// without a floor whose gate does not tick is what a floor left behind that
    /// was moved to another card or destroyed; it claims nothing.
    fn claim_of(&self, tenant: &TenantId, entry: &Entry) -> Option<Claim> {
        let silent = self.silent_for_s(entry).is_some();
        let counts = entry.state.is_admitted() || entry.state == State::Draining && silent;
        if !counts {
            return None;
        }
        let floor = self.declared?.floors.get(tenant).map(|floor| (floor.peak_mib, floor.headroom_mib));
        let promised = entry.admission.map(|admission| (admission.peak_mib, admission.headroom_mib));
        let (peak, headroom) = match (floor, promised) {
            (Some(a), Some(b)) => (a.0.max(b.0), a.1.max(b.1)),
            (Some(one), None) => one,
            (None, Some(_)) if silent => return None,
            (None, Some(one)) => one,
            (None, None) => return None,
        };
        Some(Claim {
            holder: Holder::Tenant(tenant.clone()),
            peak_mib: peak,
            used_mib: self
                .sample
                .filter(|_| self.is_settled(entry))
                .and_then(|sample| used_by_pod(sample, tenant, entry)),
            headroom_mib: headroom,
        })
    }

    /// Whether it has been awake for so long that every figure of the sample knows
    /// of its load. Before that, one may have seen it and another not.
    fn is_settled(&self, entry: &Entry) -> bool {
        let at = self.sample.map_or(self.now, |sample| sample.at);
        let awake = entry.awake_since.filter(|_| entry.state == State::Awake);
        awake.is_some_and(|since| at.as_second().saturating_sub(since.as_second()) >= SAMPLE_LAG_S)
    }
}

/// What the pod holds for which the tenant's room is kept. Not what all its pods
/// hold: one that is on its way out takes nothing off what its successor is owed.
fn used_by_pod(sample: &Sample, tenant: &TenantId, entry: &Entry) -> Option<Mib> {
    let known = entry.pod.as_ref()?;
    sum(sample, |namespace, pod| namespace == tenant.namespace.as_str() && pod == known.name)
}

/// What the tenant's pods hold, if the sample lists any of them.
fn used_by_tenant(sample: &Sample, tenant: &TenantId) -> Option<Mib> {
    sum(sample, |namespace, pod| {
        namespace == tenant.namespace.as_str() && is_pod_of(tenant.name.as_str(), pod)
    })
}

/// What a resident's pods hold, in MiB, if the sample lists any of them. Pods of
/// tenants in the same namespace are not the resident's.
pub fn used_by_resident(sample: &Sample, resident: &Resident, declared: &Declared) -> Option<Mib> {
    let ours = |namespace: &str, pod: &str| {
        declared
            .floors
            .keys()
            .any(|tenant| tenant.namespace.as_str() == namespace && is_pod_of(tenant.name.as_str(), pod))
    };
    sum(sample, |namespace, pod| {
        namespace == resident.namespace.as_str()
            && resident.pod_prefix.as_ref().is_none_or(|prefix| pod.starts_with(prefix.as_str()))
            && !ours(namespace, pod)
    })
}

/// The sum over the pods that match. No match is no knowledge: an idle pod and
/// one that the exporter does not see look the same.
fn sum(sample: &Sample, matches: impl Fn(&str, &str) -> bool) -> Option<Mib> {
    let listed = sample.per_pod.as_ref()?;
    let all = listed.values().fold(0_u64, |sum, used| sum.saturating_add(used.0));
    if all > sample.used_mib.0.saturating_add(ATTRIBUTION_TOLERANCE_MIB) {
        // Pods cannot hold more than the card: the figures are of different moments.
        return None;
    }
    listed
        .iter()
        .filter(|(key, _)| matches(key.namespace.as_str(), &key.pod))
        .map(|(_, used)| *used)
        .reduce(|a, b| Mib(a.0.saturating_add(b.0)))
}

/// What is used by no pod that the sample lists, if it lists pods at all.
pub(super) fn unattributed(sample: &Sample) -> Option<Mib> {
    let listed = sample.per_pod.as_ref()?.values().fold(0_u64, |sum, used| sum.saturating_add(used.0));
    Some(Mib(sample.used_mib.0.saturating_sub(listed)))
}

/// Whether a Deployment's pods are called so: its name, the hash of the pod
/// template and five characters, joined by hyphens.
fn is_pod_of(deployment: &str, pod: &str) -> bool {
    pod.strip_prefix(deployment)
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(hash, suffix)| !hash.is_empty() && suffix.len() == 5 && !suffix.contains('-'))
}

/// Whether the resident is scaled to 0 for the tenant's own time. A resident without a prefix may be more than the one Deployment.
fn is_paused(resident: &Resident, mine: &Entry) -> bool {
    let covers = |target: &ScaleTarget| {
        target.namespace == resident.namespace
            && resident
                .pod_prefix
                .as_deref()
                .is_some_and(|prefix| prefix.trim_end_matches('-') == target.deployment.as_str())
    };
    mine.paused.iter().any(|paused| paused.seen_at_zero && !paused.left_alone && covers(&paused.target))
}
