//! The life of a resource.

use std::sync::Arc;

use super::super::message::{self, decode, decode_identity, decode_required, encode, encode_identity};
use super::super::tfplugin6 as proto;
use super::{Refusal, text_of};
use crate::server::{Abilities, Answer, ApplyInput, PlanInput, ReadInput, Server, TakeOverInput};
use crate::{Diagnostics, ImportBy, Provider};

pub(in super::super) async fn validate<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::validate_resource_config::Request,
) -> Result<proto::validate_resource_config::Response, Diagnostics> {
    let ty = &server.entry(&request.type_name)?.value_type;
    let config = decode_required(request.config, ty, "configuration")?;
    // A host from before capabilities says none.
    let host = request.client_capabilities.unwrap_or_default();
    let host = Abilities { write_only: host.write_only_attributes_allowed };
    let diagnostics = message::diagnostics(server.validate_resource(&request.type_name, config, host));
    Ok(proto::validate_resource_config::Response { diagnostics })
}

pub(in super::super) async fn upgrade<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::upgrade_resource_state::Request,
) -> Result<proto::upgrade_resource_state::Response, Diagnostics> {
    let text = text_of(request.raw_state)?;
    let value = server.upgrade(&request.type_name, request.version, &text)?;
    let mut diagnostics = Diagnostics::new();
    let entry = server.entry(&request.type_name)?;
    let upgraded_state =
        encode(entry.resource.type_name(), Some(&value), &entry.value_type, &mut diagnostics);
    Ok(proto::upgrade_resource_state::Response {
        upgraded_state,
        diagnostics: message::diagnostics(diagnostics),
    })
}

pub(in super::super) async fn upgrade_identity<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::upgrade_resource_identity::Request,
) -> Result<proto::upgrade_resource_identity::Response, Diagnostics> {
    let text = text_of(request.raw_identity)?;
    let value = server.upgrade_identity(&request.type_name, request.version, &text)?;
    let mut diagnostics = Diagnostics::new();
    let entry = server.entry(&request.type_name)?;
    let upgraded_identity = encode_identity(Some(&value), entry, &mut diagnostics);
    Ok(proto::upgrade_resource_identity::Response {
        upgraded_identity,
        diagnostics: message::diagnostics(diagnostics),
    })
}

pub(in super::super) async fn read<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::read_resource::Request,
) -> Result<proto::read_resource::Response, Diagnostics> {
    let entry = server.entry(&request.type_name)?;
    let state = decode_required(request.current_state, &entry.value_type, "state")?;
    let identity = decode_identity(request.current_identity, entry)?;
    let input = ReadInput { state, private: request.private.to_vec(), identity };
    let Answer { state, private, identity, mut diagnostics } = server.read(&request.type_name, input).await?;
    let new_state = encode(entry.resource.type_name(), state.as_ref(), &entry.value_type, &mut diagnostics);
    let new_identity = encode_identity(identity.as_ref(), entry, &mut diagnostics);
    Ok(proto::read_resource::Response {
        new_state,
        new_identity,
        private: private.into(),
        diagnostics: message::diagnostics(diagnostics),
        ..Default::default()
    })
}

pub(in super::super) async fn plan<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::plan_resource_change::Request,
) -> Result<proto::plan_resource_change::Response, Diagnostics> {
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
    let planned_state =
        encode(entry.resource.type_name(), state.as_ref(), &entry.value_type, &mut diagnostics);
    let planned_identity = encode_identity(identity.as_ref(), entry, &mut diagnostics);
    Ok(proto::plan_resource_change::Response {
        planned_state,
        planned_identity,
        requires_replace: replace.iter().map(message::path).collect(),
        planned_private: private.into(),
        diagnostics: message::diagnostics(diagnostics),
        ..Default::default()
    })
}

pub(in super::super) async fn apply<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::apply_resource_change::Request,
) -> Result<proto::apply_resource_change::Response, Diagnostics> {
    let entry = server.entry(&request.type_name)?;
    let input = ApplyInput {
        config: decode(request.config, &entry.value_type, "configuration")?,
        prior: decode(request.prior_state, &entry.value_type, "prior state")?,
        planned: decode(request.planned_state, &entry.value_type, "planned state")?,
        private: request.planned_private.to_vec(),
        planned_identity: decode_identity(request.planned_identity, entry)?,
    };
    let Answer { state, private, identity, mut diagnostics } = server.apply(&request.type_name, input).await;
    let new_state = encode(entry.resource.type_name(), state.as_ref(), &entry.value_type, &mut diagnostics);
    let new_identity = encode_identity(identity.as_ref(), entry, &mut diagnostics);
    if new_state.is_none() {
        // A state that cannot be sent must not look like one that is gone.
        return Err(diagnostics);
    }
    Ok(proto::apply_resource_change::Response {
        new_state,
        new_identity,
        private: private.into(),
        diagnostics: message::diagnostics(diagnostics),
        ..Default::default()
    })
}

/// What the host keeps when an apply ends before it could say what remains.
pub(in super::super) fn as_before(
    request: &proto::apply_resource_change::Request,
) -> impl FnOnce(Diagnostics) -> proto::apply_resource_change::Response + use<> {
    let (prior_state, private) = (request.prior_state.clone(), request.planned_private.clone());
    let identity = request.planned_identity.clone();
    |diagnostics| proto::apply_resource_change::Response {
        new_state: prior_state,
        private,
        new_identity: identity,
        ..Refusal::refusal(diagnostics)
    }
}

pub(in super::super) async fn import<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::import_resource_state::Request,
) -> Result<proto::import_resource_state::Response, Diagnostics> {
    let entry = server.entry(&request.type_name)?;
    let by = match decode_identity(request.identity, entry)? {
        Some(identity) if request.id.is_empty() => ImportBy::Identity(identity),
        _ => ImportBy::Id(request.id),
    };
    let Answer { state, private, identity, mut diagnostics } = server.import(&request.type_name, by).await?;
    let imported = state.map(|state| proto::import_resource_state::ImportedResource {
        state: encode(entry.resource.type_name(), Some(&state), &entry.value_type, &mut diagnostics),
        identity: encode_identity(identity.as_ref(), entry, &mut diagnostics),
        private: private.into(),
        type_name: request.type_name,
    });
    Ok(proto::import_resource_state::Response {
        imported_resources: imported.into_iter().collect(),
        diagnostics: message::diagnostics(diagnostics),
        ..Default::default()
    })
}

pub(in super::super) async fn take_over<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::move_resource_state::Request,
) -> Result<proto::move_resource_state::Response, Diagnostics> {
    let entry = server.entry(&request.target_type_name)?;
    let has_identity = request.source_identity.as_ref().is_some_and(|identity| !identity.json.is_empty());
    let from = TakeOverInput {
        provider_address: request.source_provider_address,
        type_name: request.source_type_name,
        version: request.source_schema_version,
        state: text_of(request.source_state)?,
        private: request.source_private.to_vec(),
        identity: has_identity.then(|| text_of(request.source_identity)).transpose()?,
    };
    let Answer { state, private, identity, mut diagnostics } =
        server.take_over(&request.target_type_name, from)?;
    let owner = entry.resource.type_name();
    Ok(proto::move_resource_state::Response {
        target_state: encode(owner, state.as_ref(), &entry.value_type, &mut diagnostics),
        target_identity: encode_identity(identity.as_ref(), entry, &mut diagnostics),
        target_private: private.into(),
        diagnostics: message::diagnostics(diagnostics),
    })
}
