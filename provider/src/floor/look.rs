//! Reads a tenant's peak where it is measured.

use jiff::Timestamp;
use serde_json::Value;
use tenancy::measured::{Grid, Reading, of_answers, of_page};
use tenancy::names::TenantId;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::measured::pinned;
use super::model::{FloorModel, ReadingModel};
use super::way::{MEASURED, Place, Read, reads};
use crate::api::Api;
use crate::provider::Data;

/// Fills in `reading`, where the peak is read. What cannot be read stays as it
/// was last read, with a warning.
pub(super) async fn refresh(data: &Data, api: &Api, model: &mut FloorModel) -> Diagnostics {
    let (Some(read), Some(tenant)) = (reads(model), model.tenant.as_str().and_then(|it| it.parse().ok()))
    else {
        return Diagnostics::new();
    };
    if model.reading.is_unknown() {
        model.reading = Attr::Null;
    }
    let since = model.measurement.known().and_then(|it| it.since.as_str()?.parse().ok());
    let warning = match look(data, api, &tenant, &read, since).await {
        Ok(Some(reading)) => {
            let known = model.reading.known().and_then(|it| it.image_digest.as_str().map(str::to_owned));
            let seen = digest(api, &tenant, &read.image).await;
            model.reading = Attr::Known(ReadingModel::of(&reading, seen.or(known)));
            return Diagnostics::new();
        }
        Ok(None) if !is_measured(model) => return Diagnostics::new(),
        Ok(None) => "no container of it was seen in the look-back".to_owned(),
        Err(why) => why,
    };
    let stands = model.peak.as_str().unwrap_or("it");
    let detail = match is_measured(model) {
        true => format!("{warning}. The last measurement, {stands}, stays in force."),
        false => format!("{warning}. The guess, {stands}, stays in force."),
    };
    Diagnostic::warning(format!("The peak of {tenant} was not read"), detail)
        .at(Path::attribute("measured"))
        .into()
}

/// Fills in at apply what the plan could not know: since when the image runs,
/// and what a first look reads.
pub(super) async fn begin(data: &Data, api: &Api, model: &mut FloorModel) -> Diagnostics {
    let since = match &model.measurement {
        Attr::Known(measurement) => measurement.since.clone(),
        _ => Attr::Null,
    };
    if let (Attr::Known(measurement), true) = (&mut model.measurement, since.is_unknown()) {
        measurement.since = Attr::Known(Timestamp::now().to_string());
    }
    if model.reading.is_unknown() { refresh(data, api, model).await } else { Diagnostics::new() }
}

fn is_measured(model: &FloorModel) -> bool {
    model.measurement.known().is_some_and(|it| it.basis.as_str() == Some(MEASURED))
}

/// Looks once. Nothing where no container of the tenant was seen.
///
/// # Errors
/// Why it could not be read, as a clause.
async fn look(
    data: &Data,
    api: &Api,
    tenant: &TenantId,
    read: &Read,
    since: Option<Timestamp>,
) -> Result<Option<Reading>, String> {
    let read_at = Timestamp::now();
    match &read.place {
        Place::Exporter(address) => {
            let page = data.metrics.get(api, address, address.page()).await?;
            let page = page
                .as_str()
                .ok_or_else(|| format!("{address} answers with JSON, which is no page of metrics"))?;
            of_page(page, tenant, since, read.look_back_s, read_at).map_err(|why| format!("{address}: {why}"))
        }
        Place::Prometheus(address, selector) => {
            let question = Read::question(tenant, selector.as_ref());
            let grid = Grid::new(read.look_back_s, since, read_at);
            let mut answers: Vec<Value> = Vec::new();
            for query in question.queries(&grid) {
                let query = crate::api::query(&query);
                let path = format!("/api/v1/query_range?query={query}&{}", grid.parameters());
                answers.push(data.metrics.get(api, address, &path).await?);
            }
            let [held, counted] = &answers[..] else { return Ok(None) };
            of_answers(&question, [held, counted], since, read_at).map_err(|why| format!("{address}: {why}"))
        }
    }
}

/// The digest under which a pod of the tenant that is there now has its image. A pod that has ended stays
/// listed with the image that it had.
/// It is worth a line in the state and no error: who may not list pods has none.
async fn digest(api: &Api, tenant: &TenantId, image: &str) -> Option<String> {
    if let Some(digest) = pinned(image) {
        return Some(digest);
    }
    let labels: Vec<String> =
        tenancy::expand::selector(tenant).iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pods = api.list("v1", "Pod", tenant.namespace.as_str(), &labels.join(",")).await.ok()?;
    let has_ended = |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    pods.iter().filter(|pod| !has_ended(pod)).find_map(|pod| {
        let containers = pod["status"]["containerStatuses"].as_array()?;
        let server = containers.iter().find(|it| it["name"] == tenancy::expand::SERVER)?;
        let asked = pod["spec"]["containers"].as_array()?.iter().find(|it| it["name"] == server["name"])?;
        // While a new image rolls out, the pods of the old one are still there.
        let id = server["imageID"].as_str().filter(|_| asked["image"] == image)?;
        // An image that was not pulled has a digest of its own and no repository before it.
        pinned(id).or_else(|| id.starts_with("sha256:").then(|| id.to_owned()))
    })
}
