//! One GET over plain HTTP, bounded in time and size.

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
    let request = http::Request::get(uri)
        .header(http::header::ACCEPT, accept)
        .header(http::header::USER_AGENT, concat!("gpu-agent/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<&[u8]>::new())
        .map_err(|why| format!("{url} cannot be asked for: {why}"))?;
    let client: Client<HttpConnector, Empty<&[u8]>> = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let response = client
            .request(request)
            .await
            .map_err(|why| format!("{told} {url} failed: {}", root_cause(&why)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("{told} {url} was answered with {status}"));
        }
        let age: Option<u64> =
            response.headers().get(http::header::AGE).and_then(|age| age.to_str().ok()?.parse().ok());
        if let Some(age) = age.filter(|age| *age > metrics::FRESH_S.unsigned_abs()) {
            return Err(format!("{told} {url} was answered from a cache with a page {age} s old"));
        }
        let body = Limited::new(response.into_body(), limit).collect().await;
        let bytes = body.map_err(|why| format!("{told} {url} broke off: {why}"))?.to_bytes();
        String::from_utf8(bytes.into()).map_err(|_| format!("what {url} answered is not UTF-8"))
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(page) => page,
        Err(_) => Err(format!("{told} {url} took longer than {} s", TIMEOUT.as_secs())),
    }
}
