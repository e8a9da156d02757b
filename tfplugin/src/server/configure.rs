use super::Server;
use crate::{Diagnostics, Host, Model, Path, Provider, Value};

impl<P: Provider> Server<P> {
    /// Makes the provider's data from its configuration.
    pub(crate) async fn configure(&self, config: Value, host: Host) -> Diagnostics {
        let config = match P::Config::from_value(config, &Path::root()) {
            Ok(config) => config,
            Err(diagnostics) => return diagnostics,
        };
        match self.provider.configure(config, host).await {
            Ok(configured) => {
                self.set_data(configured.data);
                configured.diagnostics
            }
            Err(diagnostics) => diagnostics,
        }
    }
}
