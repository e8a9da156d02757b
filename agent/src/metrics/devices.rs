//! On which devices a page has which pods: what tells a pod on another card
//! than the one it was admitted to.
//!
//! A page may know less than there is. Under time slicing dcgm-exporter names
//! one of a card's pods, whichever came last, and our exporter knows a pod from
//! its first allocation on. So a pod that is named is on that device, and
//! nothing follows from one that is not.

use std::collections::{BTreeMap, BTreeSet};

use tenancy::exposition::Series;

use super::same_uuid;

/// UUIDs of devices by namespace and name of a pod.
pub type Devices = BTreeMap<(String, String), BTreeSet<String>>;

/// The devices of every pod that some series name together with one. `label`
/// is what the exporter calls a UUID.
pub(super) fn of<'s>(series: impl Iterator<Item = &'s Series<'s>>, label: &str) -> Devices {
    let mut devices = Devices::new();
    for one in series {
        if let (Some(namespace), Some(pod), Some(uuid)) =
            (one.label("namespace"), one.label("pod"), one.label(label))
        {
            devices.entry((namespace.to_owned(), pod.to_owned())).or_default().insert(uuid.to_owned());
        }
    }
    devices
}

/// The same with the card's own UUID as it was declared, however the page spells it.
pub(super) fn as_declared(devices: Devices, declared: &str) -> Devices {
    let spelled = |uuid: String| if same_uuid(&uuid, declared) { declared.to_owned() } else { uuid };
    devices.into_iter().map(|(pod, uuids)| (pod, uuids.into_iter().map(spelled).collect())).collect()
}

/// The device that a pod was given, as far as `devices` tell; `own` is the
/// UUID of the card that it was admitted to.
///
/// A pod that asked for several slices may have several devices of which a page
/// names some, and so may one that asked for none and sees them all. Only one
/// that asked for a single slice has no other device than the one it is named on.
pub fn given(devices: Option<&BTreeSet<String>>, own: &str, has_one_slice: bool) -> Option<String> {
    let devices = devices?;
    if devices.contains(own) {
        return Some(own.to_owned());
    }
    match devices.first() {
        Some(one) if has_one_slice && devices.len() == 1 => Some(one.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::read;

    /// What follows from a page for the pod tts/voice-1 of a card: for one that
    /// asked for a single slice, and for any other.
    fn verdicts(source: &str, device: Value, page: &str) -> String {
        let card = serde_json::from_value(json!({
            "name": "gpu-1-0", "node": "gpu-1", "device": device,
            "source": { "device": { source: "http://exporter/metrics" } },
        }))
        .unwrap();
        let figures = read(&card, page, 1_795_000_000_000).unwrap();
        let own = figures.uuid.unwrap();
        let devices = figures.devices.get(&("tts".to_owned(), "voice-1".to_owned()));
        let told = |has_one_slice| given(devices, &own, has_one_slice).unwrap_or_else(|| "?".to_owned());
        format!("{} / {}", told(true), told(false))
    }

    /// Cards GPU-a and GPU-b of a node, each with the labels that dcgm-exporter adds to its series.
    fn dcgm(a: &[&str], b: &[&str]) -> String {
        let mut page = String::new();
        for (index, uuid, pods) in [("0", "GPU-a", a), ("1", "GPU-b", b)] {
            for (name, value) in [("FREE", 10_814), ("USED", 4_096), ("RESERVED", 450)] {
                for pod in pods {
                    page.push_str(&format!(
                        "DCGM_FI_DEV_FB_{name}{{gpu=\"{index}\",UUID=\"{uuid}\",hostname=\"gpu-1\"{pod}}} {value}\n"
                    ));
                }
            }
        }
        page
    }

    const VOICE: &str = r#",namespace="tts",pod="voice-1",container="server""#;
    const OTHER: &str = r#",namespace="llm",pod="llama-0",container="server""#;
    const NOBODY: &str = r#",namespace="",pod="",container="""#;

    #[test]
    fn a_pod_is_on_another_card_only_where_dcgm_says_so_and_it_can_be_on_no_second() {
        let voice_as_vgpu = format!("{VOICE},vgpu=\"3\"");
        let other_as_vgpu = format!("{OTHER},vgpu=\"0\"");
        let rows = [
            ("without pods", dcgm(&[""], &[""])),
            ("on its own", dcgm(&[VOICE], &[OTHER])),
            ("on another", dcgm(&[OTHER], &[VOICE])),
            ("on another, and its own is idle", dcgm(&[NOBODY], &[VOICE])),
            ("sliced, and somebody else is named", dcgm(&[OTHER], &[NOBODY])),
            ("sliced, and several are named", dcgm(&["", &other_as_vgpu, &voice_as_vgpu], &[""])),
            ("on both", dcgm(&[VOICE], &[VOICE])),
        ];
        let table: String = rows
            .iter()
            .map(|(name, page)| format!("{name}: {}\n", verdicts("dcgm", json!({ "index": 0 }), page)))
            .collect();
        insta::assert_snapshot!(table, @r"
        without pods: ? / ?
        on its own: GPU-a / GPU-a
        on another: GPU-b / ?
        on another, and its own is idle: GPU-b / ?
        sliced, and somebody else is named: ? / ?
        sliced, and several are named: GPU-a / GPU-a
        on both: GPU-a / GPU-a
        ");
    }

    #[test]
    fn the_card_s_own_uuid_is_as_it_was_declared() {
        let page = dcgm(&[VOICE], &[OTHER]).replace("GPU-a", "gpu-A");
        assert_eq!(verdicts("dcgm", json!({ "uuid": "GPU-a" }), &page), "GPU-a / GPU-a");
    }

    #[test]
    fn our_exporter_tells_a_pod_s_card_by_what_it_holds_there() {
        let page = |holds: &str| {
            let mut page = String::from(
                "gpu_tenancy_exporter_up{node=\"gpu-1\"} 1\n\
                 gpu_tenancy_exporter_reading_age_seconds{node=\"gpu-1\"} 0.8\n",
            );
            for (index, uuid) in [("0", "GPU-a"), ("1", "GPU-b")] {
                let labels = format!("node=\"gpu-1\",index=\"{index}\",uuid=\"{uuid}\"");
                for (name, mib) in
                    [("total", 15_360u64), ("free", 10_814), ("used", 4_096), ("reserved", 450)]
                {
                    let bytes = mib << 20;
                    page.push_str(&format!("gpu_tenancy_card_memory_{name}_bytes{{{labels}}} {bytes}\n"));
                }
                // What it held before it moved says nothing of today.
                page.push_str(&format!("gpu_tenancy_container_memory_peak_bytes{{{labels}{VOICE}}} 1\n"));
                if holds.contains(uuid) {
                    page.push_str(&format!("gpu_tenancy_container_memory_used_bytes{{{labels}{VOICE}}} 1\n"));
                }
            }
            verdicts("exporter", json!({ "index": 0 }), &page)
        };
        let table: String = ["nothing", "GPU-a", "GPU-b", "GPU-a and GPU-b"]
            .map(|it| format!("{it}: {}\n", page(it)))
            .concat();
        insta::assert_snapshot!(table, @r"
        nothing: ? / ?
        GPU-a: GPU-a / GPU-a
        GPU-b: GPU-b / ?
        GPU-a and GPU-b: GPU-a / GPU-a
        ");
    }
}
