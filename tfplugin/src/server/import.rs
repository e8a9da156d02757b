use super::apply::without_unknown;
use super::{Answer, Server};
use crate::erased::Told;
use crate::policy::consistency;
use crate::{Diagnostic, Diagnostics, ImportBy, Provider, Remains, Value};

impl<P: Provider> Server<P> {
    /// The state to start from; Terraform reads the resource next.
    pub(crate) async fn import(&self, type_name: &str, by: ImportBy<Value>) -> Result<Answer, Diagnostics> {
        let entry = self.entry(type_name)?;
        let Told { said: outcome, identity } =
            entry.resource.import(by.clone(), self.call(Vec::new())?).await;
        let mut diagnostics = outcome.diagnostics;
        let state = match outcome.remains {
            Remains::State(state) => Some(entry.settled(Told { said: state, identity }, None, None)),
            Remains::Gone | Remains::AsBefore => None,
        };
        if state.is_none() && !diagnostics.has_errors() {
            let named = match &by {
                ImportBy::Id(id) => format!("{id:?}"),
                ImportBy::Identity(_) => "that identity".to_owned(),
            };
            let detail =
                format!("There is no {type_name} with {named}. Check its spelling, or create it instead.");
            diagnostics.push(Diagnostic::error("Nothing to import", detail));
        }
        let asked = match by {
            ImportBy::Identity(identity) => Some(identity),
            ImportBy::Id(_) => None,
        };
        let (state, now) = state.unzip();
        let now = now.flatten();
        if let Some(state) = state.as_ref().filter(|_| self.strict && !diagnostics.has_errors()) {
            diagnostics.extend(consistency::of_state(entry.judged(), state));
            // What is not known of the identity yet is known once the resource was read.
            if let Some(now) = now.as_ref().filter(|now| now.is_wholly_known()) {
                let judged = entry.judged_identity();
                diagnostics.extend(consistency::of_identity(judged, asked.as_ref(), Some(now)));
            }
        }
        let state = state.map(without_unknown);
        let identity = now.filter(Value::is_wholly_known).or(asked);
        let private = entry.sealed(outcome.private.unwrap_or_default());
        Ok(Answer { state, private, identity, diagnostics })
    }
}
