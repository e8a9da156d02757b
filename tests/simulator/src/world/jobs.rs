//! CronJobs and their controller: one run at a time, late starts within the
//! deadline, the others lost.

use tenancy::observation::Trigger;

use super::{Event, World};
use crate::cron::Line;
use crate::gates::{Run, Step};
use crate::queue::Ms;

/// One CronJob.
#[derive(Debug)]
pub(crate) struct CronJob {
    pub(crate) tenant: usize,
    pub(crate) trigger: Trigger,
    pub(crate) line: Line,
    /// How late a run may start.
    pub(crate) deadline_ms: Ms,
    /// Whether a run goes on. Another is not started beside it (Forbid).
    active: bool,
    /// The last firing that has not become a run.
    missed: Option<Ms>,
}

impl CronJob {
    pub(crate) fn new(tenant: usize, trigger: Trigger, line: Line, deadline_s: u32) -> Self {
        Self { tenant, trigger, line, deadline_ms: Ms::from(deadline_s) * 1000, active: false, missed: None }
    }
}

impl World {
    pub(crate) fn cron_due(&mut self, job: usize) {
        self.jobs[job].missed = Some(self.now);
        if let Some(next) = self.jobs[job].line.next_after(self.now, self.end) {
            self.queue.add(next, Event::CronDue(job));
        }
        self.sync_job(job);
    }

    /// Whoever was away is back: firings that are not too old become runs.
    pub(crate) fn catch_up_jobs(&mut self) {
        (0..self.jobs.len()).for_each(|job| self.sync_job(job));
    }

    fn sync_job(&mut self, job: usize) {
        let away = self.outages.api_away > 0 || self.outages.controller_away > 0;
        let one = &mut self.jobs[job];
        let Some(due) = one.missed.filter(|_| !away && !one.active) else { return };
        one.missed = None;
        let (tenant, trigger) = (one.tenant, one.trigger);
        if self.now - due <= one.deadline_ms {
            self.start_run(tenant, trigger, Some(job));
        }
    }

    /// Starts a tick, for a CronJob or for a person.
    pub(crate) fn start_run(&mut self, tenant: usize, trigger: Trigger, job: Option<usize>) {
        let run = self.new_uid();
        let after = self.between(1_500, 4_000) + self.outages.tick_ms();
        let kill_at = self.now + Run::deadline_ms(&self.tenants[tenant].gate);
        self.runs.insert(run, Run::new(tenant, trigger, job, self.now + after, kill_at));
        if let Some(job) = job {
            self.jobs[job].active = true;
        }
        self.queue.add(self.now + after, Event::Run { run, step: Step::Begin });
    }

    /// A run of this CronJob has ended; one that it kept from starting may start now.
    pub(crate) fn job_is_free(&mut self, job: usize) {
        self.jobs[job].active = false;
        self.sync_job(job);
    }
}
