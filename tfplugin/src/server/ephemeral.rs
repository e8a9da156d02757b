use super::{EphemeralEntry, Server};
use crate::policy::consistency::{self, Judged};
use crate::policy::{check, merge};
use crate::{Diagnostic, Diagnostics, Lease, Opened, Provider, Value};

impl<P: Provider> Server<P> {
    /// What is wrong with an ephemeral resource's configuration.
    pub(crate) fn validate_ephemeral(&self, type_name: &str, config: Value) -> Diagnostics {
        let entry = match self.ephemeral_entry(type_name) {
            Ok(entry) => entry,
            Err(diagnostics) => return diagnostics,
        };
        let mut diagnostics = check::configuration(&entry.schema, &config);
        if !diagnostics.has_errors() {
            diagnostics.extend(entry.resource.validate(config));
        }
        diagnostics
    }

    /// What was opened. The lease has the warnings.
    pub(crate) async fn open(&self, type_name: &str, config: Value) -> Result<Opened<Value>, Diagnostics> {
        let entry = self.ephemeral_entry(type_name)?;
        let asked = merge::proposal(&entry.schema, &config, None, config.clone());
        let opened = entry.resource.open(asked, self.call(Vec::new())?).await?;
        if self.strict && !opened.lease.diagnostics.has_errors() {
            let judged = Judged { type_name: entry.resource.type_name(), schema: &entry.schema };
            consistency::of_data(judged, &config, &opened.model).into_result()?;
        }
        Ok(opened)
    }

    /// How long it lasts now.
    pub(crate) async fn renew(&self, type_name: &str, private: Vec<u8>) -> Result<Lease, Diagnostics> {
        self.ephemeral_entry(type_name)?.resource.renew(self.call(private)?).await
    }

    /// Lets go of it.
    pub(crate) async fn close(&self, type_name: &str, private: Vec<u8>) -> Result<Diagnostics, Diagnostics> {
        Ok(self.ephemeral_entry(type_name)?.resource.close(self.call(private)?).await)
    }

    /// The ephemeral resource of that name.
    pub(crate) fn ephemeral_entry(&self, type_name: &str) -> Result<&EphemeralEntry<P::Data>, Diagnostics> {
        self.ephemeral.get(type_name).ok_or_else(|| {
            let detail = format!("The provider {} has no ephemeral resource {type_name}.", P::NAME);
            Diagnostic::error("Unknown ephemeral resource type", detail).into()
        })
    }
}
