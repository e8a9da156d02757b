//! The shell gate of seed 000, rule by rule and with its defects: three CronJobs
//! that know nothing of one another.
//!
//! - up, at the start: sum the per-pod gauges, call `total - sum` free, scale to
//!   1 if that is at least the floor. A page without samples is a sum of 0.
//! - guard, every five minutes of the window's hours: scale to 0 if the same
//!   `free` is below the same floor, the tenant's own memory counted as used. A
//!   scrape that fails is a sum of 0, too.
//! - down, at the end: scale to 0.
//!
//! `total` is what the card is sold as, 16 GiB for the T4 of the seed, and not
//! what it has. Nobody reserves anything, and the pod asks nobody.

use tenancy::observation::Trigger;

use super::{Next, Run};
use crate::audit::Audit;
use crate::script::WindowSpec;
use crate::world::World;

/// Cards are sold by multiples of this.
const SOLD_BY_MIB: u64 = 8 * 1024;
/// How late the seed's CronJobs may start.
pub(crate) const DEADLINE_S: u32 = 120;

impl World {
    pub(crate) fn shell_step(&mut self, run: &Run) -> Next {
        let spec = &self.script.tenants[run.tenant];
        let floor_mib = spec.peak_mib + spec.headroom_mib;
        let total_mib = self.script.card.total_mib.next_multiple_of(SOLD_BY_MIB);
        let sum = self.page().map(|page| page.iter().map(|(_, mib)| mib).sum::<u64>());
        let fits = |used: u64| total_mib.saturating_sub(used) >= floor_mib;
        match (run.trigger, sum) {
            (Trigger::Up, Some(used)) if fits(used) => {
                let blind = self.is_blind();
                Audit::shell_admits(self, run.tenant, blind);
                self.set_replicas(run.tenant, 1);
            }
            // The script ends with curl's error, or finds too little.
            (Trigger::Up, _) => {}
            (Trigger::Guard, sum) if !fits(sum.unwrap_or(0)) => {
                Audit::shell_yields(self, run.tenant);
                self.set_replicas(run.tenant, 0);
            }
            (Trigger::Guard, _) => {}
            (Trigger::Down, _) => self.set_replicas(run.tenant, 0),
        }
        None
    }
}

/// The cron lines of a window as somebody who copies the seed writes them.
pub(crate) fn lines(window: &WindowSpec) -> Vec<(Trigger, String)> {
    const DAY: u16 = 24 * 60;
    let (start, end) = (window.start_minute % DAY, window.start_minute % DAY + window.minutes);
    let first_days = days(window.days, 0);
    let at = |minute: u16| format!("{} {}", minute % 60, minute / 60 % 24);
    let mut all = vec![
        (Trigger::Up, format!("{} * * {first_days}", at(start))),
        (Trigger::Down, format!("{} * * {}", at(end), days(window.days, end / DAY))),
    ];
    // Hours count from the one of the start to the last one that begins before the end.
    let (first, last) = (start / 60, (end - 1) / 60);
    all.push((Trigger::Guard, format!("*/5 {first}-{} * * {first_days}", last.min(23))));
    if last >= 24 {
        all.push((Trigger::Guard, format!("*/5 0-{} * * {}", last - 24, days(window.days, 1))));
    }
    all
}

/// Days as cron counts them, from Sunday, so many days later.
fn days(set: u8, later: u16) -> String {
    let all = (0..7_u16).filter(|day| set & (1 << day) != 0).map(|day| (day + 1 + later) % 7);
    all.map(|day| day.to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_seed() {
        let night = WindowSpec { start_minute: 120, minutes: 240, days: 0x7f, zone: 1 };
        let texts: Vec<String> = lines(&night).into_iter().map(|(_, line)| line).collect();
        let every = "1,2,3,4,5,6,0";
        assert_eq!(
            texts,
            [format!("0 2 * * {every}"), format!("0 6 * * {every}"), format!("*/5 2-5 * * {every}")]
        );
        let late = WindowSpec { start_minute: 22 * 60, minutes: 480, days: 0b10000, zone: 0 };
        let texts: Vec<String> = lines(&late).into_iter().map(|(_, line)| line).collect();
        assert_eq!(texts, ["0 22 * * 5", "0 6 * * 6", "*/5 22-23 * * 5", "*/5 0-5 * * 6"]);
    }
}
