//! What each call does: a message in, the framework's types through [`Server`](crate::server::Server), a message out.

pub(super) mod data_source;
pub(super) mod ephemeral;
pub(super) mod function;
pub(super) mod provider;
pub(super) mod resource;

use super::message;
use super::tfplugin6 as proto;
use crate::{Diagnostic, Diagnostics};

/// An answer that can say why there is no answer.
pub(super) trait Refusal: Default {
    /// The answer that has diagnostics alone.
    fn refusal(diagnostics: Diagnostics) -> Self;
}

macro_rules! refusals {
    ($($call:ident),* $(,)?) => {$(
        impl Refusal for proto::$call::Response {
            fn refusal(diagnostics: Diagnostics) -> Self {
                #[allow(clippy::needless_update, reason = "some answers have diagnostics alone")]
                Self { diagnostics: message::diagnostics(diagnostics), ..Self::default() }
            }
        }
    )*};
}
refusals!(
    apply_resource_change,
    close_ephemeral_resource,
    configure_provider,
    get_provider_schema,
    import_resource_state,
    move_resource_state,
    open_ephemeral_resource,
    plan_resource_change,
    read_data_source,
    read_resource,
    renew_ephemeral_resource,
    upgrade_resource_identity,
    upgrade_resource_state,
    validate_data_resource_config,
    validate_ephemeral_resource_config,
    validate_provider_config,
    validate_resource_config,
);

/// The JSON of a state file.
fn text_of(state: Option<proto::RawState>) -> Result<String, Diagnostics> {
    let json = state.map(|state| state.json).unwrap_or_default();
    String::from_utf8(json.to_vec()).map_err(|_| {
        Diagnostic::error("Unreadable state", "The state that Terraform sent is not UTF-8.").into()
    })
}
