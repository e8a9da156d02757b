//! One GET of an exporter's page.

use jiff::Timestamp;
use tenancy::card::{Card, DeviceSource};
use tenancy::observation::{PodKey, Sample, Unknown};

use super::fetch;
use crate::metrics;

/// Eight cards with every counter and every pod make some hundred KiB.
const PAGE_LIMIT: usize = 4 << 20;

/// Scrapes a card's device source.
///
/// `now` is the API server's time, which the sample carries unless the page has
/// timestamps of its own.
///
/// # Errors
/// The reason why the card's figures are not known, as a clause.
pub async fn card(card: &Card, now: Timestamp) -> Result<Sample, Unknown> {
    let page = page(url(card)).await.map_err(|reason| Unknown { reason })?;
    sample(card, &page, now)
}

/// The URL of a card's device source.
pub fn url(card: &Card) -> &str {
    let (DeviceSource::Dcgm(url) | DeviceSource::NvidiaGpuExporter(url)) = &card.source.device;
    url
}

/// Reads a card's figures from a page of its device source.
///
/// # Errors
/// The reason why the page does not answer, as a clause.
pub fn sample(card: &Card, page: &str, now: Timestamp) -> Result<Sample, Unknown> {
    let figures = metrics::read(card, page, now.as_millisecond())
        .map_err(|why| Unknown { reason: format!("{} gives no figures: {why}", url(card)) })?;
    let taken = figures.timestamp_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let pod_key = |namespace: &str, pod: String| {
        // A label that is no namespace belongs to no pod of ours.
        Some(PodKey { namespace: namespace.parse().ok()?, pod })
    };
    Ok(Sample {
        at: taken.unwrap_or(now),
        uuid: figures.uuid,
        index: figures.index,
        total_mib: figures.total_mib,
        free_mib: figures.free_mib,
        used_mib: figures.used_mib,
        reserved_mib: figures.reserved_mib,
        per_pod: figures.pods.map(|pods| {
            pods.into_iter()
                .filter_map(|((namespace, pod), mib)| Some((pod_key(&namespace, pod)?, mib)))
                .collect()
        }),
    })
}

/// Reads a metrics page.
///
/// # Errors
/// A clause that names the URL and what happened.
pub async fn page(url: &str) -> Result<String, String> {
    const SCRAPE: fetch::Manner =
        fetch::Manner { told: "the scrape of", accept: "text/plain;version=0.0.4", limit: PAGE_LIMIT };
    fetch::get(url, SCRAPE).await
}
