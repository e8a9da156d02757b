use super::Server;
use crate::{Diagnostics, Model, Path, Provider, Value, policy};

/// What the host can do that not every host can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abilities {
    /// Keeps values that are only written out of plans and states.
    pub(crate) write_only: bool,
}

impl<P: Provider> Server<P> {
    /// What is wrong with the provider's configuration.
    pub(crate) fn validate_provider(&self, config: Value) -> Diagnostics {
        let mut diagnostics = policy::check::configuration(&self.config_schema, &config);
        diagnostics.extend(match P::Config::from_value(config, &Path::root()) {
            Ok(config) => self.provider.validate(&config),
            Err(diagnostics) => diagnostics,
        });
        diagnostics
    }

    /// What is wrong with a resource's configuration.
    pub(crate) fn validate_resource(&self, type_name: &str, config: Value, host: Abilities) -> Diagnostics {
        let entry = match self.entry(type_name) {
            Ok(entry) => entry,
            Err(diagnostics) => return diagnostics,
        };
        let mut diagnostics = policy::check::configuration(&entry.schema, &config);
        if !host.write_only {
            diagnostics.extend(policy::check::without_write_only(&entry.schema, &config));
        }
        // A resource need not repeat what its attributes' rules have refused.
        if !diagnostics.has_errors() {
            diagnostics.extend(entry.resource.validate(config));
        }
        diagnostics
    }
}
