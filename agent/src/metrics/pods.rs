//! The per-pod gauge of the first seed's cluster: who holds how much, for people's eyes.
//!
//! It is never the ground of a decision: it names no card, an idle card and a
//! dead collector look the same in it, and it is not of the same scrape as the
//! device's figures.

use std::collections::BTreeMap;

use tenancy::card::Unit;
use tenancy::exposition;
use tenancy::quantity::Mib;

use super::{Unknown, mib};

/// The gauge's name.
pub const GAUGE: &str = "gpu_pod_memory_used_bytes";

/// What each pod holds by this page, by namespace and pod name, summed over its processes.
///
/// # Errors
/// The reason why the page cannot be read. A page without the gauge is an empty
/// answer and no error, since that is how an idle card looks in it.
pub fn held(page: &str) -> Result<BTreeMap<(String, String), Mib>, Unknown> {
    let series = exposition::parse(page).map_err(|bad| Unknown(bad.to_string()))?;
    let mut held = BTreeMap::new();
    for one in series.iter().filter(|series| series.name == GAUGE) {
        if let (Some(namespace), Some(pod)) = (one.label("namespace"), one.label("pod")) {
            let sum: &mut Mib = held.entry((namespace.to_owned(), pod.to_owned())).or_default();
            sum.0 = sum.0.saturating_add(mib(one, Unit::Bytes)?.0);
        }
    }
    Ok(held)
}
