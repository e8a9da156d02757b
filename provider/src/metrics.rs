//! Pages and answers of those who measure: by URL, or through the API server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tenancy::measured::Address;

use crate::api::{Api, Failure};
use crate::cluster::{Answer, Ask, Cluster};
use crate::connection::{Connection, Target};
use crate::fill::Text;

/// How long one answer is waited for. No plan needs it, so none waits long.
const PATIENCE: Duration = Duration::from_secs(5);

impl Text for Address {
    const SAMPLES: (&'static str, &'static str) = ("http://unknown-a", "http://unknown-b");
}

/// The clients of a run, one for each address that is asked directly.
#[derive(Default)]
pub(crate) struct Metrics {
    clients: Mutex<BTreeMap<String, Arc<Cluster>>>,
    /// Addresses that did not answer, with the reason: the next floor of this run does not wait for them too.
    silent: Mutex<BTreeMap<String, String>>,
}

impl Metrics {
    /// What is answered at a path below an address: JSON, or text as a string.
    ///
    /// # Errors
    /// Why there is no such answer, as a clause.
    pub(crate) async fn get(&self, api: &Api, address: &Address, path: &str) -> Result<Value, String> {
        let known = |silent: &mut BTreeMap<String, String>| silent.get(&address.to_string()).cloned();
        if let Some(why) = self.silent.lock().ok().and_then(|mut silent| known(&mut silent)) {
            return Err(why);
        }
        let answer = match tokio::time::timeout(PATIENCE, self.ask(api, address, path)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => return Err(self.mute(address, &clause(&failure))),
            Err(_) => return Err(self.mute(address, &format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        // Prometheus says in its JSON why it refuses a query.
        let explained = answer.body["status"] == "error";
        match answer.status {
            200..=299 => Ok(answer.body),
            400..=499 if explained => Ok(answer.body),
            status => {
                let said =
                    answer.body["message"].as_str().map(|said| format!(": {said}")).unwrap_or_default();
                Err(format!("{address} answers with {status}{said}"))
            }
        }
    }

    async fn ask(&self, api: &Api, address: &Address, path: &str) -> Result<Answer, Failure> {
        match address {
            Address::Service { namespace, service, port } => {
                api.raw(format!("/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy{path}")).await
            }
            Address::Url(url) => {
                let (origin, path) = split(&format!("{url}{path}"));
                self.client(&origin)
                    .send(&Ask { method: Method::GET, path, content_type: None, body: None })
                    .await
            }
        }
    }

    /// The client of an origin. Where another thread died with the lock, it is made anew.
    fn client(&self, origin: &str) -> Arc<Cluster> {
        let connection = Connection { host: Some(origin.to_owned()), ..Connection::default() };
        let made = || Arc::new(Cluster::new(Target::Known(Box::new(connection.clone()))));
        let kept =
            self.clients.lock().map(|mut all| all.entry(origin.to_owned()).or_insert_with(made).clone());
        kept.unwrap_or_else(|_| made())
    }

    fn mute(&self, address: &Address, why: &str) -> String {
        let why = format!("{address} cannot be asked: {why}");
        if let Ok(mut silent) = self.silent.lock() {
            silent.insert(address.to_string(), why.clone());
        }
        why
    }
}

/// Scheme, host and port of a URL, and the rest.
fn split(url: &str) -> (String, String) {
    let host_from = url.find("://").map_or(0, |at| at + 3);
    let path_from = url[host_from..].find('/').map_or(url.len(), |at| host_from + at);
    let path = if path_from == url.len() { "/" } else { &url[path_from..] };
    (url[..path_from].to_owned(), path.to_owned())
}

fn clause(failure: &Failure) -> String {
    match failure {
        Failure::Unreachable { cause, .. } | Failure::Configuration { cause } => cause.clone(),
        Failure::Unknown { arguments } => format!("the provider's {} is not known yet", arguments.join(", ")),
        other => other.diagnostic(tfplugin::Path::root()).summary,
    }
}
