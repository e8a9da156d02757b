//! A world before its first event.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tenancy::Invalid;
use tenancy::card::{Card, Device as CardDevice, DeviceSource, Resident as DeclaredResident, Source};
use tenancy::cron;
use tenancy::declared::Declared;
use tenancy::defaults::{SWEEP_INTERVAL_S, TICK_DEADLINE_S};
use tenancy::floor::{Basis, Floor};
use tenancy::gate::{GateConfig, ScaleTarget, Timing};
use tenancy::names::{ResidentName, TenantId};
use tenancy::observation::{PodKey, Trigger};
use tenancy::quantity::Mib;
use tenancy::window::{Day, Schedule, TimeOfDay, Window, Zone};

use super::device::Device;
use super::exporter::UUID;
use super::{CronJob, Event, Outages, Resident, Stored, Tenant, World};
use crate::Keeper;
use crate::audit::Audit;
use crate::cron::{Line, Offsets};
use crate::gates::shell;
use crate::queue::{Ms, Queue};
use crate::script::{Script, TenantSpec, WindowSpec, ZONES};
use crate::trace::Trace;

/// Every tenant's tick round the clock comes in the same minute, which a fleet's do not: the harder case.
const TOGETHER: u32 = 0;

impl World {
    /// The world at the script's start: everybody asleep, every resident at rest.
    ///
    /// # Errors
    /// A script that means no legal world.
    pub(crate) fn new(script: &Script, keeper: Keeper, trace: bool) -> Result<Self, Invalid> {
        let start = script.start_s * 1000;
        let end = start + Ms::from(script.days) * 86_400_000;
        let mut world = Self {
            keeper,
            script: script.clone(),
            now: start,
            end,
            queue: Queue::new(),
            device: Device::new(script.card.total_mib.saturating_sub(script.card.reserved_mib)),
            tenants: Vec::new(),
            residents: Vec::new(),
            jobs: Vec::new(),
            runs: BTreeMap::new(),
            declared: Declared { card: card(script)?, floors: BTreeMap::new(), unreadable: BTreeMap::new() },
            ledger: Stored { data: Rc::default(), read: Rc::default(), version: 1 },
            outages: Outages::default(),
            audit: Audit::default(),
            trace: Trace::new(trace),
            uids: 0,
            random: script.seed,
        };
        for index in 0..script.tenants.len() {
            world.add_tenant(index)?;
        }
        for index in 0..script.residents.len() {
            world.add_resident(index)?;
        }
        world.audit = Audit::new(&world);
        for (index, (after_s, _)) in script.troubles.iter().enumerate() {
            world.queue.add(start + Ms::from(*after_s) * 1000, Event::TroubleBegins(index));
        }
        for job in 0..world.jobs.len() {
            if let Some(at) = world.jobs[job].line.next_after(start, end) {
                world.queue.add(at, Event::CronDue(job));
            }
        }
        world.queue.add(start, Event::Minute);
        Ok(world)
    }

    fn add_tenant(&mut self, index: usize) -> Result<(), Invalid> {
        let spec = self.script.tenants[index].clone();
        let id: TenantId = format!("t{index}/model").parse()?;
        let pauses: BTreeSet<usize> =
            spec.pauses.iter().filter_map(|resident| self.script.resident(*resident)).collect();
        let gate = GateConfig {
            tenant: id.clone(),
            schedule: schedule(&spec)?,
            suspend: false,
            pauses: pauses.into_iter().map(scale_target).collect::<Result<_, _>>()?,
            unload: None,
            demand: None,
            timing: Timing { guard_interval_s: spec.guard_interval_s, ..Timing::default() },
        };
        self.declared.floors.insert(
            id.clone(),
            Floor {
                tenant: id.clone(),
                peak_mib: Mib(spec.peak_mib),
                basis: Basis::Guessed,
                headroom_mib: Mib(spec.headroom_mib),
                priority: spec.priority,
                always: false,
            },
        );
        self.add_jobs(index, &spec, &gate)?;
        self.tenants.push(Tenant {
            id,
            gate,
            replicas: 0,
            version: 1,
            annotation: None,
            pods: Vec::new(),
            wants_mib: None,
        });
        Ok(())
    }

    fn add_jobs(&mut self, index: usize, spec: &TenantSpec, gate: &GateConfig) -> Result<(), Invalid> {
        let interval_s = spec.guard_interval_s;
        let mut lines: Vec<(Trigger, String, String, u32)> = Vec::new();
        match self.keeper {
            Keeper::Ours if spec.windows.is_empty() => {
                let line = cron::around_the_clock(interval_s, TOGETHER).to_string();
                lines.push((Trigger::Guard, line, "Etc/UTC".to_owned(), TICK_DEADLINE_S));
            }
            Keeper::Ours => {
                let sweep = cron::around_the_clock(SWEEP_INTERVAL_S, TOGETHER).to_string();
                lines.push((Trigger::Guard, sweep, "Etc/UTC".to_owned(), TICK_DEADLINE_S));
                for (_, window) in gate.schedule.windows() {
                    let asked = [
                        (Trigger::Up, cron::up(window)),
                        (Trigger::Guard, cron::guard(window, interval_s)),
                        (Trigger::Down, cron::down(window)),
                    ];
                    let zone = window.time_zone().name();
                    lines.extend(asked.into_iter().flat_map(|(trigger, all)| {
                        all.into_iter()
                            .map(move |line| (trigger, line.to_string(), zone.to_owned(), TICK_DEADLINE_S))
                    }));
                }
            }
            Keeper::Shell => {
                for window in &spec.windows {
                    let zone = ZONES[window.zone % ZONES.len()];
                    let all = shell::lines(window).into_iter();
                    lines.extend(
                        all.map(|(trigger, line)| (trigger, line, zone.to_owned(), shell::DEADLINE_S)),
                    );
                }
            }
        }
        for (trigger, text, zone, deadline_s) in lines {
            let zone: Zone = zone.parse()?;
            let offsets = Offsets::of(zone.rules(), self.now / 1000, self.end / 1000);
            self.jobs.push(CronJob::new(index, trigger, Line::parse(&text, offsets)?, deadline_s));
        }
        Ok(())
    }

    fn add_resident(&mut self, index: usize) -> Result<(), Invalid> {
        let spec = self.script.residents[index];
        let pod = format!("resident{index}-7f6b-abcde");
        self.residents.push(Resident {
            key: Rc::new(PodKey { namespace: "residents".parse()?, pod }),
            replicas: spec.replicas,
            version: 1,
            wants_mib: spec.rest_mib,
            process: None,
        });
        self.resident_step(index);
        Ok(())
    }

    /// The resident whose scale this is.
    pub(crate) fn resident_of(&self, target: &ScaleTarget) -> Option<usize> {
        let number = target.deployment.as_str().strip_prefix("resident")?;
        number.parse().ok().filter(|index| *index < self.residents.len())
    }
}

fn card(script: &Script) -> Result<Card, Invalid> {
    let mut residents = BTreeMap::new();
    for (index, spec) in script.residents.iter().enumerate() {
        let name: ResidentName = format!("resident{index}").parse()?;
        let declared = DeclaredResident {
            namespace: "residents".parse()?,
            pod_prefix: Some(format!("{name}-")),
            peak_mib: Some(Mib(spec.peak_mib)),
            protected: spec.protected,
        };
        residents.insert(name, declared);
    }
    Ok(Card {
        name: "card".parse()?,
        node: "node".parse()?,
        device: CardDevice::Uuid(UUID.to_owned()),
        source: Source {
            device: DeviceSource::Dcgm("http://exporter/metrics".to_owned()),
            pods: None,
            secret: None,
        },
        memory_mib: None,
        critical_mib: None,
        residents,
        watch: false,
    })
}

fn scale_target(resident: usize) -> Result<ScaleTarget, Invalid> {
    Ok(ScaleTarget { namespace: "residents".parse()?, deployment: format!("resident{resident}").parse()? })
}

fn schedule(spec: &TenantSpec) -> Result<Schedule, Invalid> {
    if spec.windows.is_empty() {
        return Ok(Schedule::OnDemand);
    }
    let mut windows = BTreeMap::new();
    for (index, window) in spec.windows.iter().enumerate() {
        windows.insert(format!("w{index}").parse()?, window_of(window)?);
    }
    Ok(Schedule::Windows(windows))
}

fn window_of(spec: &WindowSpec) -> Result<Window, Invalid> {
    let days = Day::ALL.into_iter().filter(|day| spec.days & (1 << (*day as u8)) != 0).collect();
    let start = TimeOfDay::from_minutes(spec.start_minute);
    let end = TimeOfDay::from_minutes(start.minutes() + spec.minutes);
    Window::new(start, end, days, ZONES[spec.zone % ZONES.len()].parse()?)
}
