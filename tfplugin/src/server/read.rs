use super::{Answer, Server};
use crate::policy::merge;
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
        let outcome = entry.resource.read(before.clone(), self.call(private.clone())?).await;
        let state = match outcome.remains {
            Remains::State(state) => Some(merge::with_spelling_of(&entry.schema, &before, state)),
            Remains::Gone => None,
            Remains::AsBefore => Some(before),
        };
        let identity = state.as_ref().and_then(|state| entry.identity(state)).or(identity);
        let private = outcome.private.unwrap_or(private);
        Ok(Answer { state, private, identity, diagnostics: outcome.diagnostics })
    }
}
