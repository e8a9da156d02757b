//! One GET over plain HTTP, bounded in time and size.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::cause::root_cause;
use crate::metrics;

/// An exporter or a queue answers in milliseconds; one that takes longer is in trouble.
pub const TIMEOUT: Duration = Duration::from_secs(3);

/// How something is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// What people read before the URL: `the scrape of`.
    pub told: &'static str,
    /// The media type that is wanted.
    pub accept: &'static str,
    /// How many bytes the answer may have.
    pub limit: usize,
}

/// Reads what a URL answers with.
///
/// # Errors
/// A clause that names the URL and what happened.
pub async fn get(url: &str, manner: Manner) -> Result<String, String> {
    get_at(url, None, manner).await
}

/// Reads what one of the addresses behind a URL's host answers with.
///
/// # Errors
/// A clause that names the URL and what happened.
pub(super) async fn get_at(url: &str, address: Option<SocketAddr>, manner: Manner) -> Result<String, String> {
    let (status, text) = exchange(url, address, manner).await?;
    match status.is_success() {
        true => Ok(text),
        false => Err(format!("{} {} was answered with {status}", manner.told, shown(url, address))),
    }
}

/// A URL, and the address where several are behind it.
fn shown(url: &str, address: Option<SocketAddr>) -> String {
    address.map_or_else(|| url.to_owned(), |address| format!("{url} at {address}"))
}

/// Asks, and takes the answer whatever its status.
///
/// # Errors
/// A clause that names the URL and why there is no answer.
pub(super) async fn exchange(
    url: &str,
    address: Option<SocketAddr>,
    manner: Manner,
) -> Result<(http::StatusCode, String), String> {
    let Manner { told, accept, limit } = manner;
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
    let mut request = http::Request::get(&uri)
        .header(http::header::ACCEPT, accept)
        .header(http::header::USER_AGENT, concat!("gpu-agent/", env!("CARGO_PKG_VERSION")));
    if let Some(address) = address {
        // The connection goes to the address, the Host header still says the name.
        let host = uri.authority().map_or("", http::uri::Authority::as_str);
        let page = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        request = request.header(http::header::HOST, host).uri(format!("http://{address}{page}"));
    }
    let url = shown(url, address);
    let request =
        request.body(Empty::<&[u8]>::new()).map_err(|why| format!("{url} cannot be asked for: {why}"))?;
    let client: Client<HttpConnector, Empty<&[u8]>> = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let response = client
            .request(request)
            .await
            .map_err(|why| format!("{told} {url} failed: {}", root_cause(&why)))?;
        let status = response.status();
        let age: Option<u64> =
            response.headers().get(http::header::AGE).and_then(|age| age.to_str().ok()?.parse().ok());
        if let Some(age) = age.filter(|age| *age > metrics::FRESH_S.unsigned_abs()) {
            return Err(format!("{told} {url} was answered from a cache with a page {age} s old"));
        }
        let body = Limited::new(response.into_body(), limit).collect().await;
        let bytes = body.map_err(|why| format!("{told} {url} broke off: {why}"))?.to_bytes();
        let text =
            String::from_utf8(bytes.into()).map_err(|_| format!("what {url} answered is not UTF-8"))?;
        Ok((status, text))
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(page) => page,
        Err(_) => Err(format!("{told} {url} took longer than {} s", TIMEOUT.as_secs())),
    }
}
