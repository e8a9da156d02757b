//! What became of the objects since the last apply.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::Value;
use tenancy::leaves::{Leaves, diff, from_fields_v1, leaves};
use tenancy::objects::{Key, Kind, Object, Objects, Tenure};

use super::put::accepting;
use super::{Engine, Kept, kept, reference, with_uid};
use crate::api::{Failure, Live, Manner};

/// The answer for a set of objects.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) found: BTreeMap<Key, Found>,
    /// Jobs that were given up, with the controller's words.
    pub(crate) failed: BTreeMap<Key, String>,
    /// What is still there of what was kept.
    pub(crate) kept: Kept,
}

/// The answer for one object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// It is absent, being deleted, or another one has its name.
    Gone,
    /// Every field that we set is still ours.
    Clean,
    /// Fields of ours were changed or deleted: the live values by path, and by whom.
    Drifted { live: BTreeMap<String, Option<Value>>, by: Vec<String> },
}

/// The fields that a state shows of an object, where it shows any.
type Shows<'a> = dyn Fn(&Key) -> Option<Leaves> + Sync + 'a;

impl Engine<'_> {
    /// Compares what is remembered with what is there. `desired` are the objects that the state stands for
    /// today, and `shown` the fields that it shows of them: what the version of the provider that wrote it did
    /// not set yet was taken away by nobody.
    pub(crate) async fn read(
        &self,
        desired: &Objects,
        shown: &Shows<'_>,
        kept: &Kept,
    ) -> Result<Seen, Failure> {
        let keys: Vec<Key> = kept.objects.keys().filter_map(|key| key.parse().ok()).collect();
        let look = |key| self.read_one(key, desired.get(key), shown, kept);
        let outcomes = join_all(keys.iter().map(look)).await;
        let mut seen = Seen { found: BTreeMap::new(), failed: BTreeMap::new(), kept: kept.clone() };
        for (key, outcome) in keys.into_iter().zip(outcomes) {
            let (found, failed) = outcome?;
            seen.failed.extend(failed.map(|why| (key.clone(), why)));
            if found == Found::Gone {
                seen.kept.objects.remove(&key.to_string());
            }
            seen.found.insert(key, found);
        }
        Ok(seen)
    }

    /// What became of one object, and why it failed if it is a Job that was given up.
    async fn read_one(
        &self,
        key: &Key,
        desired: Option<&Object>,
        shown: &Shows<'_>,
        kept: &Kept,
    ) -> Result<(Found, Option<String>), Failure> {
        let Some(remembered) = kept.objects.get(&key.to_string()) else { return Ok((Found::Gone, None)) };
        let live = self.api.get(&remembered.reference(key)).await?;
        let Some(live) = live.filter(|live| live.uid() == remembered.uid && !live.is_deleting()) else {
            return Ok((Found::Gone, None));
        };
        let failed = live.condition("Failed").filter(|_| key.kind == Kind::Job);
        let failed = failed.map(|it| it["message"].as_str().unwrap_or("no message").to_owned());
        let Some(object) = desired else { return Ok((Found::Clean, failed)) };
        let owned = self.owned(object, &live);
        if kept::digest(&owned) == remembered.fields {
            return Ok((Found::Clean, failed));
        }
        Ok((self.drift(object, shown(key), &live, &owned).await?, failed))
    }

    /// The fields that we set, do not own any more, and that would change if we
    /// applied again. A dry run tells, because only it knows what admission
    /// makes of our fields.
    async fn drift(
        &self,
        object: &Object,
        shown: Option<Leaves>,
        live: &Live,
        owned: &BTreeSet<String>,
    ) -> Result<Found, Failure> {
        let body = accepting(object, live);
        let ours = leaves(&body);
        let shown: Option<BTreeSet<String>> = shown.map(|leaves| leaves.into_keys().collect());
        let was_set = |path: &&String| shown.as_ref().is_none_or(|shown| is_at_any(path, shown));
        let lost = ours.keys().filter(|path| !owned.contains(*path)).filter(was_set);
        let lost: BTreeSet<String> = lost.cloned().collect();
        let before = leaves(&live.0);
        let manner = Manner { dry_run: true, ..self.manner(true) };
        let after = match self.api.apply(&reference(object), with_uid(body, live.uid()), manner).await {
            Ok(applied) => leaves(&applied.live.0),
            // What the API would not take back is still what a hand changed.
            Err(failure) if failure.status() == Some(422) => ours.clone(),
            Err(failure) => return Err(failure),
        };
        let foreign_ground = self.held_by_neighbours(object, live);
        let changed: BTreeMap<String, Option<Value>> = diff(&before, &after)
            .into_iter()
            .filter(|(path, _)| is_at_any(path, &lost) && !foreign_ground.contains(path))
            .map(|(path, (live, _))| (path, live))
            .collect();
        if changed.is_empty() {
            return Ok(Found::Clean);
        }
        let by = changed.iter().map(|(path, value)| self.blame(live, path, value.is_none())).collect();
        Ok(Found::Drifted { live: changed, by })
    }

    /// Labels of a shared namespace that another of our tenants sets are no drift.
    fn held_by_neighbours(&self, object: &Object, live: &Live) -> BTreeSet<String> {
        if object.tenure != Tenure::Ground {
            return BTreeSet::new();
        }
        let entries = live.entries().iter().filter(|entry| {
            let manager = entry["manager"].as_str().unwrap_or_default();
            self.is_neighbour(manager)
        });
        entries.flat_map(|entry| from_fields_v1(&entry["fieldsV1"])).collect()
    }

    /// Who holds a field now, and since when; for a deleted one, who wrote last.
    fn blame(&self, live: &Live, path: &str, deleted: bool) -> String {
        // Entries of status and scale say nothing of who changed a field of the object itself.
        let others = || {
            let entries = live.entries().iter();
            entries.filter(|entry| entry["manager"] != *self.manager && entry["subresource"].is_null())
        };
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let holder = others().find(|entry| from_fields_v1(&entry["fieldsV1"]).contains(path));
        let last = others().max_by_key(|entry| text(entry, "time"));
        match (deleted, holder, last) {
            (false, Some(entry), _) => {
                format!("{path}: set by {} at {}", text(entry, "manager"), text(entry, "time"))
            }
            (true, _, Some(entry)) => format!(
                "{path}: deleted; the last to write was {} at {}",
                text(entry, "manager"),
                text(entry, "time")
            ),
            (true, ..) => format!("{path}: deleted"),
            (false, ..) => format!("{path}: changed"),
        }
    }

    /// What is to be kept of an object that was found, not made.
    pub(crate) fn keep_found(&self, object: &Object, live: &Live) -> kept::KeptObject {
        self.kept(object, live)
    }

    /// What our last apply set in an object, with its live values: the leaves that we own, those of birth aside.
    pub(crate) fn last_applied(&self, object: &Object, live: &Live) -> Leaves {
        let owned = self.owned(object, live);
        leaves(&live.0).into_iter().filter(|(path, _)| owned.contains(path)).collect()
    }
}

/// Whether `path` is one of `paths`, or lies below or above one: an atomic list
/// that we lost may have become fields, and the other way round.
pub(super) fn is_at_any(path: &str, paths: &BTreeSet<String>) -> bool {
    let covers = |above: &str, below: &str| {
        below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    paths.iter().any(|lost| covers(lost, path) || covers(path, lost))
}
