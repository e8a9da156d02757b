//! A tenant put to sleep: before it is destroyed, and when it is suspended.
//!
//! Its own gate does it, because only the gate unloads the server, drains, and
//! looks at the card's memory. Where no gate can run, the provider does what is
//! left without one, and says what nobody has seen.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::decide::Rule;
use tenancy::expand::{NAME_LABEL, PREFETCH_POD_NAME, TENANT_LABEL};
use tenancy::gate::ScaleTarget;
use tenancy::ledger::{Entry, Paused, State};
use tenancy::names::TenantId;
use tenancy::objects::{Key, Kind};
use tenancy::tenant::Tenant;
use tenancy::window::Schedule;
use tfplugin::{Attr, Diagnostic, Diagnostics, Map};

use super::gate_job::GateJob;
use crate::api::{Failure, Ref};
use crate::engine::{Engine, Kept};
use crate::ledger::Place;
use crate::lifecycle::{Change, Lifecycle, Settled, Unsettled};

/// Between two looks at what should come to rest.
pub(super) const LOOK: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 500 });

/// A tenant that is to sleep.
pub(super) struct Bedtime<'a> {
    pub(super) lifecycle: &'a Lifecycle<'a>,
    pub(super) id: TenantId,
    /// As it is applied now; nothing where a state of before is none that passes today's rules.
    pub(super) tenant: Option<Tenant>,
    /// `objects` of the prior state.
    pub(super) before: &'a Attr<Map<String>>,
    pub(super) deadline: Instant,
    /// It is suspended, and not destroyed.
    pub(super) stays: bool,
}

impl Bedtime<'_> {
    /// Puts the tenant to sleep and releases its place on the card. Answers with
    /// what is kept by now, and remarks. One that is asleep costs a few looks.
    ///
    /// # Errors
    /// It could not be put to sleep. What was changed of its objects is in the answer.
    pub(super) async fn sleep(&self, kept: Kept) -> Result<Settled, Unsettled> {
        let mut settled = Settled { kept, objects: self.before.clone(), remarks: Diagnostics::new() };
        let remarks = match self.rest(&mut settled).await {
            Ok(remarks) => remarks,
            Err(Stopped::Put(unsettled)) => return Err(unsettled),
            Err(Stopped::Call(failure)) => {
                let key = Key { kind: Kind::Deployment, name: self.id.name.to_string() };
                let mut diagnostics = settled.remarks;
                diagnostics.extend(self.lifecycle.errors(&[(key, failure)]));
                return Err(Unsettled { kept: Some(settled.kept), objects: settled.objects, diagnostics });
            }
        };
        if !remarks.is_empty() {
            let title = format!("{} went to sleep with remarks", self.lifecycle.title);
            settled.remarks.push(Diagnostic::warning(title, remarks.join("\n")));
        }
        Ok(settled)
    }

    async fn rest(&self, settled: &mut Settled) -> Result<Vec<String>, Stopped> {
        let engine = &self.lifecycle.engine;
        let id = &self.id;
        let place = Place::find(engine.api, &engine.manager, id).await?;
        let mut remarks = Vec::new();
        let asleep = self.is_asleep(place.as_ref(), &settled.kept).await?;
        let tenant = self.tenant.as_ref();
        // A gate that cannot be told goes on as it was told before.
        let job = match tenant {
            Some(_) if !asleep => GateJob::of(engine, id, &settled.kept).await?,
            _ => None,
        };
        let gated = tenant.is_none_or(|tenant| tenant.schedule != Schedule::Always);
        if gated && asleep {
            GateJob::clear(engine, id).await?;
        }
        if let Some(tenant) = tenant.filter(|_| gated && (self.stays || !asleep)) {
            self.tell_the_gate(tenant, settled).await?;
        }
        match (&place, job) {
            (Some(_), None) if tenant.is_none() && !asleep => {
                remarks.push(unseen("its state is of an older version, and its gate could not be told."));
            }
            (Some(place), Some(job)) => remarks.extend(job.run(self.deadline, place).await?),
            (Some(_), None) if gated && !asleep => remarks.push(unseen("it has no guard that could look.")),
            _ => {}
        }
        if !self.stays {
            self.end_cron_jobs(&settled.kept).await?;
        }
        self.scale_down(&settled.kept).await?;
        pods_end(engine, id, self.deadline).await?;
        if let Some(place) = &place {
            remarks.extend(release(place, |_| true, false).await?);
        }
        Ok(remarks)
    }

    /// Whether nothing is left to do: no replicas, no memory, nobody paused.
    async fn is_asleep(&self, place: Option<&Place<'_>>, kept: &Kept) -> Result<bool, Failure> {
        if self.replicas(kept).await? > 0 {
            return Ok(false);
        }
        let entry = match place {
            Some(place) => place.entry().await?,
            None => None,
        };
        Ok(entry.is_none_or(|entry| is_at_rest(&entry)))
    }

    /// Where our Deployment stands; 0 where it is gone or another's.
    async fn replicas(&self, kept: &Kept) -> Result<u64, Failure> {
        let live = self.lifecycle.engine.api.get(&self.deployment()).await?;
        let ours = live.filter(|live| kept.uid(&self.key()) == Some(live.uid()));
        Ok(ours.map_or(0, |live| live.replicas().unwrap_or(1)))
    }

    async fn scale_down(&self, kept: &Kept) -> Result<(), Failure> {
        if self.replicas(kept).await? == 0 {
            return Ok(());
        }
        let engine = &self.lifecycle.engine;
        let patch = json!({"metadata": {"uid": kept.uid(&self.key())}, "spec": {"replicas": 0}});
        engine.api.merge(&self.deployment(), Some("scale"), &engine.manager, patch).await.map(drop)
    }

    fn key(&self) -> Key {
        Key { kind: Kind::Deployment, name: self.id.name.to_string() }
    }

    fn deployment(&self) -> Ref {
        Ref::deployment(self.id.namespace.as_str(), self.id.name.as_str())
    }

    /// Tells the gate to sleep and lets no CronJob ask it again. Ticks that are
    /// under way know the old word and could wake it once more, so they end.
    async fn tell_the_gate(&self, tenant: &Tenant, settled: &mut Settled) -> Result<(), Stopped> {
        let suspended = Tenant { suspend: true, ..tenant.clone() };
        let desired = tenancy::expand::tenant(&suspended);
        let gate = tenancy::declared::gate_account(&self.id);
        let told =
            |key: &&Key| key.kind == Kind::CronJob || (key.kind == Kind::ConfigMap && key.name == gate);
        let apply: BTreeSet<Key> = desired.iter().map(|(key, _)| key).filter(told).cloned().collect();
        let change =
            Change { desired: &desired, before: self.before, adopt: &BTreeSet::new(), patience: LOOK };
        let put = self.lifecycle.put_only(&change, apply.clone(), std::mem::take(&mut settled.kept)).await;
        let put = put.map_err(Stopped::Put)?;
        (settled.kept, settled.objects) = (put.kept, put.objects);
        let ticks = apply.iter().filter(|key| key.kind == Kind::CronJob);
        for outcome in join_all(ticks.map(|key| self.end_ticks(key))).await {
            outcome?;
        }
        Ok(())
    }

    /// Of a tenant that goes the CronJobs go first, and their ticks with them, so
    /// that nothing wakes what has been put to sleep.
    async fn end_cron_jobs(&self, kept: &Kept) -> Result<(), Failure> {
        let ticks = kept.objects.iter().filter_map(|(key, object)| {
            let key: Key = key.parse().ok()?;
            (key.kind == Kind::CronJob).then(|| (object.reference(&key), object.uid.as_str()))
        });
        let ticks: Vec<(Ref, &str)> = ticks.collect();
        let api = self.lifecycle.engine.api;
        for outcome in join_all(ticks.iter().map(|(name, uid)| api.delete(name, Some(uid)))).await {
            outcome?;
        }
        Ok(())
    }

    async fn end_ticks(&self, key: &Key) -> Result<(), Failure> {
        let api = self.lifecycle.engine.api;
        let namespace = Some(self.id.namespace.as_str());
        let live = api.get(&Ref::new("batch/v1", "CronJob", namespace, &key.name)).await?;
        let active = live.map(|live| live.0["status"]["active"].clone()).unwrap_or_default();
        for job in active.as_array().into_iter().flatten() {
            let name = job["name"].as_str().unwrap_or_default();
            api.delete(&Ref::new("batch/v1", "Job", namespace, name), job["uid"].as_str()).await?;
        }
        Ok(())
    }
}

/// Why a bedtime did not come to its end.
enum Stopped {
    Put(Unsettled),
    Call(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Stopped::Call(failure)
    }
}

/// What is said where the gate could not do its part.
pub(super) fn unseen(why: &str) -> String {
    format!("The card's memory was not seen to return: {why} The other gates look before they admit.")
}

/// Whether a tenant holds nothing and nobody is down for it.
pub(super) fn is_at_rest(entry: &Entry) -> bool {
    entry.state == State::Asleep && entry.paused.is_empty()
}

/// Whether a gate has done all it can for a tenant whose memory stays away.
pub(super) fn memory_is_missing(entry: &Entry) -> Option<&str> {
    let status = entry.status.as_ref().filter(|status| status.rule == Rule::MemoryMissing)?;
    entry.paused.is_empty().then_some(status.reason.as_str())
}

/// Waits until no pod of the tenant is left, a tick's included: an unfinished
/// tick could enter the ledger again. A prefetch has nothing of the card, and
/// one that waits for its image would be waited for in vain.
async fn pods_end(engine: &Engine<'_>, tenant: &TenantId, deadline: Instant) -> Result<(), Failure> {
    let label = tenancy::names::fit(&tenant.key(), "", tenancy::names::LABEL_LIMIT);
    let labels = format!("{TENANT_LABEL}={label}");
    loop {
        let pods = engine.api.list("v1", "Pod", tenant.namespace.as_str(), &labels).await?;
        let left: Vec<&str> = pods
            .iter()
            .filter(|pod| pod["metadata"]["labels"][NAME_LABEL] != PREFETCH_POD_NAME)
            .filter(|pod| !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")))
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        pause(engine).await?;
        if Instant::now() >= deadline {
            return Err(Failure::Waited {
                summary: format!("{tenant} does not go to sleep"),
                detail: format!(
                    "It was scaled to 0, and these pods have not ended: {}. Nothing was deleted. Look at them \
                     with kubectl, then apply again; `timeouts` gives them longer.",
                    left.join(", ")
                ),
            });
        }
    }
}

/// A moment, unless the user interrupts.
pub(super) async fn pause(engine: &Engine<'_>) -> Result<(), Failure> {
    if engine.cancel.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    tokio::time::sleep(LOOK).await;
    Ok(())
}

/// Gives those residents that `which` names their replicas back and takes them
/// out of the tenant's entry; with nobody left, and unless it `stays`, the entry
/// goes too. Who could not be given his own stays in it. Answers with the reasons.
///
/// # Errors
/// The ledger could not be read or written.
pub(super) async fn release(
    place: &Place<'_>,
    which: impl Fn(&ScaleTarget) -> bool,
    stays: bool,
) -> Result<Vec<String>, Failure> {
    let Some(entry) = place.entry().await? else { return Ok(Vec::new()) };
    let named: Vec<Paused> = entry.paused.into_iter().filter(|one| which(&one.target)).collect();
    if stays && named.is_empty() {
        return Ok(Vec::new());
    }
    let (left, reasons): (Vec<Paused>, Vec<String>) = place.restore(&named).await?.into_iter().unzip();
    let now = Timestamp::now();
    place
        .change(|mut entry| {
            entry.paused.retain(|one| !which(&one.target) || left.iter().any(|it| it.target == one.target));
            if stays {
                return Some(entry);
            }
            if entry.paused.is_empty() {
                return None;
            }
            Some(Entry { paused: entry.paused, ..Entry::asleep(now) })
        })
        .await?;
    Ok(reasons)
}

/// What a pod or Job says of itself, as one clause.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
