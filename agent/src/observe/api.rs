//! The Kubernetes API as the agent uses it: raw JSON over kube's client, and
//! the API server's own clock.
//!
//! Raw, because the agent needs what typed calls hide: the `Date` header, and
//! the difference between a refusal, a lost race and a server that is away.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use super::object::Object;
use crate::cause::chain;

/// How long one call may take, with a margin over the API server's own slowness in a storm.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Before a read is tried again. Writes are never tried again blindly: the next
/// observation says what became of them.
const READ_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1500)];

/// A connection to one API server.
pub struct Api {
    client: kube::Client,
    clock: Cell<Option<ServerClock>>,
    calls: Cell<u32>,
}

/// The API server's time as it was learned from a `Date` header.
#[derive(Debug, Clone, Copy)]
struct ServerClock {
    date: Timestamp,
    heard: Instant,
    skew_s: i64,
}

/// Why a call gave no answer to work with. Every text names what was tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No configuration to reach a cluster with.
    #[error(
        "no cluster is configured: {0}. Run inside a pod with a service account, or set KUBECONFIG to a file that can be read."
    )]
    NotConfigured(String),
    /// The API server could not be reached, or cannot answer now.
    #[error(
        "the API server did not answer to {asked}: {cause}. Nothing was decided; the next tick tries again."
    )]
    Away {
        /// What was tried.
        asked: String,
        /// What happened instead of an answer.
        cause: String,
    },
    /// The service account lacks a right.
    #[error("{asked} is not allowed: {message}. {remedy}")]
    Forbidden {
        /// What was tried.
        asked: String,
        /// The API server's words, which name the verb and the resource.
        message: String,
        /// What grants the right.
        remedy: &'static str,
    },
    /// The object is not there.
    #[error("{asked}: it does not exist. {remedy}")]
    Absent {
        /// What was tried.
        asked: String,
        /// What makes the object.
        remedy: &'static str,
    },
    /// Somebody else wrote the object meanwhile.
    #[error("{asked}: somebody else wrote it meanwhile ({message})")]
    Conflict {
        /// What was tried.
        asked: String,
        /// The API server's words.
        message: String,
    },
    /// The API server refused for another reason, or answered what is no answer.
    #[error("{asked} was refused with {status}: {message}")]
    Refused {
        /// What was tried.
        asked: String,
        /// The HTTP status.
        status: u16,
        /// The API server's words.
        message: String,
    },
}

impl ApiError {
    /// What happened, as a clause for a longer sentence that says what was tried.
    pub fn clause(&self) -> String {
        match self {
            ApiError::NotConfigured(why) => why.clone(),
            ApiError::Away { cause, .. } => cause.clone(),
            ApiError::Forbidden { message, .. } => format!("not allowed: {message}"),
            ApiError::Absent { .. } => "it does not exist".to_owned(),
            ApiError::Conflict { message, .. } => format!("written by somebody else meanwhile: {message}"),
            ApiError::Refused { status, message, .. } => format!("{status}: {message}"),
        }
    }
}

impl Api {
    /// Connects as the environment says: a kubeconfig (the given file, else
    /// `KUBECONFIG`, else the home directory's), otherwise the pod's service account.
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`ApiError::NotConfigured`] where neither can be read.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Self, ApiError> {
        let unusable = |why: &dyn std::error::Error| ApiError::NotConfigured(chain(why));
        let config = match kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|why| unusable(&why))?;
                kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                    .await
                    .map_err(|why| unusable(&why))?
            }
            None => kube::Config::infer().await.map_err(|why| unusable(&why))?,
        };
        Self::with(config)
    }

    /// Connects to a server without credentials, such as the fake one of the tests.
    ///
    /// # Errors
    /// [`ApiError::NotConfigured`] when no client can be made.
    pub fn without_credentials(url: http::Uri) -> Result<Self, ApiError> {
        Self::with(kube::Config::new(url))
    }

    fn with(mut config: kube::Config) -> Result<Self, ApiError> {
        // kube would repeat every call that meets a 429 or 503 up to fifteen
        // times; a gate has a next tick and an operator who waits for its answer.
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(5));
        let client = kube::Client::try_from(config).map_err(|why| ApiError::NotConfigured(chain(&why)))?;
        Ok(Self { client, clock: Cell::new(None), calls: Cell::new(0) })
    }

    /// The API server's time now: the last `Date` header and what has passed
    /// since. `None` before the first answer.
    pub fn now(&self) -> Option<Timestamp> {
        self.clock.get().map(ServerClock::now)
    }

    /// This machine's clock minus the API server's, in seconds.
    pub fn clock_skew_s(&self) -> i64 {
        self.clock.get().map_or(0, |clock| clock.skew_s)
    }

    /// How many calls were sent so far.
    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    /// Reads an object, and again after a moment if the server is away.
    ///
    /// # Errors
    /// Every variant but `Conflict`.
    pub async fn get(&self, object: &Object) -> Result<Value, ApiError> {
        let mut answer = self.call("GET", object, "reading", None).await;
        for pause in READ_AGAIN_AFTER {
            let Err(ApiError::Away { .. }) = answer else { break };
            tokio::time::sleep(pause).await;
            answer = self.call("GET", object, "reading", None).await;
        }
        answer
    }

    /// Replaces an object by one that carries the `resourceVersion` it rests on.
    ///
    /// # Errors
    /// `Conflict` when another writer was faster.
    pub async fn put(&self, object: &Object, body: &Value) -> Result<Value, ApiError> {
        self.call("PUT", object, "writing", Some(("application/json", body))).await
    }

    /// Merges some fields into an object.
    ///
    /// # Errors
    /// `Conflict` when the patch carries a `resourceVersion` that is no longer the object's.
    pub async fn merge(&self, object: &Object, body: &Value) -> Result<Value, ApiError> {
        self.call("PATCH", object, "patching", Some(("application/merge-patch+json", body))).await
    }

    /// Adds an object to a collection.
    ///
    /// # Errors
    /// Every variant.
    pub async fn create(&self, collection: &Object, body: &Value) -> Result<Value, ApiError> {
        self.call("POST", collection, "creating", Some(("application/json", body))).await
    }

    /// Reads a page that is not JSON.
    ///
    /// # Errors
    /// Every variant but `Conflict`.
    pub async fn page(&self, object: &Object) -> Result<String, ApiError> {
        let (status, bytes) = self.exchange("GET", object, "reading", None, CALL_TIMEOUT).await?;
        match status {
            200..=299 => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            _ => Err(refusal(status, &bytes, object, "reading")),
        }
    }

    /// Sends a request through to what the API server is only the way to, with
    /// a patience of its own. The answer's status, whatever it is.
    ///
    /// # Errors
    /// `Away`, when there is no answer.
    pub async fn pass(
        &self,
        method: &str,
        object: &Object,
        body: Option<(&str, Vec<u8>)>,
        patience: Duration,
    ) -> Result<u16, ApiError> {
        self.exchange(method, object, "sending", body, patience).await.map(|(status, _)| status)
    }

    /// Follows an object: `event` is told each change as it comes, and at first the object as it is. Ends when
    /// the API server ends it, after `patience` at the latest.
    ///
    /// # Errors
    /// Every variant but `Conflict`.
    pub async fn follow(
        &self,
        object: &Object,
        patience: Duration,
        mut event: impl FnMut(Value),
    ) -> Result<(), ApiError> {
        let away = |cause: String| ApiError::Away { asked: format!("following {}", object.told()), cause };
        let path = format!("{}&timeoutSeconds={}", object.path(), patience.as_secs());
        let request = http::Request::get(path).body(Body::empty()).map_err(|why| away(chain(&why)))?;
        self.calls.set(self.calls.get().saturating_add(1));
        let following = async {
            let sent = tokio::time::timeout(CALL_TIMEOUT, self.client.send(request)).await;
            let sent = sent.map_err(|_| away(format!("no answer within {} s", CALL_TIMEOUT.as_secs())))?;
            let mut response = sent.map_err(|why| away(chain(&why)))?;
            self.hear(&response);
            let status = response.status().as_u16();
            if !(200..=299).contains(&status) {
                let body = response.into_body().collect_bytes().await.map_err(|why| away(chain(&why)))?;
                return Err(refusal(status, &body, object, "following"));
            }
            let mut unread: Vec<u8> = Vec::new();
            while let Some(frame) = response.body_mut().frame().await {
                let frame = frame.map_err(|why| away(chain(&why)))?;
                unread.extend(frame.data_ref().into_iter().flatten());
                while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = unread.drain(..=end).collect();
                    event(serde_json::from_slice(&line).map_err(|why| away(chain(&why)))?);
                }
            }
            Ok(())
        };
        // A connection that died without a word ends with this and not with an error.
        tokio::time::timeout(patience + CALL_TIMEOUT, following).await.unwrap_or(Ok(()))
    }

    async fn call(
        &self,
        method: &str,
        object: &Object,
        doing: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Value, ApiError> {
        let body = body.map(|(content_type, body)| (content_type, body.to_string().into_bytes()));
        let (status, bytes) = self.exchange(method, object, doing, body, CALL_TIMEOUT).await?;
        match (status, serde_json::from_slice(&bytes)) {
            (200..=299, Ok(answer)) => Ok(answer),
            _ => Err(refusal(status, &bytes, object, doing)),
        }
    }

    async fn exchange(
        &self,
        method: &str,
        object: &Object,
        doing: &str,
        body: Option<(&str, Vec<u8>)>,
        patience: Duration,
    ) -> Result<(u16, Vec<u8>), ApiError> {
        let away = |cause: String| ApiError::Away { asked: format!("{doing} {}", object.told()), cause };
        let request = http::Request::builder().method(method).uri(object.path());
        let request = match body {
            Some((content_type, body)) => {
                request.header(http::header::CONTENT_TYPE, content_type).body(Body::from(body))
            }
            None => request.body(Body::empty()),
        };
        let request = request.map_err(|why| away(chain(&why)))?;
        self.calls.set(self.calls.get().saturating_add(1));
        let exchange = async {
            let response = self.client.send(request).await.map_err(|why| chain(&why))?;
            self.hear(&response);
            let status = response.status().as_u16();
            let bytes = response.into_body().collect_bytes().await.map_err(|why| chain(&why))?;
            Ok::<_, String>((status, bytes.into()))
        };
        match tokio::time::timeout(patience, exchange).await {
            Ok(answer) => answer.map_err(away),
            Err(_) => Err(away(format!("no answer within {} s", patience.as_secs()))),
        }
    }

    /// Sets the clock by an answer's `Date`, which is cut to whole seconds.
    fn hear<B>(&self, response: &http::Response<B>) {
        let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(http_date) else { return };
        let heard = Instant::now();
        // A clock that agrees with this answer is finer than the answer, and keeping it never goes backwards.
        if let Some(clock) = self.clock.get() {
            let ahead = clock.now().duration_since(date);
            if !ahead.is_negative() && ahead.as_secs() < 1 {
                return;
            }
        }
        let local = Timestamp::now();
        let skew = local.duration_since(date);
        // Where both clocks agree on the second, this machine's has the finer one.
        let agrees = !skew.is_negative() && skew.as_secs() < 1;
        let date = if agrees { local } else { date };
        self.clock.set(Some(ServerClock { date, heard, skew_s: skew.as_secs() }));
    }
}

impl ServerClock {
    fn now(self) -> Timestamp {
        self.date.checked_add(self.heard.elapsed()).unwrap_or(self.date)
    }
}

/// What an answer that is none means.
fn refusal(status: u16, bytes: &[u8], object: &Object, doing: &str) -> ApiError {
    let asked = format!("{doing} {}", object.told());
    let answer: Option<Value> = serde_json::from_slice(bytes).ok();
    let message = answer
        .as_ref()
        .and_then(|answer| answer.get("message")?.as_str())
        .map_or_else(|| String::from_utf8_lossy(bytes).trim().chars().take(300).collect(), str::to_owned);
    match status {
        401 | 403 => ApiError::Forbidden { asked, message, remedy: object.remedy() },
        404 => ApiError::Absent { asked, remedy: object.remedy() },
        409 => ApiError::Conflict { asked, message },
        429 | 502..=504 => ApiError::Away { asked, cause: format!("{status}: {message}") },
        _ => ApiError::Refused { asked, status, message },
    }
}

/// Reads `Sat, 21 Nov 2026 07:00:00 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_header_is_read() {
        assert_eq!(http_date("Sat, 21 Nov 2026 07:00:05 GMT"), Some("2026-11-21T07:00:05Z".parse().unwrap()));
        assert_eq!(http_date("yesterday"), None);
    }
}
