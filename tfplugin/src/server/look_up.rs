use super::apply::without_unknown;
use super::{DataEntry, Server};
use crate::policy::consistency::{self, Judged};
use crate::policy::{check, merge};
use crate::{Diagnostic, Diagnostics, Provider, Remains, Value};

impl<P: Provider> Server<P> {
    /// What is wrong with a data source's configuration.
    pub(crate) fn validate_data_source(&self, type_name: &str, config: Value) -> Diagnostics {
        let entry = match self.data_entry(type_name) {
            Ok(entry) => entry,
            Err(diagnostics) => return diagnostics,
        };
        let mut diagnostics = check::configuration(&entry.schema, &config);
        if !diagnostics.has_errors() {
            diagnostics.extend(entry.source.validate(config));
        }
        diagnostics
    }

    /// What a data source found, with warnings.
    pub(crate) async fn look_up(
        &self,
        type_name: &str,
        config: Value,
    ) -> Result<(Value, Diagnostics), Diagnostics> {
        let entry = self.data_entry(type_name)?;
        let asked = merge::proposal(&entry.schema, &config, None, config.clone());
        let outcome = entry.source.look_up(asked, self.call(Vec::new())?).await;
        let diagnostics = outcome.diagnostics.into_result()?;
        match outcome.remains {
            Remains::State(found) => {
                if self.strict {
                    let judged = Judged { type_name: entry.source.type_name(), schema: &entry.schema };
                    consistency::of_data(judged, &config, &found).into_result()?;
                }
                Ok((without_unknown(found), diagnostics))
            }
            Remains::Gone | Remains::AsBefore => {
                let detail =
                    format!("There is no {type_name} of this description. Check its spelling, or create it.");
                Err(Diagnostic::error("Not found", detail).into())
            }
        }
    }

    /// The data source of that name.
    pub(crate) fn data_entry(&self, type_name: &str) -> Result<&DataEntry<P::Data>, Diagnostics> {
        self.data_sources.get(type_name).ok_or_else(|| {
            let detail = format!("The provider {} has no data source {type_name}.", P::NAME);
            Diagnostic::error("Unknown data source type", detail).into()
        })
    }
}
