//! Objects removed: those that a change no longer wants, and all of them.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tenancy::objects::{Key, Kind};

use super::{Engine, Kept, KeptObject};
use crate::api::{Deleted, Failure, Ref};

/// The shortest and the longest pause between two looks at what should be gone.
const PAUSES: (Duration, Duration) = (Duration::from_millis(30), Duration::from_secs(1));
/// Nothing becomes of a namespace sooner after its delete: `namespaceDeletionGracePeriod` of Kubernetes'
/// namespace controller (pkg/controller/namespace/namespace_controller.go).
const NAMESPACE_GRACE: Duration = Duration::from_secs(5);

/// How long to wait before the next look at an object of this kind: short while its end is due, and
/// the longer the longer it was `waited` for.
fn pause(kind: &str, waited: Duration) -> Duration {
    let (shortest, longest) = PAUSES;
    let pause = match kind {
        "Namespace" if waited < NAMESPACE_GRACE => NAMESPACE_GRACE - waited,
        "Namespace" => waited / 50,
        _ => waited / 2,
    };
    pause.clamp(shortest, longest)
}

/// What a removal came to.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// What is still there and still ours.
    pub(crate) left: Kept,
    pub(crate) failures: Vec<(Key, Failure)>,
    /// What stays on purpose, and why.
    pub(crate) remarks: Vec<String>,
}

/// What became of an object that was to go.
enum Asked {
    Deleted(Deleted),
    /// It stays on purpose, and why.
    Stays(String),
}

impl Engine<'_> {
    /// Removes these objects and waits until they are gone. All but namespaces are deleted at once, then
    /// those, and then all are waited for together: a namespace takes seconds of its own, which need not
    /// begin when the last claim has come to its end.
    pub(crate) async fn remove(&self, kept: &Kept, deadline: Instant) -> Removed {
        let mut removed = Removed { left: kept.clone(), ..Removed::default() };
        let mut going = Vec::new();
        let (ground, rest): (Vec<_>, Vec<_>) = kept
            .objects
            .iter()
            .filter_map(|(key, object)| Some((key.parse::<Key>().ok()?, object)))
            .partition(|(key, _)| key.kind == Kind::Namespace);
        for stage in [rest, ground] {
            let asked = join_all(stage.iter().map(|(key, object)| self.ask_away(key, object))).await;
            for ((key, object), asked) in stage.into_iter().zip(asked) {
                match asked {
                    Ok(Asked::Deleted(Deleted::Going)) => {
                        going.push((key, object));
                        continue;
                    }
                    Ok(Asked::Deleted(Deleted::Gone)) => {}
                    Ok(Asked::Stays(why)) => removed.remarks.push(why),
                    Err(failure) => {
                        removed.failures.push((key, failure));
                        continue;
                    }
                }
                removed.left.objects.remove(&key.to_string());
            }
            if !removed.failures.is_empty() {
                break;
            }
        }
        let waits = going.iter().map(|(key, object)| async {
            self.wait_gone(&object.reference(key), &object.uid, deadline).await
        });
        for (outcome, (key, _)) in join_all(waits).await.into_iter().zip(&going) {
            match outcome {
                Ok(()) => drop(removed.left.objects.remove(&key.to_string())),
                Err(failure) => removed.failures.push((key.clone(), failure)),
            }
        }
        removed
    }

    async fn ask_away(&self, key: &Key, object: &KeptObject) -> Result<Asked, Failure> {
        let name = object.reference(key);
        if object.retained {
            return Ok(Asked::Stays(format!(
                "{name} stays with its data, as `deletion_policy` or `existing_claim` says. A tenant of the same \
                 name takes it up again; to be rid of it, delete it with kubectl."
            )));
        }
        if object.entry {
            return self.drop_fields(&name, &object.uid).await.map(|_| Asked::Deleted(Deleted::Gone));
        }
        if key.kind == Kind::Namespace {
            return Ok(self
                .leave_ground(&name, object)
                .await?
                .map_or(Asked::Deleted(Deleted::Going), Asked::Stays));
        }
        self.api.delete(&name, Some(&object.uid)).await.map(Asked::Deleted)
    }

    /// Deletes an object and waits until it is gone.
    pub(crate) async fn delete(&self, name: &Ref, uid: &str, deadline: Instant) -> Result<(), Failure> {
        match self.api.delete(name, Some(uid)).await? {
            Deleted::Gone => Ok(()),
            Deleted::Going => self.wait_gone(name, uid, deadline).await,
        }
    }

    /// Waits until the object of this uid is absent.
    pub(crate) async fn wait_gone(&self, name: &Ref, uid: &str, deadline: Instant) -> Result<(), Failure> {
        let begun = Instant::now();
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
            tokio::time::sleep(pause(&name.kind, begun.elapsed())).await;
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
