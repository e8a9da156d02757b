//! A unix socket that is gone when the provider is, and the connections to it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// A client that takes longer than this for its TLS handshake is let go.
const TLS_HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A bound socket; dropping it removes the file.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Binds a socket of a name not in use in `directory`.
    pub(super) fn bind(directory: Option<&str>) -> io::Result<Socket> {
        let directory = directory.map_or_else(std::env::temp_dir, PathBuf::from);
        // The process is alone with its id; the counter is for what a killed
        // process of the same id left behind.
        for attempt in 0..1_000 {
            let path = directory.join(format!("plugin-{}-{attempt}.sock", std::process::id()));
            match UnixListener::bind(&path) {
                Ok(listener) => {
                    let socket = Socket { listener, path };
                    // Without TLS, the file's mode is all that keeps other users out.
                    std::fs::set_permissions(&socket.path, std::fs::Permissions::from_mode(0o600))?;
                    return Ok(socket);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{}: no name is free", directory.display())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Accepts connections for as long as somebody takes them. What goes wrong
    /// with one of them is logged and concerns no other.
    pub(super) async fn accept(
        &self,
        tls: Option<Arc<ServerConfig>>,
        connections: mpsc::Sender<io::Result<Connection>>,
    ) {
        let acceptor = tls.map(TlsAcceptor::from);
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of file descriptors, most likely: trying at once would spin.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (acceptor, connections) = (acceptor.clone(), connections.clone());
            tokio::spawn(async move {
                match secure(stream, acceptor).await {
                    Ok(connection) => drop(connections.send(Ok(connection)).await),
                    Err(error) => tracing::warn!(%error, "a client was refused"),
                }
            });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Where it is gone already, somebody else cleaned up.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn secure(stream: UnixStream, acceptor: Option<TlsAcceptor>) -> io::Result<Connection> {
    let Some(acceptor) = acceptor else { return Ok(Connection::Plain(stream)) };
    match tokio::time::timeout(TLS_HANDSHAKE_MAX, acceptor.accept(stream)).await {
        Ok(accepted) => accepted.map(|stream| Connection::Tls(Box::new(stream))),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long")),
    }
}

/// A connection that the host may speak gRPC on.
pub(super) enum Connection {
    Plain(UnixStream),
    Tls(Box<TlsStream<UnixStream>>),
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Connection::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_write(context, from),
            Connection::Tls(stream) => Pin::new(stream).poll_write(context, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_flush(context),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
