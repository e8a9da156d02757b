use super::Server;
use crate::codec::json;
use crate::policy::merge;
use crate::{Diagnostic, Diagnostics, Provider, Type, Value};

impl<P: Provider> Server<P> {
    /// A state file's resource in the form of today's schema.
    pub(crate) fn upgrade(&self, type_name: &str, version: i64, text: &str) -> Result<Value, Diagnostics> {
        let entry = self.entry(type_name)?;
        let resource = &entry.resource;
        let what = format!("state of this {type_name}");
        let old = Old { what: &what, version, today: resource.version(), text };
        let state = old.carried_over(&entry.value_type, |state| resource.upgrade(version, state))?;
        Ok(merge::without_write_only(&entry.schema, state))
    }

    /// A state file's identity in the form of today's schema.
    pub(crate) fn upgrade_identity(
        &self,
        type_name: &str,
        version: i64,
        text: &str,
    ) -> Result<Value, Diagnostics> {
        let entry = self.entry(type_name)?;
        let resource = &entry.resource;
        let what = format!("identity of this {type_name}");
        let old = Old { what: &what, version, today: resource.identity_version(), text };
        old.carried_over(&entry.identity_type, |identity| resource.upgrade_identity(version, identity))
    }
}

/// Something that a state file has in the form of some version.
struct Old<'a> {
    what: &'a str,
    version: i64,
    today: i64,
    text: &'a str,
}

impl Old<'_> {
    /// What it is today, by way of `upgrade` where it is older.
    fn carried_over(
        self,
        ty: &Type,
        upgrade: impl FnOnce(serde_json::Value) -> Result<serde_json::Value, Diagnostics>,
    ) -> Result<Value, Diagnostics> {
        let Old { what, version, today, text } = self;
        if version > today {
            let detail = format!(
                "The {what} has version {version}, and this provider knows versions up to {today}. Use the newer \
                 version of the provider that wrote it."
            );
            return Err(Diagnostic::error("State is newer than the provider", detail).into());
        }
        let unreadable = |reason: String| {
            Diagnostic::error("Unreadable state", format!("The {what} cannot be read: {reason}."))
        };
        if version == today {
            return Ok(json::decode(text, ty).map_err(|error| unreadable(error.to_string()))?);
        }
        let old = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        Ok(json::decode(&upgrade(old)?.to_string(), ty).map_err(|error| {
            let detail = format!(
                "The {what} has version {version}, and what the provider made of it does not fit its schema: \
                 {error}. This is a bug of the provider; report it to the provider's authors."
            );
            Diagnostic::error("Provider bug", detail)
        })?)
    }
}
