//! One tick of a tenant's own gate, asked for by Terraform.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::ledger::{Entry, State};
use tenancy::names::{LABEL_LIMIT, TenantId, fit};
use tenancy::objects::{Key, Kind};

use super::bedtime::{is_at_rest, memory_is_missing, pause, text, unseen};
use super::rollout::hopeless;
use crate::api::{Failure, Live, Ref};
use crate::engine::{Engine, Kept};
use crate::ledger::Place;

/// How long its pod may take to run. An agent's image is on the node already
/// where the tenant was awake, and elsewhere it is small.
const START_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 60 });

/// How long a gate that drains may miss the card's source before nobody waits
/// for it: an exporter that restarts is back by then.
const BLIND_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });

/// The annotation that tells a Job of one try from that of another.
const TRY: &str = "gpu-tenancy/try";

/// A Job made from what the tenant's guard makes every few minutes.
pub(super) struct GateJob<'a> {
    engine: &'a Engine<'a>,
    name: Ref,
    body: Value,
}

/// How a tick stands.
enum Tick {
    UnderWay,
    /// It ended, and more is to be done, which is the next one's.
    Over,
    /// It does not run; why.
    Stuck(String),
}

impl<'a> GateJob<'a> {
    /// The Job of a tenant; nothing where it has no guard.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn of(
        engine: &'a Engine<'a>,
        tenant: &TenantId,
        kept: &Kept,
    ) -> Result<Option<GateJob<'a>>, Failure> {
        for (key, object) in &kept.objects {
            let Ok(key) = key.parse::<Key>() else { continue };
            if key.kind != Kind::CronJob {
                continue;
            }
            let Some(live) = engine.api.get(&object.reference(&key)).await? else { continue };
            let template = &live.0["spec"]["jobTemplate"];
            if !is_guard(template) {
                continue;
            }
            let name = name(tenant);
            let labels = &template["spec"]["template"]["metadata"]["labels"];
            // It belongs to nobody: what is owned by a CronJob goes with its history.
            let body = json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {"name": name.name, "namespace": tenant.namespace.as_str(), "labels": labels},
                "spec": template["spec"],
            });
            return Ok(Some(GateJob { engine, name, body }));
        }
        Ok(None)
    }

    /// Removes what a run that failed or was interrupted has left of one: the tenant may sleep by then, so
    /// that no other is made in its place.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn clear(engine: &Engine<'_>, tenant: &TenantId) -> Result<(), Failure> {
        let name = name(tenant);
        let live = engine.api.get(&name).await?;
        match live.filter(|live| live.managers().contains(&engine.manager)) {
            Some(live) => engine.api.delete(&name, Some(live.uid())).await.map(drop),
            None => Ok(()),
        }
    }

    /// Lets the gate put its tenant to sleep. Answers with nothing when it has
    /// seen the memory return, and else with why nobody has.
    ///
    /// # Errors
    /// A call failed, or the user interrupted.
    pub(super) async fn run(&self, deadline: Instant, place: &Place<'_>) -> Result<Option<String>, Failure> {
        // What is left of the time is for the way without a gate.
        let bound = Instant::now() + deadline.saturating_duration_since(Instant::now()) * 3 / 4;
        let mut job = None;
        let outcome = self.ticks(place, bound, &mut job).await;
        match job {
            Some(uid) => self.engine.delete(&self.name, &uid, deadline).await?,
            None => self.remove(deadline).await?,
        }
        outcome
    }

    /// Makes one Job after the other, of which the last one's uid is in `job`.
    async fn ticks(
        &self,
        place: &Place<'_>,
        deadline: Instant,
        job: &mut Option<String>,
    ) -> Result<Option<String>, Failure> {
        *job = match self.make().await {
            Ok(uid) => Some(uid),
            Err(refused) => return refusal(refused).map(|why| Some(unseen(&why))),
        };
        let mut made = Instant::now();
        loop {
            let entry = place.entry().await?;
            let Some(entry) = entry.filter(|entry| !is_at_rest(entry)) else { return Ok(None) };
            if let Some(reason) = memory_is_missing(&entry) {
                return Ok(Some(unseen(reason)));
            }
            if is_blind(&entry) && made.elapsed() >= BLIND_PATIENCE {
                return Ok(Some(unseen("the card's source does not answer its gate.")));
            }
            match self.tick(made).await? {
                Tick::UnderWay => {}
                Tick::Stuck(why) => return Ok(Some(unseen(&why))),
                Tick::Over => {
                    if let Some(uid) = job.take() {
                        self.engine.delete(&self.name, &uid, deadline).await?;
                    }
                    *job = Some(self.make().await?);
                    made = Instant::now();
                }
            }
            if Instant::now() >= deadline {
                return Ok(Some(unseen(
                    "its gate did not come to an end in time; `timeouts` gives it longer.",
                )));
            }
            pause(self.engine).await?;
        }
    }

    /// Makes the Job and answers with its uid; one that an interrupted run left gives way.
    async fn make(&self) -> Result<String, Failure> {
        self.remove(Instant::now() + START_PATIENCE).await?;
        let mut body = self.body.clone();
        let try_id = format!("{}-{}", std::process::id(), Timestamp::now().as_nanosecond());
        body["metadata"]["annotations"][TRY] = json!(try_id);
        let made = self.engine.api.create(&self.name, &self.engine.manager, body).await;
        match made {
            // Its answer was lost, and the next try of the same call found what it had made.
            Err(failure) if failure.status() == Some(409) => {
                let live = self.engine.api.get(&self.name).await?;
                let ours = |live: &Live| live.0["metadata"]["annotations"][TRY] == try_id;
                live.filter(ours).map(|live| live.uid().to_owned()).ok_or(failure)
            }
            made => made.map(|live| live.uid().to_owned()),
        }
    }

    async fn remove(&self, deadline: Instant) -> Result<(), Failure> {
        let Some(live) = self.engine.api.get(&self.name).await? else { return Ok(()) };
        self.engine.delete(&self.name, live.uid(), deadline).await
    }

    async fn tick(&self, made: Instant) -> Result<Tick, Failure> {
        let Some(live) = self.engine.api.get(&self.name).await? else { return Ok(Tick::Over) };
        if live.condition("Complete").is_some() {
            return Ok(Tick::Over);
        }
        let namespace = self.name.namespace.as_deref().unwrap_or_default();
        let labels = format!("job-name={}", self.name.name);
        let pods = self.engine.api.list("v1", "Pod", namespace, &labels).await?;
        if let Some(failed) = live.condition("Failed") {
            let said = pods.iter().map(ending).collect::<String>();
            return Ok(Tick::Stuck(format!("its gate failed: {}{said}.", text(&failed["message"]))));
        }
        if let Some(why) = pods.iter().find_map(hopeless) {
            return Ok(Tick::Stuck(format!("its gate cannot start. {why}.")));
        }
        let started = pods.iter().any(|pod| text(&pod["status"]["phase"]) != "Pending");
        if started || made.elapsed() < START_PATIENCE {
            return Ok(Tick::UnderWay);
        }
        let why = match pods.first() {
            Some(pod) => pending(pod),
            None => self.no_pod(namespace).await,
        };
        let patience_s = START_PATIENCE.as_secs();
        Ok(Tick::Stuck(format!("its gate did not start within {patience_s} s: {why}.")))
    }

    /// Why a Job has no pod: a quota or an admission says so in an Event.
    async fn no_pod(&self, namespace: &str) -> String {
        let events = self.engine.api.list("v1", "Event", namespace, "").await.unwrap_or_default();
        let of_job = events.iter().filter(|it| text(&it["involvedObject"]["name"]) == self.name.name);
        let message = of_job.filter(|it| it["type"] == "Warning").map(|it| text(&it["message"])).next_back();
        message.unwrap_or("its Job has no pod").to_owned()
    }
}

fn name(tenant: &TenantId) -> Ref {
    let name = fit(tenant.name.as_str(), "-bedtime", LABEL_LIMIT);
    Ref::new("batch/v1", "Job", Some(tenant.namespace.as_str()), &name)
}

/// Whether a tenant that was told to go waits for figures that do not come.
fn is_blind(entry: &Entry) -> bool {
    entry.state == State::Draining && entry.unknown_since.is_some()
}

fn is_guard(template: &Value) -> bool {
    let args = &template["spec"]["template"]["spec"]["containers"][0]["args"];
    args.as_array().is_some_and(|args| args.iter().any(|arg| arg == "guard"))
}

/// What a pod that ended said last.
fn ending(pod: &Value) -> String {
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    if ended.is_null() { String::new() } else { format!(" (exit code {})", ended["exitCode"]) }
}

fn pending(pod: &Value) -> String {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let said: Vec<&str> = conditions
        .filter(|it| it["status"] == "False")
        .map(|it| text(&it["message"]))
        .filter(|message| !message.is_empty())
        .collect();
    format!("pod {} is Pending: {}", text(&pod["metadata"]["name"]), said.join("; "))
}

/// What a refusal of the Job means: without the right to make one, or over a
/// quota, there is no gate to ask. Everything else is a failure.
fn refusal(failure: Failure) -> Result<String, Failure> {
    match failure.status() {
        Some(403 | 422) => {
            let why = failure.diagnostic(tfplugin::Path::root());
            Ok(format!("its gate could not be asked. {}", why.detail))
        }
        _ => Err(failure),
    }
}
