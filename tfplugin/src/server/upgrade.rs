use super::Server;
use crate::codec::json;
use crate::{Diagnostic, Diagnostics, Provider, Value};

impl<P: Provider> Server<P> {
    /// A state file's resource in the form of today's schema.
    pub(crate) fn upgrade(&self, type_name: &str, version: i64, text: &str) -> Result<Value, Diagnostics> {
        let entry = self.entry(type_name)?;
        let today = entry.resource.version();
        if version > today {
            let detail = format!(
                "The state of this {type_name} has version {version}, and this provider knows versions up to \
                 {today}. Use the newer version of the provider that wrote it."
            );
            return Err(Diagnostic::error("State is newer than the provider", detail).into());
        }
        let unreadable = |reason: String| {
            let detail = format!("The state of this {type_name} cannot be read: {reason}.");
            Diagnostic::error("Unreadable state", detail)
        };
        let text = if version == today {
            text.to_owned()
        } else {
            let state = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
            entry.resource.upgrade(version, state)?.to_string()
        };
        Ok(json::decode(&text, &entry.value_type).map_err(|error| unreadable(error.to_string()))?)
    }

    /// A state file's identity in the form of today's schema.
    pub(crate) fn upgrade_identity(&self, type_name: &str, text: &str) -> Result<Value, Diagnostics> {
        let entry = self.entry(type_name)?;
        Ok(json::decode(text, &entry.identity_type).map_err(|error| {
            let detail = format!("The identity of this {type_name} in the state cannot be read: {error}.");
            Diagnostic::error("Unreadable identity", detail)
        })?)
    }
}
