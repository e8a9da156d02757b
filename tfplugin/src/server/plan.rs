use super::{Answer, Entry, Server};
use crate::erased::{PlanValues, Told};
use crate::policy::{consistency, merge, replace};
use crate::{Diagnostics, Path, Planned, Provider, Value};

/// What Terraform asks to plan. Nothing proposed is a destroy, nothing prior a create.
pub(crate) struct PlanInput {
    pub(crate) config: Option<Value>,
    pub(crate) prior: Option<Value>,
    pub(crate) proposed: Option<Value>,
    pub(crate) private: Vec<u8>,
    pub(crate) prior_identity: Option<Value>,
}

impl<P: Provider> Server<P> {
    /// The plan, and the attributes because of which it needs a new resource.
    pub(crate) async fn plan(
        &self,
        type_name: &str,
        input: PlanInput,
    ) -> Result<(Answer, Vec<Path>), Diagnostics> {
        let entry = self.entry(type_name)?;
        match (input.proposed, input.config) {
            (Some(proposed), Some(config)) => {
                let values = PlanValues { config, prior: input.prior, proposed };
                self.plan_change(entry, values, input.private, input.prior_identity).await
            }
            _ => self.plan_destroy(entry, input.prior, input.private, input.prior_identity).await,
        }
    }

    async fn plan_destroy(
        &self,
        entry: &Entry<P::Data>,
        prior: Option<Value>,
        private: Vec<u8>,
        identity: Option<Value>,
    ) -> Result<(Answer, Vec<Path>), Diagnostics> {
        let diagnostics = match prior {
            Some(prior) => {
                let call = self.call(entry.opened(&private)?)?;
                entry.resource.plan_destroy(prior, call).await
            }
            None => Diagnostics::new(),
        };
        Ok((Answer { state: None, private, identity, diagnostics }, Vec::new()))
    }

    async fn plan_change(
        &self,
        entry: &Entry<P::Data>,
        values: PlanValues,
        private: Vec<u8>,
        prior_identity: Option<Value>,
    ) -> Result<(Answer, Vec<Path>), Diagnostics> {
        let PlanValues { config, prior, proposed } = values;
        let private = entry.opened(&private)?;
        let proposed = merge::without_write_only(&entry.schema, proposed);
        let proposed = merge::proposal(&entry.schema, &config, prior.as_ref(), proposed);
        // Judging needs the configuration once more, and so does keeping what was; nothing else does.
        let configured = (self.strict || prior.is_some()).then(|| config.clone());
        let asked = PlanValues { config, prior: prior.clone(), proposed };
        let planned = entry.resource.plan(asked, private.clone(), self.data(), self.cancel()).await?;
        let Told { said, identity } = planned;
        let Planned { model, mut replace, private: new_private, mut diagnostics } = said;
        let (model, identity) =
            entry.settled(Told { said: model, identity }, configured.as_ref(), prior.as_ref());
        if let Some(prior) = &prior {
            let declared = replace::paths(&entry.schema, prior, &model);
            replace.extend(declared.into_iter().filter(|path| !replace.contains(path)).collect::<Vec<_>>());
        } else {
            replace.clear();
        }
        let identity = identity.filter(Value::is_wholly_known);
        if let Some(config) = configured.filter(|_| self.strict && !diagnostics.has_errors()) {
            let judged = entry.judged();
            diagnostics.extend(consistency::of_plan(judged, &config, prior.as_ref(), &model));
            if let Some(prior) = &prior {
                diagnostics.extend(consistency::of_replacement(judged, prior, &model, &replace));
            }
            if let (Some(now), Some(before), []) = (&identity, &prior_identity, replace.as_slice()) {
                let judged = entry.judged_identity();
                diagnostics.extend(consistency::of_identity(judged, Some(before), Some(now)));
            }
        }
        let identity = identity.or(prior_identity);
        let private = entry.sealed(new_private.unwrap_or(private));
        Ok((Answer { state: Some(model), private, identity, diagnostics }, replace))
    }
}
