//! What a plan can say of a claim and its card without needing to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tenancy::card::Card;
use tenancy::declared::Declared;
use tfplugin::{CancellationToken, Diagnostics};

use super::spec::Claim;
use crate::card::declared_data;
use crate::fill::{Fill, Sample};
use crate::provider::Data;

/// How long a plan waits for a cluster that it does not need.
const PATIENCE: Duration = Duration::from_secs(1);

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

async fn declared(data: &Data, claim: &Claim, cancel: &CancellationToken) -> Option<Card> {
    if data.silent.load(Ordering::Relaxed) {
        return None;
    }
    let api = data.api.within(PATIENCE, cancel);
    match tokio::time::timeout(PATIENCE, declared_data(&api, &claim.card)).await {
        Ok(Ok(found)) => Declared::from_data(&found?).ok().map(|declared| declared.card),
        Ok(Err(_)) | Err(_) => {
            data.silent.store(true, Ordering::Relaxed);
            None
        }
    }
}
