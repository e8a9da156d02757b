//! What a gate does to the world, one small call each: the ledger, a scale, the
//! model server's unload, an Event.

use std::io::Cursor;
use std::time::Duration;

use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::decide::{Event, EventKind};
use tenancy::declared::DOMAIN;
use tenancy::gate::UnloadCall;
use tenancy::ledger::Ledger;
use tenancy::names::TenantId;

use crate::cause::root_cause;
use crate::observe::api::{Api, ApiError};
use crate::observe::data;
use crate::observe::object::Object;

/// Writes a ledger over the one that was read, if their data differ.
///
/// # Guarantees
/// The write carries the resourceVersion that was read, so it never replaces
/// what another gate wrote since.
///
/// # Errors
/// [`ApiError::Conflict`] when another gate was faster: drop the decision,
/// observe and decide again.
pub async fn write_ledger(api: &Api, as_read: &Value, ledger: &Ledger) -> Result<(), ApiError> {
    let new = ledger.to_data();
    if new == data(as_read) {
        return Ok(());
    }
    let mut body = as_read.clone();
    body["data"] = json!(new);
    if let Some(metadata) = body["metadata"].as_object_mut() {
        // The API server keeps its own record; sending it back only costs bytes.
        metadata.remove("managedFields");
    }
    let name = as_read["metadata"]["name"].as_str().unwrap_or_default();
    api.put(&Object::system_config_map(name), &body).await.map(drop)
}

/// Sets the replicas of a Deployment through its scale, if nobody changed the
/// Deployment since it was seen at `version`.
///
/// # Errors
/// [`ApiError::Conflict`] when somebody did.
pub async fn scale(api: &Api, scale: &Object, replicas: u32, version: &str) -> Result<(), ApiError> {
    let body = json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": replicas } });
    api.merge(scale, &body).await.map(drop)
}

/// Sets the replicas of a Deployment to 0 whatever happened to it meanwhile:
/// going to sleep is always safe.
///
/// # Errors
/// A failed call.
pub async fn put_to_sleep(api: &Api, scale: &Object) -> Result<(), ApiError> {
    api.merge(scale, &json!({ "spec": { "replicas": 0 } })).await.map(drop)
}

/// Asks the model server in a pod to let go of its memory, and waits for its
/// answer as long as the call may take.
///
/// # Errors
/// What happened instead, as a clause. Nothing depends on it: the scale to 0 follows anyway.
pub async fn unload(call: &UnloadCall, ip: &str) -> Result<(), String> {
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let url = format!("http://{host}:{}{}", call.port, call.path);
    let mut request = http::Request::builder().method(call.method.as_str()).uri(&url);
    if call.body.is_some() {
        request = request.header(http::header::CONTENT_TYPE, "application/json");
    }
    let body = call.body.as_ref().map_or_else(String::new, |body| json!(body).to_string());
    let request = request
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(Full::new(Cursor::new(body.into_bytes())))
        .map_err(|why| format!("{} {url} cannot be sent: {why}", call.method))?;
    let client: Client<HttpConnector, Full<Cursor<Vec<u8>>>> =
        Client::builder(TokioExecutor::new()).build_http();
    let limit = Duration::from_secs(u64::from(call.timeout_s));
    match tokio::time::timeout(limit, client.request(request)).await {
        Ok(Ok(response)) if response.status().is_success() => Ok(()),
        Ok(Ok(response)) => Err(format!("{} {url} was answered with {}", call.method, response.status())),
        Ok(Err(why)) => Err(format!("{} {url} failed: {}", call.method, root_cause(&why))),
        Err(_) => Err(format!("{} {url} took longer than {} s", call.method, call.timeout_s)),
    }
}

/// Tells people something, on the tenant's Deployment, where `kubectl describe` shows it.
///
/// # Errors
/// A failed call. Nothing depends on it.
pub async fn tell(api: &Api, teller: &Teller<'_>, now: Timestamp, event: &Event) -> Result<(), ApiError> {
    api.create(&Object::events(teller.tenant), &teller.body(now, event)).await.map(drop)
}

/// Who tells, and about which Deployment.
#[derive(Debug, Clone, Copy)]
pub struct Teller<'a> {
    /// The tenant whose Deployment it is.
    pub tenant: &'a TenantId,
    /// The Deployment's uid; empty where it does not exist.
    pub uid: &'a str,
    /// What is done: `Gate` or `Admit`.
    pub action: &'static str,
    /// The pod that this program runs in, or the machine.
    pub instance: &'a str,
}

impl Teller<'_> {
    /// The Event as events.k8s.io/v1 wants it: all of its required fields, and
    /// within its limits.
    fn body(&self, now: Timestamp, event: &Event) -> Value {
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "generateName": format!("{}-", self.tenant.name),
                "namespace": self.tenant.namespace,
            },
            // A MicroTime has exactly six decimals.
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            "type": match event.kind {
                EventKind::Normal => "Normal",
                EventKind::Warning => "Warning",
            },
            "reason": event.reason,
            "action": self.action,
            "note": shorten(&event.note, 1024),
            "reportingController": format!("{DOMAIN}/gate"),
            "reportingInstance": shorten(self.instance, 128),
            "regarding": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "namespace": self.tenant.namespace,
                "name": self.tenant.name,
                "uid": self.uid,
            },
        })
    }
}

/// A pause of 50 to 305 ms after a lost race, different for two gates that lost
/// to a third at the same moment.
pub fn jitter() -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.subsec_nanos());
    let mixed = nanos.wrapping_mul(2_654_435_761) ^ std::process::id().wrapping_mul(40_503);
    Duration::from_millis(50 + u64::from(mixed >> 24))
}

/// The longest beginning of a text that has at most `limit` bytes.
fn shorten(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_what_the_api_requires_and_keeps_its_limits() {
        let tenant = "tts/chatterbox-tts".parse().unwrap();
        let teller = Teller { tenant: &tenant, uid: "u", action: "Gate", instance: &"x".repeat(300) };
        let event = Event { kind: EventKind::Warning, reason: "ShortYield".into(), note: "ä".repeat(600) };
        let body = teller.body("2026-11-21T02:00:03.0000019Z".parse().unwrap(), &event);
        assert_eq!(body["eventTime"], "2026-11-21T02:00:03.000001Z");
        assert_eq!(body["note"].as_str().unwrap().len(), 1024);
        assert_eq!(body["reportingInstance"].as_str().unwrap().len(), 128);
        assert_eq!(body["metadata"]["generateName"], "chatterbox-tts-");
        for field in ["action", "reason", "reportingController", "type", "regarding"] {
            assert!(!body[field].is_null(), "{field}");
        }
    }
}
