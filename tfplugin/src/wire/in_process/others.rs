use tonic::{Request, Response};

use super::super::message::decode;
use super::super::tfplugin6::{self as proto, provider_server::Provider as Wire};
use super::{InProcess, from_wire, received, refused, sent};
use crate::{Attr, Diagnostics, Field, FunctionError, Lease, Opened, Path, Provider, Value};

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

    pub(crate) async fn open(&self, type_name: &str, config: &Value) -> Result<Opened<Value>, Diagnostics> {
        let ty = &self.service.server.ephemeral_entry(type_name)?.value_type;
        let (type_name, config) = (type_name.to_owned(), sent(Some(config), ty));
        let request = proto::validate_ephemeral_resource_config::Request {
            type_name: type_name.clone(),
            config: config.clone(),
        };
        let validated = self.service.validate_ephemeral_resource_config(Request::new(request)).await;
        let mut diagnostics = received(validated, |it| it.diagnostics).into_result()?;
        let request = proto::open_ephemeral_resource::Request { type_name, config, ..Default::default() };
        let it = self.service.open_ephemeral_resource(Request::new(request)).await;
        let it = it.map_err(|status| refused(&status))?.into_inner();
        diagnostics.extend(from_wire(it.diagnostics).into_result()?);
        let model = decode(it.result, ty, "answer")?.unwrap_or_default();
        Ok(Opened { model, lease: lease(it.renew_at, it.private, diagnostics) })
    }

    pub(crate) async fn renew(&self, type_name: &str, private: Vec<u8>) -> Result<Lease, Diagnostics> {
        let (type_name, private) = (type_name.to_owned(), Some(private.into()));
        let request = proto::renew_ephemeral_resource::Request { type_name, private };
        let it = self.service.renew_ephemeral_resource(Request::new(request)).await;
        let it = it.map_err(|status| refused(&status))?.into_inner();
        Ok(lease(it.renew_at, it.private, from_wire(it.diagnostics).into_result()?))
    }

    pub(crate) async fn close(&self, type_name: &str, private: Vec<u8>) -> Diagnostics {
        let (type_name, private) = (type_name.to_owned(), Some(private.into()));
        let request = proto::close_ephemeral_resource::Request { type_name, private };
        received(self.service.close_ephemeral_resource(Request::new(request)).await, |it| it.diagnostics)
    }

    pub(crate) async fn call<T: Field>(
        &self,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Attr<T>, FunctionError> {
        let signature = self.service.server.signature(name)?;
        let (fixed, last) = signature.positional();
        let types = fixed.iter().map(|it| it.kind.value_type());
        let types = types.chain(std::iter::repeat_with(|| signature.variadic_type()).map_while(|ty| ty));
        let sent = arguments.iter().zip(types).filter_map(|(value, ty)| sent(Some(value), &ty));
        let request = proto::call_function::Request { name: name.to_owned(), arguments: sent.collect() };
        let it = self.service.call_function(Request::new(request)).await.map(Response::into_inner);
        let it = it.map_err(|status| FunctionError::new(status.to_string()))?;
        if let Some(error) = it.error {
            let position = error.function_argument.and_then(|position| usize::try_from(position).ok());
            let path = position.map(|position| match (fixed.get(position), last) {
                (Some(parameter), _) => Path::attribute(&parameter.name),
                (None, Some(last)) => Path::attribute(&last.name).index(position - fixed.len()),
                (None, None) => Path::root(),
            });
            return Err(FunctionError::new(error.text).at(path.unwrap_or_default()));
        }
        decode(it.result, &signature.returns, "result")
            .and_then(|result| Attr::decode(result.unwrap_or_default(), &Path::root()))
            .map_err(|diagnostics| FunctionError::new(format!("{diagnostics:?}")))
    }
}

fn lease(
    renew_at: Option<prost_types::Timestamp>,
    private: Option<prost::bytes::Bytes>,
    diagnostics: Diagnostics,
) -> Lease {
    let renew_at = renew_at.and_then(|time| time.try_into().ok());
    Lease { renew_at, private: private.unwrap_or_default().to_vec(), diagnostics }
}
