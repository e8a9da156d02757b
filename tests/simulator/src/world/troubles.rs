//! The script's lines, as they come true.

use super::{Event, World};
use crate::queue::Ms;
use crate::script::{Annotation, Failure, Trouble};

/// What is out of order just now. Each is a count: outages may overlap.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    pub(crate) api_away: u32,
    pub(crate) controller_away: u32,
    pub(crate) no_node: u32,
    pub(crate) node_away: u32,
    pub(crate) zombies: u32,
    pub(crate) gates_die: u32,
    pub(crate) writes_unanswered: u32,
    /// By the script's lines that are in force.
    late_ticks_s: Vec<(usize, u32)>,
    late_writes_s: Vec<(usize, u32)>,
    slow_pulls_s: Vec<(usize, u32)>,
    slow_exits_s: Vec<(usize, u32)>,
    never_ready: Vec<(usize, usize)>,
    crash_loops: Vec<(usize, usize)>,
    work: Vec<(usize, usize)>,
    other_cards: Vec<(usize, usize)>,
    leaps_s: Vec<(usize, i32)>,
    /// When the API server's clock was wrong last.
    pub(crate) leapt: Option<Ms>,
    sources: Vec<(usize, Failure, Ms)>,
}

fn longest_ms(all: &[(usize, u32)]) -> Ms {
    all.iter().map(|(_, seconds)| Ms::from(*seconds) * 1000).max().unwrap_or(0)
}

impl Outages {
    pub(crate) fn pull_ms(&self) -> Ms {
        longest_ms(&self.slow_pulls_s)
    }

    pub(crate) fn exit_ms(&self) -> Ms {
        longest_ms(&self.slow_exits_s)
    }

    pub(crate) fn tick_ms(&self) -> Ms {
        longest_ms(&self.late_ticks_s)
    }

    pub(crate) fn write_ms(&self) -> Option<Ms> {
        Some(longest_ms(&self.late_writes_s)).filter(|late| *late > 0)
    }

    pub(crate) fn never_ready(&self, tenant: usize) -> bool {
        self.never_ready.iter().any(|(_, one)| *one == tenant)
    }

    pub(crate) fn crash_loops(&self, tenant: usize) -> bool {
        self.crash_loops.iter().any(|(_, one)| *one == tenant)
    }

    pub(crate) fn has_work(&self, tenant: usize) -> bool {
        self.work.iter().any(|(_, one)| *one == tenant)
    }

    pub(crate) fn on_another_card(&self, tenant: usize) -> bool {
        self.other_cards.iter().any(|(_, one)| *one == tenant)
    }

    /// By how much the API server's clock is ahead.
    pub(crate) fn leap_ms(&self) -> Ms {
        self.leaps_s.iter().map(|(_, by_s)| Ms::from(*by_s) * 1000).sum()
    }

    /// How the source fails and since when: the failure that began last.
    pub(crate) fn source(&self) -> Option<(Failure, Ms)> {
        self.sources.last().map(|(_, how, since)| (*how, *since))
    }
}

impl World {
    pub(crate) fn trouble_begins(&mut self, index: usize) {
        let trouble = self.script.troubles[index].1;
        self.trace.say(self.now, || format!("{trouble:?}"));
        let ends_s = self.begin(index, trouble);
        if let Some(for_s) = ends_s {
            self.queue.add(self.now + Ms::from(for_s) * 1000, Event::TroubleEnds(index));
        }
    }

    /// How long it lasts, where it does.
    fn begin(&mut self, index: usize, trouble: Trouble) -> Option<u32> {
        match trouble {
            Trouble::ApiAway { for_s } => {
                self.outages.api_away += 1;
                return Some(for_s);
            }
            Trouble::ControllerAway { for_s } => {
                self.outages.controller_away += 1;
                return Some(for_s);
            }
            Trouble::TicksLate { for_s, by_s } => {
                self.outages.late_ticks_s.push((index, by_s));
                return Some(for_s);
            }
            Trouble::WritesLate { for_s, by_s } => {
                self.outages.late_writes_s.push((index, by_s));
                return Some(for_s);
            }
            Trouble::SlowPull { for_s, by_s } => {
                self.outages.slow_pulls_s.push((index, by_s));
                return Some(for_s);
            }
            Trouble::SlowExit { for_s, by_s } => {
                self.outages.slow_exits_s.push((index, by_s));
                return Some(for_s);
            }
            Trouble::NoNode { for_s } => {
                self.outages.no_node += 1;
                return Some(for_s);
            }
            Trouble::Zombies { for_s } => {
                self.outages.zombies += 1;
                return Some(for_s);
            }
            Trouble::GatesDie { for_s } => {
                self.outages.gates_die += 1;
                return Some(for_s);
            }
            Trouble::WritesUnanswered { for_s } => {
                self.outages.writes_unanswered += 1;
                return Some(for_s);
            }
            Trouble::SourceFails { how, for_s } => {
                self.outages.sources.push((index, how, self.now));
                return Some(for_s);
            }
            Trouble::NeverReady { tenant, for_s } => {
                self.outages.never_ready.push((index, self.script.tenant(tenant)));
                return Some(for_s);
            }
            Trouble::CrashLoop { tenant, for_s } => {
                self.outages.crash_loops.push((index, self.script.tenant(tenant)));
                return Some(for_s);
            }
            Trouble::OtherCard { tenant, for_s } => {
                self.outages.other_cards.push((index, self.script.tenant(tenant)));
                return Some(for_s);
            }
            Trouble::ClockLeaps { by_s, for_s } => {
                self.outages.leaps_s.push((index, by_s));
                return Some(for_s);
            }
            Trouble::Work { tenant, for_s } => {
                self.outages.work.push((index, self.script.tenant(tenant)));
                return Some(for_s);
            }
            Trouble::Suspended { tenant, for_s } => {
                let tenant = self.script.tenant(tenant);
                self.tenants[tenant].gate.suspend = true;
                // Terraform puts it to sleep itself, by the same rules. Here a tick does.
                self.start_run(tenant, tenancy::observation::Trigger::Down, None);
                return Some(for_s);
            }
            Trouble::NodeReboots { for_s } => {
                self.outages.node_away += 1;
                self.node_goes();
                self.residents.iter_mut().for_each(|resident| resident.process = None);
                return Some(for_s);
            }
            Trouble::ResidentUses { resident, mib } => {
                if let Some(resident) = self.script.resident(resident) {
                    self.resident_uses(resident, mib);
                }
            }
            Trouble::TenantUses { tenant, mib } => {
                let tenant = self.script.tenant(tenant);
                self.tenants[tenant].wants_mib = Some(mib);
                self.server_uses(tenant, mib);
            }
            Trouble::Crash { tenant } => {
                let tenant = self.script.tenant(tenant);
                let running: Vec<u64> = self.tenants[tenant].pods.iter().map(|pod| pod.uid).collect();
                running.into_iter().for_each(|uid| self.crash(tenant, uid));
            }
            Trouble::PodDeleted { tenant } => {
                let tenant = self.script.tenant(tenant);
                let all: Vec<u64> = self.tenants[tenant].pods.iter().map(|pod| pod.uid).collect();
                all.into_iter().for_each(|uid| self.delete_pod(tenant, uid));
                self.reconcile(tenant);
            }
            Trouble::HandScales { .. }
            | Trouble::HandScalesResident { .. }
            | Trouble::HandAnnotates { .. }
            | Trouble::HandAsks { .. } => self.hand(trouble),
        }
        None
    }

    /// What a person does, if the API server lets him.
    fn hand(&mut self, trouble: Trouble) {
        if self.outages.api_away > 0 {
            return;
        }
        match trouble {
            Trouble::HandScales { tenant, replicas } => {
                let tenant = self.script.tenant(tenant);
                self.audit.hand_on_tenant(tenant, self.now, true);
                self.set_replicas(tenant, replicas);
            }
            Trouble::HandScalesResident { resident, replicas } => {
                // A hand that sets what is set already leaves no mark that anybody could see.
                let changed = |resident: &usize| self.residents[*resident].replicas != replicas;
                if let Some(resident) = self.script.resident(resident).filter(changed) {
                    self.set_resident_replicas(resident, replicas, true);
                }
            }
            Trouble::HandAnnotates { tenant, text } => {
                let tenant = self.script.tenant(tenant);
                let text = self.annotation(text);
                self.audit.hand_on_tenant(tenant, self.now, false);
                self.tenants[tenant].annotation = text;
                self.tenants[tenant].version += 1;
            }
            Trouble::HandAsks { tenant } => {
                let tenant = self.script.tenant(tenant);
                self.start_run(tenant, tenancy::observation::Trigger::Up, None);
            }
            _ => {}
        }
    }

    fn annotation(&self, text: Annotation) -> Option<String> {
        match text {
            Annotation::Nothing => None,
            Annotation::Auto => Some("auto".to_owned()),
            Annotation::Off => Some("off".to_owned()),
            Annotation::AwakeFor(hours) => {
                let until = self.clock() + jiff::SignedDuration::from_hours(i64::from(hours));
                Some(format!("awake-until={until}"))
            }
            Annotation::Nonsense => Some("please".to_owned()),
        }
    }

    pub(crate) fn trouble_ends(&mut self, index: usize) {
        let trouble = self.script.troubles[index].1;
        self.trace.say(self.now, || format!("over: {trouble:?}"));
        let outages = &mut self.outages;
        match trouble {
            Trouble::ApiAway { .. } => {
                outages.api_away -= 1;
                (0..self.tenants.len()).for_each(|tenant| self.reconcile(tenant));
                self.catch_up_jobs();
            }
            Trouble::ControllerAway { .. } => {
                outages.controller_away -= 1;
                self.catch_up_jobs();
            }
            Trouble::NodeReboots { .. } => {
                outages.node_away -= 1;
                if self.outages.node_away == 0 {
                    self.node_returns();
                    (0..self.residents.len()).for_each(|resident| self.resident_step(resident));
                }
            }
            Trouble::Zombies { .. } => {
                outages.zombies -= 1;
                self.device.end_all(self.now, |owner| owner == super::device::Owner::Nobody);
            }
            Trouble::Suspended { tenant, .. } => {
                let tenant = self.script.tenant(tenant);
                self.tenants[tenant].gate.suspend = false;
            }
            Trouble::ClockLeaps { .. } => {
                outages.leaps_s.retain(|(line, _)| *line != index);
                outages.leapt = Some(self.now);
            }
            Trouble::NoNode { .. } => outages.no_node -= 1,
            Trouble::GatesDie { .. } => outages.gates_die -= 1,
            Trouble::WritesUnanswered { .. } => outages.writes_unanswered -= 1,
            _ => {
                let lines = [
                    &mut outages.late_ticks_s,
                    &mut outages.late_writes_s,
                    &mut outages.slow_pulls_s,
                    &mut outages.slow_exits_s,
                ];
                lines.into_iter().for_each(|all| all.retain(|(line, _)| *line != index));
                let of_tenants = [
                    &mut outages.never_ready,
                    &mut outages.crash_loops,
                    &mut outages.work,
                    &mut outages.other_cards,
                ];
                for all in of_tenants {
                    all.retain(|(line, _)| *line != index);
                }
                outages.sources.retain(|(line, ..)| *line != index);
            }
        }
    }
}
