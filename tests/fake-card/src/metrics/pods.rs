//! The per-pod gauge of the first seed's cluster, in bytes.
//!
//! It shows processes and neither the card's size nor what the driver keeps, so an
//! idle card and a dead collector make the same page: an empty one.

use super::{MIB, Page, labels, pod_holders, samples};
use crate::board::Reading;
use crate::wire::{Fault, Holder};

/// The page over some cards; it does not say which card a process is on.
pub fn page(readings: &[Reading]) -> String {
    let mut page = Page::default();
    page.metric(
        "gpu_pod_memory_used_bytes",
        "GPU memory used by pod",
        &samples(readings, |card, fault| {
            pod_holders(card, fault)
                .iter()
                .flat_map(|holder| shown_bytes(holder, fault).into_iter().map(|bytes| sample(holder, bytes)))
                .collect()
        }),
    );
    page.0
}

/// What the gauge says of one process, once for each copy of its series.
fn shown_bytes(holder: &Holder, fault: Fault) -> Vec<i128> {
    let truth = i128::from(holder.mib) * i128::from(MIB);
    match fault {
        Fault::Duplicate => vec![truth, 0],
        Fault::Absurd => vec![-1],
        _ => vec![truth],
    }
}

fn sample(holder: &Holder, bytes: i128) -> String {
    let owner = &holder.owner;
    let pid = owner.pid.unwrap_or_default().to_string();
    let series = labels(&[
        ("namespace", &owner.namespace),
        ("pod", &owner.pod),
        ("container", &owner.container),
        ("process_name", &owner.process_name),
        ("pid", &pid),
    ]);
    format!("{series} {bytes}")
}
