//! The connection to the API server. This file and its folder alone name a Kubernetes
//! client: above them there are requests and answers in plain JSON.
//!
//! Requests go through `Client::send`, because the typed calls drop what must
//! not be lost: 201 or 200, `Warning` and `Retry-After` headers.

mod program;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::config::{
    AuthInfo, Cluster as ClusterEntry, Context, ExecConfig, ExecInteractiveMode, KubeConfigOptions,
    Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use kube::{Client, Config};
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell, Semaphore};
use tokio::task::JoinHandle;

use crate::api::Failure;
use crate::connection::{Connection, Target};

/// Requests under way at once. Ten is where a local API server stops getting faster.
const CONNECTIONS: usize = 10;
/// How long a server may be silent in the middle of an answer. None of our calls
/// watches or follows, so a longer silence is a dead connection and no slow one.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// The single entry of the kubeconfig that is handed to the client.
const ENTRY: &str = "terraform";

/// One API server: a pooled client, made at the first request.
pub(crate) struct Cluster {
    target: Target,
    client: OnceCell<Dialled>,
    /// The making of the client, while nobody has seen its end.
    dialling: Mutex<Option<JoinHandle<Result<Dialled, Failure>>>>,
    /// The program that hands out the credentials, where there is one.
    program: Arc<OnceLock<String>>,
    permits: Semaphore,
}

/// A client, and the address that people know its server by.
struct Dialled {
    client: Client,
    server: String,
}

/// A request in plain terms; `path` includes the query.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Option<Value>,
}

/// An answer in plain terms, whatever its status.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) warnings: Vec<String>,
    pub(crate) retry_after_s: Option<u64>,
}

impl Cluster {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            target,
            client: OnceCell::new(),
            dialling: Mutex::default(),
            program: Arc::default(),
            permits: Semaphore::new(CONNECTIONS),
        }
    }

    /// The address that people know the server by, once it was asked for anything; before, the program whose
    /// credentials that has to wait for.
    pub(crate) fn known_as(&self) -> &str {
        let before = || self.program.get().map_or("the API server", String::as_str);
        self.client.get().map_or_else(before, |dialled| &dialled.server)
    }

    /// The client. It may take a program that takes its time, or never ends: whoever gives up leaves it running,
    /// and the next waits for the same one instead of starting another.
    async fn dialled(&self) -> Result<&Dialled, Failure> {
        let dial = async || {
            let mut under_way = self.dialling.lock().await;
            let began = || tokio::spawn(connect(self.target.clone(), self.program.clone()));
            let outcome = under_way.get_or_insert_with(began).await;
            *under_way = None;
            outcome.map_err(|why| Failure::Configuration { cause: why.to_string() })?
        };
        self.client.get_or_try_init(dial).await
    }

    /// Why there is no answer.
    fn unanswered(&self, server: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
        // Credentials that end in the middle of a run are asked for again.
        let failed = self.program.get().and_then(|program| program::failed(error, program));
        failed.map_or_else(|| unreachable(server, error), |cause| Failure::Configuration { cause })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// No configuration, a configuration that cannot be used, or no answer.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        let Dialled { client, server } = self.dialled().await?;
        let mut request = Request::builder().method(ask.method.clone()).uri(&ask.path);
        if let Some(content_type) = ask.content_type {
            request = request.header(http::header::CONTENT_TYPE, content_type);
        }
        let bytes = ask.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = request
            .body(kube::client::Body::from(bytes))
            .map_err(|why| Failure::Configuration { cause: format!("the request cannot be made: {why}") })?;
        // The semaphore is never closed, so acquiring cannot fail; without a
        // permit the request would merely not be counted.
        let _permit = self.permits.acquire().await.ok();
        let answer = client.send(request).await.map_err(|why| self.unanswered(server, &why))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|why| unreachable(server, &why))?.to_bytes();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: head.status.as_u16(),
            retry_after_s: header("retry-after").and_then(|text| text.parse().ok()),
            warnings: head
                .headers
                .get_all("warning")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .map(warning_text)
                .collect(),
            // A proxy or an overloaded server answers in plain text.
            body: serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned())),
        })
    }
}

/// The text of a `299 - "text"` header.
fn warning_text(header: &str) -> String {
    let text = header.splitn(3, ' ').nth(2).unwrap_or(header);
    text.trim_matches('"').replace("\\\"", "\"")
}

fn unreachable(server: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut causes: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !causes.iter().any(|known| known.contains(&text)) {
            causes.push(text);
        }
        next = error.source();
    }
    Failure::Unreachable { asked: None, cause: format!("{server}: {}", causes.join(": ")) }
}

/// Makes the client, and says in `program` what hands out the credentials before that is asked.
async fn connect(target: Target, program: Arc<OnceLock<String>>) -> Result<Dialled, Failure> {
    let connection = match target {
        Target::Known(connection) => connection,
        Target::Unknown(arguments) => return Err(Failure::Unknown { arguments }),
    };
    let mut config = config(&connection).await?;
    // Retries are ours: they must be bounded, logged, and never repeat what is no transient failure.
    config.default_retry = false;
    config.read_timeout = Some(SILENCE);
    trust_nobody_in_vain(&mut config);
    let server = known_as(&config);
    let shows_certificate =
        config.auth_info.client_certificate_data.is_some() || config.auth_info.client_certificate.is_some();
    let refuse = |cause: String| Failure::Configuration { cause };
    let program = program::of(&config.auth_info).map(|named| program.get_or_init(|| named).clone());
    // The client runs the program while it is made, and waits for its end.
    let made = tokio::task::spawn_blocking(|| Client::try_from(config)).await;
    let client = made.map_err(|why| refuse(why.to_string()))?.map_err(|why| {
        let failed = program.and_then(|program| program::failed(&why, &program));
        refuse(failed.unwrap_or_else(|| match shows_certificate {
            // TLS knows nothing of our arguments, and its words alone send nobody to them.
            true => format!("client_certificate and client_key, or those of the kubeconfig's user: {why}"),
            false => why.to_string(),
        }))
    })?;
    Ok(Dialled { client, server })
}

/// A client of a server whose certificate nobody checks would still read the machine's authorities, and fail
/// where there are none, as in an empty image.
fn trust_nobody_in_vain(config: &mut Config) {
    if config.accept_invalid_certs || config.cluster_url.scheme() == Some(&http::uri::Scheme::HTTP) {
        config.root_cert = Some(Vec::new());
    }
}

/// The server's address, and the proxy's where there is one: either of them may be who does not answer.
/// A proxy's URL may carry a password, which is left out.
fn known_as(config: &Config) -> String {
    let server = &config.cluster_url;
    match config.proxy_url.as_ref().and_then(http::Uri::authority) {
        Some(proxy) => {
            let port = proxy.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{server} through the proxy {}{port}", proxy.host())
        }
        None => server.to_string(),
    }
}

async fn config(connection: &Connection) -> Result<Config, Failure> {
    let refuse = |cause: String| Failure::Configuration { cause };
    if !connection.names_a_cluster() {
        return Config::incluster().map_err(|_| Failure::Nowhere);
    }
    let merged = merged(connection)?;
    let mut entries = chosen(&merged, connection)?;
    overlay(&mut entries, connection);
    let single = Kubeconfig {
        clusters: vec![NamedCluster {
            name: ENTRY.into(),
            cluster: Some(entries.cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: ENTRY.into(),
            auth_info: Some(entries.user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: ENTRY.into(),
            context: Some(Context {
                cluster: ENTRY.into(),
                user: Some(ENTRY.into()),
                namespace: None,
                extensions: None,
                ..Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some(ENTRY.into()),
        ..Kubeconfig::default()
    };
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(single, &options).await.map_err(|why| refuse(why.to_string()))
}

struct Entries {
    cluster: ClusterEntry,
    user: AuthInfo,
}

/// All kubeconfig files as one, as kubectl merges them.
fn merged(connection: &Connection) -> Result<Kubeconfig, Failure> {
    let mut merged = Kubeconfig::default();
    for path in &connection.config_paths {
        let refuse = |cause: String| Failure::Kubeconfig { path: path.display().to_string(), cause };
        let next = Kubeconfig::read_from(path).map_err(|why| {
            let read = std::error::Error::source(&why).filter(|_| !path.is_file());
            refuse(read.map_or_else(|| why.to_string(), ToString::to_string))
        })?;
        merged = merged.merge(next).map_err(|why| refuse(why.to_string()))?;
    }
    Ok(merged)
}

/// The cluster and user entries that the context and the overrides name.
fn chosen(merged: &Kubeconfig, connection: &Connection) -> Result<Entries, Failure> {
    let mut entries = Entries { cluster: ClusterEntry::default(), user: AuthInfo::default() };
    if connection.config_paths.is_empty() {
        return Ok(entries);
    }
    let missing = |what: &'static str, name: &str, known: Vec<String>| Failure::KubeconfigEntry {
        what,
        name: name.to_owned(),
        known,
    };
    let name = connection.context.as_ref().or(merged.current_context.as_ref());
    let context = match name {
        Some(name) => {
            let found = merged.contexts.iter().find(|it| &it.name == name);
            let known = || merged.contexts.iter().map(|it| it.name.clone()).collect();
            Some(found.and_then(|it| it.context.clone()).ok_or_else(|| missing("context", name, known()))?)
        }
        None => None,
    };
    let cluster = connection.cluster.clone().or_else(|| context.as_ref().map(|it| it.cluster.clone()));
    if let Some(name) = cluster {
        let found = merged.clusters.iter().find(|it| it.name == name);
        let known = || merged.clusters.iter().map(|it| it.name.clone()).collect();
        entries.cluster =
            found.and_then(|it| it.cluster.clone()).ok_or_else(|| missing("cluster", &name, known()))?;
    } else if connection.host.is_none() {
        let known = merged.contexts.iter().map(|it| it.name.clone()).collect();
        return Err(missing("current context", "", known));
    }
    let user = connection.user.clone().or_else(|| context.and_then(|it| it.user));
    if let Some(name) = user {
        let found = merged.auth_infos.iter().find(|it| it.name == name);
        let known = || merged.auth_infos.iter().map(|it| it.name.clone()).collect();
        entries.user =
            found.and_then(|it| it.auth_info.clone()).ok_or_else(|| missing("user", &name, known()))?;
    }
    Ok(entries)
}

/// Lays what the provider block says over the kubeconfig's entries. A
/// credential given there replaces the kubeconfig's of every kind: a token
/// beside somebody else's certificate would be sent with both.
fn overlay(entries: &mut Entries, connection: &Connection) {
    let Entries { cluster, user } = entries;
    let encoded = |pem: &String| STANDARD.encode(pem);
    if connection.host.is_some() {
        cluster.server.clone_from(&connection.host);
    }
    if let Some(ca) = &connection.ca_pem {
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = Some(encoded(ca));
    }
    if let Some(insecure) = connection.insecure {
        cluster.insecure_skip_tls_verify = Some(insecure);
    }
    if connection.tls_server_name.is_some() {
        cluster.tls_server_name.clone_from(&connection.tls_server_name);
    }
    if connection.proxy_url.is_some() {
        cluster.proxy_url.clone_from(&connection.proxy_url);
    }
    let given = connection.token.is_some()
        || connection.client_certificate_pem.is_some()
        || connection.exec.is_some();
    if given {
        *user = AuthInfo::default();
    }
    user.token = connection.token.clone().map(Into::into).or_else(|| user.token.take());
    if let Some(certificate) = &connection.client_certificate_pem {
        user.client_certificate_data = Some(encoded(certificate));
        user.client_key_data = connection.client_key_pem.as_ref().map(|key| encoded(key).into());
    }
    if let Some(exec) = &connection.exec {
        let pair = |(name, value): &(String, String)| {
            HashMap::from([("name".to_owned(), name.clone()), ("value".to_owned(), value.clone())])
        };
        user.exec = serde_json::from_value::<ExecConfig>(serde_json::json!({
            "apiVersion": exec.api_version,
            "command": exec.command,
            "args": exec.args,
            "env": exec.env.iter().map(pair).collect::<Vec<_>>(),
        }))
        .ok();
    }
    // Nobody sees what it asks, and what it says is wanted for the message.
    if let Some(exec) = &mut user.exec {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
}
