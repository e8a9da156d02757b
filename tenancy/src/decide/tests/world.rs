//! A card, its tenants and an API server, small enough to be obvious: memory is
//! a sum, a write needs the version that was read, a Deployment makes pods.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::admit::{Admission, AdmitSituation, admit_pod};
use crate::card::{Card, Device, DeviceSource, Resident, Source};
use crate::decide::{Decision, Event, Rule, Situation, decide};
use crate::declared::Declared;
use crate::demand::{DemandProbe, DemandSource};
use crate::floor::{Basis, Floor};
use crate::gate::{GateConfig, ScaleTarget, Timing};
use crate::ledger::{Entry, Ledger, PodRef, State};
use crate::names::TenantId;
use crate::observation::*;
use crate::quantity::Mib;
use crate::window::Schedule;

/// A T4: 15,360 MiB, of which the driver keeps 450.
pub(super) const USABLE: u64 = 14_910;

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) declared: Declared,
    pub(super) data: BTreeMap<String, String>,
    pub(super) version: u64,
    pub(super) tenants: BTreeMap<TenantId, Deployed>,
    /// What each resident holds, by namespace; its pod is called `NAMESPACE-0`.
    pub(super) residents: BTreeMap<String, u64>,
    pub(super) scales: BTreeMap<ScaleTarget, u32>,
    /// Why the exporter does not answer.
    pub(super) blind: Option<String>,
    /// Whether the exporter says what each pod holds.
    pub(super) attributes: bool,
    /// Memory that a process holds which no pod owns.
    pub(super) lost_mib: u64,
    pub(super) events: Vec<Event>,
    pods_made: u32,
}

pub(super) struct Deployed {
    pub(super) gate: GateConfig,
    pub(super) uid: String,
    /// Somebody deleted it.
    pub(super) is_deleted: bool,
    pub(super) replicas: u32,
    pub(super) annotation: Option<String>,
    pub(super) demand: Demand,
    pub(super) prefetch: Option<PrefetchSeen>,
    pub(super) pods: Vec<(PodSeen, u64)>,
    pub(super) skew_s: i64,
}

pub(super) fn id(text: &str) -> TenantId {
    text.parse().unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The answer of a source of demand that failed.
pub(super) fn unanswered() -> Demand {
    Demand::Unknown(Unknown { reason: "asking http://queue/stats failed: connection refused".into() })
}

/// A source of demand; who answers is the world's.
pub(super) fn probe(idle_after_s: u32) -> Option<DemandProbe> {
    let (url, json_path) = ("http://queue/stats".parse().unwrap(), "$.pending".parse().unwrap());
    Some(DemandProbe { source: DemandSource::Http { url, json_path }, idle_after_s })
}

pub(super) fn night() -> Schedule {
    windows(r#"{"night":{"start":"02:00","end":"06:00","time_zone":"Europe/London"}}"#)
}

pub(super) fn windows(json: &str) -> Schedule {
    Schedule::Windows(serde_json::from_str(json).unwrap())
}

pub(super) fn target(namespace: &str, deployment: &str) -> ScaleTarget {
    ScaleTarget { namespace: namespace.parse().unwrap(), deployment: deployment.parse().unwrap() }
}

pub(super) const CHATTERBOX: &str = "tts/chatterbox";
pub(super) const WHISPER: &str = "stt/whisper";

impl World {
    /// A T4 at 02:00 in November with a resident llama that holds `llama` MiB.
    pub(super) fn t4(llama: u64) -> Self {
        let card = Card {
            name: "gpu-1-0".parse().unwrap(),
            node: "gpu-1".parse().unwrap(),
            device: Device::Index(0),
            source: Source {
                device: DeviceSource::Dcgm("http://dcgm:9400/metrics".into()),
                pods: None,
                secret: None,
            },
            memory_mib: None,
            critical_mib: None,
            residents: BTreeMap::new(),
            watch: false,
        };
        Self {
            now: at("2026-11-21T02:00:00Z"),
            declared: Declared { card, floors: BTreeMap::new(), unreadable: BTreeMap::new() },
            data: BTreeMap::new(),
            version: 1,
            tenants: BTreeMap::new(),
            residents: BTreeMap::from([("llama".to_owned(), llama)]),
            scales: BTreeMap::new(),
            blind: None,
            attributes: true,
            lost_mib: 0,
            events: Vec::new(),
            pods_made: 0,
        }
    }

    /// The design's example: chatterbox with a peak of 4,096 and a headroom of 2,048.
    pub(super) fn with_chatterbox(mut self) -> Self {
        self.tenant(CHATTERBOX, 4096, 2048);
        self
    }

    pub(super) fn tenant(&mut self, name: &str, peak: u64, headroom: u64) -> &mut Deployed {
        let tenant = id(name);
        let floor = Floor {
            tenant: tenant.clone(),
            peak_mib: Mib(peak),
            basis: Basis::Guessed,
            headroom_mib: Mib(headroom),
            priority: 0,
            always: false,
        };
        self.declared.floors.insert(tenant.clone(), floor);
        let gate = GateConfig {
            tenant: tenant.clone(),
            schedule: night(),
            suspend: false,
            pauses: Vec::new(),
            unload: None,
            demand: None,
            timing: Timing::default(),
        };
        let deployed = Deployed {
            gate,
            uid: format!("deployment-{name}"),
            is_deleted: false,
            replicas: 0,
            annotation: None,
            demand: Demand::NotAsked,
            prefetch: None,
            pods: Vec::new(),
            skew_s: 0,
        };
        self.tenants.entry(tenant).or_insert(deployed)
    }

    pub(super) fn protect_llama(&mut self, peak: u64) {
        let llama = Resident {
            namespace: "llama".parse().unwrap(),
            pod_prefix: None,
            peak_mib: Some(Mib(peak)),
            protected: true,
        };
        self.declared.card.residents.insert("llama".parse().unwrap(), llama);
    }

    pub(super) fn used(&self) -> u64 {
        let tenants: u64 = self.tenants.values().flat_map(|one| &one.pods).map(|(_, used)| used).sum();
        self.lost_mib + tenants + self.residents.values().sum::<u64>()
    }

    pub(super) fn free(&self) -> u64 {
        USABLE.saturating_sub(self.used())
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    pub(super) fn of(&mut self, name: &str) -> &mut Deployed {
        self.tenants.get_mut(&id(name)).unwrap()
    }

    pub(super) fn ledger(&self) -> Ledger {
        Ledger::parse(&self.data)
    }

    pub(super) fn entry(&self, name: &str) -> Entry {
        self.ledger().entry(&id(name))
    }

    pub(super) fn state(&self, name: &str) -> State {
        self.entry(name).state
    }

    pub(super) fn amend(&mut self, name: &str, change: impl FnOnce(&mut Entry)) {
        let mut ledger = self.ledger();
        let mut entry = ledger.entry(&id(name));
        change(&mut entry);
        ledger.set(id(name), entry);
        self.data = ledger.to_data();
        self.version += 1;
    }

    fn device(&self) -> Result<Sample, Unknown> {
        if let Some(reason) = &self.blind {
            return Err(Unknown { reason: reason.clone() });
        }
        let key = |namespace: &str, pod: &str| PodKey {
            namespace: namespace.parse().unwrap(),
            pod: pod.to_owned(),
        };
        let mut per_pod = BTreeMap::new();
        for (namespace, used) in &self.residents {
            per_pod.insert(key(namespace, &format!("{namespace}-0")), Mib(*used));
        }
        for (tenant, one) in &self.tenants {
            for (pod, used) in one.pods.iter().filter(|(_, used)| *used > 0) {
                per_pod.insert(key(tenant.namespace.as_str(), &pod.name), Mib(*used));
            }
        }
        Ok(Sample {
            at: self.now,
            uuid: None,
            index: Some(0),
            total_mib: Mib(15_360),
            free_mib: Mib(self.free()),
            used_mib: Mib(self.used()),
            reserved_mib: Mib(450),
            per_pod: self.attributes.then_some(per_pod),
        })
    }

    /// What a tenant's gate sees now.
    pub(super) fn situation(&self, name: &str) -> Situation {
        let one = &self.tenants[&id(name)];
        let pauses = self
            .scales
            .iter()
            .map(|(target, replicas)| (target.clone(), PauseSeen::Replicas(*replicas)))
            .collect();
        Situation {
            now: self.now,
            trigger: Trigger::Guard,
            gate: one.gate.clone(),
            declared: Ok(self.declared.clone()),
            ledger: Ok(self.ledger()),
            observation: Observation {
                device: self.device(),
                deployment: (!one.is_deleted).then(|| DeploymentSeen {
                    uid: one.uid.clone(),
                    generation: 1,
                    replicas: one.replicas,
                    ready_replicas: 0,
                    override_annotation: one.annotation.clone(),
                }),
                pods: Ok(one.pods.iter().map(|(pod, _)| pod.clone()).collect()),
                pauses,
                demand: one.demand.clone(),
                prefetch: one.prefetch.clone(),
                clock_skew_s: one.skew_s,
            },
        }
    }

    /// Acts as the agent does. `false` when somebody else wrote the ledger since
    /// `version`: nothing was done.
    pub(super) fn act(&mut self, name: &str, decision: &Decision, version: u64) -> bool {
        let data = decision.ledger.to_data();
        if data != self.data {
            if self.version != version {
                return false;
            }
            self.data = data;
            self.version += 1;
        }
        if let Some(replicas) = decision.scale {
            self.of(name).replicas = replicas;
        }
        for (target, replicas) in &decision.pauses {
            self.scales.insert(target.clone(), *replicas);
        }
        self.events.extend(decision.events.iter().cloned());
        true
    }

    /// One look: observe, decide, act.
    pub(super) fn look(&mut self, name: &str) -> Decision {
        let decision = decide(&self.situation(name));
        let version = self.version;
        assert!(self.act(name, &decision, version));
        self.run_deployments();
        decision
    }

    /// Looks, and expects a rule.
    pub(super) fn expect(&mut self, name: &str, rule: Rule) -> Decision {
        let decision = self.look(name);
        assert_eq!(decision.rule, rule, "{}", decision.reason);
        decision
    }

    /// Deployments make and delete their pods; a deleted one stays until `bury`.
    pub(super) fn run_deployments(&mut self) {
        let now = self.now;
        for (tenant, one) in &mut self.tenants {
            if one.replicas == 0 || one.is_deleted {
                one.pods.iter_mut().for_each(|(pod, _)| pod.deleting = true);
            } else if !one.pods.iter().any(|(pod, _)| !pod.deleting) {
                self.pods_made += 1;
                let number = self.pods_made;
                let pod = PodSeen {
                    name: format!("{}-5d4f8-{number:05}", tenant.name),
                    uid: format!("uid-{number}"),
                    created: now,
                    deleting: false,
                    node: Some("gpu-1".parse().unwrap()),
                    device_uuid: None,
                    phase: Phase::Pending,
                    ready: false,
                    admitted: false,
                    restarts: 0,
                    waiting: None,
                };
                one.pods.push((pod, 0));
            }
        }
    }

    /// Pods under deletion go, and their memory with them.
    pub(super) fn bury(&mut self) {
        self.tenants.values_mut().for_each(|one| one.pods.retain(|(pod, _)| !pod.deleting));
    }

    pub(super) fn pod(&mut self, name: &str) -> &mut (PodSeen, u64) {
        self.of(name).pods.iter_mut().find(|(pod, _)| !pod.deleting).unwrap()
    }

    /// What the init container of the tenant's pod is told.
    pub(super) fn asks(&mut self, name: &str) -> Admission {
        let pod = self.pod(name).0.clone();
        let one = &self.tenants[&id(name)];
        admit_pod(&AdmitSituation {
            now: self.now,
            gate: one.gate.clone(),
            declared: self.declared.clone(),
            ledger: self.ledger(),
            pod: PodRef { name: pod.name, uid: pod.uid },
            pods: Ok(one.pods.iter().map(|(pod, _)| pod.clone()).collect()),
            override_annotation: one.annotation.clone(),
            device: self.device(),
        })
    }

    /// The init container asks; on `Go` the ledger is written and the pod runs.
    pub(super) fn admit(&mut self, name: &str) -> bool {
        let Admission::Go { ledger, .. } = self.asks(name) else { return false };
        self.data = ledger.to_data();
        self.version += 1;
        let (pod, _) = self.pod(name);
        pod.admitted = true;
        pod.phase = Phase::Running;
        true
    }

    /// From asleep to awake with `used` MiB, every step on the way.
    pub(super) fn wake(&mut self, name: &str, used: u64) {
        self.expect(name, Rule::Admitted);
        assert!(self.admit(name));
        self.pod(name).1 = used;
        self.pod(name).0.ready = true;
        self.wait(60);
        self.expect(name, Rule::Hold);
        assert_eq!(self.state(name), State::Awake);
    }

    /// Waits until the figures of everybody who is awake go together.
    pub(super) fn settle(&mut self) {
        self.wait(crate::defaults::SAMPLE_LAG_S);
    }

    /// From told-to-go to asleep.
    pub(super) fn drain(&mut self, name: &str) {
        assert_eq!(self.state(name), State::Draining);
        self.run_deployments();
        self.bury();
        self.wait(5);
        self.look(name);
    }

    pub(super) fn told(&self, reason: &str) -> bool {
        self.events.iter().any(|event| event.reason == reason)
    }
}

/// Chatterbox is awake beside a llama of 4,096.
pub(super) fn awake() -> World {
    let mut world = World::t4(4096).with_chatterbox();
    world.wake(CHATTERBOX, 4096);
    world
}

/// Llama holds 10,000 with two replicas; chatterbox pauses it for its window.
pub(super) fn option_b() -> World {
    let mut world = World::t4(10_000).with_chatterbox();
    world.scales.insert(target("llama", "llama"), 2);
    world.of(CHATTERBOX).gate.pauses = vec![target("llama", "llama")];
    world
}

/// Chatterbox is awake and llama is down for it.
pub(super) fn paused() -> World {
    let mut world = option_b();
    world.expect(CHATTERBOX, Rule::Pausing);
    world.expect(CHATTERBOX, Rule::Pausing);
    world.residents.insert("llama".into(), 0);
    world.wake(CHATTERBOX, 4096);
    world
}

/// The replicas of llama.
pub(super) fn llama(world: &World) -> u32 {
    world.scales[&target("llama", "llama")]
}
