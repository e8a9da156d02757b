//! Ephemeral resources.

use std::sync::Arc;

use super::super::message::{self, decode_required, encode};
use super::super::tfplugin6 as proto;
use crate::server::Server;
use crate::{Diagnostics, Lease, Opened, Provider};

pub(in super::super) async fn validate<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::validate_ephemeral_resource_config::Request,
) -> Result<proto::validate_ephemeral_resource_config::Response, Diagnostics> {
    let ty = &server.ephemeral_entry(&request.type_name)?.value_type;
    let config = decode_required(request.config, ty, "configuration")?;
    let diagnostics = message::diagnostics(server.validate_ephemeral(&request.type_name, config));
    Ok(proto::validate_ephemeral_resource_config::Response { diagnostics })
}

pub(in super::super) async fn open<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::open_ephemeral_resource::Request,
) -> Result<proto::open_ephemeral_resource::Response, Diagnostics> {
    let entry = server.ephemeral_entry(&request.type_name)?;
    let config = decode_required(request.config, &entry.value_type, "configuration")?;
    let Opened { model, lease } = server.open(&request.type_name, config).await?;
    let Lease { renew_at, private, mut diagnostics } = lease;
    let result = encode(entry.resource.type_name(), Some(&model), &entry.value_type, &mut diagnostics);
    Ok(proto::open_ephemeral_resource::Response {
        diagnostics: message::diagnostics(diagnostics),
        renew_at: renew_at.map(Into::into),
        result,
        private: Some(private.into()),
        deferred: None,
    })
}

pub(in super::super) async fn renew<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::renew_ephemeral_resource::Request,
) -> Result<proto::renew_ephemeral_resource::Response, Diagnostics> {
    let private = request.private.unwrap_or_default().to_vec();
    let Lease { renew_at, private, diagnostics } = server.renew(&request.type_name, private).await?;
    Ok(proto::renew_ephemeral_resource::Response {
        diagnostics: message::diagnostics(diagnostics),
        renew_at: renew_at.map(Into::into),
        private: Some(private.into()),
    })
}

pub(in super::super) async fn close<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::close_ephemeral_resource::Request,
) -> Result<proto::close_ephemeral_resource::Response, Diagnostics> {
    let private = request.private.unwrap_or_default().to_vec();
    let diagnostics = server.close(&request.type_name, private).await?;
    Ok(proto::close_ephemeral_resource::Response { diagnostics: message::diagnostics(diagnostics) })
}
