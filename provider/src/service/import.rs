//! A tenant that exists, found again.

use tfplugin::{CancellationToken, Diagnostic, Outcome};

use super::model::ServiceModel;
use crate::provider::Data;

pub(super) async fn import(_data: &Data, id: &str, _cancel: CancellationToken) -> Outcome<ServiceModel> {
    Outcome::failed(Diagnostic::error("Import", id))
}
