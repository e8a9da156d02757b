//! Data sources.

use std::sync::Arc;

use super::super::message::{self, decode_required, encode};
use super::super::tfplugin6 as proto;
use crate::server::Server;
use crate::{Diagnostics, Provider};

pub(in super::super) async fn validate<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::validate_data_resource_config::Request,
) -> Result<proto::validate_data_resource_config::Response, Diagnostics> {
    let ty = &server.data_entry(&request.type_name)?.value_type;
    let config = decode_required(request.config, ty, "configuration")?;
    let diagnostics = message::diagnostics(server.validate_data_source(&request.type_name, config));
    Ok(proto::validate_data_resource_config::Response { diagnostics })
}

pub(in super::super) async fn look_up<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::read_data_source::Request,
) -> Result<proto::read_data_source::Response, Diagnostics> {
    let entry = server.data_entry(&request.type_name)?;
    let config = decode_required(request.config, &entry.value_type, "configuration")?;
    let (found, mut diagnostics) = server.look_up(&request.type_name, config).await?;
    let state = encode(entry.source.type_name(), Some(&found), &entry.value_type, &mut diagnostics);
    let diagnostics = message::diagnostics(diagnostics);
    Ok(proto::read_data_source::Response { state, diagnostics, ..Default::default() })
}
