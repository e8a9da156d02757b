//! Waiting for the rollout of a tenant that is always awake.

use std::time::{Duration, Instant};

use serde_json::Value;
use tenancy::names::TenantId;
use tfplugin::{Attr, Diagnostic, Path, Severity};

use super::model::ServiceModel;
use crate::api::{Api, Live, Ref};
use crate::engine::Engine;

/// Between two looks at a rollout.
const LOOK: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 1000 });
/// Why a container waits, where waiting longer does not help. `ErrImagePull` is
/// not among them: the first pull may fail for a moment's reason.
const HOPELESS: [&str; 6] = [
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "CrashLoopBackOff",
];

/// Whether an apply of this model waits for nobody: its replicas are the gate's, or nobody is to wait. A
/// gated tenant sleeps or wakes by its gate.
pub(super) fn is_not_awaited(model: &ServiceModel) -> bool {
    let never = matches!(model.always, Attr::Null | Attr::Known(false));
    never || model.suspend == Attr::Known(true) || model.wait == Attr::Known(false)
}

/// What a plan says of `not_ready`. After an apply that gave up waiting the plan shows that the next one
/// waits again; of a new tenant nobody knows.
pub(super) fn foreseen(prior: Option<&ServiceModel>, planned: &ServiceModel) -> Attr<String> {
    let gave_up = prior.is_none_or(|prior| !prior.not_ready.is_null());
    if gave_up && !is_not_awaited(planned) { Attr::Unknown } else { Attr::Null }
}

/// Waits until the Deployment's newest generation is ready.
///
/// # Errors
/// Why nobody waits any longer: the pod's own reason.
pub(super) async fn wait(
    engine: &Engine<'_>,
    tenant: &TenantId,
    deadline: Instant,
) -> Result<(), Diagnostic> {
    let name = Ref::deployment(tenant.namespace.as_str(), tenant.name.as_str());
    loop {
        let live = match engine.api.get(&name).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(()),
            Err(failure) => return Err(failure.diagnostic(Path::attribute("wait"))),
        };
        if is_ready(&live) {
            return Ok(());
        }
        let pods = pods(engine.api, tenant).await;
        let reason = newest(&live, &pods).into_iter().find_map(hopeless);
        if let Some(reason) = reason {
            return Err(not_ready(
                tenant,
                &format!("{reason}. Waiting longer does not help: correct that and apply again."),
            ));
        }
        if engine.cancel.is_cancelled() {
            let why = "The run was interrupted while it waited. The rollout goes on by itself.";
            return Err(not_ready(tenant, why));
        }
        if Instant::now() >= deadline {
            let mut state: Vec<String> = pods.iter().map(state).collect();
            if state.is_empty() {
                state.push(no_pod(&live));
            }
            return Err(not_ready(
                tenant,
                &format!(
                    "It was not ready in time: {}. Give it longer with `timeouts`, or set `wait = false`.",
                    state.join("; ")
                ),
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a tenant that was not ready has become so by itself. One that cannot be looked at has not.
pub(super) async fn has_come(api: &Api, tenant: &TenantId) -> bool {
    let name = Ref::deployment(tenant.namespace.as_str(), tenant.name.as_str());
    api.get(&name).await.ok().flatten().is_some_and(|live| is_ready(&live))
}

/// The same words as a warning.
pub(super) fn as_warning(diagnostic: Diagnostic) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..diagnostic }
}

fn not_ready(tenant: &TenantId, why: &str) -> Diagnostic {
    Diagnostic::error(format!("{tenant} is not ready"), why).at(Path::attribute("image"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Whether the controller has seen the newest generation. Until then its counts are of one before.
fn is_observed(live: &Live) -> bool {
    number(&live.0["status"]["observedGeneration"]) >= number(&live.0["metadata"]["generation"])
}

fn is_ready(live: &Live) -> bool {
    let status = &live.0["status"];
    let wanted = live.replicas().unwrap_or(1);
    is_observed(live)
        && number(&status["updatedReplicas"]) == wanted
        && number(&status["availableReplicas"]) == wanted
        && number(&status["replicas"]) == wanted
}

/// The tenant's server pods. None where we may not list them.
async fn pods(api: &Api, tenant: &TenantId) -> Vec<Value> {
    let labels: Vec<String> =
        tenancy::expand::selector(tenant).iter().map(|(key, value)| format!("{key}={value}")).collect();
    api.list("v1", "Pod", tenant.namespace.as_str(), &labels.join(",")).await.unwrap_or_default()
}

/// The pods of the newest template that are to stay. Those of one before tell nothing of it: the user may
/// just have corrected what they wait for. A Deployment that recreates makes a pod of the newest template
/// when the others are gone, and counts it then.
fn newest<'a>(live: &Live, pods: &'a [Value]) -> Vec<&'a Value> {
    if !is_observed(live) || number(&live.0["status"]["updatedReplicas"]) == 0 {
        return Vec::new();
    }
    let hash = |pod: &Value| pod["metadata"]["labels"]["pod-template-hash"].clone();
    let staying: Vec<&Value> =
        pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect();
    let born = |pod: &&&Value| pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
    let last = staying.iter().max_by_key(born).map(|pod| hash(pod));
    staying.into_iter().filter(|pod| Some(hash(pod)) == last).collect()
}

/// What keeps the containers of a pod from running: container, reason, message.
fn waiting(pod: &Value) -> impl Iterator<Item = (&str, &str, &str)> {
    let statuses = ["initContainerStatuses", "containerStatuses"];
    let all = statuses.into_iter().flat_map(|field| pod["status"][field].as_array().into_iter().flatten());
    all.filter_map(|status| {
        let waiting = &status["state"]["waiting"];
        let message = waiting["message"].as_str().unwrap_or_default();
        Some((status["name"].as_str().unwrap_or_default(), waiting["reason"].as_str()?, message))
    })
}

/// Why a pod will not start, where that is certain.
pub(super) fn hopeless(pod: &Value) -> Option<String> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let (container, reason, message) = waiting(pod).find(|(_, reason, _)| HOPELESS.contains(reason))?;
    Some(format!("Container {container} of pod {name}: {reason}: {message}"))
}

/// What a pod is doing, in one clause.
fn state(pod: &Value) -> String {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let phase = pod["status"]["phase"].as_str().unwrap_or("unknown");
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let unmet = conditions.filter(|it| it["status"] == "False").filter_map(|it| it["message"].as_str());
    let held = waiting(pod).map(|(container, reason, message)| format!("{container}: {reason}: {message}"));
    let why: Vec<String> = unmet.map(str::to_owned).chain(held).collect();
    format!("pod {name} is {phase} {}", why.join(" "))
}

/// Why there is no pod: a quota or an admission says so in the Deployment's conditions.
fn no_pod(live: &Live) -> String {
    let refused = live.condition("ReplicaFailure").and_then(|it| it["message"].as_str());
    refused.map_or_else(|| "there is no pod".to_owned(), |why| format!("there is no pod, because {why}"))
}
