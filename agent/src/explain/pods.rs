//! Who holds what by the card's per-pod gauge: people see it where the device's
//! own source does not tell pods apart, and no decision rests on it.

use tenancy::quantity::Mib;

use crate::metrics::pods;
use crate::observe::api::Api;
use crate::observe::object::Object;
use crate::observe::scrape;

/// How many pods are listed; the gauge knows those of all cards.
const LISTED: usize = 12;

/// What a per-pod gauge said.
#[derive(Debug)]
pub(super) struct Gauge {
    url: String,
    /// The pods that hold something, as `namespace/name`, the largest first; or why nobody knows.
    held: Result<Vec<(String, Mib)>, String>,
}

/// Asks a per-pod gauge: directly, and where that gives nothing, through the API server.
pub(super) async fn ask(api: &Api, url: &str) -> Gauge {
    let page = match scrape::page(url).await {
        Ok(page) => Ok(page),
        Err(direct) => match Object::proxied(url) {
            None => Err(direct),
            Some(object) => api
                .page(&object)
                .await
                .map_err(|why| format!("{direct}; through the API server: {}", why.clause())),
        },
    };
    Gauge { url: url.to_owned(), held: page.and_then(|page| read(&page)) }
}

fn read(page: &str) -> Result<Vec<(String, Mib)>, String> {
    let held = pods::held(page).map_err(|why| format!("it cannot be read: {why}"))?;
    let mut held: Vec<_> =
        held.into_iter().map(|((namespace, pod), mib)| (format!("{namespace}/{pod}"), mib)).collect();
    held.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    Ok(held)
}

impl Gauge {
    /// The rows that people read.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let url = &self.url;
        let said = |text: String| vec![("by pod", text)];
        match &self.held {
            Err(why) => said(format!("unknown: {why}")),
            Ok(held) if held.is_empty() => {
                said(format!("{url} names no pod; an idle card and a dead collector look like that"))
            }
            Ok(held) => {
                let mut rows = said(format!("of all cards that {url} knows; nothing is decided by it"));
                let listed = held.iter().take(LISTED);
                rows.extend(listed.map(|(pod, mib)| ("", format!("{mib} held by {pod}"))));
                if held.len() > LISTED {
                    let rest: u64 = held[LISTED..].iter().map(|(_, mib)| mib.0).sum();
                    rows.push(("", format!("{} held by {} more", Mib(rest), held.len() - LISTED)));
                }
                rows
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_ends_with_the_rest_of_it() {
        let page: String = (0..20)
            .map(|n| {
                format!("gpu_pod_memory_used_bytes{{namespace=\"a\",pod=\"p-{n}\"}} {}\n", (n + 1) << 20)
            })
            .collect();
        let rows = Gauge { url: "http://g".into(), held: read(&page) }.rows();
        assert_eq!(rows.len(), 1 + LISTED + 1);
        assert_eq!(rows[1].1, "20 MiB held by a/p-19");
        assert_eq!(rows[LISTED + 1].1, "36 MiB held by 8 more");
    }
}
