//! The page of utkuozdemir/nvidia_gpu_exporter, in bytes.
//!
//! Its `uuid` label has neither the `GPU-` prefix nor capital letters, and it
//! names no node: an index is looked up among the devices of the page, and
//! refused where two have it.
//!
//! By itself it asks the driver at every scrape, and its figures are of that
//! moment. With `--collect.interval` it serves what it has, and since 1.14 says of when.

use tenancy::card::{Card, Device, Unit};
use tenancy::exposition::Series;

use super::devices::Devices;
use super::{Figures, Unknown, agreed, oldest, plausible, same_uuid, unaccounted, wanted};

const FREE: &str = "nvidia_smi_memory_free_bytes";
const USED: &str = "nvidia_smi_memory_used_bytes";
const TOTAL: &str = "nvidia_smi_memory_total_bytes";
const RESERVED: &str = "nvidia_smi_memory_reserved_bytes";
/// With what `nvidia-smi` ended the last time.
const EXIT_CODE: &str = "nvidia_smi_command_exit_code";
/// Whether the last collection came to an end and told something.
const COLLECTED: &str = "nvidia_smi_last_collect_success";
/// When a collection last did, in seconds since 1970.
const COLLECTED_AT: &str = "nvidia_smi_last_collect_success_timestamp_seconds";

/// Reads the figures of one card.
///
/// # Errors
/// The reason why the page does not answer for it.
pub fn figures(card: &Card, page: &[Series<'_>]) -> Result<Figures, Unknown> {
    let collected_at_ms = collected(page)?;
    let uuid = uuid(card, page)?;
    let own: Vec<&Series<'_>> = page
        .iter()
        .filter(|one| [FREE, USED, TOTAL, RESERVED].contains(&one.name))
        .filter(|one| one.label("uuid").is_some_and(|label| same_uuid(label, uuid)))
        .collect();
    let value = |name: &str| agreed(name, own.iter().copied().filter(|one| one.name == name), Unit::Bytes);
    let required = |name: &str| {
        value(name)?.ok_or_else(|| Unknown(format!("the page has no {name} for {}", wanted(card))))
    };
    let (free, used, total) = (required(FREE)?, required(USED)?, required(TOTAL)?);
    let reserved = match value(RESERVED)? {
        Some(reserved) => reserved,
        None => unaccounted(free, used, total)?,
    };
    plausible(Figures {
        total_mib: total,
        free_mib: free,
        used_mib: used,
        reserved_mib: reserved,
        // The exporter has series per process since 1.3, but without their pods.
        pods: None,
        devices: Devices::new(),
        uuid: Some(uuid.to_owned()),
        index: index(uuid, page),
        timestamp_ms: oldest(own.iter().copied()).into_iter().chain(collected_at_ms).min(),
    })
}

/// When the page's figures were collected, in milliseconds since 1970, as far as it says.
///
/// # Errors
/// The last collection failed.
fn collected(page: &[Series<'_>]) -> Result<Option<i64>, Unknown> {
    let single = |name: &str| page.iter().find(|one| one.name == name).map(|one| one.value);
    if let Some(code) = single(EXIT_CODE).filter(|code| *code != 0.0) {
        return Err(Unknown(format!("nvidia-smi ended with {code} behind the exporter, whose log says why")));
    }
    if single(COLLECTED).is_some_and(|success| success != 1.0) {
        return Err(Unknown("the exporter's last collection failed, and its log says why".to_owned()));
    }
    // What is no time at all becomes 1970, and is refused for its age.
    Ok(single(COLLECTED_AT).map(|seconds| (seconds * 1000.0) as i64))
}

/// The UUID of the card that is meant, as the page spells it.
fn uuid<'p>(card: &Card, page: &'p [Series<'_>]) -> Result<&'p str, Unknown> {
    let mut found: Vec<&str> = page
        .iter()
        .filter_map(|one| {
            let uuid = one.label("uuid")?;
            match &card.device {
                Device::Uuid(wanted) => same_uuid(uuid, wanted).then_some(uuid),
                Device::Index(wanted) => (index_of(one)? == *wanted).then_some(uuid),
            }
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Unknown(format!("no device on the page is {}; it has {}", wanted(card), devices(page)))),
        several => Err(Unknown(format!(
            "{} devices on the page are {}; give the card its UUID instead: {}",
            several.len(),
            wanted(card),
            several.join(" or ")
        ))),
    }
}

/// The index that a series tells of its device: as a label of the info metric, or as a value.
fn index_of(series: &Series<'_>) -> Option<u32> {
    match series.name {
        "nvidia_smi_gpu_info" => series.label("index")?.parse().ok(),
        "nvidia_smi_index" if series.value >= 0.0 && series.value < 1024.0 => Some(series.value as u32),
        _ => None,
    }
}

fn index(uuid: &str, page: &[Series<'_>]) -> Option<u32> {
    page.iter().filter(|one| one.label("uuid") == Some(uuid)).find_map(index_of)
}

fn devices(page: &[Series<'_>]) -> String {
    let mut uuids: Vec<&str> = page
        .iter()
        .filter(|one| one.name.starts_with("nvidia_smi_"))
        .filter_map(|one| one.label("uuid"))
        .collect();
    uuids.sort_unstable();
    uuids.dedup();
    if uuids.is_empty() { "none".to_owned() } else { uuids.join(", ") }
}
