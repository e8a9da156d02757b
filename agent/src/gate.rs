//! One tick of a tenant's gate: observe, decide, act, and again while something is under way.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tenancy::decide::{Decision, Event, EventKind, Rule, Situation, decide};
use tenancy::defaults::{LOOK_AGAIN_S, REPEAT_EVENT_S};
use tenancy::gate::{GateConfig, ScaleTarget};
use tenancy::ledger::Ledger;
use tenancy::observation::Trigger;
use tokio::sync::mpsc::UnboundedSender;

use crate::act::{self, Teller};
use crate::observe::api::{Api, ApiError};
use crate::observe::object::Object;
use crate::observe::{self, ObserveError, Scene};
use crate::report::{Format, Printer};

/// How often a tick may lose the ledger to other gates before it gives up. Each
/// loss means that another gate of the card got its decision through.
const LOST_LIMIT: u32 = 12;
/// How often in a row a decision may ask for the next one at once.
const AT_ONCE_LIMIT: u32 = 20;
/// Before a yield that could not be carried out is tried again.
const AGAIN: Duration = Duration::from_secs(LOOK_AGAIN_S as u64);

/// Why a tick ended without a decision that was carried out.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// Nothing could be observed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A decision was taken, and could not be carried out.
    #[error("the decision \"{reason}\" could not be carried out: {why}")]
    Act {
        /// The decision's reason.
        reason: String,
        /// The call that failed.
        why: ApiError,
    },
    /// Other gates wrote the ledger or a hand the Deployment every time.
    #[error(
        "{LOST_LIMIT} decisions in a row were overtaken, the last one so: {0}. The next tick tries again."
    )]
    Overtaken(ApiError),
    /// Decisions asked for one another without end.
    #[error(
        "{AT_ONCE_LIMIT} decisions in a row asked for the next one at once; that is a defect of the gate"
    )]
    Circling,
}

/// Why the gate's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "the gate's configuration {path} cannot be read: {why}. It is the tenant's gate ConfigMap, mounted at {}.",
        tenancy::gate::GATE_CONFIG_DIR
    )]
    Read {
        /// Its path.
        path: String,
        /// The system's words.
        why: std::io::Error,
    },
    /// The file is not a gate's configuration.
    #[error(
        "the gate's configuration {path} is not valid: {why}. Apply the tenant's `gpu_windowed_service` again, with an image of the same version."
    )]
    Parse {
        /// Its path.
        path: String,
        /// What is wrong, with line and column.
        why: serde_json::Error,
    },
}

/// Reads a gate's configuration.
///
/// # Errors
/// A file that cannot be read or is not one.
pub fn read_config(path: &Path) -> Result<GateConfig, ConfigError> {
    let told = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|why| ConfigError::Read { path: told(), why })?;
    serde_json::from_str(&text).map_err(|why| ConfigError::Parse { path: told(), why })
}

/// What a tick is told.
#[derive(Debug)]
pub struct Tick {
    /// The tenant's configuration.
    pub gate: GateConfig,
    /// Which CronJob fired.
    pub trigger: Trigger,
    /// Who this is in Events: the pod's name.
    pub instance: String,
    /// How long it may stay while something is under way.
    pub max_duration: Duration,
    /// How its decisions are printed.
    pub format: Format,
    /// When people were last told that the ledger cannot be read. Every other Event is remembered in the
    /// ledger itself; a CronJob's gate has nowhere else, so it tells that at each tick.
    pub unreadable_told: Option<Timestamp>,
    /// Who hears that a turn begins to wait for the model server, and the ledger as it wrote it. That may take
    /// the grace period, in which it asks nothing of anybody else.
    pub unloading: Option<UnboundedSender<Ledger>>,
}

impl Tick {
    /// How long a tick of this tenant stays at most unless told otherwise.
    pub fn usual_duration(gate: &GateConfig) -> Duration {
        Duration::from_secs(u64::from(gate.tick_length().stays_s))
    }

    /// Decides, acts, and does so again as long as a decision asks for it.
    ///
    /// # Guarantees
    /// Nothing is done before it stands in the ledger, and a decision that was
    /// overtaken is dropped as a whole. What is cut short is found by the next tick.
    ///
    /// # Errors
    /// No decision could be taken, or the last one not carried out.
    pub async fn run(&self, api: &Api) -> Result<(), GateError> {
        let printer = Printer { tenant: &self.gate.tenant, format: self.format };
        let mut effort = Effort::default();
        let started = Instant::now();
        let outcome = self.decide_and_act(api, &printer, &mut effort).await;
        effort.api_calls = api.calls();
        effort.own = started.elapsed().saturating_sub(effort.waited);
        printer.effort(&effort);
        outcome
    }

    async fn decide_and_act(
        &self,
        api: &Api,
        printer: &Printer<'_>,
        effort: &mut Effort,
    ) -> Result<(), GateError> {
        let started = Instant::now();
        let mut at_once = 0;
        loop {
            let Turn { decision, failed, .. } = self.turn(api, printer, effort).await?;
            match failed {
                None => {}
                Some(why) if decision.scale == Some(0) && started.elapsed() + AGAIN < self.max_duration => {
                    // A yield that is not done is tried again, not left to the next tick.
                    printer.note(&format!(
                        "\"{}\" could not be carried out, trying again: {why}",
                        decision.reason
                    ));
                    effort.wait(AGAIN).await;
                    continue;
                }
                Some(why) => return Err(GateError::Act { reason: decision.reason, why }),
            }
            let Some(pause) = decision.again_in else { return Ok(()) };
            if started.elapsed() + pause >= self.max_duration {
                printer.note("more is under way; the next tick goes on");
                return Ok(());
            }
            at_once = if pause.is_zero() { at_once + 1 } else { 0 };
            if at_once >= AT_ONCE_LIMIT {
                return Err(GateError::Circling);
            }
            effort.wait(pause).await;
        }
    }

    /// One decision that nobody overtook, and what became of it.
    ///
    /// # Errors
    /// Nothing could be observed, or every decision was overtaken.
    pub async fn turn(
        &self,
        api: &Api,
        printer: &Printer<'_>,
        effort: &mut Effort,
    ) -> Result<Turn, GateError> {
        let mut lost = 0;
        loop {
            let scene = observe::scene(api, &self.gate).await?;
            let situation = Situation {
                now: scene.now,
                trigger: self.trigger,
                gate: self.gate.clone(),
                declared: scene.card.declared.clone(),
                ledger: scene.card.ledger.clone(),
                observation: scene.observation.clone(),
            };
            for unseen in scene.unseen() {
                printer.note(unseen);
            }
            let decision = decide(&situation);
            effort.decided(&decision);
            match self.carry_out(api, printer, &scene, &decision).await {
                Err(ApiError::Conflict { asked, message }) => {
                    lost += 1;
                    if lost >= LOST_LIMIT {
                        // Of fifty gates whose windows end together one may lose every time, and the
                        // next tick is minutes away.
                        self.close_unwritten(api, &decision)
                            .await
                            .map_err(|why| GateError::Act { reason: decision.reason, why })?;
                        return Err(GateError::Overtaken(ApiError::Conflict { asked, message }));
                    }
                    printer.note(&format!("overtaken while {asked}; observing and deciding again"));
                    effort.wait(act::jitter()).await;
                }
                outcome => return Ok(Turn { situation, decision, failed: outcome.err() }),
            }
        }
    }

    /// Puts the tenant to sleep although the ledger cannot be written, where the decision closes: that
    /// needs no ledger.
    async fn close_unwritten(&self, api: &Api, decision: &Decision) -> Result<(), ApiError> {
        if decision.scale == Some(0) && decision.rule.may_close_unwritten() {
            act::put_to_sleep(api, &Object::own_scale(&self.gate.tenant)).await?;
        }
        Ok(())
    }

    /// Whether people were told a short while ago that the ledger cannot be read.
    fn is_told(&self, now: Timestamp, decision: &Decision) -> bool {
        let lately = |told: Timestamp| now.duration_since(told).as_secs() < REPEAT_EVENT_S;
        decision.rule == Rule::LedgerUnreadable && self.unreadable_told.is_some_and(lately)
    }

    /// Does what a decision says, in its order. A call that fails keeps nothing
    /// from happening that does not rest on it; the first failure is returned
    /// once the rest is done.
    async fn carry_out(
        &self,
        api: &Api,
        printer: &Printer<'_>,
        scene: &Scene,
        decision: &Decision,
    ) -> Result<(), ApiError> {
        let own = Object::own_scale(&self.gate.tenant);
        match act::write_ledger(api, &scene.card.ledger_object, &decision.ledger).await {
            Ok(()) => printer.decision(scene.now, decision),
            Err(conflict @ ApiError::Conflict { .. }) => return Err(conflict),
            Err(why) => {
                self.close_unwritten(api, decision).await?;
                return Err(why);
            }
        }
        if let (true, Some(call)) = (decision.unload, &self.gate.unload) {
            if let Some(hears) = &self.unloading {
                // Whoever does not listen any more knows already.
                let _ = hears.send(decision.ledger.clone());
            }
            for ip in &scene.ready_ips {
                if let Err(why) = act::unload(call, ip).await {
                    printer.note(&format!("the unload call did not succeed, going on: {why}"));
                }
            }
        }
        let mut failed = None;
        if let Some(replicas) = decision.scale {
            // Whoever touched the Deployment while its server unloaded has not made it stay, and another look
            // would take the call for one that is still under way.
            failed = match decision.unload {
                true => act::put_to_sleep(api, &own).await.err(),
                false => act::scale(api, &own, replicas, &scene.deployment_version).await.err(),
            };
        }
        let mut events = if self.is_told(scene.now, decision) { Vec::new() } else { decision.events.clone() };
        for (target, replicas) in &decision.pauses {
            let version = scene.pause_versions.get(target).map_or("", String::as_str);
            let Err(why) = act::scale(api, &Object::scale(target), *replicas, version).await else {
                continue;
            };
            printer.note(&format!("one of several calls failed, going on: {why}"));
            if !matches!(why, ApiError::Conflict { .. }) {
                events.push(refused(target, *replicas, &why));
            }
            failed.get_or_insert(why);
        }
        let uid = scene.observation.deployment.as_ref().map_or("", |deployment| &deployment.uid);
        let teller = Teller { tenant: &self.gate.tenant, uid, action: "Gate", instance: &self.instance };
        for event in &events {
            if let Err(why) = act::tell(api, &teller, scene.now, event).await {
                printer.note(&format!("an Event could not be written, going on: {why}"));
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// A decision with its grounds and its outcome.
#[derive(Debug)]
pub struct Turn {
    /// What it rests on.
    pub situation: Situation,
    /// The decision.
    pub decision: Decision,
    /// The first call that failed while it was carried out.
    pub failed: Option<ApiError>,
}

/// What a tick cost, and what it came to.
#[derive(Debug, Default)]
pub struct Effort {
    /// How many decisions it took.
    pub decisions: u32,
    /// The last one's rule and reason.
    pub last: Option<(Rule, String)>,
    /// Calls to the API server.
    pub api_calls: u32,
    /// From its start to its end, what it waited on purpose left out.
    pub own: Duration,
    /// What it waited on purpose.
    pub waited: Duration,
}

impl Effort {
    fn decided(&mut self, decision: &Decision) {
        self.decisions += 1;
        self.last = Some((decision.rule, decision.reason.clone()));
    }

    async fn wait(&mut self, pause: Duration) {
        let start = Instant::now();
        tokio::time::sleep(pause).await;
        self.waited += start.elapsed();
    }
}

/// Tells people that a resident was not scaled.
fn refused(target: &ScaleTarget, replicas: u32, why: &ApiError) -> Event {
    let ScaleTarget { namespace, deployment } = target;
    let note = format!("{namespace}/{deployment} could not be scaled to {replicas}: {}.", why.clause());
    Event { kind: EventKind::Warning, reason: "ScaleRefused".to_owned(), note }
}
