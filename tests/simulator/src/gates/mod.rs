//! Who keeps the card: our gates, or the shell gate's rules.

pub(crate) mod ours;
pub(crate) mod shell;

use tenancy::gate::GateConfig;
use tenancy::observation::Trigger;

use crate::Keeper;
use crate::audit::Audit;
use crate::queue::Ms;
use crate::world::{Event, World};

/// One tick: a run of a CronJob, or of a Job that a person made.
pub(crate) struct Run {
    pub(crate) tenant: usize,
    pub(crate) trigger: Trigger,
    pub(crate) job: Option<usize>,
    pub(crate) began: Ms,
    /// When its Job's deadline ends it.
    kill_at: Ms,
    pub(crate) mind: ours::Mind,
}

/// What a tick does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    Look,
    Write,
    Act,
}

/// The next step and when, or the end of the tick.
pub(crate) type Next = Option<(Ms, Step)>;

impl Run {
    pub(crate) fn new(tenant: usize, trigger: Trigger, job: Option<usize>, began: Ms, kill_at: Ms) -> Self {
        Self { tenant, trigger, job, began, kill_at, mind: ours::Mind::default() }
    }

    /// A Job's deadline, as `expand` writes it.
    pub(crate) fn deadline_ms(gate: &GateConfig) -> Ms {
        Ms::from(gate.tick_length().deadline_s) * 1000
    }
}

impl World {
    pub(crate) fn run_step(&mut self, id: u64, step: Step) {
        let Some(mut run) = self.runs.remove(&id) else { return };
        let next = match self.keeper {
            _ if self.now > run.kill_at || self.outages.api_away > 0 => None,
            keeper => {
                if step == Step::Begin && run.mind.is_new() {
                    Audit::tick_begins(self, run.tenant);
                }
                match keeper {
                    Keeper::Ours => self.our_step(&mut run, step),
                    Keeper::Shell => self.shell_step(&run),
                }
            }
        };
        match next {
            Some((after, step)) => {
                self.queue.add(self.now + after, Event::Run { run: id, step });
                self.runs.insert(id, run);
            }
            None => {
                if let Some(job) = run.job {
                    self.job_is_free(job);
                }
            }
        }
    }
}
