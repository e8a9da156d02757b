//! The page of NVIDIA's dcgm-exporter, in MiB.
//!
//! How its series are to be read depends on its settings and its version:
//! - by default there is one series per device; under time slicing it carries
//!   the labels of whichever pod came last, and still means the whole device;
//! - with `KUBERNETES_VIRTUAL_GPUS` each series stands once per pod, with a
//!   `vgpu` label and the whole device's value;
//! - since 4.6 with that setting, `FB_USED` stands once for the device, without
//!   a pod, and once per pod with what that pod holds: their sum counts twice.

use std::collections::BTreeMap;

use tenancy::card::{Card, Device, Unit};
use tenancy::exposition::Series;
use tenancy::quantity::Mib;

use super::{
    Figures, PerPod, TOLERANCE_MIB, Unknown, agreed, devices, mib, oldest, plausible, same_uuid, wanted,
};

const FREE: &str = "DCGM_FI_DEV_FB_FREE";
const USED: &str = "DCGM_FI_DEV_FB_USED";
const RESERVED: &str = "DCGM_FI_DEV_FB_RESERVED";
const TOTAL: &str = "DCGM_FI_DEV_FB_TOTAL";
const MEMORY: [&str; 4] = [FREE, USED, RESERVED, TOTAL];

/// Reads the figures of one card.
///
/// # Errors
/// The reason why the page does not answer for it.
pub fn figures(card: &Card, page: &[Series<'_>]) -> Result<Figures, Unknown> {
    let own = own(card, page)?;
    let of = |name: &'static str| own.iter().copied().filter(move |one| one.name == name);
    let missing = |name: &str| Unknown(format!("the page has no {name} for {}", wanted(card)));
    let free = agreed(FREE, of(FREE), Unit::Mib)?.ok_or_else(|| missing(FREE))?;
    let (used, pods) = used(of(USED))?;
    let used = used.ok_or_else(|| missing(USED))?;
    // Exporters before 3.3 have no reserve; there it is the rest of FB_TOTAL, if that is there.
    let reserved = agreed(RESERVED, of(RESERVED), Unit::Mib)?;
    let total = agreed(TOTAL, of(TOTAL), Unit::Mib)?;
    let (reserved, total) = match (reserved, total) {
        (Some(reserved), Some(total)) => (reserved, total),
        (Some(reserved), None) => (reserved, Mib(free.0 + used.0 + reserved.0)),
        (None, Some(total)) => (Mib(total.0.saturating_sub(free.0 + used.0)), total),
        (None, None) => return Err(missing(RESERVED)),
    };
    plausible(Figures {
        total_mib: total,
        free_mib: free,
        used_mib: used,
        reserved_mib: reserved,
        pods,
        devices: devices::of(page.iter().filter(|one| MEMORY.contains(&one.name)), "UUID"),
        uuid: own.iter().find_map(|one| one.label("UUID")).map(str::to_owned),
        index: own.iter().find_map(|one| one.label("gpu")?.parse().ok()),
        timestamp_ms: oldest(own.iter().copied()),
    })
}

/// The series of this card's frame buffer, of whatever pod, without those of MIG instances.
fn own<'p>(card: &Card, page: &'p [Series<'p>]) -> Result<Vec<&'p Series<'p>>, Unknown> {
    let memory: Vec<&Series<'_>> = page.iter().filter(|one| MEMORY.contains(&one.name)).collect();
    if memory.is_empty() {
        return Err(Unknown(format!("the page has no {FREE} of any device")));
    }
    let matching: Vec<&Series<'_>> = match &card.device {
        Device::Uuid(uuid) => memory
            .iter()
            .copied()
            .filter(|one| one.label("UUID").is_some_and(|label| same_uuid(label, uuid)))
            .collect(),
        Device::Index(index) => {
            let index = index.to_string();
            memory
                .iter()
                .copied()
                .filter(|one| one.label("gpu") == Some(&index) && host(one) == Some(card.node.as_str()))
                .collect()
        }
    };
    if matching.is_empty() {
        return Err(Unknown(format!(
            "no device on the page is {}; it has {}",
            wanted(card),
            listed(&memory)
        )));
    }
    one_device(&matching)?;
    let whole: Vec<&Series<'_>> =
        matching.into_iter().filter(|one| one.label("GPU_I_ID").is_none()).collect();
    if whole.is_empty() {
        return Err(Unknown(format!(
            "the page has only MIG instances of {}, and a card is a whole device",
            wanted(card)
        )));
    }
    Ok(whole)
}

/// The node that a series names; the label was renamed in 2026.
fn host<'p>(series: &'p Series<'_>) -> Option<&'p str> {
    series.label("hostname").or_else(|| series.label("Hostname"))
}

/// Two devices under one index would be two nodes' answers in one page.
fn one_device(series: &[&Series<'_>]) -> Result<(), Unknown> {
    let mut uuids: Vec<&str> = series.iter().filter_map(|one| one.label("UUID")).collect();
    uuids.sort_unstable();
    uuids.dedup_by(|a, b| same_uuid(a, b));
    match uuids.as_slice() {
        [] | [_] => Ok(()),
        several => Err(Unknown(format!(
            "{} devices on the page have this card's index; give the card its UUID instead: {}",
            several.len(),
            several.join(" or ")
        ))),
    }
}

fn listed(memory: &[&Series<'_>]) -> String {
    let mut seen: Vec<String> = memory
        .iter()
        .map(|one| {
            let part = |name: &str| one.label(name).unwrap_or("?").to_owned();
            format!("index {} on node {} ({})", part("gpu"), host(one).unwrap_or("?"), part("UUID"))
        })
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen.join(", ")
}

/// The device's use, and each pod's where the page tells them apart.
fn used<'p>(series: impl Iterator<Item = &'p Series<'p>>) -> Result<(Option<Mib>, PerPod), Unknown> {
    let (pods, device): (Vec<_>, Vec<_>) =
        series.partition(|one| one.label("vgpu").is_some() && one.label("pod").is_some());
    if device.is_empty() {
        // Every series stands once per pod with the whole device's value.
        return Ok((agreed(USED, pods.into_iter(), Unit::Mib)?, None));
    }
    let used = agreed(USED, device.into_iter(), Unit::Mib)?;
    let held = attributed(&pods)?;
    let sum: u64 = held.values().map(|mib| mib.0).sum();
    // Pods that hold more than the device were read at another moment. Who owes
    // what is not known then, and the device's own figures still stand.
    let believable = !pods.is_empty() && used.is_some_and(|used| sum <= used.0 + TOLERANCE_MIB);
    Ok((used, believable.then_some(held)))
}

/// What each pod holds. A container with several slices has one series for each
/// of them, all with what the container holds; containers of a pod add up.
fn attributed(series: &[&Series<'_>]) -> Result<BTreeMap<(String, String), Mib>, Unknown> {
    let mut containers: BTreeMap<[&str; 3], Mib> = BTreeMap::new();
    for one in series {
        if let (Some(namespace), Some(pod)) = (one.label("namespace"), one.label("pod")) {
            let container = one.label("container").unwrap_or_default();
            let held = containers.entry([namespace, pod, container]).or_default();
            *held = mib(one, Unit::Mib)?.max(*held);
        }
    }
    let mut pods: BTreeMap<(String, String), Mib> = BTreeMap::new();
    for ([namespace, pod, _], mib) in containers {
        pods.entry((namespace.to_owned(), pod.to_owned())).or_default().0 += mib.0;
    }
    Ok(pods)
}
