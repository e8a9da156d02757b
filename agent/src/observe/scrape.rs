//! One GET of an exporter's page.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use tenancy::card::{Card, DeviceSource};
use tenancy::observation::{PodKey, Sample, Unknown};

use crate::metrics;

/// An exporter answers in milliseconds; one that takes longer has lost its driver.
pub const TIMEOUT: Duration = Duration::from_secs(3);
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

/// Reads a page over plain HTTP.
///
/// # Errors
/// A clause that names the URL and what happened.
pub async fn page(url: &str) -> Result<String, String> {
    let uri: http::Uri = url.parse().map_err(|why| format!("{url} is not a URL: {why}"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err(format!(
                "{url} is https, which the gate does not speak; give the exporter's http address"
            ));
        }
        _ => return Err(format!("{url} does not begin with http://")),
    }
    let request = http::Request::get(uri)
        .header(http::header::ACCEPT, "text/plain;version=0.0.4")
        .header(http::header::USER_AGENT, concat!("gpu-agent/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<&[u8]>::new())
        .map_err(|why| format!("{url} cannot be asked for: {why}"))?;
    let client: Client<HttpConnector, Empty<&[u8]>> = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let response = client
            .request(request)
            .await
            .map_err(|why| format!("the scrape of {url} failed: {}", root_cause(&why)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the scrape of {url} was answered with {status}"));
        }
        let age: Option<u64> =
            response.headers().get(http::header::AGE).and_then(|age| age.to_str().ok()?.parse().ok());
        if let Some(age) = age.filter(|age| *age > metrics::FRESH_S.unsigned_abs()) {
            return Err(format!("the scrape of {url} was answered from a cache with a page {age} s old"));
        }
        let body = Limited::new(response.into_body(), PAGE_LIMIT).collect().await;
        let bytes = body.map_err(|why| format!("the scrape of {url} broke off: {why}"))?.to_bytes();
        String::from_utf8(bytes.into()).map_err(|_| format!("the page of {url} is not UTF-8"))
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(page) => page,
        Err(_) => Err(format!("the scrape of {url} took longer than {} s", TIMEOUT.as_secs())),
    }
}

/// The innermost cause, which names the refused connection or the unknown host.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    inner.to_string()
}
