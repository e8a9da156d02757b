//! What is asked of the API server, in plain JSON: look, apply, delete, patch, list.

mod bounds;
mod failure;
mod kinds;
mod object;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tfplugin::CancellationToken;
use tokio::sync::OnceCell;

pub(crate) use bounds::PATIENCE;
pub(crate) use failure::{Failure, Refusal};
pub(crate) use kinds::Listable;
pub(crate) use object::{Live, Ref};

use crate::cluster::{Answer, Ask, Cluster};
use bounds::{Bounds, GivenUp};

/// How often a call is tried while the cluster is overloaded or restarting.
const TRIES: u32 = 6;
/// The first pause between two tries; it doubles. All of them together stay under 10 s.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, also when the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a call does, in the words of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Create,
    Apply,
    Patch,
    Update,
    Delete,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Create => "create",
            Verb::Apply => "apply (patch or create)",
            Verb::Patch => "patch",
            Verb::Update => "update",
            Verb::Delete => "delete",
        })
    }
}

/// How an object is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// The field manager, at most 128 bytes.
    pub(crate) manager: &'a str,
    /// Take fields from their managers.
    pub(crate) force: bool,
    /// Answer what would be, change nothing.
    pub(crate) dry_run: bool,
}

/// What a delete came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// The object was removed at once.
    Gone,
    /// Something has to end first; or it is said to be absent, which a look confirms: a proxy that lost its
    /// way answers so too.
    Going,
}

/// What an apply came to.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) live: Live,
    /// It did not exist before.
    pub(crate) created: bool,
    pub(crate) warnings: Vec<String>,
}

/// The API server of a run. It is asked for nothing but by an operation, which has its time.
pub(crate) struct ApiServer(Arc<Server>);

/// The API server as one operation asks it.
#[derive(Clone)]
pub(crate) struct Api {
    server: Arc<Server>,
    bounds: Bounds,
}

/// What all operations of a run share.
struct Server {
    cluster: Cluster,
    /// Once it has answered, silence is a restart worth waiting for; before, it is a wrong address.
    answered: AtomicBool,
    extensions: OnceCell<Vec<Listable>>,
}

impl ApiServer {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self(Arc::new(Server { cluster, answered: AtomicBool::new(false), extensions: OnceCell::new() }))
    }

    /// It for one operation: its calls end in time, or when the user interrupts.
    pub(crate) fn within(&self, patience: Duration, cancel: &CancellationToken) -> Api {
        let bounds = Bounds { deadline: Instant::now() + patience, cancel: cancel.clone() };
        Api { server: self.0.clone(), bounds }
    }
}

impl Api {
    /// The object, or nothing where it is absent.
    ///
    /// # Errors
    /// Everything but 200 and 404.
    pub(crate) async fn get(&self, object: &Ref) -> Result<Option<Live>, Failure> {
        let ask = Ask { method: Method::GET, path: object.path(), content_type: None, body: None };
        match self.call(object.to_string(), Verb::Get, &ask).await {
            Ok(answer) => Ok(Some(Live(answer.body))),
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Server-side apply.
    ///
    /// # Errors
    /// Everything but 200 and 201.
    pub(crate) async fn apply(
        &self,
        object: &Ref,
        body: Value,
        manner: Manner<'_>,
    ) -> Result<Applied, Failure> {
        let dry_run = if manner.dry_run { "&dryRun=All" } else { "" };
        let path = format!(
            "{}?fieldManager={}&force={}&fieldValidation=Strict{dry_run}",
            object.path(),
            query(manner.manager),
            manner.force
        );
        let ask = Ask {
            method: Method::PATCH,
            path,
            content_type: Some("application/apply-patch+yaml"),
            body: Some(body),
        };
        let answer = self.call(object.to_string(), Verb::Apply, &ask).await?;
        Ok(Applied { live: Live(answer.body), created: answer.status == 201, warnings: answer.warnings })
    }

    /// A JSON merge patch, of a subresource where `below` names one.
    ///
    /// # Errors
    /// Everything but success.
    pub(crate) async fn merge(
        &self,
        object: &Ref,
        below: Option<&str>,
        manager: &str,
        patch: Value,
    ) -> Result<Live, Failure> {
        let below = below.map(|name| format!("/{name}")).unwrap_or_default();
        let ask = Ask {
            method: Method::PATCH,
            path: format!("{}{below}?fieldManager={}", object.path(), query(manager)),
            content_type: Some("application/merge-patch+json"),
            body: Some(patch),
        };
        Ok(Live(self.call(object.to_string(), Verb::Patch, &ask).await?.body))
    }

    /// Makes an object that must not be there yet.
    ///
    /// # Errors
    /// Everything but success; 409 when it exists.
    pub(crate) async fn create(&self, object: &Ref, manager: &str, body: Value) -> Result<Live, Failure> {
        let whole = object.path();
        let place = whole.strip_suffix(&format!("/{}", object.name)).unwrap_or(&whole);
        let ask = Ask {
            method: Method::POST,
            path: format!("{place}?fieldManager={}", query(manager)),
            content_type: Some("application/json"),
            body: Some(body),
        };
        Ok(Live(self.call(object.to_string(), Verb::Create, &ask).await?.body))
    }

    /// Replaces an object as a whole; the body's resourceVersion guards it.
    ///
    /// # Errors
    /// Everything but success; 409 when it was changed since it was read.
    pub(crate) async fn replace(&self, object: &Ref, manager: &str, body: Value) -> Result<Live, Failure> {
        let ask = Ask {
            method: Method::PUT,
            path: format!("{}?fieldManager={}", object.path(), query(manager)),
            content_type: Some("application/json"),
            body: Some(body),
        };
        Ok(Live(self.call(object.to_string(), Verb::Update, &ask).await?.body))
    }

    /// Deletes an object, but only the one with this uid. Absent is fine, and
    /// so is another object that has taken its name since.
    ///
    /// # Errors
    /// Everything but success and 404.
    pub(crate) async fn delete(&self, object: &Ref, uid: Option<&str>) -> Result<Deleted, Failure> {
        let conditions = uid.map(|uid| json!({ "uid": uid }));
        match self.delete_if(object, conditions).await {
            Ok(deleted) => Ok(deleted),
            Err(failure) if failure.status() == Some(404) => Ok(Deleted::Going),
            Err(failure) => match (failure.status(), uid) {
                (Some(409), Some(uid)) if !self.is_there(object, uid).await? => Ok(Deleted::Going),
                _ => Err(failure),
            },
        }
    }

    /// Whether the object of this uid is there, and not on its way out.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) async fn is_there(&self, object: &Ref, uid: &str) -> Result<bool, Failure> {
        Ok(self.get(object).await?.is_some_and(|live| live.uid() == uid && !live.is_deleting()))
    }

    /// Deletes an object as it was seen: `false` when it was written since.
    /// Absent is fine.
    ///
    /// # Errors
    /// Everything but success, 404 and 409.
    pub(crate) async fn delete_unchanged(&self, object: &Ref, seen: &Live) -> Result<bool, Failure> {
        let conditions = json!({"uid": seen.uid(), "resourceVersion": seen.version()});
        match self.delete_if(object, Some(conditions)).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.status() == Some(404) => Ok(true),
            Err(failure) if failure.status() == Some(409) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// An object that is removed at once is answered with a Status or with what it was. One that waits for a
    /// finalizer or its grace period is always answered with itself.
    async fn delete_if(&self, object: &Ref, conditions: Option<Value>) -> Result<Deleted, Failure> {
        let mut body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        });
        if let Some(conditions) = conditions {
            body["preconditions"] = conditions;
        }
        let ask = Ask {
            method: Method::DELETE,
            path: object.path(),
            content_type: Some("application/json"),
            body: Some(body),
        };
        let answer = self.call(object.to_string(), Verb::Delete, &ask).await?;
        Ok(if answer.body["kind"] == "Status" { Deleted::Gone } else { Deleted::Going })
    }

    /// All objects of a kind in a namespace whose labels match.
    ///
    /// # Errors
    /// Everything but success.
    pub(crate) async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<Value>, Failure> {
        let what = Listable {
            api_version: api_version.to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
            kind: kind.to_owned(),
        };
        self.list_of(&what, namespace, labels).await
    }

    /// All objects of a kind that is named by its plural.
    ///
    /// # Errors
    /// Everything but success.
    pub(crate) async fn list_of(
        &self,
        what: &Listable,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<Value>, Failure> {
        let Listable { api_version, plural, kind } = what;
        let root = if api_version.contains('/') { "/apis" } else { "/api" };
        let selector =
            if labels.is_empty() { String::new() } else { format!("?labelSelector={}", query(labels)) };
        let path = format!("{root}/{api_version}/namespaces/{namespace}/{plural}{selector}");
        let ask = Ask { method: Method::GET, path, content_type: None, body: None };
        let what = format!("{kind}s in namespace {namespace}");
        let mut answer = self.call(what, Verb::List, &ask).await?;
        match answer.body["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    /// Any path of the API server, once, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub(crate) async fn raw(&self, path: String) -> Result<Answer, Failure> {
        let ask = Ask { method: Method::GET, path, content_type: None, body: None };
        match self.bounds.until(self.bounds.end(), self.server.cluster.send(&ask)).await {
            Ok(outcome) => outcome,
            Err(given_up) => Err(Failure::Unreachable { asked: None, cause: self.silence(given_up) }),
        }
    }

    /// Sends, and sends again what a healthy server would have taken. Every
    /// call of ours may be repeated: applies and patches state what should be,
    /// replaces and deletes carry a version or a uid.
    async fn call(&self, object: String, verb: Verb, ask: &Ask) -> Result<Answer, Failure> {
        let end = self.bounds.end();
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let (failure, wait) = match self.try_once(&object, verb, ask, end, pause).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            let Some(wait) = wait.filter(|wait| attempt < TRIES && Instant::now() + *wait < end) else {
                return Err(failure);
            };
            tracing::info!(%object, attempt, "the cluster is busy or away, trying again");
            if !self.bounds.pause(wait).await {
                break;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(Failure::Cancelled)
    }

    /// One try: its answer, or why there is none that serves, and how long to
    /// wait before the next where that is worth it.
    async fn try_once(
        &self,
        object: &str,
        verb: Verb,
        ask: &Ask,
        end: Instant,
        pause: Duration,
    ) -> Result<Answer, (Failure, Option<Duration>)> {
        let silent = |cause: String| Failure::Unreachable { asked: Some(format!("{verb} {object}")), cause };
        match self.bounds.until(end, self.server.cluster.send(ask)).await {
            Ok(Ok(answer)) => {
                self.server.answered.store(true, Ordering::Relaxed);
                tracing::debug!(method = %ask.method, path = %ask.path, status = answer.status, "api call");
                let asked_to_wait = answer.retry_after_s.map(Duration::from_secs);
                let wait = match answer.status {
                    200..=299 => return Ok(answer),
                    429 | 502..=504 => Some(asked_to_wait.unwrap_or(pause)),
                    500..=599 => asked_to_wait,
                    _ => None,
                };
                let refusal = Refusal::of(object.to_owned(), verb, answer.status, &answer.body);
                Err((Failure::Refused(Box::new(refusal)), wait.map(|wait| wait.min(LONGEST_PAUSE))))
            }
            Ok(Err(Failure::Unreachable { cause, .. })) => {
                let wait = self.server.answered.load(Ordering::Relaxed).then_some(pause);
                Err((silent(cause), wait))
            }
            Ok(Err(failure)) => Err((failure, None)),
            Err(given_up) => Err((silent(self.silence(given_up)), None)),
        }
    }

    fn silence(&self, given_up: GivenUp) -> String {
        let cause = match given_up {
            GivenUp::Late => "it kept silent until the time was up",
            GivenUp::Interrupted => "the run was interrupted before its answer came",
        };
        format!("{}: {cause}", self.server.cluster.known_as())
    }
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn query(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
