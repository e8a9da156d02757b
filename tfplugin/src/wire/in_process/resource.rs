use tonic::{Request, Response, Status};

use super::super::message::{self, decode};
use super::super::tfplugin6::{self as proto, provider_server::Provider as Wire};
use super::{InProcess, from_wire, path, received, refused, sent};
use crate::server::{Answer, ApplyInput, Entry, PlanInput, TakeOverInput};
use crate::testing::{After, Instance};
use crate::{Diagnostic, Diagnostics, ImportBy, Path, Provider, Value};

impl<P: Provider> InProcess<P> {
    pub(crate) async fn validate_resource(&self, type_name: &str, config: &Value) -> Diagnostics {
        let config = self.entry(type_name).and_then(|entry| sent(Some(config), &entry.value_type));
        let request = proto::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config,
            client_capabilities: Some(proto::ClientCapabilities {
                deferral_allowed: false,
                write_only_attributes_allowed: true,
            }),
        };
        received(self.service.validate_resource_config(Request::new(request)).await, |it| it.diagnostics)
    }

    pub(crate) async fn plan(&self, type_name: &str, input: PlanInput) -> (Answer, Vec<Path>) {
        let Some(entry) = self.entry(type_name) else { return (unknown_type(type_name), Vec::new()) };
        let ty = &entry.value_type;
        let request = proto::plan_resource_change::Request {
            type_name: type_name.to_owned(),
            config: sent(input.config.as_ref(), ty),
            prior_state: sent(input.prior.as_ref(), ty),
            proposed_new_state: sent(input.proposed.as_ref(), ty),
            prior_private: input.private.into(),
            prior_identity: sent_identity(input.prior_identity.as_ref(), entry),
            ..Default::default()
        };
        let it = self.service.plan_resource_change(Request::new(request)).await.map(Response::into_inner);
        let replace: Vec<Path> = it.iter().flat_map(|it| &it.requires_replace).cloned().map(path).collect();
        (answer(it.map(Parts::from), entry), replace)
    }

    pub(crate) async fn apply(&self, type_name: &str, input: ApplyInput) -> After {
        let Some(entry) = self.entry(type_name) else { return after(unknown_type(type_name)) };
        let ty = &entry.value_type;
        let request = proto::apply_resource_change::Request {
            type_name: type_name.to_owned(),
            config: sent(input.config.as_ref(), ty),
            prior_state: sent(input.prior.as_ref(), ty),
            planned_state: sent(input.planned.as_ref(), ty),
            planned_private: input.private.into(),
            planned_identity: sent_identity(input.planned_identity.as_ref(), entry),
            ..Default::default()
        };
        let it = self.service.apply_resource_change(Request::new(request)).await;
        after(answer(it.map(Response::into_inner).map(Parts::from), entry))
    }

    pub(crate) async fn read(&self, type_name: &str, instance: Instance) -> After {
        let Some(entry) = self.entry(type_name) else { return after(unknown_type(type_name)) };
        let ty = &entry.value_type;
        let request = proto::read_resource::Request {
            type_name: type_name.to_owned(),
            current_state: sent(Some(&instance.state), ty),
            private: instance.private.into(),
            current_identity: sent_identity(instance.identity.as_ref(), entry),
            ..Default::default()
        };
        let it = self.service.read_resource(Request::new(request)).await;
        after(answer(it.map(Response::into_inner).map(Parts::from), entry))
    }

    pub(crate) async fn import(&self, type_name: &str, by: ImportBy<Value>) -> After {
        let Some(entry) = self.entry(type_name) else { return after(unknown_type(type_name)) };
        let (id, identity) = match by {
            ImportBy::Id(id) => (id, None),
            ImportBy::Identity(identity) => (String::new(), sent_identity(Some(&identity), entry)),
        };
        let request = proto::import_resource_state::Request {
            type_name: type_name.to_owned(),
            id,
            identity,
            ..Default::default()
        };
        let it = self.service.import_resource_state(Request::new(request)).await;
        after(answer(it.map(Response::into_inner).map(Parts::from), entry))
    }

    pub(crate) async fn upgrade(
        &self,
        type_name: &str,
        version: i64,
        state: &str,
    ) -> Result<Value, Diagnostics> {
        let request = proto::upgrade_resource_state::Request {
            type_name: type_name.to_owned(),
            version,
            raw_state: Some(raw(state)),
        };
        let it = self.service.upgrade_resource_state(Request::new(request)).await;
        let it = it.map_err(|status| refused(&status))?.into_inner();
        from_wire(it.diagnostics).into_result()?;
        let ty = &self.service.server.entry(type_name)?.value_type;
        Ok(decode(it.upgraded_state, ty, "upgraded state")?.unwrap_or_default())
    }

    pub(crate) async fn upgrade_identity(
        &self,
        type_name: &str,
        version: i64,
        identity: &str,
    ) -> Result<Value, Diagnostics> {
        let request = proto::upgrade_resource_identity::Request {
            type_name: type_name.to_owned(),
            version,
            raw_identity: Some(raw(identity)),
        };
        let it = self.service.upgrade_resource_identity(Request::new(request)).await;
        let it = it.map_err(|status| refused(&status))?.into_inner();
        from_wire(it.diagnostics).into_result()?;
        let entry = self.service.server.entry(type_name)?;
        Ok(message::decode_identity(it.upgraded_identity, entry)?.unwrap_or_default())
    }

    pub(crate) async fn take_over(&self, type_name: &str, from: TakeOverInput) -> After {
        let Some(entry) = self.entry(type_name) else { return after(unknown_type(type_name)) };
        let request = proto::move_resource_state::Request {
            source_provider_address: from.provider_address,
            source_type_name: from.type_name,
            source_schema_version: from.version,
            source_state: Some(raw(&from.state)),
            target_type_name: type_name.to_owned(),
            source_private: from.private.into(),
            source_identity: from.identity.as_deref().map(raw),
            source_identity_schema_version: 0,
        };
        let it = self.service.move_resource_state(Request::new(request)).await;
        after(answer(it.map(Response::into_inner).map(Parts::from), entry))
    }

    fn entry(&self, type_name: &str) -> Option<&Entry<P::Data>> {
        self.service.server.entry(type_name).ok()
    }
}

/// What an answer says of a resource, whichever call it answers.
struct Parts {
    state: Option<proto::DynamicValue>,
    identity: Option<proto::ResourceIdentityData>,
    private: Vec<u8>,
    diagnostics: Vec<proto::Diagnostic>,
}

macro_rules! parts {
    ($call:ident: $state:ident, $identity:ident, $private:ident) => {
        impl From<proto::$call::Response> for Parts {
            fn from(it: proto::$call::Response) -> Parts {
                let (state, identity, private) = (it.$state, it.$identity, it.$private.to_vec());
                Parts { state, identity, private, diagnostics: it.diagnostics }
            }
        }
    };
}
parts!(plan_resource_change: planned_state, planned_identity, planned_private);
parts!(apply_resource_change: new_state, new_identity, private);
parts!(read_resource: new_state, new_identity, private);
parts!(move_resource_state: target_state, target_identity, target_private);

impl From<proto::import_resource_state::Response> for Parts {
    fn from(it: proto::import_resource_state::Response) -> Parts {
        let imported = it.imported_resources.into_iter().next().unwrap_or_default();
        let (state, identity, private) = (imported.state, imported.identity, imported.private.to_vec());
        Parts { state, identity, private, diagnostics: it.diagnostics }
    }
}

fn answer<D>(parts: Result<Parts, Status>, entry: &Entry<D>) -> Answer {
    match parts {
        Ok(Parts { state, identity, private, diagnostics }) => {
            let mut diagnostics = from_wire(diagnostics);
            let state = diagnostics.take(decode(state, &entry.value_type, "answer")).flatten();
            let identity = diagnostics.take(message::decode_identity(identity, entry)).flatten();
            Answer { state, identity, private, diagnostics }
        }
        Err(status) => Answer { diagnostics: refused(&status), ..Answer::default() },
    }
}

fn sent_identity<D>(identity: Option<&Value>, entry: &Entry<D>) -> Option<proto::ResourceIdentityData> {
    message::encode_identity(identity, entry, &mut Diagnostics::new())
}

fn raw(json: &str) -> proto::RawState {
    proto::RawState { json: json.as_bytes().to_vec().into(), ..Default::default() }
}

fn after(answer: Answer) -> After {
    let Answer { state, private, identity, diagnostics } = answer;
    After { instance: state.map(|state| Instance { state, private, identity }), diagnostics }
}

fn unknown_type(type_name: &str) -> Answer {
    let diagnostics = Diagnostic::error("Unknown resource type", type_name).into();
    Answer { diagnostics, ..Answer::default() }
}
