//! Objects removed: those that a change no longer wants, and all of them.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tenancy::objects::{Key, Kind};

use super::{Engine, Kept, KeptObject};
use crate::api::{Failure, Ref};

/// The first pause between two looks at what should be gone; it doubles up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(30);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What a removal came to.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// What is still there and still ours.
    pub(crate) left: Kept,
    pub(crate) failures: Vec<(Key, Failure)>,
    /// What stays on purpose, and why.
    pub(crate) remarks: Vec<String>,
}

impl Engine<'_> {
    /// Removes these objects and waits until they are gone: all at once but
    /// for namespaces, which come last.
    pub(crate) async fn remove(&self, kept: &Kept, deadline: Instant) -> Removed {
        let mut removed = Removed { left: kept.clone(), ..Removed::default() };
        let (ground, rest): (Vec<_>, Vec<_>) = kept
            .objects
            .iter()
            .filter_map(|(key, object)| Some((key.parse::<Key>().ok()?, object)))
            .partition(|(key, _)| key.kind == Kind::Namespace);
        for stage in [rest, ground] {
            let outcomes =
                join_all(stage.iter().map(|(key, object)| self.remove_one(key, object, deadline))).await;
            for ((key, _), outcome) in stage.into_iter().zip(outcomes) {
                match outcome {
                    Ok(remark) => {
                        removed.left.objects.remove(&key.to_string());
                        removed.remarks.extend(remark);
                    }
                    Err(failure) => removed.failures.push((key, failure)),
                }
            }
            if !removed.failures.is_empty() {
                break;
            }
        }
        removed
    }

    async fn remove_one(
        &self,
        key: &Key,
        object: &KeptObject,
        deadline: Instant,
    ) -> Result<Option<String>, Failure> {
        let name = object.reference(key);
        if object.retained {
            return Ok(Some(format!(
                "{name} stays with its data, as `deletion_policy` or `existing_claim` says. A tenant of the same \
                 name takes it up again; to be rid of it, delete it with kubectl."
            )));
        }
        if object.entry {
            return self.drop_fields(&name, &object.uid).await.map(|_| None);
        }
        if key.kind == Kind::Namespace {
            let remark = self.leave_ground(&name, object).await?;
            if remark.is_none() {
                self.wait_gone(&name, &object.uid, deadline).await?;
            }
            return Ok(remark);
        }
        self.api.delete(&name, Some(&object.uid)).await?;
        self.wait_gone(&name, &object.uid, deadline).await?;
        Ok(None)
    }

    /// Waits until the object of this uid is absent.
    pub(crate) async fn wait_gone(&self, name: &Ref, uid: &str, deadline: Instant) -> Result<(), Failure> {
        let mut pause = FIRST_LOOK;
        loop {
            let live = self.api.get(name).await?;
            let Some(live) = live.filter(|live| live.uid() == uid) else { return Ok(()) };
            if self.cancel.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            if Instant::now() >= deadline {
                let holders = live.0["metadata"]["finalizers"].to_string();
                let conditions: Vec<&str> = live.0["status"]["conditions"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|it| it["message"].as_str())
                    .collect();
                return Err(Failure::Waited {
                    summary: format!("{name} does not go away"),
                    detail: format!(
                        "It was deleted and is still there; finalizers that hold it: {holders}. {} Let what they \
                         wait for happen, then destroy again. `timeouts.delete` gives it longer.",
                        conditions.join(" ")
                    ),
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// Those of the kept objects that are wanted no more.
    pub(crate) fn unwanted(kept: &Kept, wanted: impl Fn(&Key) -> bool) -> Kept {
        let objects = kept
            .objects
            .iter()
            .filter(|(key, _)| key.parse().is_ok_and(|key| !wanted(&key)))
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect();
        Kept { objects, leaving: kept.leaving }
    }
}
