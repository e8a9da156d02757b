//! Sends a tenant its work, through the API server: whoever measures is mostly outside the cluster.

use serde_json::Value;
use tenancy::observation::{Phase, PodSeen};

use super::{Measure, MeasureError, Request};
use crate::observe::api::Api;
use crate::observe::object::Object;
use crate::observe::{self, seen};

/// What became of the work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Driven {
    /// Requests that were answered with success.
    pub answered: u32,
    /// What became of the others.
    pub failed: Vec<String>,
    /// The image's digest, as the node has it.
    pub image: Option<String>,
}

/// Sends all requests, one after another, as often as asked. One that fails is told and counted.
pub(super) async fn drive(
    api: &Api,
    measure: &Measure,
    port: Option<u16>,
    tell: &dyn Fn(&str),
) -> Result<Driven, MeasureError> {
    let deployment =
        observe::deployment(api, &measure.tenant).await.map_err(crate::explain::ExplainError::from)?;
    let labels: Vec<(&str, &str)> =
        deployment.selector.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let list = api.get(&Object::pods(&measure.tenant, &labels)).await?;
    let pods = list["items"].as_array().into_iter().flatten();
    let pod = pods.into_iter().find(|pod| serves(pod)).ok_or_else(|| MeasureError::NotWoken {
        tenant: measure.tenant.clone(),
        why: "it has no pod any more that runs and is ready".to_owned(),
    })?;
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let port = port.or_else(|| first_port(pod)).unwrap_or(80);
    let mut driven = Driven { image: digest(pod), ..Driven::default() };
    for round in 1..=measure.rounds {
        for request in &measure.requests {
            let Request { method, path, .. } = request;
            match send(api, measure, name, port, request).await {
                Ok(()) => driven.answered += 1,
                Err(why) => {
                    tell(&format!("round {round}, {method} {path}: {why}"));
                    driven.failed.push(format!("{method} {path}: {why}"));
                }
            }
        }
    }
    Ok(driven)
}

async fn send(api: &Api, measure: &Measure, pod: &str, port: u16, request: &Request) -> Result<(), String> {
    let object = Object::of_pod(&measure.tenant, pod, port, &request.path);
    let body = request.body.as_ref().map(|body| (request.content_type(), body.clone().into_bytes()));
    match api.pass(&request.method, &object, body, measure.patience).await {
        Ok(200..=399) => Ok(()),
        Ok(status) => Err(format!("it was answered with {status}")),
        Err(why) => Err(why.clause()),
    }
}

/// A pod that failed stays in the list, and one that is new or on its way out answers nothing.
fn serves(pod: &Value) -> bool {
    let PodSeen { phase, ready, deleting, .. } = seen::pod(pod).seen;
    phase == Phase::Running && ready && !deleting
}

fn server(list: &Value) -> Option<&Value> {
    list.as_array()?.iter().find(|it| it["name"] == tenancy::expand::SERVER)
}

fn first_port(pod: &Value) -> Option<u16> {
    server(&pod["spec"]["containers"])?["ports"][0]["containerPort"].as_u64()?.try_into().ok()
}

fn digest(pod: &Value) -> Option<String> {
    server(&pod["status"]["containerStatuses"])?["imageID"]
        .as_str()
        .map(str::to_owned)
        .filter(|it| !it.is_empty())
}
