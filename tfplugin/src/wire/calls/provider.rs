//! What the provider is, and its configuration.

use std::sync::Arc;

use super::super::message::{self, by_name, decode_required};
use super::super::tfplugin6 as proto;
use crate::server::Server;
use crate::{Diagnostics, Provider};

fn capabilities() -> proto::ServerCapabilities {
    proto::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: false,
    }
}

pub(in super::super) fn metadata<P: Provider>(server: &Server<P>) -> proto::get_metadata::Response {
    use proto::get_metadata::{DataSourceMetadata, EphemeralMetadata, FunctionMetadata, ResourceMetadata};
    let resource = |name: &&str| ResourceMetadata { type_name: (*name).to_owned() };
    let data_source = |name: &&str| DataSourceMetadata { type_name: (*name).to_owned() };
    let ephemeral = |name: &&str| EphemeralMetadata { type_name: (*name).to_owned() };
    let function = |name: &&str| FunctionMetadata { name: (*name).to_owned() };
    proto::get_metadata::Response {
        server_capabilities: Some(capabilities()),
        resources: server.resources.keys().map(resource).collect(),
        data_sources: server.data_sources.keys().map(data_source).collect(),
        ephemeral_resources: server.ephemeral.keys().map(ephemeral).collect(),
        functions: server.functions.keys().map(function).collect(),
        ..Default::default()
    }
}

pub(in super::super) fn schemas<P: Provider>(server: &Server<P>) -> proto::get_provider_schema::Response {
    proto::get_provider_schema::Response {
        provider: Some(message::provider_schema(&server.config_schema)),
        resource_schemas: by_name(&server.resources, |entry| {
            message::schema(&entry.schema, entry.resource.version())
        }),
        data_source_schemas: by_name(&server.data_sources, |entry| message::schema(&entry.schema, 0)),
        ephemeral_resource_schemas: by_name(&server.ephemeral, |entry| message::schema(&entry.schema, 0)),
        functions: by_name(&server.functions, |entry| message::function(&entry.signature)),
        server_capabilities: Some(capabilities()),
        diagnostics: message::diagnostics(server.schema_problems()),
        ..Default::default()
    }
}

pub(in super::super) fn identity_schemas<P: Provider>(
    server: &Server<P>,
) -> proto::get_resource_identity_schemas::Response {
    let mut identity_schemas = by_name(&server.resources, |entry| {
        message::identity_schema(&entry.identity_schema, entry.resource.identity_version())
    });
    identity_schemas.retain(|_, schema| !schema.identity_attributes.is_empty());
    proto::get_resource_identity_schemas::Response { identity_schemas, ..Default::default() }
}

pub(in super::super) fn functions<P: Provider>(server: &Server<P>) -> proto::get_functions::Response {
    proto::get_functions::Response {
        functions: by_name(&server.functions, |entry| message::function(&entry.signature)),
        ..Default::default()
    }
}

pub(in super::super) async fn validate<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::validate_provider_config::Request,
) -> Result<proto::validate_provider_config::Response, Diagnostics> {
    let config = decode_required(request.config, &server.config_type, "configuration")?;
    let diagnostics = message::diagnostics(server.validate_provider(config));
    Ok(proto::validate_provider_config::Response { diagnostics })
}

pub(in super::super) async fn configure<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::configure_provider::Request,
) -> Result<proto::configure_provider::Response, Diagnostics> {
    let config = decode_required(request.config, &server.config_type, "configuration")?;
    let diagnostics = server.configure(config, request.terraform_version).await;
    let diagnostics = message::diagnostics(diagnostics);
    Ok(proto::configure_provider::Response { diagnostics })
}
