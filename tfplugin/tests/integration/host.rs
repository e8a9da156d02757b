//! A host of our own: starts the example as Terraform does, and knocks in
//! ways that Terraform does not.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream as PlainStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::{NamedTempFile, TempDir};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::example::greeting;

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// A certificate as go-plugin makes it: ECDSA P-521, self-signed, an authority.
pub(crate) struct Client {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Client {
    pub(crate) fn new() -> Client {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Client { certificate: parameters.self_signed(&key).unwrap(), key }
    }
}

/// A started provider. Dropping it kills the process.
pub(crate) struct Plugin {
    process: Child,
    directory: TempDir,
    pub(crate) socket: PathBuf,
    certificate: Vec<u8>,
    started_in: Duration,
    log: NamedTempFile,
}

impl Plugin {
    pub(crate) fn start(client: &Client) -> Plugin {
        let (directory, log) = (TempDir::new().unwrap(), NamedTempFile::new().unwrap());
        let begin = Instant::now();
        let mut process = Command::new(greeting())
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", "6,5")
            .env("PLUGIN_CLIENT_CERT", client.certificate.pem())
            .env("PLUGIN_UNIX_SOCKET_DIR", directory.path())
            .env("TF_LOG", "WARN")
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started_in = begin.elapsed();
        let fields: Vec<&str> = line.trim_end().split('|').collect();
        assert_eq!(
            (fields[..3].join("|").as_str(), fields[4], fields.len()),
            ("1|6|unix", "grpc", 6),
            "{line}"
        );
        let certificate = STANDARD_NO_PAD.decode(fields[5]).unwrap();
        Plugin { process, directory, socket: fields[3].into(), certificate, started_in, log }
    }

    /// How to connect with this client's certificate and key.
    fn connector(&self, certificate: &Client, key: &Client) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.certificate.clone())).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let signing = rustls::sign::CertifiedKey::new(
            vec![certificate.certificate.der().clone()],
            provider.key_provider.load_private_key(key).unwrap(),
        );
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(signing)));
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    /// A trusted connection on which nothing was said yet.
    pub(crate) async fn stream(&self, host: &Client) -> TlsStream<UnixStream> {
        secure(self.connector(host, host), self.socket.clone()).await.unwrap()
    }

    /// A connection with this client's certificate and key.
    pub(crate) async fn connect(&self, certificate: &Client, key: &Client) -> Result<Channel, String> {
        let (connector, socket) = (self.connector(certificate, key), self.socket.clone());
        let connect = move |_| {
            let (connector, socket) = (connector.clone(), socket.clone());
            async move { secure(connector, socket).await.map(TokioIo::new) }
        };
        let endpoint = Endpoint::from_static("http://localhost");
        endpoint
            .connect_with_connector(tower::service_fn(connect))
            .await
            .map_err(|error| format!("{error:?}"))
    }

    pub(crate) async fn is_healthy(&self, certificate: &Client, key: &Client) -> Result<bool, String> {
        let channel = self.connect(certificate, key).await?;
        let request = HealthCheckRequest { service: "plugin".to_owned() };
        let answer =
            HealthClient::new(channel).check(request).await.map_err(|status| format!("{status:?}"))?;
        Ok(answer.into_inner().status() == ServingStatus::Serving)
    }

    /// The log, once `count` of its lines have `part`.
    pub(crate) fn logged(&self, part: &str, count: usize) -> String {
        let begin = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.log.path()).unwrap();
            if log.lines().filter(|line| line.contains(part)).count() >= count {
                return log;
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "{count} times {part:?} is not in {log:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How the process ended, within the two seconds that Terraform gives it.
    fn ended(&mut self) -> Option<ExitStatus> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(2) {
            if let Some(status) = self.process.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

async fn secure(connector: TlsConnector, socket: PathBuf) -> std::io::Result<TlsStream<UnixStream>> {
    let stream = UnixStream::connect(socket).await?;
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Calls a method that takes and gives an empty message.
async fn call(channel: Channel, path: &str) -> Result<(), tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    client.unary(tonic::Request::new(()), path.parse().unwrap(), codec).await.map(drop)
}

#[tokio::test]
async fn only_the_host_is_served() {
    let (host, stranger) = (Client::new(), Client::new());
    let plugin = Plugin::start(&host);
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));

    assert!(plugin.is_healthy(&stranger, &stranger).await.is_err());
    assert!(plugin.logged("a client was refused", 1).contains("ApplicationVerificationFailure"));
    // The host's certificate is no secret; its key is.
    assert!(plugin.is_healthy(&host, &stranger).await.is_err());
    assert!(plugin.logged("a client was refused", 2).contains("BadSignature"));

    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true), "a refused client must harm nobody");
}

#[tokio::test]
async fn plaintext_and_garbage_harm_nobody() {
    let host = Client::new();
    let plugin = Plugin::start(&host);
    for knock in [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), vec![0xff; 4096], Vec::new()] {
        let mut stream = PlainStream::connect(&plugin.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // The provider may hang up while we still talk.
        let _ = stream.write_all(&knock);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() < 64, "at most a TLS alert, not {answer:?}");
    }
    plugin.logged("a client was refused", 3);
    // One that stays and says nothing does not keep others waiting.
    let _silent = PlainStream::connect(&plugin.socket).unwrap();
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));
}

#[tokio::test]
async fn it_ends_when_told_and_leaves_nothing() {
    let host = Client::new();
    let mut plugin = Plugin::start(&host);
    let channel = plugin.connect(&host, &host).await.unwrap();
    call(channel, "/plugin.GRPCController/Shutdown").await.unwrap();
    assert!(plugin.ended().is_some_and(|status| status.success()));
    assert_eq!(std::fs::read_dir(plugin.directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_interrupt_is_the_hosts_affair_and_a_termination_is_heeded() {
    let host = Client::new();
    let mut plugin = Plugin::start(&host);
    plugin.signal("INT");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let channel = plugin.connect(&host, &host).await.unwrap();
    call(channel, "/tfplugin6.Provider/StopProvider").await.unwrap();
    assert_eq!(
        plugin.is_healthy(&host, &host).await,
        Ok(true),
        "stopping asks work to end, not the provider"
    );
    plugin.signal("TERM");
    assert!(plugin.ended().is_some());
    assert!(!plugin.socket.exists());
}

#[tokio::test]
async fn calls_of_newer_protocols_are_unimplemented() {
    let host = Client::new();
    let plugin = Plugin::start(&host);
    let declared = PROTOCOL.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next());
    let mut calls: Vec<&str> = declared.collect();
    assert!(LEFT_OUT.iter().all(|name| calls.contains(name)) && calls.len() > LEFT_OUT.len());
    calls.push("FromTheFuture");
    for name in calls {
        let channel = plugin.connect(&host, &host).await.unwrap();
        let answer = call(channel, &format!("/tfplugin6.Provider/{name}")).await;
        let unimplemented = answer.is_err_and(|status| status.code() == tonic::Code::Unimplemented);
        assert_eq!(unimplemented, LEFT_OUT.contains(&name) || name == "FromTheFuture", "{name}");
    }
}

/// The protocol as it is vendored.
pub(crate) const PROTOCOL: &str = include_str!("../../proto/tfplugin6.proto");

/// The calls of it that a provider does not answer: configuration made from states, lists, state stores, actions.
const LEFT_OUT: [&str; 14] = [
    "GenerateResourceConfig",
    "ListResource",
    "ValidateListResourceConfig",
    "ValidateStateStoreConfig",
    "ConfigureStateStore",
    "ReadStateBytes",
    "WriteStateBytes",
    "LockState",
    "UnlockState",
    "GetStates",
    "DeleteState",
    "PlanAction",
    "InvokeAction",
    "ValidateActionConfig",
];

#[test]
fn the_handshake_is_not_waited_for() {
    let host = Client::new();
    let fastest = (0..5).map(|_| Plugin::start(&host).started_in).min().unwrap();
    println!("exec to handshake, best of 5: {fastest:?}");
    // The aim is 30 ms for a release build on an idle machine; this bound is
    // for debug builds on busy ones.
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
}

#[test]
fn it_ends_when_its_host_was_killed() {
    let directory = TempDir::new().unwrap();
    let mut host = Command::new("sh")
        .args(["-c", "\"$0\" & wait"])
        .arg(greeting())
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .env("PLUGIN_UNIX_SOCKET_DIR", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let socket = PathBuf::from(line.split('|').nth(3).unwrap());
    std::thread::sleep(Duration::from_secs(2));
    assert!(socket.exists(), "it stays while its host lives");
    host.kill().unwrap();
    host.wait().unwrap();
    let begin = Instant::now();
    while socket.exists() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn by_hand_it_says_what_it_is() {
    let output = Command::new(greeting()).env_remove("TF_PLUGIN_MAGIC_COOKIE").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Terraform provider registry.terraform.io/examples/greeting"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn debug_mode_prints_where_to_attach() {
    let mut process = Command::new(greeting()).arg("-debug").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let json =
        line.trim().strip_prefix("TF_REATTACH_PROVIDERS='").and_then(|it| it.strip_suffix('\'')).unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let provider = &json["registry.terraform.io/examples/greeting"];
    assert_eq!(
        (provider["Protocol"].as_str(), provider["ProtocolVersion"].as_u64()),
        (Some("grpc"), Some(6))
    );
    let socket = PathBuf::from(provider["Addr"]["String"].as_str().unwrap());
    assert!(socket.exists());
    Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    process.wait().unwrap();
    assert!(!socket.exists(), "a person's interrupt ends it");
}
