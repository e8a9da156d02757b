//! What looks and changes nothing: an import, and a data source.

use tfplugin::testing::{After, Driver};

use super::circle::{Circle, Tally, instance, no_errors};
use super::rows::Row;
use super::subject::Subject;
use crate::provider::Gpu;

impl<S: Subject> Circle<'_, S> {
    /// An import that fails has told why, and one that does not has found what one without a fault finds.
    pub(super) async fn import(&self, row: &Row, tally: &mut Tally) -> Result<(), String> {
        let id = S::id(&self.names);
        let met =
            self.meet(Some(row), tally, async |driver: Driver<Gpu>, _| driver.import(S::TYPE, &id).await);
        let met = met.await?;
        if self.proxy.calls().iter().any(|call| call.method != "GET" && !call.path.ends_with("?dryRun")) {
            return Err("an import has written".to_owned());
        }
        let clean = instance(self.driver().await.import(S::TYPE, &id).await)?;
        // Terraform takes no state from an import that ended in an error.
        let found = met.instance.filter(|_| !row.is_misled() && !met.diagnostics.has_errors());
        match found {
            Some(found) if found.state != clean.state => {
                Err(format!("it found {:?}, and without a fault {:?}", found.state, clean.state))
            }
            _ => Ok(()),
        }
    }

    /// The look after the one that failed succeeds.
    pub(super) async fn look_up(&self, row: &Row, tally: &mut Tally) -> Result<(), String> {
        let met = self.meet(Some(row), tally, async |driver: Driver<Gpu>, _| After {
            instance: None,
            diagnostics: S::look_up(&driver, &self.names).await.unwrap_or_default(),
        });
        met.await?;
        let again = S::look_up(&self.driver().await, &self.names).await;
        no_errors(&again.ok_or("it has no data source")?)
    }
}
