//! What a plan can say of a claim and its card without needing to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tenancy::card::Card;
use tenancy::declared::Declared;
use tfplugin::{CancellationToken, Diagnostic, Diagnostics, Path, Severity};

use super::ledger;
use super::model::FloorModel;
use super::spec::Claim;
use crate::api::Failure;
use crate::card::declared_data;
use crate::fill::{Fill, Sample};
use crate::ledger::Place;
use crate::provider::Data;

/// How long a plan waits for a cluster that it does not need.
const PATIENCE: Duration = Duration::from_secs(1);

/// Refuses two new claims of one tenant on two cards within one plan, of which the cluster knows neither.
///
/// A plan may be asked for the same resource again, but then for the same card. Claims that stand already are
/// left out, because a change of `card` moves them.
///
/// # Errors
/// The tenant has another new claim.
pub(super) fn only_one(data: &Data, claim: &Claim) -> Result<(), Diagnostics> {
    let Ok(mut claimed) = data.claimed.lock() else { return Ok(()) };
    let tenant = &claim.floor.tenant;
    let card = claimed.entry(tenant.to_string()).or_insert_with(|| claim.card.clone());
    if *card == claim.card {
        return Ok(());
    }
    let detail = format!(
        "This configuration has a gpu_vram_floor of {tenant} on card {card} and another one on card {}. A tenant has \
         one claim, and its gate asks the card of that alone. Remove one of the two.",
        claim.card
    );
    Err(Diagnostic::error(format!("{tenant} is entered on two cards"), detail)
        .at(Path::attribute("card"))
        .into())
}

/// Refuses a claim that can never fit its card, as far as that is known: from
/// the same plan, or else from the cluster. One look that gets no answer ends
/// the looking for this run, so a plan without a cluster loses a second at most.
///
/// # Errors
/// The claim is larger than its card.
pub(super) async fn check(data: &Data, claim: &Claim, cancel: &CancellationToken) -> Result<(), Diagnostics> {
    let planned = data.cards.lock().ok().and_then(|cards| cards.get(claim.card.as_str()).cloned());
    let card = match planned {
        Some(card) => card,
        None => declared(data, claim, cancel).await,
    };
    let Some(card) = card else { return Ok(()) };
    let mut fill = Fill::new(Sample::A);
    fill.check(claim.floor.check_on(&card));
    fill.problems.into_result().map(drop)
}

/// Warns of a tenant that holds memory on the card that its claim is to leave, as far as the cluster says so.
pub(super) async fn leaving(
    data: &Data,
    prior: &FloorModel,
    planned: &FloorModel,
    cancel: &CancellationToken,
) -> Diagnostics {
    let (from, to) = (prior.card.as_str(), planned.card.as_str());
    let Some(from) = from.filter(|from| to.is_some_and(|to| to != *from)) else { return Diagnostics::new() };
    let tenant = prior.tenant.as_str().map(str::parse);
    let (Some(Ok(tenant)), Ok(card)) = (tenant, from.parse()) else { return Diagnostics::new() };
    let api = data.api.within(PATIENCE, cancel);
    // Nothing is written, so no manager is named.
    let place = Place { api: &api, manager: "", tenant, card };
    let entry = answered(data, place.entry()).await.flatten();
    let told = entry.and_then(|entry| ledger::not_asleep(&place, &entry));
    told.map(|told| Diagnostic { severity: Severity::Warning, ..told }).into_iter().collect()
}

async fn declared(data: &Data, claim: &Claim, cancel: &CancellationToken) -> Option<Card> {
    let api = data.api.within(PATIENCE, cancel);
    let found = answered(data, declared_data(&api, &claim.card)).await??;
    Declared::from_data(&found).ok().map(|declared| declared.card)
}

/// The answer to a look, unless an earlier one of this run had none.
async fn answered<T>(data: &Data, look: impl Future<Output = Result<T, Failure>>) -> Option<T> {
    if data.silent.load(Ordering::Relaxed) {
        return None;
    }
    let answer = tokio::time::timeout(PATIENCE, look).await.ok().and_then(Result::ok);
    if answer.is_none() {
        data.silent.store(true, Ordering::Relaxed);
    }
    answer
}
