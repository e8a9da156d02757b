use super::Server;
use crate::policy::merge;
use crate::{Diagnostics, Host, Model, Path, Provider, Value};

impl<P: Provider> Server<P> {
    /// Makes the provider's data from its configuration.
    pub(crate) async fn configure(&self, config: Value, terraform_version: String) -> Diagnostics {
        // The host keeps the configuration as the user wrote it, and asks nobody for defaults.
        let config = merge::proposal(&self.config_schema, &config, None, config.clone());
        let config = match P::Config::from_value(config, &Path::root()) {
            Ok(config) => config,
            Err(diagnostics) => return diagnostics,
        };
        // A provider that stays up for several runs of the host is configured
        // by each, and an interrupt of one does not concern the next.
        let host = Host { terraform_version, cancel: self.begin_session() };
        match self.provider.configure(config, host).await {
            Ok(configured) => {
                self.set_data(configured.data);
                configured.diagnostics
            }
            Err(diagnostics) => diagnostics,
        }
    }
}
