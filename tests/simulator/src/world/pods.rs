//! Pods of tenants: scheduled, pulled, let in, loading, ready, and on their way out.

use std::rc::Rc;

use tenancy::observation::PodKey;

use super::device::Owner;
use super::{Event, World};
use crate::Keeper;
use crate::audit::Audit;
use crate::gates::ours;
use crate::queue::Ms;

/// A load takes its memory in so many steps.
const LOAD_STEPS: u32 = 4;
/// The kubelet's pause after a first crash, doubled by each.
const CRASH_PAUSE_MS: Ms = 10_000;
/// The kubelet's longest pause after a crash.
const LONGEST_CRASH_PAUSE_MS: Ms = 300_000;
/// After so long without one, the kubelet counts crashes from the beginning.
const CRASHES_FORGOTTEN_MS: Ms = 600_000;
/// What a pod takes to go when nothing keeps it.
const EXIT_MS: Ms = 3_000;

/// One pod.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) key: Rc<PodKey>,
    pub(crate) uid: u64,
    pub(crate) created: Ms,
    pub(crate) has_node: bool,
    pub(crate) deleting: bool,
    /// Whether its init container let it in.
    pub(crate) admitted: bool,
    pub(crate) ready: bool,
    pub(crate) restarts: u32,
    pub(crate) process: Option<u64>,
    pub(crate) waiting: Option<&'static str>,
    /// Whether it was given another card, so that it takes nothing of ours.
    pub(crate) elsewhere: bool,
    /// Counts its beginnings: steps that were asked for in an earlier life do not happen.
    pub(crate) life: u64,
    /// The write by which it wants to enter the ledger.
    pub(crate) entering: Option<ours::Entering>,
    crashes: u32,
    server_since: Ms,
}

/// What a pod does next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    FindNode,
    Pulled,
    Admit(ours::Look),
    Load(u32),
    Restart,
    Gone,
}

impl World {
    /// What the Deployment's and the ReplicaSet's controllers do: as many pods as
    /// there are replicas, those on their way out not counted.
    pub(crate) fn reconcile(&mut self, tenant: usize) {
        if self.outages.api_away > 0 {
            return;
        }
        let staying = self.tenants[tenant].pods.iter().filter(|pod| !pod.deleting).count();
        let wanted = self.tenants[tenant].replicas as usize;
        for _ in staying..wanted {
            self.create_pod(tenant);
        }
        let mut surplus: Vec<(bool, i64, u64)> = self.tenants[tenant]
            .pods
            .iter()
            .filter(|pod| !pod.deleting)
            .map(|pod| (pod.ready, -pod.created, pod.uid))
            .collect();
        surplus.sort_unstable();
        for (_, _, uid) in surplus.into_iter().take(staying.saturating_sub(wanted)) {
            self.delete_pod(tenant, uid);
        }
    }

    fn create_pod(&mut self, tenant: usize) {
        let uid = self.new_uid();
        let id = &self.tenants[tenant].id;
        let key = PodKey { namespace: id.namespace.clone(), pod: format!("{}-5d9c-{uid:05}", id.name) };
        self.trace.say(self.now, || format!("pod {} is made", key.pod));
        let (created, elsewhere) = (self.api_now(), self.outages.on_another_card(tenant));
        self.tenants[tenant].pods.push(Pod {
            key: Rc::new(key),
            uid,
            created,
            has_node: false,
            deleting: false,
            admitted: false,
            ready: false,
            restarts: 0,
            process: None,
            waiting: None,
            elsewhere,
            life: 0,
            entering: None,
            crashes: 0,
            server_since: self.now,
        });
        self.next_step(tenant, uid, 1000, Step::FindNode);
    }

    pub(crate) fn delete_pod(&mut self, tenant: usize, uid: u64) {
        let exit_ms = EXIT_MS + self.outages.exit_ms();
        let now = self.now;
        let Some(pod) = self.pod_mut(tenant, uid).filter(|pod| !pod.deleting) else {
            return;
        };
        pod.deleting = true;
        // One that did not begin yet does not begin any more; a server goes on until it ends.
        if pod.process.is_none() {
            pod.life += 1;
        }
        let (life, name) = (pod.life, pod.key.clone());
        self.trace.say(now, || format!("pod {} is told to go", name.pod));
        self.queue.add(now + exit_ms, Event::Pod { tenant, uid, life, step: Step::Gone });
    }

    pub(crate) fn pod(&self, tenant: usize, uid: u64) -> Option<&Pod> {
        self.tenants[tenant].pods.iter().find(|pod| pod.uid == uid)
    }

    pub(crate) fn pod_mut(&mut self, tenant: usize, uid: u64) -> Option<&mut Pod> {
        self.tenants[tenant].pods.iter_mut().find(|pod| pod.uid == uid)
    }

    pub(crate) fn next_step(&mut self, tenant: usize, uid: u64, after: Ms, step: Step) {
        if let Some(life) = self.pod(tenant, uid).map(|pod| pod.life) {
            self.queue.add(self.now + after, Event::Pod { tenant, uid, life, step });
        }
    }

    pub(crate) fn pod_step(&mut self, tenant: usize, uid: u64, life: u64, step: Step) {
        let Some(pod) = self.pod(tenant, uid) else { return };
        let gone = matches!(step, Step::Gone);
        if (pod.life != life && !gone) || (pod.deleting && pod.process.is_none() && !gone) {
            return;
        }
        match step {
            Step::FindNode => self.find_node(tenant, uid),
            Step::Pulled => match self.keeper {
                Keeper::Ours => self.admit_step(tenant, uid, ours::Look::Ledger),
                Keeper::Shell => self.start_server(tenant, uid),
            },
            Step::Admit(look) => self.admit_step(tenant, uid, look),
            Step::Load(step) => self.load(tenant, uid, step),
            Step::Restart => self.restart_server(tenant, uid),
            Step::Gone => self.pod_gone(tenant, uid),
        }
    }

    fn find_node(&mut self, tenant: usize, uid: u64) {
        let away = self.outages.no_node > 0 || self.outages.node_away > 0;
        let pull_ms = 1500 + self.outages.pull_ms();
        if let Some(pod) = self.pod_mut(tenant, uid) {
            pod.has_node = !away;
            pod.waiting = away.then_some("0/1 nodes are available: 1 Insufficient nvidia.com/gpu");
        }
        match away {
            true => self.next_step(tenant, uid, 5_000, Step::FindNode),
            false => self.next_step(tenant, uid, pull_ms, Step::Pulled),
        }
    }

    /// The server's container starts for the first time in this life of the pod.
    pub(crate) fn start_server(&mut self, tenant: usize, uid: u64) {
        if let Some(pod) = self.pod_mut(tenant, uid) {
            pod.admitted = true;
        }
        self.restart_server(tenant, uid);
        Audit::server_started(self, tenant, uid);
    }

    fn restart_server(&mut self, tenant: usize, uid: u64) {
        let now = self.now;
        let Some(key) = self.pod(tenant, uid).map(|pod| pod.key.clone()) else { return };
        let process = self.device.start(now, Owner::Tenant(tenant, uid), key);
        if let Some(pod) = self.pod_mut(tenant, uid) {
            pod.process = Some(process);
            pod.waiting = None;
            pod.server_since = now;
        }
        self.trace.say(now, || format!("{}: the server starts", self.tenants[tenant].id));
        self.next_step(tenant, uid, self.load_step_ms(tenant), Step::Load(1));
    }

    fn load_step_ms(&self, tenant: usize) -> Ms {
        Ms::from(self.script.tenants[tenant].load_s) * 1000 / Ms::from(LOAD_STEPS)
    }

    fn load(&mut self, tenant: usize, uid: u64, step: u32) {
        let now = self.now;
        let Some(process) = self.pod(tenant, uid).and_then(|pod| pod.process) else { return };
        let elsewhere = self.pod(tenant, uid).is_some_and(|pod| pod.elsewhere);
        let whole = if elsewhere { 0 } else { self.script.tenants[tenant].loads_mib };
        let part = whole * u64::from(step.min(LOAD_STEPS)) / u64::from(LOAD_STEPS);
        if step <= LOAD_STEPS && !self.device.resize(now, process, part) {
            Audit::out_of_memory(self, false, &format!("{} while it loads", self.tenants[tenant].id));
            return self.crash(tenant, uid);
        }
        if step == LOAD_STEPS / 2 && self.outages.crash_loops(tenant) {
            return self.crash(tenant, uid);
        }
        if step < LOAD_STEPS {
            return self.next_step(tenant, uid, self.load_step_ms(tenant), Step::Load(step + 1));
        }
        if self.outages.never_ready(tenant) {
            return self.next_step(tenant, uid, 10_000, Step::Load(LOAD_STEPS + 1));
        }
        if let Some(pod) = self.pod_mut(tenant, uid) {
            pod.ready = true;
        }
        self.tenants[tenant].version += 1;
        self.trace.say(now, || format!("{} is ready with {whole} MiB", self.tenants[tenant].id));
        if let Some(mib) = self.tenants[tenant].wants_mib {
            self.server_uses(tenant, mib);
        }
    }

    /// The servers of a tenant want to hold this much, if they are ready.
    pub(crate) fn server_uses(&mut self, tenant: usize, mib: u64) {
        let ready: Vec<(u64, u64)> = self.tenants[tenant]
            .pods
            .iter()
            .filter(|pod| pod.ready && !pod.elsewhere)
            .filter_map(|pod| Some((pod.uid, pod.process?)))
            .collect();
        for (uid, process) in ready {
            if !self.device.resize(self.now, process, mib) {
                Audit::out_of_memory(self, false, &format!("{} grows to {mib} MiB", self.tenants[tenant].id));
                self.crash(tenant, uid);
            }
        }
    }

    pub(crate) fn crash(&mut self, tenant: usize, uid: u64) {
        let now = self.now;
        let Some(pod) = self.pod_mut(tenant, uid) else { return };
        let Some(process) = pod.process.take() else { return };
        if now - pod.server_since > CRASHES_FORGOTTEN_MS {
            pod.crashes = 0;
        }
        let pause = (CRASH_PAUSE_MS << pod.crashes.min(8)).min(LONGEST_CRASH_PAUSE_MS);
        pod.crashes += 1;
        pod.restarts += 1;
        pod.ready = false;
        pod.life += 1;
        pod.waiting = Some("CrashLoopBackOff");
        self.device.end(now, process);
        self.tenants[tenant].version += 1;
        self.trace.say(now, || format!("{} crashes", self.tenants[tenant].id));
        self.next_step(tenant, uid, pause, Step::Restart);
    }

    fn pod_gone(&mut self, tenant: usize, uid: u64) {
        let Some(index) = self.tenants[tenant].pods.iter().position(|pod| pod.uid == uid) else { return };
        let pod = self.tenants[tenant].pods.remove(index);
        if let Some(process) = pod.process {
            match self.outages.zombies > 0 {
                true => self.device.orphan(self.now, process),
                false => self.device.end(self.now, process),
            }
        }
        self.tenants[tenant].version += 1;
        self.trace.say(self.now, || format!("pod {} is gone", pod.key.pod));
        self.reconcile(tenant);
    }

    /// The node went down: memory is free, and no pod remembers that it was let in.
    pub(crate) fn node_goes(&mut self) {
        self.device.end_all(self.now, |_| true);
        for tenant in &mut self.tenants {
            tenant.version += 1;
            for pod in &mut tenant.pods {
                pod.life += 1;
                pod.process = None;
                (pod.ready, pod.admitted) = (false, false);
            }
        }
    }

    /// The node is back: those that were told to go are gone, the others begin anew.
    pub(crate) fn node_returns(&mut self) {
        for tenant in 0..self.tenants.len() {
            let all: Vec<(u64, bool, bool)> =
                self.tenants[tenant].pods.iter().map(|pod| (pod.uid, pod.deleting, pod.has_node)).collect();
            for (uid, deleting, has_node) in all {
                if let Some(pod) = self.pod_mut(tenant, uid) {
                    pod.life += 1;
                }
                match (deleting, has_node) {
                    (true, _) => self.pod_gone(tenant, uid),
                    (false, true) => {
                        if let Some(pod) = self.pod_mut(tenant, uid) {
                            pod.restarts += 1;
                        }
                        self.next_step(tenant, uid, 5_000, Step::Pulled);
                    }
                    (false, false) => self.next_step(tenant, uid, 5_000, Step::FindNode),
                }
            }
        }
    }
}
