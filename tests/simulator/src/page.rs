//! The page that sets our gates beside the shell gate.

use std::fmt::Write;

use crate::generate::Shape;
use crate::tally::Tally;

/// Worlds of one shape, and how they went.
#[derive(Debug, Clone, Copy)]
pub struct Set {
    /// What the worlds are like, as a heading.
    pub title: &'static str,
    /// Their shape.
    pub shape: Shape,
    /// The seeds 1 to this.
    pub seeds: u64,
    /// With our gates.
    pub ours: Tally,
    /// With the shell gate.
    pub shell: Tally,
    /// In how many of them our gates broke a promise.
    pub broken: u64,
    /// What it took to play them with our gates, in seconds.
    pub seconds: f64,
}

impl Set {
    /// A set that has not been played.
    pub fn new(title: &'static str, shape: Shape, seeds: u64) -> Self {
        let none = Tally::default();
        Self { title, shape, seeds, ours: none, shell: none, broken: 0, seconds: 0.0 }
    }

    /// Adds what somebody else played of the same set.
    pub fn add(&mut self, other: &Self) {
        self.ours += other.ours;
        self.shell += other.shell;
        self.broken += other.broken;
        self.seconds += other.seconds;
    }
}

const BEGINNING: &str = "\
# Years of a card

Nobody can wait a year to see whether a gate keeps its word, so worlds are
simulated: a card, its residents, tenants with windows in several time zones, and
what goes wrong with all of them. Every world is played twice, minute for minute
the same, once with our gates (`decide`, `admit_pod` and the ledger with its
compare-and-swap, the very functions that run in the cluster) and once with the
rules of the shell CronJobs that people use today. `cargo xtask simulate` plays
them again and writes this page. A world follows from its seed alone. When a window
is open the audit reads off a clock on the wall of its own, and not by the gates' code.

What goes wrong: residents and tenants that grow, beyond their peaks too; sources
that are away, empty, stale, partial, absurd or of another card; API servers and
controllers that are away; an API server whose clock leaps by seconds or by a year, and back;
ticks that come late; pods that are given another card; gates that die between the
ledger and the scale call; writes that are lost or arrive late; nodes that restart; pods
that find no node, pull for minutes, crash, never become ready, or are slow to go;
processes that are not reaped; people who scale, annotate, delete and suspend.
A stale source here says how old its figures are, as our exporter and nvidia_gpu_exporter
since 1.14 do, and a Prometheus that scrapes no more. Figures that a hung collector serves as
those of now, as dcgm-exporter's are, no gate can tell from fresh ones: that is not in here.

The shell gate is taken as written: it believes that the card has the size it is
sold by (16 GiB for a T4 that has 14.6), takes a page without samples for an idle
card, reserves nothing, and holds the whole card's free memory, its own tenant's
use included, against the floor that an admission needs.

";

const ENDING: &str = "\
**Over-commitment** is what the device really has in use, and what those who run
and protected residents may still take up to their declared peaks, and the largest
headroom, beyond what the card has. At any minute it includes leaks and residents
that nobody protects, which no gate can foresee. **Wrongful** is a yield while the card
had room and the tenant was well. A **missed** window is one in which the tenant was
never ready although the card had room for it for half an hour on end; time in
which a person kept it asleep does not count. Time **outside** does not count where a
person asked for it.

An exporter that collects every half a minute, as in a quarter of the worlds, shows an
unprotected resident that late, and so may a start be over-committed that was not
when it was decided.

Where the source knows the device alone, nobody can tell whose memory is in use, so
whoever runs is owed his whole peak beside what he holds already. That is safe, and it
is why windows are missed there that a source with pods would serve.

Many a minute outside comes from an API server, a controller or a node that was
away when a window closed: nobody can close what nobody can reach.
";

/// The page as markdown.
pub fn page(sets: &[Set]) -> String {
    let mut text = BEGINNING.to_owned();
    for set in sets {
        table(&mut text, set);
    }
    text + ENDING
}

fn table(text: &mut String, set: &Set) {
    let Shape { tenants: (fewest, most), days, troubles, .. } = set.shape;
    let years = set.ours.minutes as f64 / (365.0 * 24.0 * 60.0);
    let rate = set.ours.judgements as f64 / set.seconds.max(0.001);
    let (ours, shell) = (&set.ours, &set.shell);
    let rows: [(&str, String, String); 9] = [
        (
            "worst over-commitment when a server was let start",
            mib(ours.over_at_start_mib),
            mib(shell.over_at_start_mib),
        ),
        ("worst over-commitment at any minute", mib(ours.over_worst_mib), mib(shell.over_worst_mib)),
        (
            "admissions while the card was not known",
            count(ours.blind_admissions),
            count(shell.blind_admissions),
        ),
        ("allocations that failed for want of memory", count(ours.out_of_memory), count(shell.out_of_memory)),
        ("of those, residents'", count(ours.resident_out_of_memory), count(shell.resident_out_of_memory)),
        ("tenants sent away within a window", count(ours.yields), count(shell.yields)),
        ("of those, wrongfully", count(ours.wrongful_yields), count(shell.wrongful_yields)),
        ("minutes awake outside the windows", count(ours.minutes_outside), count(shell.minutes_outside)),
        ("windows missed", part(ours), part(shell)),
    ];
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "## {}\n\nSeeds 1 to {}, {days} days each: {years:.2} years, {fewest} to {most} tenants on a card, up to \
         {troubles} troubles in a world. Our gates judged {} times, {} times a second of one core where \
         this page was made. Promises that they broke: {}.\n\n| | ours | shell gate |\n|-|-:|-:|\n",
        set.title,
        set.seeds,
        count(set.ours.judgements),
        count(rate as u64),
        if set.broken == 0 { "none".to_owned() } else { format!("in {} worlds", set.broken) },
    );
    for (what, ours, shell) in rows {
        let _ = writeln!(text, "| {what} | {ours} | {shell} |");
    }
    let _ = writeln!(
        text,
        "| hours served within windows | {} | {} |\n",
        count(ours.minutes_served / 60),
        count(shell.minutes_served / 60)
    );
}

fn mib(amount: u64) -> String {
    format!("{} MiB", count(amount))
}

fn part(tally: &Tally) -> String {
    format!("{} of {}", count(tally.windows_missed), count(tally.windows))
}

/// A number with commas.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
