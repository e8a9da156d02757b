//! The provider's calls: messages in, the framework's types through [`Server`], messages out.
//!
//! Calls that are not here answer `Unimplemented`, which hosts tolerate.

use std::future::Future;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::message::{self, by_name, decode, decode_identity, decode_required, encode, encode_identity};
use super::tfplugin6 as proto;
use super::tfplugin6::provider_server::Provider as Wire;
use crate::server::{Answer, ApplyInput, PlanInput, ReadInput, Server};
use crate::{Diagnostic, Diagnostics, Host, ImportBy, Path, Provider};

/// The gRPC service of a provider.
pub(crate) struct ProviderService<P: Provider> {
    pub(crate) server: Arc<Server<P>>,
}

impl<P: Provider> ProviderService<P> {
    /// Runs `work` so that a panic in it becomes an error of this call, and the
    /// provider goes on serving. Work goes on when the host hangs up.
    async fn guarded<T, F, W>(&self, work: W) -> Result<T, Diagnostics>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Diagnostics>> + Send,
        W: FnOnce(Arc<Server<P>>) -> F + Send + 'static,
        F: 'static,
    {
        let server = Arc::clone(&self.server);
        match tokio::spawn(work(server)).await {
            Ok(result) => result,
            Err(_) => {
                let detail = "The provider panicked. Its log has the place and the reason; report them to the \
                              provider's authors. What it was doing may be half done.";
                Err(Diagnostic::error("Provider panicked", detail).into())
            }
        }
    }
}

fn capabilities() -> proto::ServerCapabilities {
    proto::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: false,
        generate_resource_config: false,
    }
}

/// A response, with diagnostics alone where there is none.
macro_rules! respond {
    ($result:expr, $response:path) => {
        Ok(Response::new($result.unwrap_or_else(|diagnostics| {
            use $response as Response;
            Response { diagnostics: message::diagnostics(diagnostics), ..Default::default() }
        })))
    };
}

#[tonic::async_trait]
impl<P: Provider> Wire for ProviderService<P> {
    async fn get_metadata(
        &self,
        _: Request<proto::get_metadata::Request>,
    ) -> Result<Response<proto::get_metadata::Response>, Status> {
        let names = self.server.resources.keys();
        Ok(Response::new(proto::get_metadata::Response {
            server_capabilities: Some(capabilities()),
            resources: names
                .map(|name| proto::get_metadata::ResourceMetadata { type_name: (*name).to_owned() })
                .collect(),
            data_sources: self
                .server
                .data_sources
                .keys()
                .map(|name| proto::get_metadata::DataSourceMetadata { type_name: (*name).to_owned() })
                .collect(),
            ..Default::default()
        }))
    }

    async fn get_provider_schema(
        &self,
        _: Request<proto::get_provider_schema::Request>,
    ) -> Result<Response<proto::get_provider_schema::Response>, Status> {
        Ok(Response::new(proto::get_provider_schema::Response {
            provider: Some(message::schema(&self.server.config_schema, 0)),
            resource_schemas: by_name(&self.server.resources, |entry| {
                message::schema(&entry.schema, entry.resource.version())
            }),
            data_source_schemas: by_name(&self.server.data_sources, |entry| {
                message::schema(&entry.schema, 0)
            }),
            server_capabilities: Some(capabilities()),
            ..Default::default()
        }))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<proto::get_resource_identity_schemas::Request>,
    ) -> Result<Response<proto::get_resource_identity_schemas::Response>, Status> {
        let mut identity_schemas =
            by_name(&self.server.resources, |entry| message::identity_schema(&entry.identity_schema));
        identity_schemas.retain(|_, schema| !schema.identity_attributes.is_empty());
        Ok(Response::new(proto::get_resource_identity_schemas::Response {
            identity_schemas,
            ..Default::default()
        }))
    }

    async fn get_functions(
        &self,
        _: Request<proto::get_functions::Request>,
    ) -> Result<Response<proto::get_functions::Response>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn validate_provider_config(
        &self,
        request: Request<proto::validate_provider_config::Request>,
    ) -> Result<Response<proto::validate_provider_config::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let ty = server.config_schema.value_type();
            let config = decode_required(request.config, &ty, "configuration")?;
            let diagnostics = message::diagnostics(server.validate_provider(config));
            Ok(proto::validate_provider_config::Response { diagnostics })
        });
        Ok(Response::new(done.await.unwrap_or_else(|diagnostics| {
            proto::validate_provider_config::Response { diagnostics: message::diagnostics(diagnostics) }
        })))
    }

    async fn validate_resource_config(
        &self,
        request: Request<proto::validate_resource_config::Request>,
    ) -> Result<Response<proto::validate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let ty = &server.entry(&request.type_name)?.value_type;
            let config = decode_required(request.config, ty, "configuration")?;
            let diagnostics = message::diagnostics(server.validate_resource(&request.type_name, config));
            Ok(proto::validate_resource_config::Response { diagnostics })
        });
        Ok(Response::new(done.await.unwrap_or_else(|diagnostics| {
            proto::validate_resource_config::Response { diagnostics: message::diagnostics(diagnostics) }
        })))
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<proto::validate_data_resource_config::Request>,
    ) -> Result<Response<proto::validate_data_resource_config::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let ty = &server.data_entry(&request.type_name)?.value_type;
            let config = decode_required(request.config, ty, "configuration")?;
            let diagnostics = message::diagnostics(server.validate_data_source(&request.type_name, config));
            Ok(proto::validate_data_resource_config::Response { diagnostics })
        });
        Ok(Response::new(done.await.unwrap_or_else(|diagnostics| {
            proto::validate_data_resource_config::Response { diagnostics: message::diagnostics(diagnostics) }
        })))
    }

    async fn configure_provider(
        &self,
        request: Request<proto::configure_provider::Request>,
    ) -> Result<Response<proto::configure_provider::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let ty = server.config_schema.value_type();
            let config = decode_required(request.config, &ty, "configuration")?;
            let host = Host { terraform_version: request.terraform_version };
            let diagnostics = message::diagnostics(server.configure(config, host).await);
            Ok(proto::configure_provider::Response { diagnostics })
        });
        Ok(Response::new(done.await.unwrap_or_else(|diagnostics| proto::configure_provider::Response {
            diagnostics: message::diagnostics(diagnostics),
        })))
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<proto::upgrade_resource_state::Request>,
    ) -> Result<Response<proto::upgrade_resource_state::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let text = text_of(request.raw_state)?;
            let value = server.upgrade(&request.type_name, request.version, &text)?;
            let mut diagnostics = Diagnostics::new();
            let ty = &server.entry(&request.type_name)?.value_type;
            let upgraded_state = encode(Some(&value), ty, &mut diagnostics);
            let diagnostics = message::diagnostics(diagnostics);
            Ok(proto::upgrade_resource_state::Response { upgraded_state, diagnostics })
        });
        respond!(done.await, proto::upgrade_resource_state::Response)
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<proto::upgrade_resource_identity::Request>,
    ) -> Result<Response<proto::upgrade_resource_identity::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let text = text_of(request.raw_identity)?;
            let value = server.upgrade_identity(&request.type_name, &text)?;
            let mut diagnostics = Diagnostics::new();
            let entry = server.entry(&request.type_name)?;
            let upgraded_identity = encode_identity(Some(&value), entry, &mut diagnostics);
            let diagnostics = message::diagnostics(diagnostics);
            Ok(proto::upgrade_resource_identity::Response { upgraded_identity, diagnostics })
        });
        respond!(done.await, proto::upgrade_resource_identity::Response)
    }

    async fn read_resource(
        &self,
        request: Request<proto::read_resource::Request>,
    ) -> Result<Response<proto::read_resource::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let entry = server.entry(&request.type_name)?;
            let state = decode_required(request.current_state, &entry.value_type, "state")?;
            let identity = decode_identity(request.current_identity, entry)?;
            let input = ReadInput { state, private: request.private.to_vec(), identity };
            let Answer { state, private, identity, mut diagnostics } =
                server.read(&request.type_name, input).await?;
            let new_state = encode(state.as_ref(), &entry.value_type, &mut diagnostics);
            let new_identity = encode_identity(identity.as_ref(), entry, &mut diagnostics);
            Ok(proto::read_resource::Response {
                new_state,
                new_identity,
                private: private.into(),
                diagnostics: message::diagnostics(diagnostics),
                ..Default::default()
            })
        });
        respond!(done.await, proto::read_resource::Response)
    }

    async fn read_data_source(
        &self,
        request: Request<proto::read_data_source::Request>,
    ) -> Result<Response<proto::read_data_source::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let ty = &server.data_entry(&request.type_name)?.value_type;
            let config = decode_required(request.config, ty, "configuration")?;
            let (found, mut diagnostics) = server.look_up(&request.type_name, config).await?;
            let state = encode(Some(&found), ty, &mut diagnostics);
            let diagnostics = message::diagnostics(diagnostics);
            Ok(proto::read_data_source::Response { state, diagnostics, ..Default::default() })
        });
        respond!(done.await, proto::read_data_source::Response)
    }

    async fn plan_resource_change(
        &self,
        request: Request<proto::plan_resource_change::Request>,
    ) -> Result<Response<proto::plan_resource_change::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let entry = server.entry(&request.type_name)?;
            let input = PlanInput {
                config: decode(request.config, &entry.value_type, "configuration")?,
                prior: decode(request.prior_state, &entry.value_type, "prior state")?,
                proposed: decode(request.proposed_new_state, &entry.value_type, "proposed state")?,
                private: request.prior_private.to_vec(),
                prior_identity: decode_identity(request.prior_identity, entry)?,
            };
            let (answer, replace) = server.plan(&request.type_name, input).await?;
            let Answer { state, private, identity, mut diagnostics } = answer;
            let planned_state = encode(state.as_ref(), &entry.value_type, &mut diagnostics);
            let planned_identity = encode_identity(identity.as_ref(), entry, &mut diagnostics);
            Ok(proto::plan_resource_change::Response {
                planned_state,
                planned_identity,
                requires_replace: replace.iter().map(message::path).collect(),
                planned_private: private.into(),
                diagnostics: message::diagnostics(diagnostics),
                ..Default::default()
            })
        });
        respond!(done.await, proto::plan_resource_change::Response)
    }

    async fn apply_resource_change(
        &self,
        request: Request<proto::apply_resource_change::Request>,
    ) -> Result<Response<proto::apply_resource_change::Response>, Status> {
        let request = request.into_inner();
        // What the host keeps when the call fails before it says what remains.
        let (prior_state, private) = (request.prior_state.clone(), request.planned_private.clone());
        let identity = request.planned_identity.clone();
        let done = self.guarded(move |server| async move {
            let entry = server.entry(&request.type_name)?;
            let input = ApplyInput {
                config: decode(request.config, &entry.value_type, "configuration")?,
                prior: decode(request.prior_state, &entry.value_type, "prior state")?,
                planned: decode(request.planned_state, &entry.value_type, "planned state")?,
                private: request.planned_private.to_vec(),
                planned_identity: decode_identity(request.planned_identity, entry)?,
            };
            let Answer { state, private, identity, mut diagnostics } =
                server.apply(&request.type_name, input).await;
            let new_state = encode(state.as_ref(), &entry.value_type, &mut diagnostics);
            let new_identity = encode_identity(identity.as_ref(), entry, &mut diagnostics);
            Ok(proto::apply_resource_change::Response {
                new_state,
                new_identity,
                private: private.into(),
                diagnostics: message::diagnostics(diagnostics),
                ..Default::default()
            })
        });
        Ok(Response::new(done.await.unwrap_or_else(|diagnostics| proto::apply_resource_change::Response {
            new_state: prior_state,
            private,
            new_identity: identity,
            diagnostics: message::diagnostics(diagnostics),
            ..Default::default()
        })))
    }

    async fn import_resource_state(
        &self,
        request: Request<proto::import_resource_state::Request>,
    ) -> Result<Response<proto::import_resource_state::Response>, Status> {
        let request = request.into_inner();
        let done = self.guarded(move |server| async move {
            let entry = server.entry(&request.type_name)?;
            let by = match decode_identity(request.identity, entry)? {
                Some(identity) if request.id.is_empty() => ImportBy::Identity(identity),
                _ => ImportBy::Id(request.id),
            };
            let Answer { state, private, identity, mut diagnostics } =
                server.import(&request.type_name, by).await?;
            let imported = match state {
                Some(state) => vec![proto::import_resource_state::ImportedResource {
                    state: encode(Some(&state), &entry.value_type, &mut diagnostics),
                    identity: encode_identity(identity.as_ref(), entry, &mut diagnostics),
                    private: private.into(),
                    type_name: request.type_name,
                }],
                None => Vec::new(),
            };
            Ok(proto::import_resource_state::Response {
                imported_resources: imported,
                diagnostics: message::diagnostics(diagnostics),
                ..Default::default()
            })
        });
        respond!(done.await, proto::import_resource_state::Response)
    }

    async fn move_resource_state(
        &self,
        request: Request<proto::move_resource_state::Request>,
    ) -> Result<Response<proto::move_resource_state::Response>, Status> {
        let request = request.into_inner();
        let detail = format!(
            "{} cannot take over the state of {}. Remove the moved block, and import the resource instead.",
            request.target_type_name, request.source_type_name
        );
        let diagnostics =
            Diagnostic::error("Move across resource types is not supported", detail).at(Path::root());
        Ok(Response::new(proto::move_resource_state::Response {
            diagnostics: message::diagnostics(diagnostics.into()),
            ..Default::default()
        }))
    }

    async fn stop_provider(
        &self,
        _: Request<proto::stop_provider::Request>,
    ) -> Result<Response<proto::stop_provider::Response>, Status> {
        self.server.stop();
        Ok(Response::new(Default::default()))
    }
}

/// The JSON of a state file.
fn text_of(state: Option<proto::RawState>) -> Result<String, Diagnostics> {
    let json = state.map(|state| state.json).unwrap_or_default();
    String::from_utf8(json.to_vec()).map_err(|_| {
        Diagnostic::error("Unreadable state", "The state that Terraform sent is not UTF-8.").into()
    })
}
