use super::apply::without_unknown;
use super::{Answer, Server};
use crate::erased::Told;
use crate::policy::consistency;
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
        let Told { said: outcome, identity: told } =
            entry.resource.read(before.clone(), self.call(private.clone())?).await;
        let mut diagnostics = outcome.diagnostics;
        let state = match outcome.remains {
            Remains::State(state) => {
                Some(entry.settled(Told { said: state, identity: told }, None, Some(&before)))
            }
            Remains::Gone => None,
            Remains::AsBefore => {
                let identity = entry.identity(&before);
                Some((before, identity))
            }
        };
        let (state, now) = state.unzip();
        let now = now.flatten();
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
