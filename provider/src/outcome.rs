//! What Terraform is told of each operation, the same for all three resources.

use tfplugin::{Diagnostic, Diagnostics, Outcome, Path};

use crate::api::Failure;
use crate::lifecycle::{Looked, Settled, Shows, Unsettled};

/// After a create. What is there in spite of a failure goes into the state,
/// with what it said as warnings: see [`crate::lifecycle::Lifecycle::create`].
pub(crate) fn created<M>(model: M, outcome: Result<Settled, Unsettled>) -> Outcome<M> {
    match outcome {
        Ok(settled) => Outcome::state(model).with_private(settled.kept.bytes()).with(settled.remarks),
        Err(Unsettled { kept: Some(kept), diagnostics, .. }) => {
            Outcome::state(model).with_private(kept.bytes()).with(diagnostics)
        }
        Err(Unsettled { kept: None, diagnostics, .. }) => Outcome::failed(diagnostics),
    }
}

/// After a read.
pub(crate) fn read<M: Shows>(
    mut model: M,
    outcome: Result<Option<Looked>, Failure>,
    title: &str,
) -> Outcome<M> {
    match outcome {
        Ok(None) => Outcome::gone(),
        Ok(Some(looked)) => {
            *model.objects() = looked.objects;
            Outcome::state(model).with_private(looked.kept.bytes()).with(looked.remarks)
        }
        // The plan goes on, and its apply will look.
        Err(Failure::Unknown { arguments }) => {
            let detail = format!(
                "The provider's {} is not known before apply, so the plan rests on the last known state.",
                arguments.join(", ")
            );
            Outcome::state(model).with(Diagnostic::warning(format!("{title} was not refreshed"), detail))
        }
        Err(failure) => Outcome::failed(failure.diagnostic(Path::root())),
    }
}

/// After an update: the new state, or the [`half_done`] prior one.
pub(crate) fn updated<M: Shows>(prior: M, model: M, outcome: Result<Settled, Unsettled>) -> Outcome<M> {
    match outcome {
        Ok(settled) => Outcome::state(model).with_private(settled.kept.bytes()).with(settled.remarks),
        Err(unsettled) => half_done(prior, unsettled),
    }
}

/// After a delete.
pub(crate) fn deleted<M: Shows>(prior: M, outcome: Result<Diagnostics, Unsettled>) -> Outcome<M> {
    match outcome {
        Ok(remarks) => Outcome::gone().with(remarks),
        Err(unsettled) => half_done(prior, unsettled),
    }
}

/// An update or delete that did not come to its end: the prior state, whose
/// arguments still say what is to be done, while its `objects` say what is
/// there. So both going on and going back are seen as a change.
pub(crate) fn half_done<M: Shows>(mut prior: M, unsettled: Unsettled) -> Outcome<M> {
    let Unsettled { kept, objects, diagnostics } = unsettled;
    *prior.objects() = objects;
    let outcome = Outcome::state(prior).with(diagnostics);
    match kept {
        Some(kept) => outcome.with_private(kept.bytes()),
        None => outcome,
    }
}
