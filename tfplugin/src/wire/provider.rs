//! The provider's service: which message goes to which of [`calls`].
//!
//! Calls that are not here answer `Unimplemented`, which hosts tolerate.

use std::future::Future;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::calls::{Refusal, data_source, ephemeral, function, provider, resource};
use super::tfplugin6 as proto;
use super::tfplugin6::provider_server::Provider as Wire;
use crate::server::Server;
use crate::{Diagnostic, Diagnostics, Provider};

/// The gRPC service of a provider.
pub(crate) struct ProviderService<P: Provider> {
    pub(crate) server: Arc<Server<P>>,
}

impl<P: Provider> ProviderService<P> {
    /// The answer of `work`, or of `refuse` where it fails.
    ///
    /// A panic in the work becomes an error of this call, and the provider goes
    /// on serving. Work goes on when the host hangs up.
    async fn answer<Q, A, F, W>(
        &self,
        request: Q,
        work: W,
        refuse: impl FnOnce(Diagnostics) -> A,
    ) -> Result<Response<A>, Status>
    where
        A: Send + 'static,
        F: Future<Output = Result<A, Diagnostics>> + Send + 'static,
        W: FnOnce(Arc<Server<P>>, Q) -> F,
    {
        let done = match tokio::spawn(work(Arc::clone(&self.server), request)).await {
            Ok(result) => result,
            Err(_) => {
                let detail = "The provider panicked. Its log has the place and the reason; report them to the \
                              provider's authors. What it was doing may be half done.";
                Err(Diagnostic::error("Provider panicked", detail).into())
            }
        };
        Ok(Response::new(done.unwrap_or_else(refuse)))
    }
}

/// Calls whose answer is what the work says, and diagnostics alone where it fails.
macro_rules! calls {
    ($($call:ident => $work:path;)*) => {
        #[tonic::async_trait]
        impl<P: Provider> Wire for ProviderService<P> {
            $(
                async fn $call(
                    &self,
                    request: Request<proto::$call::Request>,
                ) -> Result<Response<proto::$call::Response>, Status> {
                    self.answer(request.into_inner(), $work, Refusal::refusal).await
                }
            )*

            async fn get_metadata(
                &self,
                _: Request<proto::get_metadata::Request>,
            ) -> Result<Response<proto::get_metadata::Response>, Status> {
                Ok(Response::new(provider::metadata(&self.server)))
            }

            async fn get_provider_schema(
                &self,
                _: Request<proto::get_provider_schema::Request>,
            ) -> Result<Response<proto::get_provider_schema::Response>, Status> {
                Ok(Response::new(provider::schemas(&self.server)))
            }

            async fn get_resource_identity_schemas(
                &self,
                _: Request<proto::get_resource_identity_schemas::Request>,
            ) -> Result<Response<proto::get_resource_identity_schemas::Response>, Status> {
                Ok(Response::new(provider::identity_schemas(&self.server)))
            }

            async fn get_functions(
                &self,
                _: Request<proto::get_functions::Request>,
            ) -> Result<Response<proto::get_functions::Response>, Status> {
                Ok(Response::new(provider::functions(&self.server)))
            }

            async fn apply_resource_change(
                &self,
                request: Request<proto::apply_resource_change::Request>,
            ) -> Result<Response<proto::apply_resource_change::Response>, Status> {
                let request = request.into_inner();
                let as_before = resource::as_before(&request);
                self.answer(request, resource::apply, as_before).await
            }

            async fn stop_provider(
                &self,
                _: Request<proto::stop_provider::Request>,
            ) -> Result<Response<proto::stop_provider::Response>, Status> {
                self.server.stop();
                Ok(Response::new(Default::default()))
            }
        }
    };
}

calls! {
    validate_provider_config => provider::validate;
    configure_provider => provider::configure;
    validate_resource_config => resource::validate;
    upgrade_resource_state => resource::upgrade;
    upgrade_resource_identity => resource::upgrade_identity;
    read_resource => resource::read;
    plan_resource_change => resource::plan;
    import_resource_state => resource::import;
    move_resource_state => resource::take_over;
    validate_data_resource_config => data_source::validate;
    read_data_source => data_source::look_up;
    validate_ephemeral_resource_config => ephemeral::validate;
    open_ephemeral_resource => ephemeral::open;
    renew_ephemeral_resource => ephemeral::renew;
    close_ephemeral_resource => ephemeral::close;
    call_function => function::call;
}
