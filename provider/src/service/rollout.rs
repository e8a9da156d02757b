//! Waiting for the rollout of a tenant that is always awake.

use std::time::{Duration, Instant};

use serde_json::Value;
use tenancy::names::TenantId;
use tfplugin::{Diagnostic, Diagnostics, Path, Severity};

use crate::api::{Live, Ref};
use crate::engine::Engine;

/// Between two looks at a rollout.
const LOOK: Duration = Duration::from_secs(1);
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

/// Waits until the Deployment's newest generation is ready. Says nothing when
/// it is, and otherwise the pod's own reason.
pub(super) async fn wait(engine: &Engine<'_>, tenant: &TenantId, deadline: Instant) -> Diagnostics {
    let name = Ref::deployment(tenant.namespace.as_str(), tenant.name.as_str());
    loop {
        let live = match engine.api.get(&name).await {
            Ok(Some(live)) => live,
            Ok(None) => return Diagnostics::new(),
            Err(failure) => return failure.diagnostic(Path::attribute("wait")).into(),
        };
        if is_ready(&live) {
            return Diagnostics::new();
        }
        let pods = pods(engine, tenant).await;
        let reason = pods.iter().find_map(hopeless);
        if let Some(reason) = reason {
            return not_ready(
                tenant,
                &format!("{reason}. Waiting longer does not help: correct that and apply again."),
            );
        }
        if engine.cancel.is_cancelled() {
            return not_ready(
                tenant,
                "The run was interrupted while it waited. The rollout goes on by itself.",
            );
        }
        if Instant::now() >= deadline {
            let state: Vec<String> = pods.iter().map(state).collect();
            let state = if state.is_empty() { "there is no pod".to_owned() } else { state.join("; ") };
            return not_ready(
                tenant,
                &format!(
                    "It was not ready in time: {state}. Give it longer with `timeouts`, or set `wait = false`."
                ),
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The same words as a warning.
pub(super) fn as_warning(diagnostic: Diagnostic) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..diagnostic }
}

fn not_ready(tenant: &TenantId, why: &str) -> Diagnostics {
    Diagnostic::error(format!("{tenant} is not ready"), why).at(Path::attribute("image")).into()
}

fn is_ready(live: &Live) -> bool {
    let status = &live.0["status"];
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let wanted = live.replicas().unwrap_or(1);
    number(&status["observedGeneration"]) >= number(&live.0["metadata"]["generation"])
        && number(&status["updatedReplicas"]) == wanted
        && number(&status["availableReplicas"]) == wanted
        && number(&status["replicas"]) == wanted
}

/// The tenant's server pods. None where we may not list them.
async fn pods(engine: &Engine<'_>, tenant: &TenantId) -> Vec<Value> {
    let labels: Vec<String> =
        tenancy::expand::selector(tenant).iter().map(|(key, value)| format!("{key}={value}")).collect();
    engine.api.list("v1", "Pod", tenant.namespace.as_str(), &labels.join(",")).await.unwrap_or_default()
}

/// Why a pod will not start, where that is certain.
pub(super) fn hopeless(pod: &Value) -> Option<String> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let statuses = ["initContainerStatuses", "containerStatuses"];
    let waiting = statuses.iter().flat_map(|field| pod["status"][field].as_array().into_iter().flatten());
    waiting.into_iter().find_map(|status| {
        let waiting = &status["state"]["waiting"];
        let reason = waiting["reason"].as_str().filter(|reason| HOPELESS.contains(reason))?;
        let container = status["name"].as_str().unwrap_or_default();
        let message = waiting["message"].as_str().unwrap_or_default();
        Some(format!("Container {container} of pod {name}: {reason}: {message}"))
    })
}

/// What a pod is doing, in one clause.
fn state(pod: &Value) -> String {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let phase = pod["status"]["phase"].as_str().unwrap_or("unknown");
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let why: Vec<&str> =
        conditions.filter(|it| it["status"] == "False").filter_map(|it| it["message"].as_str()).collect();
    format!("pod {name} is {phase} {}", why.join(" "))
}
