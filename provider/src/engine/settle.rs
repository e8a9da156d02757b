//! A whole set of objects: looked at, put in order, rolled back when it cannot be completed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tenancy::objects::{Key, Kind, Object, Objects, Tenure};

use super::put::{Put, Shown};
use super::{Engine, Kept, reference};
use crate::api::{Deleted, Failure, Live, Ref};

/// How long an apply waits for a namespace that is being deleted. An emptied one
/// goes within seconds; one that held a claim took eleven.
const GROUND_PATIENCE: Duration = Duration::from_secs(60);

/// How long what a failed create takes back may take to go.
const ROLL_BACK_PATIENCE: Duration = Duration::from_secs(20);

/// What is to be done with a set of objects.
pub(crate) struct Order<'a> {
    pub(crate) desired: &'a Objects,
    /// Those to apply; the others are as they should be.
    pub(crate) apply: BTreeSet<Key>,
    /// What the plan has shown, by object. Nothing for those without an entry.
    pub(crate) shown: BTreeMap<Key, Shown>,
    /// What may be taken over although it exists.
    pub(crate) adopt: &'a BTreeSet<Key>,
}

impl<'a> Order<'a> {
    /// Everything, for a resource that is not there yet.
    pub(crate) fn all(desired: &'a Objects, adopt: &'a BTreeSet<Key>) -> Self {
        let apply = desired.iter().map(|(key, _)| key.clone()).collect();
        Self { desired, apply, shown: BTreeMap::new(), adopt }
    }

    /// What is ours already is taken over no more: a field that somebody set since was not shown to the user.
    fn shown(&self, key: &Key, kept: &Kept) -> Shown {
        if self.adopt.contains(key) && kept.uid(key).is_none() {
            return Shown::Adopted;
        }
        self.shown.get(key).cloned().unwrap_or(Shown::Leaves(BTreeSet::new()))
    }
}

/// What became of an [`Order`].
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The objects that are there now.
    pub(crate) kept: Kept,
    /// Those that were put as they should be.
    pub(crate) put: BTreeSet<Key>,
    /// Those of them that this call made.
    pub(crate) made: Vec<(Key, Ref, String)>,
    /// Those that carried our entry already although the state did not know them.
    pub(crate) resumed: Vec<Key>,
    /// Those of others that were taken over as they stood.
    pub(crate) taken: Vec<Ref>,
    /// Those that failed and were not there before, or not with our entry: the failed call, or one before it,
    /// may have made them.
    unsure: Vec<Key>,
    pub(crate) failures: Vec<(Key, Failure)>,
    pub(crate) remarks: Vec<String>,
}

/// Stages of an apply: within one, order does not matter. A RoleBinding needs
/// its Role, a Deployment should find what it mounts, and a CronJob that fires
/// must find everything.
fn stage(kind: Kind) -> u8 {
    match kind {
        Kind::Namespace => 0,
        Kind::RoleBinding | Kind::Deployment => 2,
        Kind::CronJob | Kind::Job => 3,
        _ => 1,
    }
}

impl Engine<'_> {
    /// Looks at every object of an order before anything is touched. An answer
    /// with failures means that nothing was done.
    pub(crate) async fn look(
        &self,
        order: &Order<'_>,
        kept: &Kept,
    ) -> Result<BTreeMap<Key, Option<Live>>, Vec<(Key, Failure)>> {
        let unknown = order
            .desired
            .iter()
            .filter(|(key, _)| order.apply.contains(*key) && kept.uid(key).is_none())
            .map(|(_, object)| object);
        // Nothing is in a namespace that is not there, which spares a new tenant most of its looks.
        let (first, rest): (Vec<&Object>, Vec<&Object>) = unknown.partition(|it| it.kind == Kind::Namespace);
        let mut found = self.look_at(&first).await;
        self.outwait_ground(&first, &mut found).await;
        let absent: BTreeSet<&str> = first
            .iter()
            .zip(&found)
            .filter(|(_, found)| matches!(found, Ok(None)))
            .map(|(object, _)| object.name.as_str())
            .collect();
        let nowhere = |it: &&Object| it.namespace.as_ref().is_some_and(|name| absent.contains(name.as_str()));
        let (missing, present): (Vec<&Object>, Vec<&Object>) = rest.into_iter().partition(nowhere);
        found.extend(self.look_at(&present).await);
        found.extend(missing.iter().map(|_| Ok(None)));
        let unknown = first.into_iter().chain(present).chain(missing);
        let mut seen = BTreeMap::new();
        let mut failures = Vec::new();
        for (object, found) in unknown.zip(found) {
            let key = object.key();
            let checked = found.and_then(|live| {
                self.may_put(object, live.as_ref(), None, &order.shown(&key, kept)).map(|()| live)
            });
            match checked {
                Ok(live) => drop(seen.insert(key, live)),
                Err(failure) => failures.push((key, failure)),
            }
        }
        if failures.is_empty() { Ok(seen) } else { Err(failures) }
    }

    /// A namespace on its way out is waited for: another stack left it a moment
    /// ago, and an apply that came a little later would find it absent. One that
    /// does not go within [`GROUND_PATIENCE`] is answered as it is.
    async fn outwait_ground(&self, names: &[&Object], found: &mut [Result<Option<Live>, Failure>]) {
        let deadline = Instant::now() + GROUND_PATIENCE;
        for (object, found) in names.iter().zip(found) {
            let Ok(Some(live)) = found else { continue };
            let gone =
                live.is_deleting() && self.wait_gone(&reference(object), live.uid(), deadline).await.is_ok();
            if gone {
                *found = self.api.get(&reference(object)).await;
            }
        }
    }

    async fn look_at(&self, objects: &[&Object]) -> Vec<Result<Option<Live>, Failure>> {
        let names: Vec<Ref> = objects.iter().map(|object| reference(object)).collect();
        join_all(names.iter().map(|name| self.api.get(name))).await
    }

    /// Puts the objects of an order, stage by stage; stops after the stage in
    /// which something failed.
    pub(crate) async fn settle(&self, order: &Order<'_>, kept: Kept) -> Report {
        let mut report = Report { kept, ..Report::default() };
        let seen = match self.look(order, &report.kept).await {
            Ok(seen) => seen,
            Err(failures) => return Report { failures, ..report },
        };
        for number in 0..=3 {
            if self.cancel.is_cancelled() {
                let rest = order.apply.iter().find(|key| stage(key.kind) >= number);
                report.failures.extend(rest.map(|key| (key.clone(), Failure::Cancelled)));
                break;
            }
            let objects: Vec<&Object> = order
                .desired
                .iter()
                .filter(|(key, _)| stage(key.kind) == number && order.apply.contains(*key))
                .map(|(_, object)| object)
                .collect();
            let calls = objects.iter().map(|object| self.put_one(order, object, &report.kept, &seen));
            let outcomes = join_all(calls).await;
            for (object, outcome) in objects.into_iter().zip(outcomes) {
                let before = seen.get(&object.key());
                let is_new = matches!(before, Some(None));
                if outcome.is_err() && (is_new || matches!(object.tenure, Tenure::Entry | Tenure::Ground)) {
                    report.unsure.push(object.key());
                }
                report.take(object, outcome, before.and_then(Option::as_ref), &self.manager);
            }
            if !report.failures.is_empty() {
                break;
            }
        }
        report
    }

    async fn put_one(
        &self,
        order: &Order<'_>,
        object: &Object,
        kept: &Kept,
        seen: &BTreeMap<Key, Option<Live>>,
    ) -> Result<Put, Failure> {
        let key = object.key();
        let shown = order.shown(&key, kept);
        match (kept.uid(&key), seen.get(&key)) {
            (Some(uid), _) => self.put_known(object, uid, &shown).await,
            (None, Some(live)) => {
                if object.kind == Kind::Namespace && live.is_none() {
                    self.mark_ground(object).await?;
                }
                self.put_seen(object, live.as_ref(), None, &shown).await
            }
            (None, None) => {
                let live = self.api.get(&reference(object)).await?;
                self.put_seen(object, live.as_ref(), None, &shown).await
            }
        }
    }

    /// Takes back what a failed create has made, newest first, and our entries in
    /// what others made. Namespaces stay, without our labels: another tenant may
    /// have moved in since. Says what could not be removed.
    pub(crate) async fn roll_back(&self, desired: &Objects, report: &mut Report) -> Vec<Ref> {
        let mut left = Vec::new();
        self.make_sure(desired, report).await;
        for (name, object) in report.kept.objects.clone() {
            let Ok(key) = name.parse::<Key>() else { continue };
            if key.kind != Kind::Namespace && !object.entry {
                continue;
            }
            match self.drop_fields(&object.reference(&key), &object.uid).await {
                Ok(_) if object.entry => drop(report.kept.objects.remove(&name)),
                Ok(_) => {}
                Err(_) if object.entry => left.push(object.reference(&key)),
                Err(failure) => tracing::info!(%key, ?failure, "labels of ours stay on a namespace"),
            }
        }
        let mut going = Vec::new();
        for (key, name, uid) in report.made.drain(..).rev() {
            if key.kind == Kind::Namespace {
                continue;
            }
            match self.api.delete(&name, Some(&uid)).await {
                Ok(deleted) => {
                    report.kept.objects.remove(&key.to_string());
                    if deleted == Deleted::Going {
                        going.push((name, uid));
                    }
                }
                Err(_) => left.push(name),
            }
        }
        // A claim takes a moment, and the next apply would find it on its way out.
        let deadline = Instant::now() + ROLL_BACK_PATIENCE;
        let waits = going.iter().map(|(name, uid)| self.wait_gone(name, uid, deadline));
        for outcome in join_all(waits).await {
            if let Err(failure) = outcome {
                tracing::info!(?failure, "what was taken back is not seen to be gone");
            }
        }
        left
    }

    /// Looks at those of which a failure does not tell whether they were made. One that cannot be
    /// looked at is left to the next apply, which takes up what carries our entry.
    async fn make_sure(&self, desired: &Objects, report: &mut Report) {
        for key in std::mem::take(&mut report.unsure) {
            let Some(object) = desired.get(&key) else { continue };
            let name = reference(object);
            let live = self.api.get(&name).await.ok().flatten();
            if let Some(live) = live.filter(|live| live.applied_by(&self.manager).is_some()) {
                let kept = self.kept(object, &live);
                if !kept.entry && object.tenure != Tenure::Ground {
                    report.made.push((key.clone(), name, live.uid().to_owned()));
                }
                report.kept.objects.insert(key.to_string(), kept);
            }
        }
    }
}

impl Report {
    fn take(&mut self, object: &Object, outcome: Result<Put, Failure>, before: Option<&Live>, manager: &str) {
        let key = object.key();
        match outcome {
            Ok(put) => {
                self.put.insert(key.clone());
                if put.created {
                    self.made.push((key.clone(), reference(object), put.kept.uid.clone()));
                } else if matches!(object.tenure, Tenure::Own)
                    && before.is_some_and(|live| live.applied_by(manager).is_some())
                {
                    self.resumed.push(key.clone());
                } else if matches!(object.tenure, Tenure::Own | Tenure::Retained)
                    && before
                        .is_some_and(|live| live.uid() == put.kept.uid && live.applied_by(manager).is_none())
                {
                    self.taken.push(reference(object));
                }
                self.remarks.extend(put.remarks);
                self.kept.objects.insert(key.to_string(), put.kept);
            }
            Err(failure) => self.failures.push((key, failure)),
        }
    }
}
