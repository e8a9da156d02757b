//! Others that steer what the gate steers: autoscalers and GitOps controllers.

use futures::future::join_all;
use serde_json::Value;
use tenancy::gate::ScaleTarget;
use tenancy::tenant::Tenant;
use tfplugin::{Diagnostic, Diagnostics, Path};

use crate::api::{Api, Ref};

/// What tells that a controller keeps an object as it is in a repository.
const MARKS: [(&str, &str, &str); 4] = [
    ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
    ("labels", "argocd.argoproj.io/instance", "Argo CD"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "helm.toolkit.fluxcd.io/name", "Flux"),
];

/// Warnings that name who else sets the replicas of the tenant or of what it
/// pauses.
///
/// # Errors
/// An autoscaler on the tenant itself: it and the gate would undo each other.
pub(super) async fn check(api: &Api, tenant: &Tenant) -> Result<Diagnostics, Diagnostics> {
    let own = Ref::deployment(tenant.namespace().as_str(), tenant.id.name.as_str());
    let mut said = Diagnostics::new();
    if let Some(scaler) = autoscaler(api, &own).await {
        let detail = format!(
            "{scaler} scales {own}, and so does its gate: they would undo each other. Delete the autoscaler, or \
             the KEDA ScaledObject that makes it."
        );
        said.push(Diagnostic::error(format!("{own} has an autoscaler"), detail).at(Path::attribute("name")));
    }
    let mut named = vec![(own, "name")];
    named.extend(tenant.gate.pauses.iter().map(|target| (reference(target), "pauses")));
    let lives = join_all(named.iter().map(|(name, _)| api.get(name))).await;
    for ((name, attribute), live) in named.iter().zip(lives) {
        let path = Path::attribute(*attribute);
        match live {
            Ok(Some(live)) => {
                if let Some(keeper) = keeper(&live.0) {
                    let detail = format!(
                        "{keeper} keeps {name} as its repository says, replicas included, and would undo the \
                         gate. Let it ignore `spec.replicas` of this Deployment."
                    );
                    said.push(Diagnostic::warning(format!("{keeper} manages {name}"), detail).at(path));
                }
            }
            Ok(None) if *attribute == "pauses" => {
                let detail =
                    format!("{name} is named in `pauses` and is not in the cluster, so nothing makes room.");
                said.push(Diagnostic::warning(format!("{name} does not exist"), detail).at(path));
            }
            _ => {}
        }
    }
    for target in &tenant.gate.pauses {
        let name = reference(target);
        if let Some(scaler) = autoscaler(api, &name).await {
            let detail = format!(
                "{scaler} scales {name}. At 0 replicas it rests, so pausing works; what it sets meanwhile is \
                 taken for a hand's work and left alone."
            );
            let warning = Diagnostic::warning(format!("{name} has an autoscaler"), detail);
            said.push(warning.at(Path::attribute("pauses")));
        }
    }
    said.into_result()
}

fn reference(target: &ScaleTarget) -> Ref {
    Ref::deployment(target.namespace.as_str(), target.deployment.as_str())
}

/// The autoscaler that targets a Deployment. Where we may not look, there is none to name.
async fn autoscaler(api: &Api, target: &Ref) -> Option<String> {
    let namespace = target.namespace.as_deref()?;
    let scalers = api.list("autoscaling/v2", "HorizontalPodAutoscaler", namespace, "").await.ok()?;
    let found = scalers.iter().find(|scaler| {
        let aim = &scaler["spec"]["scaleTargetRef"];
        aim["kind"] == "Deployment" && aim["name"] == *target.name
    })?;
    let name = found["metadata"]["name"].as_str().unwrap_or_default();
    Some(format!("HorizontalPodAutoscaler {namespace}/{name}"))
}

fn keeper(live: &Value) -> Option<&'static str> {
    let mark = MARKS.iter().find(|(field, key, _)| !live["metadata"][field][key].is_null());
    mark.map(|(.., keeper)| *keeper)
}
