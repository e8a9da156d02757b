//! One GET over HTTP or HTTPS, bounded in time and size.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tenancy::card::SOURCE_SECRET_DIR;

use super::secret::Secret;
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

/// Whether a URL is `https` and what that asks for is not here: only a gate's pod and a watcher's have it.
pub fn lacks_its_secret(url: &str) -> bool {
    url.starts_with("https:") && Secret::read(Path::new(SOURCE_SECRET_DIR)).is_err()
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
    exchange_by(url, address, manner, Path::new(SOURCE_SECRET_DIR)).await
}

/// The same, with what `https` asks for in `secret`.
async fn exchange_by(
    url: &str,
    address: Option<SocketAddr>,
    manner: Manner,
    secret: &Path,
) -> Result<(http::StatusCode, String), String> {
    let Manner { told, accept, limit } = manner;
    let uri: http::Uri = url.parse().map_err(|why| format!("{url} is not a URL: {why}"))?;
    let (scheme, secret) = match uri.scheme_str() {
        Some("http") => ("http", None),
        Some("https") => {
            ("https", Some(Secret::read(secret).map_err(|why| format!("{url} is https: {why}"))?))
        }
        _ => return Err(format!("{url} does not begin with http:// or https://")),
    };
    let mut request = http::Request::get(&uri)
        .header(http::header::ACCEPT, accept)
        .header(http::header::USER_AGENT, concat!("gpu-agent/", env!("CARGO_PKG_VERSION")));
    if let Some(token) = secret.as_ref().and_then(|secret| secret.authorization.clone()) {
        request = request.header(http::header::AUTHORIZATION, token);
    }
    if let Some(address) = address {
        // The connection goes to the address, the Host header still says the name.
        let host = uri.authority().map_or("", http::uri::Authority::as_str);
        let page = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        request = request.header(http::header::HOST, host).uri(format!("{scheme}://{address}{page}"));
    }
    let url = shown(url, address);
    let request =
        request.body(Empty::<&[u8]>::new()).map_err(|why| format!("{url} cannot be asked for: {why}"))?;
    let clients = Client::builder(TokioExecutor::new());
    let sent = match &secret {
        None => clients.build_http().request(request),
        Some(secret) => {
            let connector = secret.connector(uri.host().unwrap_or_default());
            clients.build(connector.map_err(|why| format!("{url}: {why}"))?).request(request)
        }
    };
    let exchange = async {
        let response = sent.await.map_err(|why| {
            let why = root_cause(&why);
            // An authority that was made anew under its old name gives a bad signature.
            let unknown = why.contains("UnknownIssuer") || why.contains("BadSignature");
            let remedy = if unknown { UNKNOWN_ISSUER } else { "" };
            format!("{told} {url} failed: {why}{remedy}")
        })?;
        let status = response.status();
        if let (Some(secret), 401 | 403) = (&secret, status.as_u16()) {
            return Err(format!("{told} {url} was answered with {status}: {}", secret.refused()));
        }
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

/// What helps where the server's certificate is of an authority that nobody named.
const UNKNOWN_ISSUER: &str =
    "; put the certificate of the authority that signed the server's into the Secret's `ca.crt`";

#[cfg(test)]
mod tests;
