//! Residents that a change of the tenant does not pause any more.

use tenancy::gate::ScaleTarget;
use tenancy::tenant::Tenant;
use tenancy::window::Schedule;
use tfplugin::{Diagnostic, Diagnostics, Path};

use super::bedtime::release;
use crate::api::Failure;
use crate::engine::Engine;
use crate::ledger::Place;

/// Gives those residents their replicas back that are down for the tenant and
/// that its gate may not scale any more. A tenant that is always awake has no
/// gate, so its entry goes as a whole: its floor counts it from now on.
///
/// # Errors
/// The ledger could not be read or written.
pub(super) async fn let_go(
    engine: &Engine<'_>,
    prior: Option<&Tenant>,
    tenant: &Tenant,
) -> Result<Diagnostics, Failure> {
    let no_gate = tenant.schedule == Schedule::Always;
    let Some(prior) = prior.filter(|prior| prior.schedule != Schedule::Always) else {
        return Ok(Diagnostics::new());
    };
    let dropped = |target: &ScaleTarget| no_gate || !tenant.gate.pauses.contains(target);
    if !no_gate && !prior.gate.pauses.iter().any(dropped) {
        return Ok(Diagnostics::new());
    }
    let Some(place) = Place::find(engine.api, &engine.manager, &tenant.id).await? else {
        return Ok(Diagnostics::new());
    };
    let reasons = release(&place, dropped, !no_gate).await?;
    if reasons.is_empty() {
        return Ok(Diagnostics::new());
    }
    let title = format!("Residents of {} are still paused", tenant.id);
    Ok(Diagnostic::warning(title, reasons.join("\n")).at(Path::attribute("pauses")).into())
}
