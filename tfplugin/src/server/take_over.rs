use super::{Answer, Server};
use crate::codec::private;
use crate::policy::{consistency, merge};
use crate::{Diagnostic, Diagnostics, MovedFrom, Provider, Value};

/// What Terraform knows of the resource that a `moved` block gives another type.
pub(crate) struct TakeOverInput {
    pub(crate) provider_address: String,
    pub(crate) type_name: String,
    pub(crate) version: i64,
    pub(crate) state: String,
    pub(crate) private: Vec<u8>,
    pub(crate) identity: Option<String>,
}

impl<P: Provider> Server<P> {
    /// The state of another type in the form of this one.
    pub(crate) fn take_over(&self, type_name: &str, from: TakeOverInput) -> Result<Answer, Diagnostics> {
        let entry = self.entry(type_name)?;
        let source = from.type_name.clone();
        let refused = || {
            let detail = format!(
                "{type_name} cannot take over the state of {source}. Remove the moved block, and import the \
                 resource instead."
            );
            Diagnostic::error("Move between these types is not supported", detail)
        };
        if short(&from.provider_address) != short(P::ADDRESS) {
            return Err(refused().into());
        }
        let unreadable = |error: serde_json::Error| {
            let detail = format!("The state of {source} cannot be read: {error}.");
            Diagnostic::error("Unreadable state", detail)
        };
        let identity = from.identity.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?;
        let (private_version, private) = private::open(&from.private);
        let moved = MovedFrom {
            state: serde_json::from_str(&from.state).map_err(unreadable)?,
            private: private.to_vec(),
            private_version,
            type_name: from.type_name,
            version: from.version,
            identity,
        };
        let moved = entry.resource.move_from(moved).ok_or_else(refused)??;
        let state = merge::without_write_only(&entry.schema, moved.model);
        let identity = entry.identity(&state).filter(Value::is_wholly_known);
        let mut diagnostics = Diagnostics::new();
        if self.strict {
            diagnostics.extend(consistency::of_state(entry.judged(), &state));
        }
        let private = entry.sealed(moved.private);
        Ok(Answer { state: Some(state), private, identity, diagnostics })
    }
}

/// A source address without its host, which differs between Terraform's registry and OpenTofu's.
fn short(address: &str) -> &str {
    address.split_once('/').map_or(address, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_makes_no_other_provider() {
        assert_eq!(short("registry.terraform.io/a/b"), short("registry.opentofu.org/a/b"));
        assert_ne!(short("registry.terraform.io/a/b"), short("registry.terraform.io/c/b"));
    }
}
