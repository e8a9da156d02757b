//! The page of nvidia_gpu_exporter, in bytes.
//!
//! Two traps of the real one are kept: the `uuid` label has neither the `GPU-`
//! prefix nor capital letters, and large numbers are in exponent form.

use super::{MIB, Page, device_figures, labels, samples};
use crate::board::Reading;
use crate::card::Snapshot;
use crate::wire::Fault;

/// The page over some cards.
pub fn page(readings: &[Reading]) -> String {
    let mut page = Page::default();
    page.metric(
        "nvidia_smi_gpu_info",
        "A metric with a constant '1' value labeled by gpu uuid, name, driver_version, pci_bus_id, index.",
        &samples(readings, |card, fault| match fault {
            Fault::Empty200 => vec![],
            _ => vec![format!("{} 1", info(card))],
        }),
    );
    page.metric(
        "nvidia_smi_memory_free_bytes",
        "memory.free [MiB]",
        &samples(readings, |card, fault| {
            device_figures(card, fault).into_iter().map(|figures| sample(card, figures.free_mib)).collect()
        }),
    );
    page.metric(
        "nvidia_smi_memory_total_bytes",
        "memory.total [MiB]",
        &samples(readings, |card, fault| {
            device_figures(card, fault).into_iter().map(|_| sample(card, card.spec.total_mib)).collect()
        }),
    );
    page.metric(
        "nvidia_smi_memory_used_bytes",
        "memory.used [MiB]",
        &samples(readings, |card, fault| {
            device_figures(card, fault).into_iter().map(|figures| sample(card, figures.used_mib)).collect()
        }),
    );
    page.0
}

fn sample(card: &Snapshot, mib: u64) -> String {
    format!("{} {}", labels(&[("uuid", &uuid(card))]), go_float(u128::from(mib) * u128::from(MIB)))
}

fn info(card: &Snapshot) -> String {
    labels(&[
        ("driver_version", "fake"),
        ("name", &card.spec.model),
        ("uuid", &uuid(card)),
        ("pci_bus_id", &card.spec.pci_bus_id()),
        ("index", &card.spec.index.to_string()),
    ])
}

fn uuid(card: &Snapshot) -> String {
    let uuid = card.spec.uuid.to_ascii_lowercase();
    uuid.strip_prefix("gpu-").unwrap_or(&uuid).to_owned()
}

/// A whole number as Go's shortest float format writes it: plain below a million
/// and `7.883194368e+09` from there on.
fn go_float(value: u128) -> String {
    let digits = value.to_string();
    let exponent = digits.len() - 1;
    if exponent < 6 {
        return digits;
    }
    let (first, rest) = digits.split_at(1);
    match rest.trim_end_matches('0') {
        "" => format!("{first}e+{exponent:02}"),
        rest => format!("{first}.{rest}e+{exponent:02}"),
    }
}
