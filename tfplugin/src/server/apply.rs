use super::{Answer, Server};
use crate::erased::Told;
use crate::policy::consistency;
use crate::{Diagnostic, Diagnostics, Provider, Remains, Value};

/// What Terraform asks to bring about. Nothing planned is a destroy, nothing prior a create.
pub(crate) struct ApplyInput {
    pub(crate) config: Option<Value>,
    pub(crate) prior: Option<Value>,
    pub(crate) planned: Option<Value>,
    pub(crate) private: Vec<u8>,
    pub(crate) planned_identity: Option<Value>,
}

impl<P: Provider> Server<P> {
    /// What became of it. Errors are in the answer, because state may remain beside them.
    pub(crate) async fn apply(&self, type_name: &str, input: ApplyInput) -> Answer {
        let ApplyInput { config, prior, planned, private, planned_identity } = input;
        let prepared = self.entry(type_name).and_then(|entry| {
            let opened = entry.opened(&private)?;
            Ok((entry, opened.clone(), self.call(opened)?))
        });
        let (entry, opened, call) = match prepared {
            Ok(prepared) => prepared,
            // Nothing was done, so what was is what is.
            Err(diagnostics) => {
                return Answer { state: prior, private, identity: planned_identity, diagnostics };
            }
        };
        let resource = &entry.resource;
        let told = match (prior.clone(), planned.clone(), config) {
            (None, Some(planned), Some(config)) => resource.create(planned, config, call).await,
            (Some(prior), Some(planned), Some(config)) => resource.update(prior, planned, config, call).await,
            (Some(prior), None, _) => Told { said: resource.delete(prior, call).await, identity: None },
            _ => return Answer::default(),
        };
        let Told { said: outcome, identity } = told;
        let mut diagnostics = outcome.diagnostics;
        let state = match outcome.remains {
            Remains::State(state) => {
                Some(entry.settled(Told { said: state, identity }, None, planned.as_ref()))
            }
            Remains::Gone => None,
            // Nothing new was said; what identifies the resource is known to the host.
            Remains::AsBefore => prior.map(|prior| (prior, planned_identity.clone())),
        };
        let (state, identity) = state.unzip();
        let identity = identity.flatten();
        if !diagnostics.has_errors() {
            diagnostics.extend(contradiction(planned.as_ref(), state.as_ref()));
            if let (true, Some(planned), Some(state)) = (self.strict, &planned, &state) {
                diagnostics.extend(consistency::of_apply(entry.judged(), planned, state));
                if entry.has_identity() {
                    let (before, now) = (planned_identity.as_ref(), identity.as_ref());
                    diagnostics.extend(consistency::of_identity(entry.judged_identity(), before, now));
                }
            }
        }
        // A state has no unknown parts. After an error they are what the
        // provider did not come to.
        let state = state.map(without_unknown);
        let identity = identity.filter(Value::is_wholly_known).or(planned_identity);
        Answer { state, private: entry.sealed(outcome.private.unwrap_or(opened)), identity, diagnostics }
    }
}

/// Where an answer without errors contradicts the plan.
fn contradiction(planned: Option<&Value>, state: Option<&Value>) -> Diagnostics {
    match (planned, state) {
        (Some(_), None) => {
            let detail = "The provider said that apply succeeded, but not what the resource is now. Report this to \
                          the provider's authors.";
            Diagnostic::error("Provider bug", detail).into()
        }
        (None, Some(_)) => {
            let detail = "The provider did not delete the resource and did not say why. Report this to the \
                          provider's authors.";
            Diagnostic::error("Provider bug", detail).into()
        }
        _ => Diagnostics::new(),
    }
}

pub(super) fn without_unknown(value: Value) -> Value {
    match value {
        Value::Unknown => Value::Null,
        Value::List(elements) => Value::List(elements.into_iter().map(without_unknown).collect()),
        Value::Set(elements) => Value::set(elements.into_iter().map(without_unknown)),
        Value::Map(elements) => Value::map(elements.into_iter().map(|(key, it)| (key, without_unknown(it)))),
        Value::Object(values) => {
            Value::object(values.into_iter().map(|(name, it)| (name, without_unknown(it))))
        }
        known => known,
    }
}
