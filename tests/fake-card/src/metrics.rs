//! One card state, in the formats of three exporters.
//!
//! Label names, their order and the spelling of numbers are those of the real
//! programs, because a reader that is only ever shown friendly text breaks on the
//! first real page:
//! - [`dcgm`]: NVIDIA/dcgm-exporter, `internal/pkg/rendermetrics`;
//! - [`nvidia_smi`]: utkuozdemir/nvidia_gpu_exporter, the sample in its README;
//! - [`pods`]: the `gpu_pod_memory_used_bytes` gauge of the first seed's cluster.

use std::fmt::Write;

use crate::board::Reading;
use crate::card::Snapshot;
use crate::wire::{Fault, Holder};

pub mod dcgm;
pub mod nvidia_smi;
pub mod pods;

/// Bytes in a MiB.
const MIB: u64 = 1024 * 1024;

/// What DCGM writes where it has no value; it can be seen on real pages.
const DCGM_BLANK: u64 = 9_223_372_036_854_775_794;

/// Free and used memory as a page shows them, in MiB: true or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    free_mib: u64,
    used_mib: u64,
}

/// The device figures to show for a card, one for each copy of its series.
fn device_figures(snapshot: &Snapshot, fault: Fault) -> Vec<Figures> {
    let truth = Figures { free_mib: snapshot.free_mib, used_mib: snapshot.used_mib };
    let idle = Figures { free_mib: snapshot.spec.total_mib - snapshot.spec.reserved_mib, used_mib: 0 };
    let absurd = Figures { free_mib: DCGM_BLANK, used_mib: snapshot.used_mib };
    match fault {
        // A whole page that fails or hangs is the service's business.
        Fault::None | Fault::Stale | Fault::Http500 | Fault::Hang => vec![truth],
        Fault::Duplicate => vec![truth, idle],
        Fault::Absurd => vec![absurd],
        Fault::Empty200 | Fault::OnlyPods => vec![],
    }
}

/// The holders to show in series that name pods.
fn pod_holders(snapshot: &Snapshot, fault: Fault) -> Vec<&Holder> {
    match fault {
        Fault::Empty200 => vec![],
        _ => snapshot.holders.iter().filter(|holder| holder.in_pod_metrics).collect(),
    }
}

/// A page under construction.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    /// One metric with its comment lines; none of it when it has no sample.
    fn metric(&mut self, name: &str, help: &str, samples: &[String]) {
        if samples.is_empty() {
            return;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for sample in samples {
            let _ = writeln!(self.0, "{name}{sample}");
        }
    }
}

/// Labels in braces, in the order given, with values escaped.
fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The samples of one metric over all cards.
fn samples(readings: &[Reading], one_card: impl Fn(&Snapshot, Fault) -> Vec<String>) -> Vec<String> {
    readings.iter().flat_map(|(snapshot, fault)| one_card(snapshot, *fault)).collect()
}

#[cfg(test)]
mod tests;
