//! Functions.

use std::sync::Arc;

use super::super::message;
use super::super::tfplugin6 as proto;
use super::Refusal;
use crate::function::Signature;
use crate::server::Server;
use crate::{Diagnostics, FunctionError, Path, Provider, Value};

impl Refusal for proto::call_function::Response {
    fn refusal(diagnostics: Diagnostics) -> Self {
        let texts = diagnostics.into_iter().map(|one| format!("{}: {}", one.summary, one.detail));
        let text = texts.collect::<Vec<_>>().join("\n");
        let error = proto::FunctionError { text, function_argument: None };
        proto::call_function::Response { error: Some(error), result: None }
    }
}

pub(in super::super) async fn call<P: Provider>(
    server: Arc<Server<P>>,
    request: proto::call_function::Request,
) -> Result<proto::call_function::Response, Diagnostics> {
    let signature = match server.signature(&request.name) {
        Ok(signature) => signature,
        Err(error) => return Ok(refusal(error, None)),
    };
    let result = arguments(signature, request.arguments)
        .and_then(|arguments| server.call_function(&request.name, arguments));
    Ok(match result {
        Ok(result) => {
            let mut diagnostics = Diagnostics::new();
            let result = message::encode(signature.name, Some(&result), &signature.returns, &mut diagnostics);
            diagnostics.into_result()?;
            proto::call_function::Response { result, error: None }
        }
        Err(error) => refusal(error, Some(signature)),
    })
}

fn refusal(error: FunctionError, signature: Option<&Signature>) -> proto::call_function::Response {
    let position = signature.and_then(|signature| signature.position(&error.path));
    // Terraform names the argument; what is deeper is named here.
    let deep = error.path.steps().len() > 1 && !error.text.contains(&error.path.to_string());
    let mut text = if deep { format!("{}: {}", error.path, error.text) } else { error.text };
    // Terraform and OpenTofu put a full stop behind it.
    if text.ends_with('.') {
        text.pop();
    }
    let error =
        proto::FunctionError { text, function_argument: position.and_then(|it| i64::try_from(it).ok()) };
    proto::call_function::Response { result: None, error: Some(error) }
}

fn arguments(
    signature: &Signature,
    arguments: Vec<proto::DynamicValue>,
) -> Result<Vec<Value>, FunctionError> {
    let (fixed, last) = signature.positional();
    let (further, last) = (signature.variadic_type(), last.map(|last| last.name.as_str()));
    let decode = |(position, argument): (usize, proto::DynamicValue)| {
        let (ty, path) = match fixed.get(position) {
            Some(parameter) => (parameter.kind.value_type(), Path::attribute(&parameter.name)),
            None => {
                let ty = further.clone().ok_or_else(|| FunctionError::new("there are too many arguments"))?;
                (ty, Path::attribute(last.unwrap_or_default()).index(position - fixed.len()))
            }
        };
        let value = message::decode(Some(argument), &ty, "argument").map_err(|diagnostics| {
            let texts = diagnostics.into_iter().map(|one| one.detail);
            FunctionError::new(texts.collect::<Vec<_>>().join(" ")).at(path)
        })?;
        Ok(value.unwrap_or_default())
    };
    arguments.into_iter().enumerate().map(decode).collect()
}
