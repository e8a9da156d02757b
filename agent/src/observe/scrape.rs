//! A card's figures, asked for over HTTP or HTTPS.

use std::net::SocketAddr;

use jiff::Timestamp;
use tenancy::card::{Card, DeviceSource, Prometheus};
use tenancy::observation::{PodKey, Sample, Unknown};

use super::{fetch, sources};
use crate::metrics::{self, devices::Devices, prometheus::Answers};

/// Eight cards with every counter and every pod make some hundred KiB.
const PAGE_LIMIT: usize = 4 << 20;

/// What a card's source tells.
#[derive(Debug, Clone)]
pub struct Told {
    /// The card's figures.
    pub sample: Sample,
    /// On which devices it has which pods.
    pub devices: Devices,
}

/// Asks a card's device source.
///
/// `now` is the API server's time, which the sample carries unless the answer
/// says how old it is.
///
/// # Errors
/// The reason why the card's figures are not known, as a clause.
pub async fn card(card: &Card, now: Timestamp) -> Result<Told, Unknown> {
    let url = url(card);
    let pages = match &card.source.device {
        DeviceSource::Prometheus(prometheus) => {
            let answers = sources::prometheus(prometheus).await.map_err(|reason| Unknown { reason })?;
            return read_prometheus(card, prometheus, &answers, now);
        }
        DeviceSource::Exporter(url) => sources::pages(&sources::of_node(url, &card.node)).await,
        DeviceSource::Dcgm(_) | DeviceSource::NvidiaGpuExporter(_) => sources::pages(url).await,
    };
    let figures = |page: String| {
        let figures = metrics::read(card, &page, now.as_millisecond());
        figures.map_err(|why| gives_none(card, &why).reason)
    };
    let answers = pages.into_iter().map(|page| page.and_then(figures)).collect();
    let only = metrics::only(answers).map_err(|why| Unknown { reason: why.to_string() })?;
    Ok(told(only, now))
}

/// The URL of a card's device source.
pub fn url(card: &Card) -> &str {
    card.source.device.url()
}

/// Reads a card's figures from a page of its device source.
///
/// # Errors
/// The reason why the page does not answer, as a clause.
pub fn read(card: &Card, page: &str, now: Timestamp) -> Result<Told, Unknown> {
    let figures = metrics::read(card, page, now.as_millisecond());
    figures.map(|figures| told(figures, now)).map_err(|why| gives_none(card, &why))
}

/// Reads a card's figures from the answers of its Prometheus.
///
/// # Errors
/// The reason why they do not answer, as a clause.
pub fn read_prometheus(
    card: &Card,
    source: &Prometheus,
    answers: &Answers,
    now: Timestamp,
) -> Result<Told, Unknown> {
    let figures = metrics::read_prometheus(card, source, answers, now.as_millisecond());
    figures.map(|figures| told(figures, now)).map_err(|why| gives_none(card, &why))
}

fn gives_none(card: &Card, why: &metrics::Unknown) -> Unknown {
    Unknown { reason: format!("{} gives no figures: {why}", url(card)) }
}

/// Figures as the gate is told of them.
fn told(figures: metrics::Figures, now: Timestamp) -> Told {
    let taken = figures.timestamp_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let pod_key = |namespace: &str, pod: String| {
        // A label that is no namespace belongs to no pod of ours.
        Some(PodKey { namespace: namespace.parse().ok()?, pod })
    };
    let sample = Sample {
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
    };
    Told { sample, devices: figures.devices }
}

/// Reads a metrics page.
///
/// # Errors
/// A clause that names the URL and what happened.
pub async fn page(url: &str) -> Result<String, String> {
    page_at(url, None).await
}

/// Reads a page from one of the addresses behind its host.
///
/// # Errors
/// A clause that names the URL and what happened.
pub(super) async fn page_at(url: &str, address: Option<SocketAddr>) -> Result<String, String> {
    const SCRAPE: fetch::Manner =
        fetch::Manner { told: "the scrape of", accept: "text/plain;version=0.0.4", limit: PAGE_LIMIT };
    fetch::get_at(url, address, SCRAPE).await
}
