//! The life of the process.

use std::io::{self, Write};
use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::handshake::{self, HostWishes, PROTOCOL_VERSION};
use super::listener::Socket;
use super::trust::{self, Identity};
use crate::server::Server;
use crate::wire::{HostServices, ProviderService, goplugin, tfplugin6};
use crate::{Provider, logging, panic_hook};

/// The largest message in either direction, as Go providers take it.
const MESSAGE_MAX_BYTES: usize = 256 << 20;
/// The host kills the process two seconds after it asked it to end.
const GOODBYE_MAX: Duration = Duration::from_millis(1_500);
/// How often a provider looks whether the host that started it still lives.
const HOST_LOOK: Duration = Duration::from_secs(1);
/// A provider waits more than it computes.
const WORKER_THREADS: usize = 4;

/// Serves a provider to the Terraform or OpenTofu that started this process. The whole of `main`.
///
/// Run by hand it says what it is and fails. With the argument `-debug` (or
/// `--debug`) it serves until interrupted, without TLS, and prints the
/// `TF_REATTACH_PROVIDERS` by which Terraform finds it.
pub fn serve<P: Provider>(provider: P) -> ExitCode {
    let debug = std::env::args().skip(1).any(|argument| matches!(argument.as_str(), "-debug" | "--debug"));
    let wishes = if debug {
        HostWishes::default()
    } else {
        match HostWishes::read(P::ADDRESS, |name| std::env::var(name).ok()) {
            Ok(wishes) => wishes,
            Err(error) => return fail(&error.to_string()),
        }
    };
    panic_hook::install();
    logging::install(P::NAME);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build();
    let served = match runtime {
        Ok(runtime) => {
            let served = runtime.block_on(run(provider, &wishes, debug));
            // Work that did not heed its cancellation does not hold up the end.
            runtime.shutdown_background();
            served
        }
        Err(error) => Err(error.into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("The provider {} cannot serve: {error}", P::ADDRESS)),
    }
}

fn fail(message: &str) -> ExitCode {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::FAILURE
}

async fn run<P: Provider>(
    provider: P,
    wishes: &HostWishes,
    debug: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let identity = wishes.client_certificate.clone().map(trust::accept_only).transpose()?;
    let socket = Socket::bind(wishes.socket_dir.as_deref())?;
    let shutdown = CancellationToken::new();
    watch_signals(shutdown.clone(), debug)?;
    let (sender, connections) = mpsc::channel(16);
    let served = answer(provider, shutdown.clone(), ReceiverStream::new(connections));
    let (tls, certificate) = match identity {
        Some(Identity { config, certificate }) => (Some(config), Some(certificate)),
        None => (None, None),
    };
    // The socket is bound: a host that connects before the first accept waits in its backlog.
    let path = socket.path().display().to_string();
    if debug {
        say(&reattach::<P>(&path))?;
    } else {
        say(&handshake::line(&path, certificate.as_deref(), wishes))?;
    }
    tokio::select! {
        result = served => result?,
        () = socket.accept(tls, sender) => {}
        () = goodbye(shutdown) => {}
    }
    Ok(())
}

/// Answers calls on the connections until the shutdown, and then what is under way.
async fn answer<P: Provider>(
    provider: P,
    shutdown: CancellationToken,
    connections: ReceiverStream<io::Result<super::listener::Connection>>,
) -> Result<(), tonic::transport::Error> {
    use goplugin::grpc_broker_server::GrpcBrokerServer;
    use goplugin::grpc_controller_server::GrpcControllerServer;
    use goplugin::grpc_stdio_server::GrpcStdioServer;
    use tfplugin6::provider_server::ProviderServer;

    let host = HostServices { shutdown: shutdown.clone() };
    let service = ProviderService { server: Arc::new(Server::new(provider, cfg!(debug_assertions))) };
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("plugin", tonic_health::ServingStatus::Serving).await;
    tonic::transport::Server::builder()
        .add_service(health_service)
        .add_service(GrpcControllerServer::new(host.clone()))
        .add_service(GrpcStdioServer::new(host.clone()))
        .add_service(GrpcBrokerServer::new(host))
        .add_service(
            ProviderServer::new(service)
                .max_decoding_message_size(MESSAGE_MAX_BYTES)
                .max_encoding_message_size(MESSAGE_MAX_BYTES),
        )
        .serve_with_incoming_shutdown(connections, shutdown.cancelled_owned())
        .await
}

/// Ends when the shutdown has had its time.
async fn goodbye(shutdown: CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(GOODBYE_MAX).await;
}

/// SIGTERM ends the provider in order, so that its socket is removed. SIGINT
/// goes to the whole foreground group when a user interrupts Terraform, which
/// then asks the provider itself to stop: it is ignored, except when a person
/// runs the provider in a terminal of its own. A host that was killed says
/// nothing, and nobody else would ever end what it started.
fn watch_signals(shutdown: CancellationToken, debug: bool) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let host_gone = host_gone();
        tokio::pin!(host_gone);
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => if debug { break },
                () = &mut host_gone, if !debug => break,
            }
        }
        shutdown.cancel();
    });
    Ok(())
}

/// Ends when the process that started this one is gone: then another is its parent.
async fn host_gone() {
    let host = parent_id();
    while parent_id() == host {
        tokio::time::sleep(HOST_LOOK).await;
    }
}

/// What to set so that Terraform uses this process.
fn reattach<P: Provider>(socket: &str) -> String {
    let provider = json!({ P::ADDRESS: {
        "Protocol": "grpc",
        "ProtocolVersion": PROTOCOL_VERSION,
        "Pid": std::process::id(),
        "Test": true,
        "Addr": { "Network": "unix", "String": socket },
    }});
    format!("TF_REATTACH_PROVIDERS='{provider}'")
}

fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
