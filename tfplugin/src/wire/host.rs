//! The services that go-plugin's host expects beside the provider.

use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::goplugin::grpc_broker_server::GrpcBroker;
use super::goplugin::grpc_controller_server::GrpcController;
use super::goplugin::grpc_stdio_server::GrpcStdio;
use super::goplugin::{ConnInfo, Empty, StdioData};

/// Controller, stdio and broker.
#[derive(Clone)]
pub(crate) struct HostServices {
    /// Ends the process's serving.
    pub(crate) shutdown: CancellationToken,
}

#[tonic::async_trait]
impl GrpcController for HostServices {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.shutdown.cancel();
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for HostServices {
    /// A stream without data: nothing is printed to stdout, and stderr goes to the host by itself.
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        Ok(Response::new(quiet_until(self.shutdown.clone())))
    }
}

#[tonic::async_trait]
impl GrpcBroker for HostServices {
    /// A provider brokers no further connections; the host's offers are read and dropped.
    async fn start_stream(
        &self,
        offers: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<BoxStream<ConnInfo>>, Status> {
        let mut offers = offers.into_inner();
        tokio::spawn(async move { while let Some(Ok(_)) = offers.next().await {} });
        Ok(Response::new(quiet_until(self.shutdown.clone())))
    }
}

/// A stream without items that ends with the token.
fn quiet_until<T: Send + 'static>(end: CancellationToken) -> BoxStream<T> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = end.cancelled() => {}
            () = sender.closed() => {}
        }
    });
    Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))
}
