use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const QUERY: Manner = Manner { told: "the query of", accept: "application/json", limit: 1 << 20 };
const TOKEN: &str = "s3cr3t-of-the-gate";

/// An authority that signs servers.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server by TLS that answers who brings the token, and the others with 401.
async fn server(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let allowed = request.contains(&format!("authorization: Bearer {TOKEN}\r\n"));
            let (status, body) = if allowed { ("200 OK", "a 1\n") } else { ("401 Unauthorized", "who?") };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

/// A mounted Secret with these keys.
fn mounted(keys: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (key, content) in keys {
        std::fs::write(folder.path().join(key), content).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_source_behind_tls_and_a_token_is_asked_with_what_the_secret_holds() {
    let (known, stranger) = (authority("known"), authority("stranger"));
    let ca = known.as_ref().pem();
    let address = server(&known, "thanos.monitoring").await;
    let url = "https://thanos.monitoring:9091/api/v1/query";
    let ask = async |folder: &TempDir| {
        let answer = exchange_by(url, Some(address), QUERY, folder.path()).await;
        answer.map_err(|why| why.replace(&address.to_string(), "ADDRESS"))
    };
    let fine = mounted(&[("ca.crt", &ca), ("token", &format!("{TOKEN}\n"))]);
    assert_eq!(ask(&fine).await, Ok((http::StatusCode::OK, "a 1\n".to_owned())));
    let both = mounted(&[("ca.crt", &format!("{}{ca}", stranger.as_ref().pem())), ("token", TOKEN)]);
    assert_eq!(ask(&both).await.unwrap().1, "a 1\n");

    let secrets: [(&str, TempDir); 8] = [
        ("no Secret", mounted(&[])),
        ("no token", mounted(&[("ca.crt", &ca)])),
        ("an old token", mounted(&[("ca.crt", &ca), ("token", "s3cr3t-of-yesterday")])),
        ("a token of two lines", mounted(&[("ca.crt", &ca), ("token", "s3cr3t\nof-two")])),
        ("another authority", mounted(&[("ca.crt", &stranger.as_ref().pem()), ("token", TOKEN)])),
        ("its authority of before", mounted(&[("ca.crt", &authority("known").as_ref().pem())])),
        ("no PEM", mounted(&[("ca.crt", "MIIB"), ("token", TOKEN)])),
        (
            "a broken certificate",
            mounted(&[("ca.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]),
        ),
    ];
    let mut table = String::new();
    for (what, folder) in &secrets {
        let why = ask(folder).await.unwrap_err();
        assert!(!why.contains("s3cr3t"), "a token is printed: {why}");
        table.push_str(&format!("{what}: {why}\n"));
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_and_plain_http_gets_no_token() {
    let known = authority("known");
    let folder = mounted(&[("ca.crt", &known.as_ref().pem()), ("token", TOKEN)]);
    let address = server(&known, "other.monitoring").await;
    let why = exchange_by("https://thanos.monitoring:9091/", Some(address), QUERY, folder.path())
        .await
        .unwrap_err();
    assert!(why.contains("certificate"), "{why}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = format!("http://{}/metrics", listener.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    exchange_by(&plain, None, QUERY, folder.path()).await.unwrap();
    let request = seen.await.unwrap();
    assert!(request.starts_with("GET /metrics") && !request.contains("Bearer"), "{request}");
}
