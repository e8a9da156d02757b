//! The most that a tenant holds while it works: woken alone by its own gate,
//! driven with requests, watched, and put to sleep again.
//!
//! It never goes around the gate. It asks by the annotation `awake-until`, has
//! the guard's CronJob tick at once, and what the gate refuses is not measured.

mod drive;
mod request;
mod result;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tenancy::gate::OVERRIDE_ANNOTATION;
use tenancy::ledger::State;
use tenancy::names::TenantId;
use tokio::sync::Notify;

use crate::explain::{self, ExplainError, Explanation};
use crate::observe::api::{Api, ApiError};
use crate::observe::object::Object;
pub use drive::Driven;
pub use request::{BadRequest, Request, requests};
pub use result::{Look, Measured, Obstacle, Unmeasured, may_begin, measured};

/// What is measured, and how.
#[derive(Debug)]
pub struct Measure {
    /// Whose peak.
    pub tenant: TenantId,
    /// The work, one after another.
    pub requests: Vec<Request>,
    /// How often all of it is done.
    pub rounds: u32,
    /// How long one request may take.
    pub patience: Duration,
    /// Between two looks at the card.
    pub interval: Duration,
    /// The longest that the tenant stays awake, whatever becomes of this program.
    pub limit: Duration,
    /// The server's port, where it is not the first of its container.
    pub port: Option<u16>,
    /// Measure although others are awake; then the source must tell pods apart.
    pub beside: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The tenant or its card could not be observed.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// It may not begin.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// The tenant has no guard whose tick could be asked for.
    #[error("{0} has no guard CronJob, so no gate can be asked. Apply its `gpu_windowed_service` again.")]
    NoGuard(TenantId),
    /// The gate did not let it in, or it did not become ready.
    #[error("{tenant} was not woken: {why}")]
    NotWoken {
        /// The tenant.
        tenant: TenantId,
        /// The gate's reason and what to do.
        why: String,
    },
    /// Somebody wanted it to end.
    #[error("interrupted, so nothing was measured of {0}")]
    Interrupted(TenantId),
    /// What was seen says nothing.
    #[error(transparent)]
    Unmeasured(#[from] Unmeasured),
}

/// What a tick may take beyond the start of the server: its pod, its image, its calls.
const TICK_MARGIN_S: u64 = tenancy::defaults::TICK_MARGIN_S as u64;

/// For how long an API server that does not take the annotation back is asked again.
const GIVE_BACK_LIMIT: Duration = Duration::from_secs(60);

/// Whoever measures reads a tick's log now or not at all.
const TICK_KEPT_S: u32 = 600;

impl Measure {
    /// Measures, puts the tenant to sleep again and gives back the annotation that was there, whatever came
    /// of it. `stop` interrupts the measurement, and a second time the wait for sleep.
    ///
    /// # Errors
    /// Why there is no measurement.
    pub async fn run(&self, api: &Api, tell: &dyn Fn(&str), stop: &Notify) -> Result<Measured, MeasureError> {
        let interrupted = async || {
            stop.notified().await;
            MeasureError::Interrupted(self.tenant.clone())
        };
        let begin = async {
            let before = self.look(api).await?;
            may_begin(&before, self.beside)?;
            Ok::<_, MeasureError>((before, self.guard(api).await?))
        };
        let (before, tick) = tokio::select! {
            begun = begin => begun?,
            why = interrupted() => return Err(why),
        };
        let annotation = before.override_annotation.clone();
        let outcome = tokio::select! {
            outcome = self.awake(api, &tick, before, tell) => outcome,
            why = interrupted() => Err(why),
        };
        tell("putting it to sleep again");
        let asleep = tokio::select! {
            asleep = self.asleep(api, &tick) => asleep,
            why = interrupted() => Err(why),
        };
        self.give_back(api, annotation.as_deref(), tell).await;
        let (mut looks, driven) = outcome?;
        if let Ok(Some(after)) = asleep {
            looks.push(after);
        } else {
            tell(&format!(
                "it was not seen asleep again; {OVERRIDE_ANNOTATION} on its Deployment says how its gate has it"
            ));
        }
        Ok(measured(&self.tenant, &looks, driven)?)
    }

    async fn look(&self, api: &Api) -> Result<Look, MeasureError> {
        Ok(Look::of(&explain::explain(api, &self.tenant, None).await?))
    }

    /// Wakes, drives and watches.
    async fn awake(
        &self,
        api: &Api,
        tick: &Value,
        before: Look,
        tell: &dyn Fn(&str),
    ) -> Result<(Vec<Look>, Driven), MeasureError> {
        let until =
            SignedDuration::try_from(self.limit).ok().and_then(|limit| before.now.checked_add(limit).ok());
        let until = whole_seconds(until.unwrap_or(before.now)).to_string();
        self.annotate(api, Some(&format!("awake-until={until}"))).await?;
        tell(&format!("asked its gate to wake it, until {until} at most"));
        let limit_s = before.start_limit_s;
        let mut seen = vec![before];
        self.wait_awake(api, tick, limit_s, &mut seen).await?;
        tell("it is awake; driving it");
        let looks = RefCell::new(seen);
        let done = Cell::new(false);
        let port = self.port;
        let work = async {
            let driven = drive::drive(api, self, port, tell).await;
            // What a request allocates may be seen only in the next sample of the source.
            tokio::time::sleep(self.interval * 2).await;
            done.set(true);
            driven
        };
        let watch = async {
            while !done.get() {
                // A look that fails is a look less; how many there were is told.
                if let Ok(look) = self.look(api).await {
                    looks.borrow_mut().push(look);
                }
                tokio::time::sleep(self.interval).await;
            }
        };
        let (driven, ()) = tokio::join!(work, watch);
        Ok((looks.into_inner(), driven?))
    }

    /// What it holds while it loads counts too, so that is kept in `seen`.
    async fn wait_awake(
        &self,
        api: &Api,
        tick: &Value,
        start_limit_s: u64,
        seen: &mut Vec<Look>,
    ) -> Result<(), MeasureError> {
        let mut job = self.tick(api, tick).await?;
        let deadline = Instant::now() + Duration::from_secs(start_limit_s + TICK_MARGIN_S);
        let not_woken = |why: String| MeasureError::NotWoken { tenant: self.tenant.clone(), why };
        loop {
            let explanation = explain::explain(api, &self.tenant, None).await?;
            let look = Look::of(&explanation);
            let asleep = look.state.is_none_or(|state| state == State::Asleep);
            let ready = look.state == Some(State::Awake);
            seen.push(look);
            if ready {
                return Ok(());
            }
            let is_over = over(&api.get(&Object::job(&self.tenant, &job)).await?);
            if is_over && asleep {
                return Err(not_woken(explanation.verdict()));
            }
            if Instant::now() >= deadline {
                return Err(not_woken(format!("it was not ready in time. {}", explanation.verdict())));
            }
            if is_over {
                // Only a turn of its gate enters it as awake, and a start may outlast a tick.
                job = self.tick(api, tick).await?;
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    /// Has the gate put it to sleep.
    async fn asleep(&self, api: &Api, tick: &Value) -> Result<Option<Look>, MeasureError> {
        self.annotate(api, Some("off")).await?;
        let mut job = self.tick(api, tick).await?;
        let deadline = Instant::now() + Duration::from_secs(2 * TICK_MARGIN_S);
        let mut seen = None;
        while seen.is_none() && Instant::now() < deadline {
            tokio::time::sleep(self.interval).await;
            let Ok(look) = self.look(api).await else { continue };
            if look.state.is_none_or(|state| state == State::Asleep) {
                seen = Some(look);
            } else if api.get(&Object::job(&self.tenant, &job)).await.is_ok_and(|job| over(&job)) {
                job = self.tick(api, tick).await?;
            }
        }
        Ok(seen)
    }

    /// Gives back the annotation that was there, or says what it was.
    async fn give_back(&self, api: &Api, annotation: Option<&str>, tell: &dyn Fn(&str)) {
        let deadline = Instant::now() + GIVE_BACK_LIMIT;
        while let Err(why) = self.annotate(api, annotation).await {
            if Instant::now() >= deadline {
                let was = annotation.map_or_else(|| "absent".to_owned(), |text| format!("{text:?}"));
                return tell(&format!(
                    "{OVERRIDE_ANNOTATION} on its Deployment was {was} and could not be set back: {why}"
                ));
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn annotate(&self, api: &Api, value: Option<&str>) -> Result<(), MeasureError> {
        let patch = json!({"metadata": {"annotations": { OVERRIDE_ANNOTATION: value }}});
        api.merge(&Object::deployment(&self.tenant), &patch).await?;
        Ok(())
    }

    /// What the tenant's guard makes every few minutes, as a Job.
    async fn guard(&self, api: &Api) -> Result<Value, MeasureError> {
        let list = api.get(&Object::cron_jobs(&self.tenant)).await?;
        let templates = list["items"].as_array().into_iter().flatten().map(|it| &it["spec"]["jobTemplate"]);
        let is_guard = |template: &&Value| {
            let args = &template["spec"]["template"]["spec"]["containers"][0]["args"];
            args.as_array().is_some_and(|args| args.iter().any(|arg| arg == "guard"))
        };
        let template = templates.into_iter().find(is_guard);
        let template = template.ok_or_else(|| MeasureError::NoGuard(self.tenant.clone()))?;
        let labels = &template["spec"]["template"]["metadata"]["labels"];
        let deployment = api.get(&Object::deployment(&self.tenant)).await?;
        // It goes with the tenant, and not with the history of a CronJob: that would be too soon.
        let owner = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "name": self.tenant.name.as_str(), "uid": deployment["metadata"]["uid"],
        });
        let mut spec = template["spec"].clone();
        spec["ttlSecondsAfterFinished"] = json!(TICK_KEPT_S);
        Ok(json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"generateName": "measure-", "labels": labels, "ownerReferences": [owner]},
            "spec": spec,
        }))
    }

    /// Has the gate tick; its Job's name.
    async fn tick(&self, api: &Api, body: &Value) -> Result<String, MeasureError> {
        let made = api.create(&Object::jobs(&self.tenant), body).await?;
        Ok(made["metadata"]["name"].as_str().unwrap_or_default().to_owned())
    }
}

/// Whether a Job has ended, one way or the other.
fn over(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    let ends = |it: &Value| it["type"] == "Complete" || it["type"] == "Failed";
    conditions.into_iter().any(|it| ends(it) && it["status"] == "True")
}

impl Look {
    /// What an explanation shows of the card and the tenant.
    fn of(explanation: &Explanation) -> Self {
        let scene = explanation.scene();
        let own = &explanation.gate().tenant;
        let ledger = scene.card.ledger.as_ref();
        let others = match (&scene.card.declared, ledger) {
            (Ok(declared), Ok(ledger)) => declared
                .floors
                .keys()
                .filter(|tenant| *tenant != own)
                .map(|tenant| (tenant.clone(), ledger.entry(tenant).state))
                .filter(|(_, state)| *state != State::Asleep)
                .collect(),
            _ => Vec::new(),
        };
        let pods = scene.observation.pods.as_deref().unwrap_or_default();
        Self {
            now: scene.now,
            device: scene.observation.device.clone(),
            out_of_reach: explanation.out_of_reach(),
            pods: pods.iter().map(|pod| pod.name.clone()).collect(),
            namespace: own.namespace.clone(),
            state: ledger.ok().map(|ledger| ledger.entry(own).state),
            others,
            unseen: scene.unseen().map(str::to_owned).next(),
            claim: scene.card.declared.as_ref().ok().and_then(|it| it.floors.get(own)).map(|it| it.peak_mib),
            override_annotation: scene.observation.override_annotation().map(str::to_owned),
            start_limit_s: u64::from(explanation.gate().timing.loading_limit_s),
        }
    }
}

/// The time of a measurement, in whole seconds.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
