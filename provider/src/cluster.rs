//! The connection to the API server. The only file that names a Kubernetes
//! client: above it there are requests and answers in plain JSON.
//!
//! Requests go through `Client::send`, because the typed calls drop what must
//! not be lost: 201 or 200, `Warning` and `Retry-After` headers.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::config::{
    AuthInfo, Cluster as ClusterEntry, Context, ExecConfig, KubeConfigOptions, Kubeconfig, NamedAuthInfo,
    NamedCluster, NamedContext,
};
use kube::{Client, Config};
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};

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
        Self { target, client: OnceCell::new(), permits: Semaphore::new(CONNECTIONS) }
    }

    /// The address that people know the server by, once it was asked for anything.
    pub(crate) fn known_as(&self) -> &str {
        self.client.get().map_or("the API server", |dialled| &dialled.server)
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// No configuration, a configuration that cannot be used, or no answer.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        let Dialled { client, server } = self.client.get_or_try_init(|| connect(&self.target)).await?;
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
        let answer = client.send(request).await.map_err(|why| unreachable(server, &why))?;
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

async fn connect(target: &Target) -> Result<Dialled, Failure> {
    let connection = match target {
        Target::Known(connection) => connection,
        Target::Unknown(arguments) => return Err(Failure::Unknown { arguments: arguments.clone() }),
    };
    let mut config = config(connection).await?;
    // Retries are ours: they must be bounded, logged, and never repeat what is no transient failure.
    config.default_retry = false;
    config.read_timeout = Some(SILENCE);
    trust_nobody_in_vain(&mut config);
    let server = known_as(&config);
    let shows_certificate =
        config.auth_info.client_certificate_data.is_some() || config.auth_info.client_certificate.is_some();
    let client = Client::try_from(config).map_err(|why| Failure::Configuration {
        cause: match shows_certificate {
            // TLS knows nothing of our arguments, and its words alone send nobody to them.
            true => format!("client_certificate and client_key, or those of the kubeconfig's user: {why}"),
            false => why.to_string(),
        },
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
            "interactiveMode": "Never",
        }))
        .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Exec;

    const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443"}}]
users: [{name: u, user: {token: from-the-file}}]
contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: c, user: u}}]
"#;

    fn entries(connection: &Connection) -> Entries {
        let merged = Kubeconfig::from_yaml(KUBECONFIG).unwrap();
        let mut entries = chosen(&merged, connection).ok().unwrap();
        overlay(&mut entries, connection);
        entries
    }

    fn of_file() -> Connection {
        Connection { config_paths: vec!["kubeconfig".into()], ..Connection::default() }
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let mut config = Config::new("https://10.0.0.1:6443".parse().unwrap());
        assert_eq!(known_as(&config), "https://10.0.0.1:6443/");
        config.proxy_url = Some("http://me:secret@proxy.example.org:3128".parse().unwrap());
        assert_eq!(known_as(&config), "https://10.0.0.1:6443/ through the proxy proxy.example.org:3128");
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_checks_needs_no_authorities() {
        let with = |host: &str, insecure: Option<bool>| Connection {
            host: Some(host.to_owned()),
            insecure,
            ..Connection::default()
        };
        let cases = [
            (with("https://10.0.0.1:6443", Some(true)), Some(Vec::new())),
            (with("http://10.0.0.1:8001", None), Some(Vec::new())),
            (with("https://10.0.0.1:6443", Some(false)), None),
        ];
        for (connection, authorities) in cases {
            let mut config = config(&connection).await.unwrap();
            trust_nobody_in_vain(&mut config);
            assert_eq!(config.root_cert, authorities, "{connection:?}");
            assert!(authorities.is_none() || Client::try_from(config).is_ok());
        }
    }

    #[test]
    fn a_client_certificate_takes_the_place_of_the_file_s_token() {
        let entries = entries(&Connection {
            client_certificate_pem: Some("CERT".into()),
            client_key_pem: Some("KEY".into()),
            ..of_file()
        });
        assert_eq!(entries.user.client_certificate_data, Some(STANDARD.encode("CERT")));
        assert!(entries.user.client_key_data.is_some() && entries.user.token.is_none());
        assert_eq!(entries.cluster.server.as_deref(), Some("https://10.0.0.1:6443"));
    }

    #[test]
    fn an_exec_plugin_is_run_as_it_is_written_and_never_asks() {
        let exec = Exec {
            api_version: "client.authentication.k8s.io/v1".into(),
            command: "aws".into(),
            args: vec!["eks".into()],
            env: vec![("AWS_PROFILE".into(), "gpu".into())],
        };
        let user = entries(&Connection { exec: Some(exec), ..of_file() }).user;
        let exec = serde_json::to_value(user.exec.unwrap()).unwrap();
        assert_eq!((&exec["command"], &exec["args"][0]), (&"aws".into(), &"eks".into()));
        assert_eq!(exec["env"], serde_json::json!([{"name": "AWS_PROFILE", "value": "gpu"}]));
        assert_eq!(exec["interactiveMode"], "Never");
        assert!(user.token.is_none());
    }

    #[test]
    fn a_context_that_the_file_lacks_is_named_with_those_that_it_has() {
        let merged = Kubeconfig::from_yaml(KUBECONFIG).unwrap();
        let failure = chosen(&merged, &Connection { context: Some("three".into()), ..of_file() });
        let Some(Failure::KubeconfigEntry { name, known, .. }) = failure.err() else { panic!("accepted") };
        assert_eq!((name.as_str(), known), ("three", vec!["one".to_owned(), "two".to_owned()]));
    }

    #[tokio::test]
    async fn host_proxy_and_server_name_reach_the_client() {
        let connection = Connection {
            host: Some("https://api.example.org:6443".into()),
            token: Some("t".into()),
            proxy_url: Some("http://proxy.example.org:3128".into()),
            tls_server_name: Some("kubernetes".into()),
            insecure: Some(true),
            ..Connection::default()
        };
        let config = config(&connection).await.unwrap();
        assert_eq!(config.cluster_url.to_string(), "https://api.example.org:6443/");
        assert_eq!(config.proxy_url.unwrap().to_string(), "http://proxy.example.org:3128/");
        assert_eq!(config.tls_server_name.as_deref(), Some("kubernetes"));
        assert!(config.accept_invalid_certs);
    }
}
