//! Sources that are more than one page: several exporters behind one name, and a Prometheus.
//!
//! An exporter knows the cards of its own node, and a Service picks any node's.
//! So every address behind the name is asked, and the answer for the card is
//! chosen by what it says: a headless Service has the addresses of all.

use std::net::SocketAddr;

use serde_json::Value;
use tenancy::card::Prometheus;
use tenancy::names::NodeName;
use tokio::task::JoinSet;

use super::api::{Api, ApiError};
use super::fetch::{self, TIMEOUT};
use super::object::Object;
use super::scrape;
use crate::metrics::prometheus::{Answers, query};

/// A series' samples of some minutes are some KiB.
const QUERY: fetch::Manner =
    fetch::Manner { told: "the query of", accept: "application/json", limit: 1 << 20 };

/// The page of our exporter as that of one node: the others answer that it is not theirs.
pub fn of_node(url: &str, node: &NodeName) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}node={node}")
}

/// The page at every address behind a URL's host, or what came instead of it.
pub async fn pages(url: &str) -> Vec<Result<String, String>> {
    let addresses = addresses(url).await;
    if addresses.len() < 2 {
        return vec![scrape::page(url).await];
    }
    // A Service of two address families has each exporter twice.
    let (first, rest): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv4() == addresses[0].is_ipv4());
    let answers = ask(url, first).await;
    match answers.iter().all(Result::is_err) && !rest.is_empty() {
        true => ask(url, rest).await,
        false => answers,
    }
}

/// The addresses behind a URL's host; none where that cannot be told, which the scrape will say.
async fn addresses(url: &str) -> Vec<SocketAddr> {
    let Ok(uri) = url.parse::<http::Uri>() else { return Vec::new() };
    let Some(host) = uri.host() else { return Vec::new() };
    let port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let target = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(port));
    match tokio::time::timeout(TIMEOUT, tokio::net::lookup_host(target)).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            found.for_each(|address| {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            });
            addresses
        }
        _ => Vec::new(),
    }
}

/// Asks all addresses at once.
async fn ask(url: &str, addresses: Vec<SocketAddr>) -> Vec<Result<String, String>> {
    let mut asked = JoinSet::new();
    for address in addresses {
        let url = url.to_owned();
        asked.spawn(async move { scrape::page_at(&url, Some(address)).await });
    }
    asked.join_all().await
}

/// Asks a Prometheus for a card's series.
///
/// # Errors
/// A clause that says which question was not answered, and why.
pub async fn prometheus(source: &Prometheus) -> Result<Answers, String> {
    answers(source, async |asked| direct(&source.url, asked).await).await
}

/// The same through the API server's proxy, for whoever is outside the cluster.
///
/// # Errors
/// What the API server said instead of an answer; `None` where the address names no Service.
pub async fn prometheus_through(api: &Api, source: &Prometheus) -> Result<Answers, Option<ApiError>> {
    answers(source, async |asked| {
        let object = Object::proxied(asked).ok_or(None)?;
        api.get(&object).await.map_err(Some)
    })
    .await
}

/// Asks each question of a card by its URL.
async fn answers<E>(source: &Prometheus, ask: impl AsyncFn(&str) -> Result<Value, E>) -> Result<Answers, E> {
    let instant = async |selector: &str| ask(&question(&source.url, &query(selector))).await;
    let optional = async |selector: &Option<String>| match selector {
        Some(selector) => instant(selector).await.map(Some),
        None => Ok(None),
    };
    let (free, used, total, reserved) = tokio::join!(
        instant(&source.free),
        instant(&source.used),
        optional(&source.total),
        optional(&source.reserved)
    );
    Ok(Answers { free: free?, used: used?, total: total?, reserved: reserved? })
}

/// The URL of one question to a Prometheus' query API.
fn question(url: &str, query: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    format!("{}/api/v1/query?query={encoded}", url.trim_end_matches('/'))
}

/// Asks a Prometheus itself.
///
/// # Errors
/// A clause that says why there is no answer in JSON. An error that Prometheus
/// itself tells is an answer.
async fn direct(url: &str, asked: &str) -> Result<Value, String> {
    let (status, text) = fetch::exchange(asked, None, QUERY).await?;
    serde_json::from_str(&text).map_err(|_| {
        format!("{url} answered {status} to a query and no JSON; is it the address of a Prometheus")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_is_asked_for_beside_what_is_asked_already() {
        let node = "gpu-1".parse().unwrap();
        assert_eq!(of_node("http://e:9401/metrics", &node), "http://e:9401/metrics?node=gpu-1");
        assert_eq!(of_node("http://e/metrics?a=b", &node), "http://e/metrics?a=b&node=gpu-1");
    }

    #[tokio::test]
    async fn every_address_is_asked_by_the_name_that_is_behind() {
        let serve = async |text: &'static str| {
            let page = move |headers: axum::http::HeaderMap| async move {
                format!("{text} of {}\n", headers[http::header::HOST].to_str().unwrap_or_default())
            };
            let router = axum::Router::new().route("/metrics", axum::routing::get(page));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            address
        };
        let (one, other) = (serve("one").await, serve("other").await);
        let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let url = "http://gpu-exporter.gpu-tenancy:9401/metrics?node=gpu-1";
        let mut answers = ask(url, vec![one, nobody, other]).await;
        answers.sort();
        assert_eq!(answers[0], Ok("one of gpu-exporter.gpu-tenancy:9401\n".to_owned()));
        assert_eq!(answers[1], Ok("other of gpu-exporter.gpu-tenancy:9401\n".to_owned()));
        let why = answers[2].clone().unwrap_err();
        assert!(why.contains(&format!("{url} at 127.0.0.1:1 failed")), "{why}");
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_is_one_answer_that_says_so() {
        let answers = pages("http://no-such-exporter.invalid:9401/metrics").await;
        let [Err(why)] = &answers[..] else { panic!("{answers:?}") };
        assert!(why.contains("no-such-exporter.invalid"), "{why}");
    }
}
