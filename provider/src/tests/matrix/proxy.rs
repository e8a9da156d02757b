//! A proxy in front of the real API server. It writes down each call, and one of them meets its fate.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use super::fault::{Fate, Fault};
use crate::cluster::{Answer, Ask, Cluster};

/// A call, comparable between runs: names of a run stand as what they name, and calls of the same method
/// and path are told apart by their number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) nth: u32,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, nth } = self;
        write!(f, "{method} {path} #{nth}")
    }
}

#[derive(Default)]
struct Inside {
    /// What stands for the names of this run.
    names: Vec<(String, &'static str)>,
    counts: BTreeMap<(String, String), u32>,
    calls: Vec<Call>,
    fault: Option<(Call, Fault)>,
    met: u32,
    /// What a gate does whose Job has been made.
    gate: Vec<Ask>,
}

/// The proxy of one worker. It ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) host: String,
    inside: Arc<Mutex<Inside>>,
}

impl Proxy {
    pub(super) async fn start(upstream: Arc<Cluster>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Proxy { host, inside: Arc::default() };
        tokio::spawn(serve(listener, proxy.inside.clone(), upstream));
        proxy
    }

    /// What stands for these names in calls.
    pub(super) fn call_by(&self, names: &[(&str, &'static str)]) {
        let names = names.iter().map(|(name, stands)| ((*name).to_owned(), *stands)).collect();
        self.inside.lock().unwrap().names = names;
    }

    /// Counts calls anew, and lets one of them meet its fate.
    pub(super) fn begin(&self, fault: Option<(Call, Fault)>) {
        let mut inside = self.inside.lock().unwrap();
        let (names, gate) = (std::mem::take(&mut inside.names), std::mem::take(&mut inside.gate));
        *inside = Inside { names, gate, fault, ..Inside::default() };
    }

    /// Plays the gate from now on: each Job that is made is made without a pod, and this is done at once.
    pub(super) fn play_gate(&self, does: Vec<Ask>) {
        self.inside.lock().unwrap().gate = does;
    }

    /// Lets everything through again. Answers with how often a call met its fate.
    pub(super) fn heal(&self) -> u32 {
        let mut inside = self.inside.lock().unwrap();
        inside.fault = None;
        inside.met
    }

    /// The calls since the beginning.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.inside.lock().unwrap().calls.clone()
    }
}

impl Inside {
    /// Writes a call down; its fate, where it has one.
    fn take(&mut self, method: &str, uri: &http::Uri) -> Option<Fate> {
        let mut path = uri.path().to_owned();
        for (name, stands) in &self.names {
            path = path.replace(name, stands);
        }
        if uri.query().is_some_and(|query| query.contains("dryRun")) {
            path.push_str("?dryRun");
        }
        let nth = self.counts.entry((method.to_owned(), path.clone())).or_default();
        *nth += 1;
        let call = Call { method: method.to_owned(), path, nth: *nth };
        let fate = self.fault.as_ref().and_then(|(aim, fault)| {
            let is_same = aim.method == call.method && aim.path == call.path;
            let is_due = if fault.lasting { call.nth >= aim.nth } else { call.nth == aim.nth };
            (is_same && is_due).then_some(fault.fate)
        });
        self.met += u32::from(fate.is_some());
        self.calls.push(call);
        fate
    }
}

async fn serve(listener: TcpListener, inside: Arc<Mutex<Inside>>, upstream: Arc<Cluster>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (inside, upstream) = (inside.clone(), upstream.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, inside.clone(), upstream.clone()));
            // A connection that is dropped on purpose ends in an error.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// No answer is an error, upon which hyper closes the connection.
async fn answer(
    request: Request<Incoming>,
    inside: Arc<Mutex<Inside>>,
    upstream: Arc<Cluster>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let (fate, gate) = {
        let mut inside = inside.lock().unwrap();
        (inside.take(request.method().as_str(), request.uri()), inside.gate.clone())
    };
    match fate {
        Some(Fate::Refused(status)) => Ok(refusal(status, request.method().as_str())),
        Some(Fate::Dropped) => Err("dropped"),
        Some(Fate::AnswerLost) => {
            forward(request, &upstream, &gate).await.map_err(|_| "the API server does not answer")?;
            Err("dropped after the work")
        }
        Some(fate @ (Fate::Hung | Fate::HungAfter)) => {
            if fate == Fate::HungAfter {
                forward(request, &upstream, &gate).await.map_err(|_| "the API server does not answer")?;
            }
            std::future::pending::<Infallible>().await;
            Err("never")
        }
        None => {
            let answer =
                forward(request, &upstream, &gate).await.map_err(|_| "the API server does not answer")?;
            Ok(response(answer))
        }
    }
}

async fn forward(request: Request<Incoming>, upstream: &Cluster, gate: &[Ask]) -> Result<Answer, ()> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(drop)?.to_bytes();
    let known = ["application/apply-patch+yaml", "application/merge-patch+json", "application/json"];
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let asks_the_gate = head.method == http::Method::POST && head.uri.path().ends_with("/jobs");
    let mut ask = Ask {
        method: head.method,
        path: head.uri.path_and_query().unwrap().to_string(),
        content_type: content_type
            .map(|it| known.into_iter().find(|known| *known == it).expect("a content type of ours")),
        body: serde_json::from_slice(&body).ok(),
    };
    if asks_the_gate && let Some(body) = &mut ask.body {
        body["spec"]["suspend"] = json!(true);
    }
    let answer = upstream.send(&ask).await.map_err(drop)?;
    for does in gate.iter().filter(|_| asks_the_gate && answer.status < 300) {
        upstream.send(does).await.map_err(drop)?;
    }
    Ok(answer)
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let body = answer.body.to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    for warning in &answer.warnings {
        let text = format!("299 - \"{}\"", warning.replace('"', "\\\""));
        response.headers_mut().append("warning", HeaderValue::from_str(&text).unwrap());
    }
    if let Some(seconds) = answer.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What an API server says with such a status.
fn refusal(status: u16, method: &str) -> Response<Full<Bytes>> {
    let (reason, message) = match status {
        401 => ("Unauthorized", "Unauthorized".to_owned()),
        403 => ("Forbidden", format!("user \"matrix\" cannot {method} this")),
        404 => ("NotFound", "the server could not find the requested resource".to_owned()),
        409 => (
            "Conflict",
            "the object has been modified; please apply your changes to the latest version".into(),
        ),
        410 => ("Expired", "the provided version is too old".to_owned()),
        422 => ("Invalid", "it is invalid: spec: Forbidden".to_owned()),
        500 => ("InternalError", "Internal error occurred: failed calling webhook".to_owned()),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request".to_owned()),
        _ => ("", "too many requests".to_owned()),
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": status,
    });
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if status == 429 {
        // As it answers in truth: in plain text, and with a word of how long to wait.
        *response.body_mut() = Full::new(Bytes::from_static(b"Too many requests, please try again later."));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
