//! What the three resources have in common: objects made, read, changed and
//! removed, and told to the user.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tenancy::objects::{Key, Object, Objects};
use tfplugin::{Attr, Diagnostic, Diagnostics, Map, Outcome, Path};

use crate::api::{Failure, Live, Ref};
use crate::engine::{Engine, Found, Kept, Order, Report, Shown};
use crate::outcome;
use crate::picture;

/// One resource in the cluster.
pub(crate) struct Lifecycle<'a> {
    pub(crate) engine: Engine<'a>,
    /// The resource in messages: `gpu_card gpu-1-0`.
    pub(crate) title: String,
    /// The attribute that stands for an object in diagnostics.
    pub(crate) attribute: fn(&Key) -> Path,
    pub(crate) digests: bool,
}

/// Objects that were made or changed.
pub(crate) struct Settled {
    pub(crate) kept: Kept,
    /// What an update made of `objects` of the prior state.
    pub(crate) objects: Attr<Map<String>>,
    pub(crate) remarks: Diagnostics,
}

/// A create, update or delete that did not come to its end.
pub(crate) struct Unsettled {
    /// What is there all the same; nothing where the cluster is as it was.
    pub(crate) kept: Option<Kept>,
    /// What `objects` of the prior state is by now.
    pub(crate) objects: Attr<Map<String>>,
    pub(crate) diagnostics: Diagnostics,
}

/// A model with the computed attribute `objects`.
pub(crate) trait Shows {
    fn objects(&mut self) -> &mut Attr<Map<String>>;
}

/// What an update is to do.
pub(crate) struct Change<'a> {
    pub(crate) desired: &'a Objects,
    /// `objects` of the prior state.
    pub(crate) before: &'a Attr<Map<String>>,
    pub(crate) adopt: &'a BTreeSet<Key>,
    /// How long what is wanted no more may take to go.
    pub(crate) patience: Duration,
}

/// A look at objects.
pub(crate) struct Looked {
    pub(crate) kept: Kept,
    pub(crate) objects: Attr<Map<String>>,
    pub(crate) remarks: Diagnostics,
}

impl Lifecycle<'_> {
    /// Makes all objects, or none: what a failed create made is taken back.
    ///
    /// Terraform marks a resource whose create failed as tainted and destroys
    /// it at the next apply, which could cost a claim its data. So an error
    /// means that nothing is left; where that cannot be had (the user
    /// interrupted, or the cluster went away), the resource is kept with a
    /// warning, and the next plan shows what is still to be made.
    pub(crate) async fn create(
        &self,
        desired: &Objects,
        adopt: &BTreeSet<Key>,
    ) -> Result<Settled, Unsettled> {
        let order = Order::all(desired, adopt);
        let mut report = self.engine.settle(&order, Kept::default()).await;
        if report.failures.is_empty() {
            return Ok(self.settled(report));
        }
        let errors = self.errors(&report.failures);
        let interrupted = self.engine.cancel.is_cancelled();
        let somewhat = !report.made.is_empty();
        let left = if interrupted { Vec::new() } else { self.engine.roll_back(desired, &mut report).await };
        if !(interrupted && somewhat) && left.is_empty() {
            let mut diagnostics = errors;
            diagnostics.extend(self.taken_over(&report.taken));
            return Err(Unsettled { kept: None, objects: Attr::Null, diagnostics });
        }
        let reasons: Vec<String> =
            errors.into_iter().map(|it| format!("{}: {}", it.summary, it.detail)).collect();
        let warning = Diagnostic::warning(
            format!("{} is not complete", self.title),
            format!(
                "{}\nWhat was made so far is in the state; the next plan shows what is missing, and its apply \
                 makes it. This is a warning because after an error Terraform would destroy what was made.",
                reasons.join("\n")
            ),
        );
        let objects = picture::known(desired, self.digests);
        Err(Unsettled { kept: Some(report.kept), objects, diagnostics: warning.into() })
    }

    /// Applies what differs and removes what is wanted no more.
    pub(crate) async fn update(&self, change: &Change<'_>, kept: Kept) -> Result<Settled, Unsettled> {
        let settled = self.put(change, kept).await?;
        self.prune(change, settled).await
    }

    /// Applies what differs. After an error the prior state still says what to
    /// do, and its `objects` and `kept` say what is there.
    pub(crate) async fn put(&self, change: &Change<'_>, kept: Kept) -> Result<Settled, Unsettled> {
        let Change { desired, before, .. } = change;
        let (mut apply, shown) = picture::changes(before, desired, self.digests);
        let unmade = desired.iter().filter(|(key, _)| kept.uid(key).is_none()).map(|(key, _)| key.clone());
        apply.extend(unmade);
        self.put_these(change, apply, shown, kept).await
    }

    /// Applies some of the objects, whatever the state says of them.
    pub(crate) async fn put_only(
        &self,
        change: &Change<'_>,
        apply: BTreeSet<Key>,
        kept: Kept,
    ) -> Result<Settled, Unsettled> {
        let shown = apply.iter().map(|key| (key.clone(), Shown::All)).collect();
        self.put_these(change, apply, shown, kept).await
    }

    async fn put_these(
        &self,
        change: &Change<'_>,
        apply: BTreeSet<Key>,
        shown: BTreeMap<Key, Shown>,
        kept: Kept,
    ) -> Result<Settled, Unsettled> {
        let Change { desired, before, adopt, .. } = change;
        let kept = Kept { leaving: false, ..kept };
        let report = self.engine.settle(&Order { desired, apply, shown, adopt }, kept).await;
        let objects = picture::half_way(before, desired, &report, self.digests);
        if !report.failures.is_empty() {
            let diagnostics = self.errors(&report.failures);
            return Err(Unsettled { kept: Some(report.kept), objects, diagnostics });
        }
        Ok(Settled { objects, ..self.settled(report) })
    }

    /// Removes what an applied change wants no more.
    pub(crate) async fn prune(
        &self,
        change: &Change<'_>,
        mut settled: Settled,
    ) -> Result<Settled, Unsettled> {
        let desired = change.desired;
        let unwanted = Engine::unwanted(&settled.kept, |key| desired.get(key).is_some());
        // What becomes of a claim on destroy is nowhere in the claim itself, so
        // a change of it applies nothing and must be remembered here.
        for (key, object) in desired.iter() {
            if let Some(kept) = settled.kept.objects.get_mut(&key.to_string()) {
                kept.retained = object.tenure == tenancy::objects::Tenure::Retained;
            }
        }
        let removed = self.engine.remove(&unwanted, Instant::now() + change.patience).await;
        settled
            .kept
            .objects
            .retain(|key, _| !unwanted.objects.contains_key(key) || removed.left.objects.contains_key(key));
        settled.remarks.extend(self.warnings("keeps something", removed.remarks));
        if removed.failures.is_empty() {
            return Ok(settled);
        }
        settled.remarks.extend(self.errors(&removed.failures));
        let objects = picture::without_gone(&settled.objects, &settled.kept);
        Err(Unsettled { kept: Some(settled.kept), objects, diagnostics: settled.remarks })
    }

    /// Looks at all objects. `None` when none of them is left.
    pub(crate) async fn look(
        &self,
        desired: &Objects,
        before: &Attr<Map<String>>,
        kept: Kept,
    ) -> Result<Option<Looked>, Failure> {
        let kept = if kept.objects.is_empty() { self.recover(desired).await? } else { kept };
        let shown = |key: &Key| picture::shown(before, key);
        let mut seen = self.engine.read(desired, &shown, &kept).await?;
        // Promised by a create that was not finished, and never made.
        for key in before.known().into_iter().flatten().filter_map(|(key, _)| key.parse().ok()) {
            seen.found.entry(key).or_insert(Found::Gone);
        }
        let own = |key: &Key| desired.get(key).is_none_or(|it| it.tenure != tenancy::objects::Tenure::Ground);
        let is_there = |found: &Found| *found != Found::Gone;
        let stands = seen.found.iter().any(|(key, found)| own(key) && is_there(found));
        // A delete that got so far has still to leave the ground, and no other state knows of that.
        let is_leaving = kept.leaving && seen.found.values().any(is_there);
        if !stands && !is_leaving {
            return Ok(None);
        }
        let mut remarks = self.drift_warning(&seen.found).map(Diagnostics::from).unwrap_or_default();
        remarks.extend(seen.failed.iter().map(|(key, why)| self.failed_warning(key, why, desired)));
        let objects = picture::after_look(before, desired, &seen.found, self.digests);
        Ok(Some(Looked { kept: seen.kept, objects, remarks }))
    }

    /// Looks at what is kept of a state that does not pass today's rules, which were tightened since. What is
    /// there is seen; whether it was changed is not, because nobody knows what it should be.
    pub(crate) async fn look_unread<M: Shows>(
        &self,
        mut model: M,
        kept: Kept,
        problems: Diagnostics,
    ) -> Outcome<M> {
        let reasons: Vec<String> = problems.iter().map(|it| format!("{}: {}", it.path, it.detail)).collect();
        let detail = format!(
            "Its state does not pass the rules of this version of the provider: {}\nThe refresh looked whether its \
             objects are there, and not whether they were changed. Correct the configuration; its apply puts all \
             of them as they should be. A destroy needs no correction.",
            reasons.join("\n")
        );
        let warning = Diagnostic::warning(format!("{} was not compared", self.title), detail);
        if kept.objects.is_empty() {
            return Outcome::state(model).with(warning);
        }
        let nothing = Objects::from_iter([]);
        let looked = self.look(&nothing, model.objects(), kept).await;
        outcome::read(model, looked, &self.title).with(warning)
    }

    /// Without memory (an older state, a lost private part) the objects that
    /// carry our entry are ours.
    async fn recover(&self, desired: &Objects) -> Result<Kept, Failure> {
        Ok(self.find(desired, |_, _| {}).await?.0)
    }

    /// What stands already of these objects: those that carry our entry, as they were last applied and not as we
    /// would apply them, so that the plan after an import shows what differs. `met` is shown each.
    pub(crate) async fn find(
        &self,
        desired: &Objects,
        mut met: impl FnMut(&Object, &Live),
    ) -> Result<(Kept, Attr<Map<String>>), Failure> {
        let mut kept = Kept::default();
        let mut objects = Map::new();
        for (key, object) in desired.iter() {
            let live = self.engine.api.get(&crate::engine::reference(object)).await?;
            let Some(live) = live.filter(|live| live.applied_by(&self.engine.manager).is_some()) else {
                continue;
            };
            met(object, &live);
            kept.objects.insert(key.to_string(), self.engine.keep_found(object, &live));
            let applied = self.engine.last_applied(object, &live);
            objects.insert(key.to_string(), Attr::Known(picture::text(&applied, self.digests)));
        }
        Ok((kept, Attr::Known(objects)))
    }

    /// Removes everything but what is retained. After a failure `kept` and
    /// `objects` say what is left.
    pub(crate) async fn delete(
        &self,
        kept: Kept,
        before: &Attr<Map<String>>,
        patience: Duration,
    ) -> Result<Diagnostics, Unsettled> {
        let removed = self.engine.remove(&kept, Instant::now() + patience).await;
        let mut diagnostics: Diagnostics = self.warnings("leaves something behind", removed.remarks);
        if removed.failures.is_empty() {
            return Ok(diagnostics);
        }
        diagnostics.extend(self.errors(&removed.failures));
        let objects = picture::without_gone(before, &removed.left);
        let kept = Kept { leaving: true, ..removed.left };
        Err(Unsettled { kept: Some(kept), objects, diagnostics })
    }

    /// The errors of these failures, each at the attribute of its object.
    pub(crate) fn errors(&self, failures: &[(Key, Failure)]) -> Diagnostics {
        let mut told: Vec<Diagnostic> = Vec::new();
        for (key, failure) in failures {
            let general = failure.is_of_all_calls();
            let diagnostic = failure.diagnostic(if general { Path::root() } else { (self.attribute)(key) });
            // Eleven objects without a cluster are one problem.
            let is_told = match general {
                true => told.iter().any(|known| known.summary == diagnostic.summary),
                false => told.contains(&diagnostic),
            };
            if !is_told {
                told.push(diagnostic);
            }
        }
        told.into_iter().collect()
    }

    /// What a failed create took over in place cannot be given back: what its fields were is nowhere.
    fn taken_over(&self, taken: &[Ref]) -> Option<Diagnostic> {
        if taken.is_empty() {
            return None;
        }
        let names: Vec<String> = taken.iter().map(ToString::to_string).collect();
        let detail = format!(
            "{} existed before and had been taken over when the rest failed. What was set in them stays, under the \
             field manager {}, and they are in no state. Apply again, and it goes on from there. To give up \
             instead, put their own manifests back: kubectl apply --server-side --force-conflicts -f <manifest>",
            names.join(", "),
            self.engine.manager
        );
        Some(Diagnostic::warning(format!("{} leaves what it took over changed", self.title), detail))
    }

    fn settled(&self, report: Report) -> Settled {
        let mut remarks = self.warnings("was applied with remarks", report.remarks);
        if !report.resumed.is_empty() {
            let names: Vec<String> = report.resumed.iter().map(ToString::to_string).collect();
            remarks.push(Diagnostic::warning(
                format!("{} took up what an earlier apply left", self.title),
                format!(
                    "{} carried this resource's mark already although the state did not know them: an apply \
                     was cut off, or a claim was retained. If another state manages this tenant too, remove \
                     it from one of the two.",
                    names.join(", ")
                ),
            ));
        }
        Settled { kept: report.kept, objects: Attr::Null, remarks }
    }

    fn warnings(&self, what: &str, remarks: Vec<String>) -> Diagnostics {
        if remarks.is_empty() {
            return Diagnostics::new();
        }
        Diagnostic::warning(format!("{} {what}", self.title), remarks.join("\n")).into()
    }

    /// One warning for all drift of a resource: it names the fields, who and when.
    /// A Job that was given up. It is not run again by itself, because nothing of it changed.
    fn failed_warning(&self, key: &Key, why: &str, desired: &Objects) -> Diagnostic {
        let namespace = desired.get(key).and_then(|object| object.namespace.as_ref());
        let namespace = namespace.map_or(String::new(), |namespace| format!(" -n {namespace}"));
        let (name, why) = (&key.name, why.trim_end_matches('.'));
        let detail = format!(
            "Job {name} was given up: {why}. Its pods' logs may say more: kubectl{namespace} logs -l \
             job-name={name}. To let it try again, delete it and apply: kubectl{namespace} delete job {name}"
        );
        let title = format!("A Job of {} has failed", self.title);
        Diagnostic::warning(title, detail).at((self.attribute)(key))
    }

    /// One warning for all drift of a resource: it names the fields, who and when.
    fn drift_warning(&self, found: &BTreeMap<Key, Found>) -> Option<Diagnostic> {
        let mut lines = Vec::new();
        let mut path = None;
        for (key, found) in found {
            match found {
                Found::Clean => continue,
                Found::Gone => lines.push(format!("{key}: deleted or replaced")),
                Found::Drifted { by, .. } => lines.extend(by.iter().map(|line| format!("{key} {line}"))),
            }
            path.get_or_insert_with(|| (self.attribute)(key));
        }
        let path = path?;
        let detail = format!("{}\nThe plan shows how an apply puts it back.", lines.join("\n"));
        Some(Diagnostic::warning(format!("{} was changed by hand", self.title), detail).at(path))
    }
}
