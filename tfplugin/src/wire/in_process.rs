//! The host's side of the calls, for [`crate::testing`]: the framework's types
//! in, messages through the service, the framework's types out.

mod others;
mod resource;

use tonic::{Response, Status};

use super::message::encode;
use super::provider::ProviderService;
use super::tfplugin6 as proto;
use crate::{Diagnostic, Diagnostics, Path, Provider, Severity, Step, Type, Value};

/// A service that is called without a connection.
pub(crate) struct InProcess<P: Provider> {
    pub(crate) service: ProviderService<P>,
}

/// A message of what the host sends. A value that does not fit is sent as none, which the provider refuses.
fn sent(value: Option<&Value>, ty: &Type) -> Option<proto::DynamicValue> {
    encode("host", value, ty, &mut Diagnostics::new())
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
