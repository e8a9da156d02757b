//! From what a user wrote of a floor to the domain's floor, and back for import.

use tenancy::declared::{SYSTEM_NAMESPACE, floor_key};
use tenancy::floor::{Basis, Floor};
use tenancy::names::{CardName, TenantId};
use tenancy::objects::Objects;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::model::{FloorModel, MeasuredModel, MeasurementModel};
use super::way::{MEASURED, Way, way};
use crate::api::Api;
use crate::fill::{Fill, Sample};
use crate::ledger::Pointer;

/// A claim and the card that it is made on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    pub(super) floor: Floor,
    pub(super) card: CardName,
}

impl Claim {
    pub(super) fn objects(&self) -> Objects {
        tenancy::expand::floor(&self.floor, &self.card)
    }
}

fn convert(model: &FloorModel, fill: &mut Fill) -> Option<Claim> {
    let at = |name: &str| Path::attribute(name);
    fill.adopted(&model.adopt);
    let card = fill.parse(&model.card, &at("card"));
    let tenant = fill.parse(&model.tenant, &at("tenant"));
    let way = way(&model.measured, fill);
    let peak_mib = match (&way, &model.peak) {
        (Some(Way::Read(read)), Attr::Null) => Some(read.guess),
        _ => fill.parse(&model.peak, &at("peak")),
    };
    let headroom_mib = fill.parse(&model.headroom, &at("headroom"));
    let basis = way.and_then(|way| basis(&way, &model.measurement, fill));
    let priority = match fill.any(&model.priority, &1, &2) {
        None => Some(0),
        Some(number) => {
            let fitting = i32::try_from(*number).ok();
            if fitting.is_none() {
                fill.wrong(
                    &at("priority"),
                    "Number out of range",
                    format!("priority is {number}. Write a number of 32 bits."),
                );
            }
            fitting
        }
    };
    let always = fill.flag(&model.always).unwrap_or(false);
    let floor = Floor {
        tenant: tenant?,
        peak_mib: peak_mib?,
        basis: basis?,
        headroom_mib: headroom_mib?,
        priority: priority?,
        always,
    };
    Some(Claim { floor, card: card? })
}

/// What the peak rests on: what the user wrote of it, or what the plan made of a reading.
fn basis(way: &Way, measurement: &Attr<MeasurementModel>, fill: &mut Fill) -> Option<Basis> {
    let measurement = match (way, measurement) {
        (Way::Guessed, _) => return Some(Basis::Guessed),
        (Way::Written { source, at }, _) => {
            return Some(Basis::Measured { source: source.clone(), at: *at });
        }
        (Way::Read(_), Attr::Known(measurement)) => measurement,
        (Way::Read(_), Attr::Null) => return Some(Basis::Guessed),
        (Way::Read(_), Attr::Unknown) => {
            fill.met_unknown();
            return Some(Basis::Guessed);
        }
    };
    if measurement.basis.as_str() != Some(MEASURED) {
        return Some(Basis::Guessed);
    }
    let at = measurement.measured_at.as_str()?.parse().ok()?;
    Some(Basis::Measured { source: measurement.source.as_str()?.to_owned(), at })
}

fn checked(model: &FloorModel, sample: Sample) -> (Option<Claim>, Fill) {
    let mut fill = Fill::new(sample);
    let claim = convert(model, &mut fill);
    if let Some(claim) = &claim
        && !fill.unknown
    {
        fill.check(claim.floor.check());
    }
    (claim, fill)
}

/// The claim with either sample in the place of what is unknown.
///
/// # Errors
/// Everything that is wrong with what is known.
pub(super) fn both(model: &FloorModel) -> Result<Option<(Claim, Claim)>, Diagnostics> {
    let (a, fill) = checked(model, Sample::A);
    fill.problems.into_result()?;
    let (b, _) = checked(model, Sample::B);
    Ok(a.zip(b))
}

/// The claim of a model that is wholly known.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn claim(model: &FloorModel) -> Result<Claim, Diagnostics> {
    let (claim, fill) = checked(model, Sample::A);
    fill.problems.into_result()?;
    claim.ok_or_else(|| {
        Diagnostic::error(
            "Incomplete floor",
            "card, tenant, headroom and one of peak and measured must be set.",
        )
        .into()
    })
}

/// Checks a claim against its card as it is declared in the cluster.
///
/// # Errors
/// The card is missing or cannot be read, or the claim can never fit.
pub(super) async fn fits(api: &Api, claim: &Claim) -> Result<(), Diagnostics> {
    let at = Path::attribute("card");
    let data = crate::card::declared_data(api, &claim.card).await;
    let data = data.map_err(|failure| failure.diagnostic(at.clone()))?;
    let Some(data) = data else {
        let detail = format!(
            "The cluster has no card {}: there is no ConfigMap card.{0}.declared in namespace {SYSTEM_NAMESPACE}. \
             Apply its gpu_card first; when that is in another configuration, make this one depend on it.",
            claim.card
        );
        return Err(Diagnostic::error(format!("Card {} does not exist", claim.card), detail).at(at).into());
    };
    let declared = tenancy::declared::Declared::from_data(&data).map_err(|invalid| {
        Diagnostic::error(format!("Card {} cannot be read", claim.card), invalid.to_string()).at(at)
    })?;
    let mut fill = Fill::new(Sample::A);
    fill.check(claim.floor.check_on(&declared.card));
    fill.problems.into_result().map(drop)
}

/// Refuses a second claim of a tenant on another card: both would write the same pointer and rights, and
/// whichever went first would take them from the other. One on the same card is an apply that was cut off.
///
/// # Errors
/// The tenant is entered on another card, or that cannot be read.
pub(super) async fn is_entered_nowhere_else(api: &Api, claim: &Claim) -> Result<(), Diagnostics> {
    let at = Path::attribute("card");
    let tenant = &claim.floor.tenant;
    let pointer = Pointer::of(api, tenant).await.map_err(|failure| failure.diagnostic(at.clone()))?;
    let Some(card) = pointer.card().filter(|card| *card != claim.card.as_str()) else { return Ok(()) };
    let pointer = &pointer.object;
    let detail = format!(
        "A tenant has one claim, and {pointer} names the card {card}. To move it to {}, change `card` of the \
         gpu_vram_floor that made it, or import that one here by `{tenant}` first, where no state has it. Where this \
         apply destroys it, apply again when it is gone. Where the card {card} itself is gone for good, delete \
         {pointer} with kubectl.",
        claim.card
    );
    Err(Diagnostic::error(format!("{tenant} is entered on card {card} already"), detail).at(at).into())
}

/// The claim that a tenant has in the cluster.
///
/// # Errors
/// No legal id, no such claim, or one that cannot be read.
pub(super) async fn entered(api: &Api, id: &str) -> Result<Claim, Diagnostic> {
    let at = Path::attribute("tenant");
    let tenant: TenantId = id.parse().map_err(|invalid: tenancy::Invalid| {
        Diagnostic::error(
            "Not a floor's import id",
            format!("{invalid} The id is `namespace/name` of the tenant."),
        )
        .at(at.clone())
    })?;
    let missing = |what: String| {
        Diagnostic::error(
            format!("There is no claim of {tenant}"),
            format!("{what} Apply a gpu_vram_floor for it instead of importing."),
        )
        .at(at.clone())
    };
    let pointer = Pointer::of(api, &tenant).await.map_err(|failure| failure.diagnostic(at.clone()))?;
    let card: CardName = pointer
        .card()
        .ok_or_else(|| missing(format!("{} does not exist or names no card.", pointer.object)))?
        .parse()
        .map_err(|invalid: tenancy::Invalid| missing(invalid.to_string()))?;
    let data =
        crate::card::declared_data(api, &card).await.map_err(|failure| failure.diagnostic(at.clone()))?;
    let text = data.and_then(|mut data| data.remove(&floor_key(&tenant)));
    let text = text.ok_or_else(|| missing(format!("Card {card} has no entry of it.")))?;
    let floor =
        serde_json::from_str(&text).map_err(|why| missing(format!("Its entry cannot be read: {why}.")))?;
    Ok(Claim { floor, card })
}

/// The model of a claim that was found.
pub(super) fn model(claim: &Claim) -> FloorModel {
    let floor = &claim.floor;
    let measured = match &floor.basis {
        Basis::Guessed => Attr::Null,
        Basis::Measured { source, at } => Attr::Known(MeasuredModel {
            source: Attr::Known(source.clone()),
            at: Attr::Known(at.to_string()),
            ..MeasuredModel::default()
        }),
    };
    FloorModel {
        card: Attr::Known(claim.card.to_string()),
        tenant: Attr::Known(floor.tenant.to_string()),
        peak: Attr::Known(floor.peak_mib.spelled()),
        measured,
        headroom: Attr::Known(floor.headroom_mib.spelled()),
        priority: (floor.priority != 0).then_some(i64::from(floor.priority)).into(),
        always: floor.always.then_some(true).into(),
        adopt: Attr::Null,
        id: Attr::Known(floor.tenant.to_string()),
        measurement: Attr::Known(MeasurementModel::written(&floor.basis)),
        reading: Attr::Null,
        objects: Attr::Null,
    }
}
