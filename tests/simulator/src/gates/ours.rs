//! Our gates and our check in the pod: what `gpu-agent` does with the answers of
//! `decide` and `admit_pod`, call by call, so that others come in between.

use std::collections::BTreeMap;
use std::rc::Rc;

use tenancy::admit::{Admission, AdmitSituation, admit_pod};
use tenancy::decide::{Decision, Rule, Situation, decide};
use tenancy::defaults::LOOK_AGAIN_S;
use tenancy::gate::ScaleTarget;
use tenancy::ledger::{Ledger, PodRef};
use tenancy::observation::{Demand, DeploymentSeen, Observation, PauseSeen, Phase, PodSeen};
use tenancy::window::Schedule;

use super::{Next, Run, Step};
use crate::audit::Audit;
use crate::queue::Ms;
use crate::world::exporter::{OTHER_UUID, UUID};
use crate::world::{Basis, Event, Pod, Stored, World, Write, pods};

/// How often a tick may lose the ledger before it gives up, as in the agent.
const LOST_LIMIT: u32 = 12;
/// How often in a row a decision may ask for the next at once, as in the agent.
const AT_ONCE_LIMIT: u32 = 20;
/// Before a yield that could not be carried out is tried again, as in the agent.
const AGAIN_MS: Ms = LOOK_AGAIN_S as Ms * 1000;
/// Between two looks of the check in the pod, as in the agent.
const POLL_MS: Ms = 5_000;

/// What a tick knows and is about to do.
#[derive(Default)]
pub(crate) struct Mind {
    read: Option<Stored>,
    decision: Option<Decision>,
    data: Rc<BTreeMap<String, String>>,
    basis: Option<Basis>,
    versions: BTreeMap<usize, u64>,
    own_version: u64,
    lost: u32,
    at_once: u32,
}

/// The steps of the check in the pod.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look {
    Ledger,
    Card,
    Write,
}

/// What the check in the pod read, and what it wants to write.
#[derive(Debug)]
pub(crate) struct Entering {
    version: u64,
    ledger: Rc<Ledger>,
    data: Rc<BTreeMap<String, String>>,
    basis: Option<Basis>,
}

impl Mind {
    pub(crate) fn is_new(&self) -> bool {
        self.read.is_none()
    }
}

impl World {
    pub(crate) fn our_step(&mut self, run: &mut Run, step: Step) -> Next {
        match step {
            Step::Begin => {
                run.mind.read = Some(self.ledger.clone());
                Some((self.between(20, 80), Step::Look))
            }
            Step::Look => self.look(run),
            Step::Write => self.write(run),
            Step::Act => self.act(run),
        }
    }

    fn look(&mut self, run: &mut Run) -> Next {
        let read = run.mind.read.clone()?;
        let tenant = run.tenant;
        let device = self.sample();
        let basis = Basis { at: self.collected().0, blind: self.is_blind_by_api() };
        Audit::looked(self, tenant, basis);
        let (pauses, versions) = self.pauses(tenant, &read.read);
        let situation = Situation {
            now: self.api_clock(),
            trigger: run.trigger,
            gate: self.tenants[tenant].gate.clone(),
            declared: Ok(self.declared.clone()),
            ledger: Ok(read.read.as_ref().clone()),
            observation: Observation {
                device,
                deployment: Some(self.deployment(tenant)),
                pods: Ok(self.pods_seen(tenant)),
                pauses,
                demand: self.demand(tenant),
                prefetch: None,
                clock_skew_s: -self.outages.leap_ms() / 1000,
            },
        };
        let decision = decide(&situation);
        Audit::decided(self, tenant, &decision);
        run.mind.data = Rc::new(decision.ledger.to_data());
        let unchanged = run.mind.data == read.data;
        run.mind.versions = versions;
        run.mind.own_version = self.tenants[tenant].version;
        run.mind.basis = Some(basis);
        run.mind.decision = Some(decision);
        let pause = self.between(10, 60);
        Some((pause, if unchanged { Step::Act } else { Step::Write }))
    }

    fn write(&mut self, run: &mut Run) -> Next {
        let decision = run.mind.decision.as_ref()?;
        let write = Write {
            tenant: run.tenant,
            pod: None,
            version: run.mind.read.as_ref()?.version,
            data: run.mind.data.clone(),
            basis: run.mind.basis?,
        };
        let to_sleep = decision.scale == Some(0);
        let unwritten = to_sleep && decision.rule.may_close_unwritten();
        let unanswered = self.outages.writes_unanswered > 0;
        if let Some(late) = self.outages.write_ms() {
            self.queue.add(self.now + late, Event::LateWrite(write));
        } else if self.write_ledger(&write) {
            if !unanswered {
                return Some((self.between(10, 60), Step::Act));
            }
        } else {
            return self.overtaken(run);
        }
        // The call failed, for all that the gate knows.
        if unwritten {
            self.set_replicas(run.tenant, 0);
        }
        let again = to_sleep && self.now - run.began + AGAIN_MS < self.longest_stay_ms(run.tenant);
        again.then_some((AGAIN_MS, Step::Begin))
    }

    fn overtaken(&mut self, run: &mut Run) -> Next {
        run.mind.lost += 1;
        let closes = |decision: &Decision| decision.scale == Some(0) && decision.rule.may_close_unwritten();
        if run.mind.lost == LOST_LIMIT && run.mind.decision.as_ref().is_some_and(closes) {
            self.set_replicas(run.tenant, 0);
        }
        (run.mind.lost < LOST_LIMIT).then(|| (self.between(50, 305), Step::Begin))
    }

    fn act(&mut self, run: &mut Run) -> Next {
        if self.outages.gates_die > 0 {
            return None;
        }
        let decision = run.mind.decision.take()?;
        if let Some(replicas) = decision.scale {
            if self.tenants[run.tenant].version != run.mind.own_version {
                return self.overtaken(run);
            }
            self.set_replicas(run.tenant, replicas);
        }
        for (target, replicas) in &decision.pauses {
            let Some(resident) = self.resident_of(target) else { continue };
            if run.mind.versions.get(&resident) != Some(&self.residents[resident].version) {
                return self.overtaken(run);
            }
            self.set_resident_replicas(resident, *replicas, false);
        }
        run.mind.lost = 0;
        let pause = Ms::try_from(decision.again_in?.as_millis()).unwrap_or(Ms::MAX);
        if self.now - run.began + pause >= self.longest_stay_ms(run.tenant) {
            return None;
        }
        run.mind.at_once = if pause == 0 { run.mind.at_once + 1 } else { 0 };
        if run.mind.at_once >= AT_ONCE_LIMIT {
            Audit::circles(self, run.tenant);
            return None;
        }
        Some((pause, Step::Begin))
    }

    /// How long a tick stays while something is under way.
    fn longest_stay_ms(&self, tenant: usize) -> Ms {
        Ms::from(self.tenants[tenant].gate.tick_length().stays_s) * 1000
    }

    fn deployment(&self, tenant: usize) -> DeploymentSeen {
        let one = &self.tenants[tenant];
        DeploymentSeen {
            uid: format!("deployment-{tenant}"),
            generation: 1,
            replicas: one.replicas,
            ready_replicas: u32::try_from(one.pods.iter().filter(|pod| pod.ready).count()).unwrap_or(0),
            override_annotation: one.annotation.clone(),
        }
    }

    fn pods_seen(&self, tenant: usize) -> Vec<PodSeen> {
        self.tenants[tenant].pods.iter().map(|pod| self.pod_seen(pod)).collect()
    }

    fn pod_seen(&self, pod: &Pod) -> PodSeen {
        PodSeen {
            name: pod.key.pod.clone(),
            uid: pod.uid.to_string(),
            created: jiff::Timestamp::from_second(pod.created.div_euclid(1000)).unwrap_or_default(),
            deleting: pod.deleting,
            node: pod.has_node.then(|| self.declared.card.node.clone()),
            phase: if pod.process.is_some() { Phase::Running } else { Phase::Pending },
            ready: pod.ready,
            admitted: pod.admitted,
            restarts: pod.restarts,
            waiting: pod.waiting.map(str::to_owned),
            device_uuid: self.device_of(pod),
        }
    }

    /// Which card a pod was given, where the source tells pods apart and has seen it use one.
    fn device_of(&self, pod: &Pod) -> Option<String> {
        let is_seen = self.script.card.attributes && pod.process.is_some() && self.outages.source().is_none();
        is_seen.then(|| if pod.elsewhere { OTHER_UUID } else { UUID }.to_owned())
    }

    fn demand(&self, tenant: usize) -> Demand {
        match self.tenants[tenant].gate.schedule {
            Schedule::OnDemand if self.outages.has_work(tenant) => Demand::Yes,
            Schedule::OnDemand => Demand::No,
            Schedule::Windows(_) | Schedule::Always => Demand::NotAsked,
        }
    }

    /// What the Option B targets' scales say: those configured, and those still paused.
    fn pauses(
        &self,
        tenant: usize,
        ledger: &Ledger,
    ) -> (BTreeMap<ScaleTarget, PauseSeen>, BTreeMap<usize, u64>) {
        let gate = &self.tenants[tenant].gate;
        let (mut seen, mut versions) = (BTreeMap::new(), BTreeMap::new());
        let paused = ledger.get(&gate.tenant).into_iter().flat_map(|entry| &entry.paused);
        for target in gate.pauses.iter().chain(paused.map(|paused| &paused.target)) {
            let Some(resident) = self.resident_of(target) else { continue };
            let one = &self.residents[resident];
            seen.insert(target.clone(), PauseSeen::Replicas(one.replicas));
            versions.insert(resident, one.version);
        }
        (seen, versions)
    }

    /// One look of the check in the pod.
    pub(crate) fn admit_step(&mut self, tenant: usize, uid: u64, look: Look) {
        if self.outages.api_away > 0 {
            return self.next_step(tenant, uid, POLL_MS, pods::Step::Admit(Look::Ledger));
        }
        let (after, look) = match look {
            Look::Ledger => {
                let Stored { data, read, version } = self.ledger.clone();
                let entering = Entering { version, ledger: read, data, basis: None };
                if let Some(pod) = self.pod_mut(tenant, uid) {
                    pod.entering = Some(entering);
                }
                (self.between(20, 80), Look::Card)
            }
            Look::Card => self.ask(tenant, uid),
            Look::Write => match self.enter(tenant, uid) {
                Some(again) => again,
                None => return self.start_server(tenant, uid),
            },
        };
        self.next_step(tenant, uid, after, pods::Step::Admit(look));
    }

    fn ask(&mut self, tenant: usize, uid: u64) -> (Ms, Look) {
        let again = (POLL_MS, Look::Ledger);
        let basis = Basis { at: self.collected().0, blind: self.is_blind_by_api() };
        let Some(pod) = self.pod(tenant, uid) else { return again };
        let Some(entering) = &pod.entering else { return again };
        let answer = admit_pod(&AdmitSituation {
            now: self.api_clock(),
            gate: self.tenants[tenant].gate.clone(),
            declared: self.declared.clone(),
            ledger: entering.ledger.as_ref().clone(),
            pod: PodRef { name: pod.key.pod.clone(), uid: uid.to_string() },
            pods: Ok(self.pods_seen(tenant)),
            override_annotation: self.tenants[tenant].annotation.clone(),
            device: self.sample(),
        });
        let Admission::Go { ledger, .. } = answer else { return again };
        let data = Rc::new(ledger.to_data());
        if let Some(entering) = self.pod_mut(tenant, uid).and_then(|pod| pod.entering.as_mut()) {
            entering.data = data;
            entering.basis = Some(basis);
        }
        (self.between(10, 60), Look::Write)
    }

    /// `None`: it is in.
    fn enter(&mut self, tenant: usize, uid: u64) -> Option<(Ms, Look)> {
        let again = Some((self.between(50, 305), Look::Ledger));
        let Some(entering) = self.pod_mut(tenant, uid).and_then(|pod| pod.entering.take()) else {
            return again;
        };
        let Some(basis) = entering.basis else { return again };
        let write = Write { tenant, pod: Some(uid), version: entering.version, data: entering.data, basis };
        if let Some(late) = self.outages.write_ms() {
            self.queue.add(self.now + late, Event::LateWrite(write));
            return Some((POLL_MS, Look::Ledger));
        }
        let written = self.write_ledger(&write);
        match written && self.outages.writes_unanswered == 0 {
            true => None,
            false => again,
        }
    }

    pub(crate) fn note_decision(&mut self, tenant: usize, decision: &Decision, changed: bool) {
        let id = &self.tenants[tenant].id;
        let moves = changed || decision.scale.is_some() || !decision.pauses.is_empty();
        if moves || decision.rule == Rule::Admitted {
            self.trace.say(self.now, || format!("{id}: {:?}: {}", decision.rule, decision.reason));
        }
    }
}
