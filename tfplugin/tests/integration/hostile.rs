//! Clients that break the rules of a layer each. Every one of them is refused,
//! and the host that the provider trusts is served as before.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream as PlainStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};

use crate::host::{Client, PROTOCOL, Plugin};

/// What opens every HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An HTTP/2 frame that says it has `length` bytes, and has these.
fn frame(length: u32, kind: u8, flags: u8, stream: u32, has: &[u8]) -> Vec<u8> {
    let length = &length.to_be_bytes()[1..];
    [length, &[kind, flags], &stream.to_be_bytes(), has].concat()
}

#[tokio::test]
async fn garbage_on_a_trusted_connection_ends_that_connection() {
    let host = Client::new();
    let plugin = Plugin::start(&host);
    let settings = frame(0, 4, 0, 0, &[]);
    let after_settings = |bytes: Vec<u8>| [PREFACE, &settings, &bytes].concat();
    for (what, knock) in [
        ("noise", vec![0xff; 4096]),
        ("another protocol", b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec()),
        ("a frame beyond the limit", after_settings(frame(0x00ff_ffff, 0, 0, 1, &[0; 64]))),
        ("a setting cut in two", after_settings(frame(5, 4, 0, 0, &[0; 5]))),
        ("headers that are no HPACK", after_settings(frame(4, 1, 4, 1, &[0xff; 4]))),
        ("data on a stream that nobody opened", after_settings(frame(4, 0, 0, 7, &[1, 2, 3, 4]))),
        ("a window of nothing", after_settings(frame(4, 8, 0, 0, &[0; 4]))),
    ] {
        let mut stream = plugin.stream(&host).await;
        // The provider may hang up while we still talk.
        let _ = stream.write_all(&knock).await;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{what} did not end the connection");
        assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true), "after {what}");
    }
}

/// Sends bytes as they are for a message.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(into, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        prost::bytes::Buf::advance(from, prost::bytes::Buf::remaining(from));
        Ok(Some(()))
    }
}

async fn send(plugin: &Plugin, host: &Client, message: Vec<u8>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(plugin.connect(host, host).await.unwrap());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/tfplugin6.Provider/ValidateResourceConfig");
    client.unary(Request::new(message), path, Raw).await.map(drop)
}

#[tokio::test]
async fn a_message_of_300_mib_is_refused_by_its_length() {
    let host = Client::new();
    let plugin = Plugin::start(&host);
    let begin = Instant::now();
    let refused = send(&plugin, &host, vec![0; 300 << 20]).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    assert!(refused.message().contains("268435456"), "it says what would be accepted: {refused:?}");
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));
}

#[tokio::test]
async fn a_message_that_is_no_message_is_an_error_of_that_call() {
    let host = Client::new();
    let plugin = Plugin::start(&host);
    let refused = send(&plugin, &host, vec![0xff; 64]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal, "{refused:?}");
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));
}

/// A message of a few fields, each with bytes that are no message, an encoded value or another message of that
/// kind. Which they are follows from `seed` alone.
fn damaged(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let pieces: [&[u8]; 6] = [
        b"greeting",
        b"\x0a\x08greeting",
        &[0x81, 0xa4, b'n', b'a', b'm', b'e', 0xa1, b'x'],
        &[0x91; 40],
        &[0xff; 9],
        b"{",
    ];
    let mut message = Vec::new();
    for _ in 0..1 + next() % 6 {
        let piece = pieces[usize::try_from(next() % 6).unwrap()];
        let (field, mut piece) = (1 + next() % 9, piece.to_vec());
        let at = usize::try_from(next()).unwrap() % piece.len();
        piece[at] ^= 1 << (next() % 8);
        let length = if next() % 8 == 0 { 0x7f } else { u8::try_from(piece.len()).unwrap() };
        message.extend([u8::try_from(field << 3 | 2).unwrap(), length]);
        message.extend(piece);
    }
    message
}

#[tokio::test]
async fn damaged_messages_of_every_call_harm_nobody() {
    const OF_EACH_CALL: u64 = 24;
    let host = Client::new();
    let plugin = Plugin::start(&host);
    let channel = plugin.connect(&host, &host).await.unwrap();
    let calls = PROTOCOL.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next());
    for (number, name) in (0_u64..).zip(calls) {
        for seed in number * OF_EACH_CALL..(number + 1) * OF_EACH_CALL {
            let mut client = tonic::client::Grpc::new(channel.clone());
            client.ready().await.unwrap();
            let path = format!("/tfplugin6.Provider/{name}").parse().unwrap();
            let call = client.unary(Request::new(damaged(seed)), path, Raw);
            let answer = tokio::time::timeout(Duration::from_secs(10), call).await;
            let answer = answer.unwrap_or_else(|_| panic!("{name} does not answer {seed}"));
            let gone = answer.is_err_and(|status| status.code() == Code::Unavailable);
            assert!(!gone, "{name} and {seed} ended the connection");
        }
    }
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));
}

/// The first bytes that a TLS client says.
fn client_hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut hello = Vec::new();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test]
async fn half_a_handshake_is_let_go_and_keeps_nobody_waiting() {
    let host = Client::new();
    let plugin = Plugin::start(&host);
    let hello = client_hello();
    let half = |bytes: &[u8]| {
        let mut stream = PlainStream::connect(&plugin.socket).unwrap();
        stream.write_all(bytes).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    };
    let waiting = [half(&hello[..hello.len() / 2]), half(&hello), half(&[])];
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));
    for mut stream in waiting {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the provider hangs up by itself");
    }
    assert!(plugin.logged("a client was refused", 3).contains("the TLS handshake took too long"));
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));
}

#[tokio::test]
async fn many_silent_clients_keep_nobody_waiting() {
    let host = Client::new();
    let plugin = Plugin::start(&host);
    let silent: Vec<PlainStream> = (0..200).map(|_| PlainStream::connect(&plugin.socket).unwrap()).collect();
    assert_eq!(plugin.is_healthy(&host, &host).await, Ok(true));
    drop(silent);
}
