//! Objects of others, taken over because the user asked for it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use tenancy::leaves::{from_fields_v1, leaves};
use tenancy::names::fit;
use tenancy::objects::{Kind, Object};

use super::put::Put;
use super::read::is_at_any;
use super::{Engine, reference};
use crate::api::{Failure, Live, Manner, Ref};

/// How long a Deployment without pods may take to go.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest name of a Deployment.
const NAME_LIMIT: usize = 253;
/// The annotation in which kubectl keeps the whole object once more.
const KUBECTL_COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether an object may be taken over as it is now.
///
/// # Errors
/// A Deployment that is awake: another template ends the pod that runs.
pub(super) fn may_adopt(object: &Object, live: &Live) -> Result<(), Failure> {
    let has_pods = live.0["status"]["replicas"].as_u64().unwrap_or(0) > 0;
    if object.kind != Kind::Deployment || (live.replicas() == Some(0) && !has_pods) {
        return Ok(());
    }
    let name = reference(object);
    Err(Failure::Waited {
        summary: format!("{name} is awake"),
        detail: format!(
            "Taking it over changes its pods, which would end the one that works. Apply again while it sleeps: \
             after its window, or after `kubectl -n {} scale deployment {} --replicas=0`.",
            name.namespace.as_deref().unwrap_or_default(),
            name.name
        ),
    })
}

/// Why a Deployment cannot become ours by an apply: nothing where it can.
fn why_anew(object: &Object, live: &Live) -> Option<&'static str> {
    if object.kind != Kind::Deployment {
        return None;
    }
    let names = |body: &Value, list: &str| -> BTreeSet<String> {
        let containers = body["spec"]["template"]["spec"][list].as_array().into_iter().flatten();
        containers.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect()
    };
    let stays = |list: &str| !names(&live.0, list).is_subset(&names(&object.body, list));
    if live.0["spec"]["selector"] != object.body["spec"]["selector"] {
        return Some("a selector can never change");
    }
    (stays("containers") || stays("initContainers")).then_some("its containers would run beside ours")
}

impl Engine<'_> {
    /// Takes an object over: by an apply where that makes it what we want,
    /// otherwise by putting ours in its place.
    pub(super) async fn adopt(&self, object: &Object, live: &Live) -> Result<Put, Failure> {
        if let Some(why) = why_anew(object, live) {
            return self.make_anew(object, live.uid(), why).await;
        }
        let mut put = self.put_over(object, live, &super::Shown::Adopted).await?;
        let name = reference(object);
        // The put is done, and a look that fails must not say otherwise.
        let after = self.api.get(&name).await.ok().flatten();
        put.remarks.extend(after.map(|after| what_stays(&name, &after, &self.owned(object, &after))));
        Ok(put)
    }

    /// Puts our Deployment in the place of a sleeping one.
    ///
    /// Ours is tried first: what the API server refuses must not cost the
    /// user the one that is there. That one goes only as it was last seen,
    /// asleep. Ours is then no object that this apply has to take back.
    async fn make_anew(&self, object: &Object, uid: &str, why: &str) -> Result<Put, Failure> {
        let name = reference(object);
        self.try_out(object).await?;
        let live = self.api.get(&name).await?.filter(|live| live.uid() == uid);
        if let Some(live) = &live {
            may_adopt(object, live)?;
            if !self.api.delete_unchanged(&name, live).await? {
                return Err(Failure::Waited {
                    summary: format!("{name} was changed at this moment"),
                    detail: "It was written between the look and its taking over, so it was left as it is. \
                             Apply again."
                        .to_owned(),
                });
            }
            self.wait_gone(&name, uid, Instant::now() + PATIENCE).await?;
        }
        let mut put = self.bear(object).await?;
        put.created = false;
        put.remarks.extend(live.map(|live| what_went(&name, &live, object, why)));
        Ok(put)
    }

    /// Asks whether our object would be taken, under a name that nobody has.
    async fn try_out(&self, object: &Object) -> Result<(), Failure> {
        let name = reference(object);
        let other = fit(&name.name, "-tried", NAME_LIMIT);
        let mut body = object.body_at_birth();
        body["metadata"]["name"] = Value::String(other.clone());
        let manner = Manner { dry_run: true, ..self.manner(false) };
        match self.api.apply(&Ref { name: other, ..name.clone() }, body, manner).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(mut refusal)) => {
                refusal.object = name.to_string();
                Err(Failure::Refused(refusal))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// What stays of other managers in an object that was taken over.
fn what_stays(name: &Ref, live: &Live, ours: &BTreeSet<String>) -> String {
    let theirs = set_by_hand(live);
    let stays: Vec<&str> = theirs.difference(ours).map(String::as_str).collect();
    if stays.is_empty() {
        return format!("{name} was taken over; nothing of its former owner is left in it.");
    }
    format!("{name} was taken over. Of what others set in it, this stays: {}.", some(&stays, 6))
}

/// What was set in a Deployment that made place for ours, and is not set in ours.
fn what_went(name: &Ref, live: &Live, object: &Object, why: &str) -> String {
    let ours: BTreeSet<String> = leaves(&object.body_at_birth()).into_keys().collect();
    let containers = |body: &Value| body["spec"]["template"]["spec"]["containers"].clone();
    // The one container is the server, whatever it was called.
    let renamed = match (
        containers(&live.0).as_array().map(Vec::as_slice),
        containers(&object.body)[0]["name"].as_str(),
    ) {
        (Some([one]), Some(server)) => {
            one["name"].as_str().map(|old| (format!("[{old}]"), format!("[{server}]")))
        }
        _ => None,
    };
    let as_ours = |path: String| match &renamed {
        Some((old, new)) => path.replacen(old.as_str(), new, 1),
        None => path,
    };
    let theirs: Vec<String> = set_by_hand(live).into_iter().map(as_ours).collect();
    let gone: Vec<&str> = theirs.iter().filter(|path| !is_at_any(path, &ours)).map(String::as_str).collect();
    let lost = match gone.is_empty() {
        true => "Nothing that was set in it is lost".to_owned(),
        false => format!("What was set in it and is not in the configuration is gone: {}", some(&gone, 20)),
    };
    format!("{name} was made anew while it slept, because {why}. {lost}.")
}

/// The fields of an object that others set in it, status and scale aside.
fn set_by_hand(live: &Live) -> BTreeSet<String> {
    let entries = live.entries().iter().filter(|entry| entry["subresource"].is_null());
    let paths = entries.flat_map(|entry| from_fields_v1(&entry["fieldsV1"]));
    paths.filter(|path| !path.contains(KUBECTL_COPY)).collect()
}

fn some(paths: &[&str], shown: usize) -> String {
    let more = paths.len().saturating_sub(shown);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", paths.iter().take(shown).copied().collect::<Vec<_>>().join(", "))
}
