//! A claim that leaves a card, and the entry that its tenant has there.

use tenancy::ledger::{Entry, State};
use tfplugin::{Diagnostic, Diagnostics, Path};

use crate::api::Failure;
use crate::ledger::Place;

/// Whether a claim may leave its card: not while its tenant holds memory there,
/// which nobody would count any more, nor while residents are down for it.
///
/// # Errors
/// What to do first.
pub(super) async fn may_leave(place: &Place<'_>) -> Result<(), Diagnostics> {
    let at = Path::attribute("card");
    let told = |failure: Failure| Diagnostics::from(failure.diagnostic(at.clone()));
    let Some(entry) = place.entry().await.map_err(told)? else { return Ok(()) };
    if let Some(problem) = not_asleep(place, &entry) {
        return Err(problem.into());
    }
    let left = place.restore(&entry.paused).await.map_err(told)?;
    if left.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = left.into_iter().map(|(_, why)| why).collect();
    Err(Diagnostic::error(format!("Residents are paused for {}", place.tenant), lines.join("\n"))
        .at(at)
        .into())
}

/// What holds the claim of a tenant that its card counts, and what to do first.
pub(super) fn not_asleep(place: &Place<'_>, entry: &Entry) -> Option<Diagnostic> {
    if entry.state == State::Asleep {
        return None;
    }
    let (tenant, card) = (&place.tenant, &place.card);
    let detail = format!(
        "The ledger of card {card} has it as {}: its memory would be counted by nobody, and an apply refuses that. \
         Destroy its gpu_windowed_service or set `suspend` there, and apply that first; where the tenant is gone for \
         good, delete the key {} of {} with kubectl.",
        entry.state,
        tenant.key(),
        place.object()
    );
    Some(Diagnostic::error(format!("{tenant} is not asleep"), detail).at(Path::attribute("card")))
}

/// Takes the entry of a sleeping tenant out of a card's ledger. Called when its
/// gate has lost its rights on it, so that no tick brings it back.
///
/// # Errors
/// The ledger could not be written, or the tenant was admitted meanwhile.
pub(super) async fn leave(place: &Place<'_>) -> Result<(), Diagnostics> {
    let awake = |failure: Failure| Diagnostics::from(failure.diagnostic(Path::attribute("card")));
    place.change(|entry| (entry.state != State::Asleep).then_some(entry)).await.map_err(awake)?;
    may_leave(place).await
}
