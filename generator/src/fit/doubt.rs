//! Who may be refused although everybody fits.
//!
//! A gate owes whoever is in the rest of his peak. Where the card's source says what the device holds and not
//! whose it is, that rest is not known, and the whole peak is owed beside what is held already:
//!
//! ```text
//! left = usable - held by the others - peaks of the others - own peak
//! ```
//!
//! What the others hold is at most their peaks, so a tenant is sure of its place where twice their peaks and its
//! own leave the headroom. The gate's side of this is `Claim::owed_when_admitting` of `tenancy::arithmetic`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use tenancy::card::{Card, DeviceSource};
use tenancy::window::Schedule;

use super::{Claim, Space, Stretch, Verdict};

/// Tenants that fit by the peaks and may be refused by their gates all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Doubts {
    /// What the card's source does not tell.
    pub because: &'static str,
    /// How much each is short of when everybody beside it holds his peak, at worst, by `namespace/name`.
    pub short_mib: BTreeMap<String, u64>,
}

/// What a source does not tell; nothing of one that tells what each pod holds.
fn untold(source: &DeviceSource) -> Option<&'static str> {
    match source {
        DeviceSource::Exporter(_) => None,
        DeviceSource::Dcgm(_) => {
            Some("dcgm-exporter tells whose memory is in use only with KUBERNETES_VIRTUAL_GPUS")
        }
        DeviceSource::NvidiaGpuExporter(_) => {
            Some("nvidia_gpu_exporter does not tell whose memory is in use")
        }
        DeviceSource::Prometheus(_) => Some("series of a Prometheus do not tell whose memory is in use"),
    }
}

/// Those of the tenants that have a gate and are not sure of their place.
pub(super) fn doubts<'s>(
    card: &Card,
    space: &Space<'_>,
    claims: &[Claim<'_>],
    stretches: impl Iterator<Item = &'s Stretch>,
) -> Option<Doubts> {
    let because = untold(&card.source.device)?;
    let usable = space.usable()?;
    let gated: BTreeMap<String, u64> = claims
        .iter()
        .filter(|claim| *claim.schedule != Schedule::Always)
        .map(|claim| (claim.floor.tenant.to_string(), claim.floor.peak_mib.0))
        .collect();
    let mut short_mib: BTreeMap<String, u64> = BTreeMap::new();
    for sum in stretches.map(|stretch| &stretch.sum).filter(|sum| sum.verdict != Verdict::Refuses) {
        let kept = sum.peaks_mib.saturating_add(sum.protected_mib);
        for (tenant, peak) in sum.tenants.iter().filter_map(|tenant| gated.get_key_value(tenant)) {
            let others = kept.saturating_sub(*peak);
            let wanted = kept.saturating_add(others).saturating_add(sum.headroom_mib);
            let short = wanted.saturating_sub(usable.0);
            if short > 0 {
                let worst = short_mib.entry(tenant.clone()).or_default();
                *worst = short.max(*worst);
            }
        }
    }
    (!short_mib.is_empty()).then_some(Doubts { because, short_mib })
}
