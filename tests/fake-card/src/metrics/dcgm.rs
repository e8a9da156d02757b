//! The page of dcgm-exporter, in MiB.
//!
//! `DCGM_FI_DEV_FB_TOTAL` is not there because the default counters lack it: the
//! size of a card is the sum of free, used and reserved.

use super::{Figures, Page, device_figures, labels, pod_holders, samples};
use crate::board::Reading;
use crate::card::Snapshot;
use crate::wire::{Fault, Holder};

/// How the exporter was configured, as query parameters of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `KUBERNETES_VIRTUAL_GPUS` before 4.6: every series once for each pod, each
    /// with the figures of the whole card and a `vgpu` label; none without a pod.
    pub r#virtual: bool,
    /// `KUBERNETES_VIRTUAL_GPUS` from 4.6 on: beside the device's series one
    /// `FB_USED` for each pod with what that pod holds, so that a sum counts twice.
    pub per_process: bool,
    /// The label is `Hostname`, as before its renaming in 2026, and not `hostname`.
    pub old_hostname: bool,
}

/// The page over some cards.
pub fn page(readings: &[Reading], settings: Settings) -> String {
    let mut page = Page::default();
    page.metric(
        "DCGM_FI_DEV_FB_FREE",
        "Framebuffer memory free (in MiB).",
        &samples(readings, |card, fault| device(card, fault, settings, |figures| figures.free_mib)),
    );
    page.metric(
        "DCGM_FI_DEV_FB_USED",
        "Framebuffer memory used (in MiB).",
        &samples(readings, |card, fault| {
            let mut used = device(card, fault, settings, |figures| figures.used_mib);
            if settings.per_process || fault == Fault::OnlyPods {
                used.extend(each_pod(card, fault, settings));
            }
            used
        }),
    );
    page.metric(
        "DCGM_FI_DEV_FB_RESERVED",
        "Framebuffer memory reserved (in MiB).",
        &samples(readings, |card, fault| device(card, fault, settings, |_| card.spec.reserved_mib)),
    );
    page.0
}

fn device(card: &Snapshot, fault: Fault, settings: Settings, value: impl Fn(Figures) -> u64) -> Vec<String> {
    let pods = pods(card, fault);
    let series: Vec<String> = if settings.r#virtual {
        // Made from the pods alone: a card that no pod has a slice of vanishes.
        pods.iter()
            .enumerate()
            .map(|(slot, pod)| series(card, settings, Some((pod[0], Some(slot)))))
            .collect()
    } else if settings.per_process {
        vec![series(card, settings, None)]
    } else {
        // Without virtual GPUs the whole card carries the labels of one pod that
        // has a slice of it, whichever comes last.
        vec![series(card, settings, pods.last().map(|pod| (pod[0], None)))]
    };
    let figures = device_figures(card, fault);
    figures
        .into_iter()
        .flat_map(|figures| series.iter().map(move |series| (series, figures)))
        .map(|(series, figures)| format!("{series} {}", value(figures)))
        .collect()
}

fn each_pod(card: &Snapshot, fault: Fault, settings: Settings) -> Vec<String> {
    pods(card, fault)
        .iter()
        .enumerate()
        .map(|(slot, pod)| {
            let held: u64 = pod.iter().map(|holder| holder.mib).sum();
            format!("{} {held}", series(card, settings, Some((pod[0], Some(slot)))))
        })
        .collect()
}

/// The holders, grouped by pod in the order of their first process.
fn pods(card: &Snapshot, fault: Fault) -> Vec<Vec<&Holder>> {
    let mut pods: Vec<Vec<&Holder>> = Vec::new();
    for holder in pod_holders(card, fault) {
        let same = |pod: &&mut Vec<&Holder>| {
            pod[0].owner.namespace == holder.owner.namespace && pod[0].owner.pod == holder.owner.pod
        };
        match pods.iter_mut().find(same) {
            Some(pod) => pod.push(holder),
            None => pods.push(vec![holder]),
        }
    }
    pods
}

fn series(card: &Snapshot, settings: Settings, pod: Option<(&Holder, Option<usize>)>) -> String {
    let (gpu, device) = (card.spec.index.to_string(), format!("nvidia{}", card.spec.index));
    let pci_bus_id = card.spec.pci_bus_id();
    let slot = pod.and_then(|(_, slot)| slot).map(|slot| slot.to_string());
    let mut pairs = vec![
        ("gpu", gpu.as_str()),
        ("UUID", &card.spec.uuid),
        ("pci_bus_id", &pci_bus_id),
        ("device", &device),
        ("modelName", &card.spec.model),
        (if settings.old_hostname { "Hostname" } else { "hostname" }, &card.spec.node),
        ("DCGM_FI_DRIVER_VERSION", "fake"),
    ];
    if let Some((Holder { owner, .. }, _)) = pod {
        pairs.extend([
            ("container", owner.container.as_str()),
            ("namespace", &owner.namespace),
            ("pod", &owner.pod),
        ]);
        pairs.extend(owner.pod_uid.as_deref().map(|uid| ("pod_uid", uid)));
        pairs.extend(slot.as_deref().map(|slot| ("vgpu", slot)));
    }
    labels(&pairs)
}
