use super::apply::without_unknown;
use super::{Answer, Server};
use crate::policy::{consistency, merge};
use crate::{Diagnostics, Provider, Remains, Value};

/// What Terraform asks to look at.
pub(crate) struct ReadInput {
    pub(crate) state: Value,
    pub(crate) private: Vec<u8>,
    pub(crate) identity: Option<Value>,
}

impl<P: Provider> Server<P> {
    /// What there is now; no state where it is gone.
    pub(crate) async fn read(&self, type_name: &str, input: ReadInput) -> Result<Answer, Diagnostics> {
        let entry = self.entry(type_name)?;
        let ReadInput { state: before, private, identity } = input;
        let private = entry.opened(&private)?;
        let outcome = entry.resource.read(before.clone(), self.call(private.clone())?).await;
        let mut diagnostics = outcome.diagnostics;
        let state = match outcome.remains {
            Remains::State(state) => {
                let state = merge::without_write_only(&entry.schema, state);
                Some(merge::with_spelling_of(&entry.schema, &before, state))
            }
            Remains::Gone => None,
            Remains::AsBefore => Some(before),
        };
        let now = state.as_ref().and_then(|state| entry.identity(state));
        if let Some(state) = state.as_ref().filter(|_| self.strict && !diagnostics.has_errors()) {
            diagnostics.extend(consistency::of_state(entry.judged(), state));
            if entry.has_identity() {
                let (judged, before) = (entry.judged_identity(), identity.as_ref());
                diagnostics.extend(consistency::of_identity(judged, before, now.as_ref()));
            }
        }
        let state = state.map(without_unknown);
        let identity = now.filter(Value::is_wholly_known).or(identity);
        let private = entry.sealed(outcome.private.unwrap_or(private));
        Ok(Answer { state, private, identity, diagnostics })
    }
}
