//! The page of our own exporter, in bytes, with the age of what it says.

use std::collections::BTreeMap;

use tenancy::card::{Card, Device, Unit};
use tenancy::exposition::Series;
use tenancy::quantity::Mib;

use super::{Figures, PerPod, TOLERANCE_MIB, Unknown, agreed, devices, mib, plausible, same_uuid, wanted};

const PREFIX: &str = "gpu_tenancy_";
const UP: &str = "gpu_tenancy_exporter_up";
const AGE: &str = "gpu_tenancy_exporter_reading_age_seconds";
const CARD_UP: &str = "gpu_tenancy_card_up";
const TOTAL: &str = "gpu_tenancy_card_memory_total_bytes";
const FREE: &str = "gpu_tenancy_card_memory_free_bytes";
const USED: &str = "gpu_tenancy_card_memory_used_bytes";
const RESERVED: &str = "gpu_tenancy_card_memory_reserved_bytes";
const PROCESSES: &str = "gpu_tenancy_card_processes";
const CONTAINER: &str = "gpu_tenancy_container_memory_used_bytes";

/// Reads the figures of one card at a time in milliseconds since 1970.
///
/// # Errors
/// The reason why the page does not answer for it.
pub fn figures(card: &Card, page: &[Series<'_>], now_ms: i64) -> Result<Figures, Unknown> {
    let node = card.node.as_str();
    if !page.iter().any(|one| one.name.starts_with(PREFIX)) {
        return Err(Unknown("the page is not that of gpu-agent's exporter".to_owned()));
    }
    let of_node: Vec<&Series<'_>> = page.iter().filter(|one| one.label("node") == Some(node)).collect();
    if of_node.is_empty() {
        let other = page.iter().find_map(|one| one.label("node")).unwrap_or("?");
        return Err(Unknown(format!("the page is that of node {other}, and the card is on node {node}")));
    }
    let single = |name: &str| of_node.iter().find(|one| one.name == name).map(|one| one.value);
    if single(UP) != Some(1.0) {
        return Err(Unknown(format!(
            "the driver of node {node} does not answer its exporter, whose log says why"
        )));
    }
    let own: Vec<&Series<'_>> = of_node.iter().copied().filter(|one| is_own(one, card)).collect();
    if own.iter().any(|one| one.name == CARD_UP && one.value != 1.0) {
        return Err(Unknown(format!("the driver does not reach {} any more", wanted(card))));
    }
    let required = |name: &str| {
        let series = own.iter().copied().filter(|one| one.name == name);
        agreed(name, series, Unit::Bytes)?.ok_or_else(|| {
            Unknown(format!("the page has no {name} for {}; it has {}", wanted(card), cards(&of_node)))
        })
    };
    let (total, free, used, reserved) =
        (required(TOTAL)?, required(FREE)?, required(USED)?, required(RESERVED)?);
    let age = single(AGE)
        .filter(|age| age.is_finite() && *age >= 0.0)
        .ok_or_else(|| Unknown(format!("the page has no {AGE}, so its figures may be of any time")))?;
    plausible(Figures {
        total_mib: total,
        free_mib: free,
        used_mib: used,
        reserved_mib: reserved,
        pods: held(&own, used)?,
        devices: devices::of(of_node.iter().copied().filter(|one| one.name == CONTAINER), "uuid"),
        uuid: own.iter().find_map(|one| one.label("uuid")).map(str::to_owned),
        index: own.iter().find_map(|one| one.label("index")?.parse().ok()),
        // Seconds of a few hours at most: whoever is older is refused.
        timestamp_ms: Some(now_ms.saturating_sub((age * 1000.0) as i64)),
    })
}

fn is_own(series: &Series<'_>, card: &Card) -> bool {
    match &card.device {
        Device::Uuid(uuid) => series.label("uuid").is_some_and(|label| same_uuid(label, uuid)),
        Device::Index(index) => series.label("index").and_then(|label| label.parse().ok()) == Some(*index),
    }
}

/// What pods hold, by namespace and name; `None` where the driver lists no
/// processes, or where they hold more than the device does.
fn held(own: &[&Series<'_>], used: Mib) -> Result<PerPod, Unknown> {
    if !own.iter().any(|one| one.name == PROCESSES) {
        return Ok(None);
    }
    let mut pods: BTreeMap<(String, String), Mib> = BTreeMap::new();
    for one in own.iter().filter(|one| one.name == CONTAINER) {
        if let (Some(namespace), Some(pod)) = (one.label("namespace"), one.label("pod")) {
            let held: &mut Mib = pods.entry((namespace.to_owned(), pod.to_owned())).or_default();
            held.0 = held.0.saturating_add(mib(one, Unit::Bytes)?.0);
        }
    }
    let sum = pods.values().fold(0u64, |sum, held| sum.saturating_add(held.0));
    Ok((sum <= used.0.saturating_add(TOLERANCE_MIB)).then_some(pods))
}

fn cards(page: &[&Series<'_>]) -> String {
    let mut seen: Vec<String> = page
        .iter()
        .filter_map(|one| Some(format!("index {} ({})", one.label("index")?, one.label("uuid")?)))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    if seen.is_empty() { "no card".to_owned() } else { seen.join(", ") }
}
