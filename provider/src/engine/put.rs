//! One object: made if absent, applied if there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenancy::leaves::{diff, from_fields_v1, leaves, merge, remove_leaf};
use tenancy::objects::{Kind, Object, Tenure};

use super::adopt::may_adopt;
use super::{Engine, KeptObject, birth_paths, overridden, reference, with_uid};
use crate::api::{Applied, Failure, Live, Manner};

/// How long a claim that nobody uses may take to go.
const CLAIM_PATIENCE: Duration = Duration::from_secs(20);

/// Which leaves of an object the plan has shown as changing: those may be
/// taken back from whoever holds them, because the user has seen and agreed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// These.
    Leaves(BTreeSet<String>),
    /// Every one, because plans show digests only.
    All,
    /// Every one, also of an object that is not ours: the user adopts it.
    Adopted,
}

/// What putting an object came to.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) kept: KeptObject,
    pub(crate) created: bool,
    pub(crate) remarks: Vec<String>,
}

impl Engine<'_> {
    /// Puts an object whose uid we know, without a look where that is enough.
    pub(super) async fn put_known(&self, object: &Object, uid: &str, shown: &Shown) -> Result<Put, Failure> {
        if object.birth.is_none() && object.kind != Kind::PersistentVolumeClaim {
            let body = with_uid(object.body.clone(), uid);
            match self.api.apply(&reference(object), body, self.manner(false)).await {
                Ok(applied) => return Ok(self.put(object, &object.body, applied, Vec::new())),
                // The uid is of an object that is gone (409), or replaced (422).
                Err(failure) if matches!(failure.status(), Some(409 | 422)) => {}
                Err(failure) => return Err(failure),
            }
        }
        let live = self.api.get(&reference(object)).await?;
        self.put_seen(object, live.as_ref(), Some(uid), shown).await
    }

    /// Puts an object after a look at what is there.
    pub(super) async fn put_seen(
        &self,
        object: &Object,
        live: Option<&Live>,
        uid: Option<&str>,
        shown: &Shown,
    ) -> Result<Put, Failure> {
        self.may_put(object, live, uid, shown)?;
        match live {
            None => self.bear(object).await,
            Some(live) if self.is_foreign(object, live, uid) => self.adopt(object, live).await,
            Some(live) => self.put_over(object, live, shown).await,
        }
    }

    /// Whether an object that is to be ours alone is somebody else's.
    fn is_foreign(&self, object: &Object, live: &Live, uid: Option<&str>) -> bool {
        matches!(object.tenure, Tenure::Own | Tenure::Retained)
            && live.applied_by(&self.manager).is_none()
            && uid != Some(live.uid())
    }

    /// Whether what is there may be touched at all.
    pub(super) fn may_put(
        &self,
        object: &Object,
        live: Option<&Live>,
        uid: Option<&str>,
        shown: &Shown,
    ) -> Result<(), Failure> {
        let name = reference(object);
        match live {
            None if object.tenure == Tenure::Entry => Err(Failure::Waited {
                summary: format!("{name} does not exist"),
                detail: format!(
                    "This resource enters its claim there. Apply the resource that makes {name} first; when \
                     it is another stack, make this one depend on it."
                ),
            }),
            Some(live) if live.is_deleting() => Err(Failure::Waited {
                summary: format!("{name} is being deleted"),
                detail: "It was there when this apply looked, with a deletion under way. Wait until it is \
                         gone (kubectl shows its finalizers when something holds it), then apply again."
                    .into(),
            }),
            Some(live) if self.is_foreign(object, live, uid) => match shown {
                Shown::Adopted => may_adopt(object, live),
                _ => Err(Failure::Foreign { object: name.to_string(), managers: live.managers() }),
            },
            _ => Ok(()),
        }
    }

    /// Makes an absent object: the birth fields are applied with the rest and
    /// then given to the birth manager.
    pub(super) async fn bear(&self, object: &Object) -> Result<Put, Failure> {
        let name = reference(object);
        let whole = object.body_at_birth();
        let applied = match self.api.apply(&name, whole.clone(), self.manner(false)).await {
            // Two tenants made their namespace at the same moment, and the other was first.
            Err(failure) if failure.as_conflict().is_some() && object.tenure == Tenure::Ground => {
                let live = self.api.get(&name).await?.ok_or(failure)?;
                let unseen = Shown::Leaves(BTreeSet::new());
                return self.share_ground(object, &live, object.body.clone(), &unseen).await;
            }
            outcome => outcome?,
        };
        let mut remarks = Vec::new();
        if !applied.created && matches!(object.tenure, Tenure::Own | Tenure::Retained) {
            remarks.push(format!(
                "{name} appeared between the look and the apply. Fields that we set are ours now; whoever made \
                 it set {}.",
                applied.live.managers().join(", ")
            ));
        }
        if let Some(body) = object.birth_body() {
            let body = with_uid(body, applied.live.uid());
            let manner = Manner { manager: &self.birth_manager, force: false, dry_run: false };
            match self.api.apply(&name, body, manner).await {
                Ok(_) => {}
                // Somebody has set the field since, so it is theirs already.
                Err(failure) if failure.as_conflict().is_some() => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(self.put(object, &whole, applied, remarks))
    }

    pub(super) async fn put_over(&self, object: &Object, live: &Live, shown: &Shown) -> Result<Put, Failure> {
        self.hand_birth_over(object, live).await?;
        self.make_strategy_changeable(object, live).await?;
        let given_back = self.given_back(object, live);
        let body = with_uid(accepting(object, live), live.uid());
        let put = self.apply_over(object, live, body, shown).await?;
        if given_back {
            self.let_births_go(object, live.uid()).await?;
        }
        Ok(put)
    }

    async fn apply_over(
        &self,
        object: &Object,
        live: &Live,
        body: Value,
        shown: &Shown,
    ) -> Result<Put, Failure> {
        let name = reference(object);
        match self.api.apply(&name, body.clone(), self.manner(false)).await {
            Ok(applied) => Ok(self.put(object, &body, applied, Vec::new())),
            Err(failure) => match failure.as_conflict() {
                Some(_) if object.tenure == Tenure::Ground => {
                    self.share_ground(object, live, body, shown).await
                }
                Some(_) if self.was_shown(object, live, &body, shown).await? => {
                    let applied = self.api.apply(&name, body.clone(), self.manner(true)).await?;
                    Ok(self.put(object, &body, applied, Vec::new()))
                }
                _ if failure.status() == Some(422) && is_empty_claim(object, live) => {
                    self.remake_claim(object, live).await
                }
                _ => Err(failure),
            },
        }
    }

    /// Whether everything that a forced apply would change has been shown.
    async fn was_shown(
        &self,
        object: &Object,
        live: &Live,
        body: &Value,
        shown: &Shown,
    ) -> Result<bool, Failure> {
        let Shown::Leaves(shown) = shown else { return Ok(true) };
        let manner = Manner { dry_run: true, ..self.manner(true) };
        let would = self.api.apply(&reference(object), body.clone(), manner).await?.live;
        let changes = diff(&leaves(&live.0), &leaves(&would.0));
        let ours = leaves(body);
        Ok(changes.keys().filter(|path| ours.contains_key(*path)).all(|path| shown.contains(path)))
    }

    /// Before an apply that leaves the birth fields out: those that we alone
    /// own would be reset, so the birth manager takes them with their live value.
    async fn hand_birth_over(&self, object: &Object, live: &Live) -> Result<(), Failure> {
        let paths_of = |manager: &str| live.applied_by(manager).map(from_fields_v1).unwrap_or_default();
        let (ours, births) = (paths_of(&self.manager), paths_of(&self.birth_manager));
        // Whatever we own and no longer set must not fall back to a default
        // either, when it is the replicas: a tenant that was `always`.
        let mut wanted = birth_paths(object);
        wanted.retain(|path| ours.contains(path) || births.contains(path));
        // What it gives back it keeps until we own it: a field without an owner is dropped.
        wanted.extend(births.iter().cloned());
        if wanted.is_empty() || wanted == births {
            return Ok(());
        }
        self.apply_births(object, live, &wanted).await
    }

    /// Whether the birth manager holds fields that are ours to set by now.
    fn given_back(&self, object: &Object, live: &Live) -> bool {
        let births = live.applied_by(&self.birth_manager).map(from_fields_v1).unwrap_or_default();
        let wanted = birth_paths(object);
        births.iter().any(|path| !wanted.contains(path))
    }

    /// The birth manager keeps what belongs to birth and no more.
    async fn let_births_go(&self, object: &Object, uid: &str) -> Result<(), Failure> {
        let Some(live) = self.api.get(&reference(object)).await?.filter(|live| live.uid() == uid) else {
            return Ok(());
        };
        let mut wanted = live.applied_by(&self.birth_manager).map(from_fields_v1).unwrap_or_default();
        let births = birth_paths(object);
        wanted.retain(|path| births.contains(path));
        self.apply_births(object, &live, &wanted).await
    }

    /// Lets the birth manager own these paths, at their live values.
    async fn apply_births(
        &self,
        object: &Object,
        live: &Live,
        wanted: &BTreeSet<String>,
    ) -> Result<(), Failure> {
        let mut source = live.0.clone();
        let mut body = tenancy::objects::identity(object.kind, object.namespace.as_ref(), &object.name);
        for path in wanted {
            if let Some(fragment) = remove_leaf(&mut source, path) {
                merge(&mut body, &fragment);
            }
        }
        let manner = Manner { manager: &self.birth_manager, force: false, dry_run: false };
        match self.api.apply(&reference(object), with_uid(body, live.uid()), manner).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.as_conflict().is_some() => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// A claim that was never bound cannot be changed, but it holds nothing, so another takes its place.
    async fn remake_claim(&self, object: &Object, live: &Live) -> Result<Put, Failure> {
        let name = reference(object);
        self.delete(&name, live.uid(), Instant::now() + CLAIM_PATIENCE).await?;
        let mut put = self.bear(object).await?;
        put.remarks
            .push(format!("{name} was not bound yet, so it was made anew to change it. No data was lost."));
        Ok(put)
    }

    /// A Deployment whose strategy was changed to RollingUpdate keeps defaults
    /// that `Recreate` forbids; server-side apply alone cannot take them away.
    async fn make_strategy_changeable(&self, object: &Object, live: &Live) -> Result<(), Failure> {
        let wanted = &object.body["spec"]["strategy"]["type"];
        let differs = object.kind == Kind::Deployment
            && wanted == "Recreate"
            && live.0["spec"]["strategy"]["type"] != *wanted;
        if differs {
            let patch = json!({"metadata": {"uid": live.uid()},
                "spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
            self.api.merge(&reference(object), None, &self.manager, patch).await?;
        }
        Ok(())
    }

    /// A namespace of several tenants: where another of ours set a label
    /// otherwise, theirs stays and we say so. What a hand changed is taken back
    /// as elsewhere.
    async fn share_ground(
        &self,
        object: &Object,
        live: &Live,
        mut body: Value,
        shown: &Shown,
    ) -> Result<Put, Failure> {
        let others: BTreeSet<String> = live
            .entries()
            .iter()
            .filter(|entry| {
                let manager = entry["manager"].as_str().unwrap_or_default();
                self.is_neighbour(manager)
            })
            .flat_map(|entry| from_fields_v1(&entry["fieldsV1"]))
            .collect();
        let (ours, theirs) = (leaves(&body), leaves(&live.0));
        let mut dropped = Vec::new();
        for path in others.iter().filter(|path| ours.get(*path) != theirs.get(*path)) {
            if remove_leaf(&mut body, path).is_some() {
                dropped.push(path.clone());
            }
        }
        let name = reference(object);
        let applied = match self.api.apply(&name, body.clone(), self.manner(false)).await {
            Err(failure)
                if failure.as_conflict().is_some() && self.was_shown(object, live, &body, shown).await? =>
            {
                self.api.apply(&name, body.clone(), self.manner(true)).await?
            }
            outcome => outcome?,
        };
        let remark = (!dropped.is_empty()).then(|| {
            format!(
                "{name} is shared with another tenant, which sets {} otherwise. Theirs stays: let both say the same.",
                dropped.join(", ")
            )
        });
        Ok(self.put(object, &body, applied, remark.into_iter().collect()))
    }

    pub(super) fn manner(&self, force: bool) -> Manner<'_> {
        Manner { manager: &self.manager, force, dry_run: false }
    }

    /// What an apply of `sent` came to.
    fn put(&self, object: &Object, sent: &Value, applied: Applied, mut remarks: Vec<String>) -> Put {
        remarks.extend(overridden::remark(&reference(object), sent, &applied.live.0));
        remarks.extend(applied.warnings.iter().map(|text| format!("{}: {text}", reference(object))));
        if applied.live.is_deleting() {
            remarks.push(format!("{} is being deleted by somebody while we apply it.", reference(object)));
        }
        Put { kept: self.kept(object, &applied.live), created: applied.created, remarks }
    }
}

/// Whether a claim of ours was never bound to a volume.
fn is_empty_claim(object: &Object, live: &Live) -> bool {
    object.kind == Kind::PersistentVolumeClaim
        && live.0["status"]["phase"] == "Pending"
        && live.0["spec"]["volumeName"].is_null()
}

/// The body, with what the API will not take back accepted as it is: a claim
/// that was grown by hand stays grown.
pub(super) fn accepting(object: &Object, live: &Live) -> Value {
    let mut body = object.body.clone();
    if object.kind == Kind::PersistentVolumeClaim {
        let size = |value: &Value| {
            value["spec"]["resources"]["requests"]["storage"]
                .as_str()
                .and_then(|text| text.parse::<tenancy::quantity::Quantity>().ok())
        };
        if let (Some(wanted), Some(has)) = (size(&body), size(&live.0))
            && has > wanted
        {
            body["spec"]["resources"]["requests"]["storage"] = json!(has.to_string());
        }
    }
    body
}
