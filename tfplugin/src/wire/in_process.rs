//! The host's side of the calls, for [`crate::testing`]: the framework's types
//! in, messages through the service, the framework's types out.

use tonic::{Request, Response, Status};

use super::message::{self, decode, encode};
use super::provider::ProviderService;
use super::tfplugin6::provider_server::Provider as Wire;
use super::tfplugin6::{self as proto};
use crate::server::{Answer, ApplyInput, Entry, PlanInput};
use crate::testing::{After, Instance};
use crate::{Diagnostic, Diagnostics, ImportBy, Path, Provider, Severity, Step, Type, Value};

/// A service that is called without a connection.
pub(crate) struct InProcess<P: Provider> {
    pub(crate) service: ProviderService<P>,
}

impl<P: Provider> InProcess<P> {
    pub(crate) async fn schema_problems(&self) -> Diagnostics {
        let request = proto::get_provider_schema::Request {};
        received(self.service.get_provider_schema(Request::new(request)).await, |it| it.diagnostics)
    }

    pub(crate) async fn validate_provider(&self, config: &Value) -> Diagnostics {
        let config = sent(Some(config), &self.service.server.config_type);
        let request = proto::validate_provider_config::Request { config };
        received(self.service.validate_provider_config(Request::new(request)).await, |it| it.diagnostics)
    }

    pub(crate) async fn configure(&self, config: &Value) -> Diagnostics {
        let config = sent(Some(config), &self.service.server.config_type);
        let request = proto::configure_provider::Request { config, ..Default::default() };
        received(self.service.configure_provider(Request::new(request)).await, |it| it.diagnostics)
    }

    pub(crate) async fn validate_resource(&self, type_name: &str, config: &Value) -> Diagnostics {
        let config = self.entry(type_name).and_then(|entry| sent(Some(config), &entry.value_type));
        let request = proto::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config,
            ..Default::default()
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
        let raw_state = proto::RawState { json: state.as_bytes().to_vec().into(), ..Default::default() };
        let request = proto::upgrade_resource_state::Request {
            type_name: type_name.to_owned(),
            version,
            raw_state: Some(raw_state),
        };
        let it = self.service.upgrade_resource_state(Request::new(request)).await;
        let it = it.map_err(|status| refused(&status))?.into_inner();
        from_wire(it.diagnostics).into_result()?;
        let ty = &self.service.server.entry(type_name)?.value_type;
        Ok(decode(it.upgraded_state, ty, "upgraded state")?.unwrap_or_default())
    }

    pub(crate) async fn look_up(
        &self,
        type_name: &str,
        config: &Value,
    ) -> Result<(Value, Diagnostics), Diagnostics> {
        let ty = &self.service.server.data_entry(type_name)?.value_type;
        let (type_name, config) = (type_name.to_owned(), sent(Some(config), ty));
        let request = proto::validate_data_resource_config::Request {
            type_name: type_name.clone(),
            config: config.clone(),
        };
        let validated = self.service.validate_data_resource_config(Request::new(request)).await;
        let mut warnings = received(validated, |it| it.diagnostics).into_result()?;
        let request = proto::read_data_source::Request { type_name, config, ..Default::default() };
        let it = self.service.read_data_source(Request::new(request)).await;
        let it = it.map_err(|status| refused(&status))?.into_inner();
        warnings.extend(from_wire(it.diagnostics).into_result()?);
        Ok((decode(it.state, ty, "answer")?.unwrap_or_default(), warnings))
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

/// A message of what the host sends. A value that does not fit is sent as none, which the provider refuses.
fn sent(value: Option<&Value>, ty: &Type) -> Option<proto::DynamicValue> {
    encode("host", value, ty, &mut Diagnostics::new())
}

fn sent_identity<D>(identity: Option<&Value>, entry: &Entry<D>) -> Option<proto::ResourceIdentityData> {
    message::encode_identity(identity, entry, &mut Diagnostics::new())
}

fn after(answer: Answer) -> After {
    let Answer { state, private, identity, diagnostics } = answer;
    After { instance: state.map(|state| Instance { state, private, identity }), diagnostics }
}

fn received<T>(
    response: Result<Response<T>, Status>,
    diagnostics: impl Fn(T) -> Vec<proto::Diagnostic>,
) -> Diagnostics {
    match response {
        Ok(response) => from_wire(diagnostics(response.into_inner())),
        Err(status) => refused(&status),
    }
}

fn refused(status: &Status) -> Diagnostics {
    Diagnostic::error("Call refused", status.to_string()).into()
}

fn unknown_type(type_name: &str) -> Answer {
    let diagnostics = Diagnostic::error("Unknown resource type", type_name).into();
    Answer { diagnostics, ..Answer::default() }
}

fn from_wire(diagnostics: Vec<proto::Diagnostic>) -> Diagnostics {
    let one = |it: proto::Diagnostic| Diagnostic {
        severity: match it.severity() {
            proto::diagnostic::Severity::Warning => Severity::Warning,
            _ => Severity::Error,
        },
        path: it.attribute.map(path).unwrap_or_default(),
        summary: it.summary,
        detail: it.detail,
    };
    diagnostics.into_iter().map(one).collect()
}

fn path(wire: proto::AttributePath) -> Path {
    use proto::attribute_path::step::Selector;
    wire.steps.into_iter().filter_map(|step| step.selector).fold(
        Path::root(),
        |path, selector| match selector {
            Selector::AttributeName(name) => path.then(Step::Attribute(name)),
            Selector::ElementKeyString(key) => path.then(Step::Key(key)),
            Selector::ElementKeyInt(index) => {
                path.then(Step::Index(usize::try_from(index).unwrap_or(usize::MAX)))
            }
        },
    )
}
