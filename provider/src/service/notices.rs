//! What a plan says aloud: that an apply will restart or put to sleep what is awake.

use tenancy::leaves::{Leaves, diff, leaves};
use tenancy::objects::Kind;
use tfplugin::{Attr, CancellationToken, Diagnostic, Diagnostics, Path};

use super::model::ServiceModel;
use super::spec;
use crate::api::{PATIENCE, Ref};
use crate::picture;
use crate::provider::Data;

/// The notices of a changed tenant. A cluster that cannot be asked is not
/// waited for: then nobody knows whether the tenant is awake, and we say so.
pub(super) async fn of_update(
    data: &Data,
    prior: &ServiceModel,
    planned: &ServiceModel,
    cancel: &CancellationToken,
) -> Diagnostics {
    let mut notices = Diagnostics::new();
    let id = planned.id.as_str().unwrap_or_default();
    if planned.suspend == Attr::Known(true) && prior.suspend != Attr::Known(true) {
        notices.push(
            Diagnostic::warning(
                format!("{id} will be put to sleep"),
                "With `suspend` the apply scales the tenant to 0 at once, also in its window, gives paused \
                 residents their replicas back and releases its place on the card. It stays asleep until \
                 `suspend` is taken away.",
            )
            .at(Path::attribute("suspend")),
        );
        return notices;
    }
    let restarting = restarting(prior, planned, &data.agent_image);
    if restarting.is_empty() {
        return notices;
    }
    let (Some(namespace), Some(name)) = (planned.namespace.as_str(), planned.name.as_str()) else {
        return notices;
    };
    let api = data.api.within(PATIENCE, cancel);
    let awake = match api.get(&Ref::deployment(namespace, name)).await {
        Ok(live) => live.and_then(|live| live.replicas()).is_some_and(|replicas| replicas > 0),
        Err(_) => return notices,
    };
    if awake {
        let detail = format!(
            "It is awake, and the apply changes its pod: {}. The running pod ends and a new one starts{}.",
            restarting.join(", "),
            if planned.always == Attr::Known(true) {
                ""
            } else {
                ", which waits in its admit check while the card is short"
            }
        );
        let path = if restarting.iter().any(|path| path.ends_with(".image")) { "image" } else { "name" };
        notices
            .push(Diagnostic::warning(format!("{id} will be restarted"), detail).at(Path::attribute(path)));
    }
    notices
}

/// The leaves of the pod's template that the plan changes. Where plans show
/// digests, what the configuration changes of it; what a hand or another version of
/// this provider changed cannot be told from another field then, and is named as a possibility.
fn restarting(prior: &ServiceModel, planned: &ServiceModel, agent_image: &Attr<String>) -> Vec<String> {
    let changed = picture::differing(&prior.objects, &planned.objects);
    let is_pod = |path: &String| path.starts_with("spec.template.");
    let mut paths: Vec<String> = changed
        .iter()
        .filter(|(key, _)| key.starts_with(Kind::Deployment.as_str()))
        .flat_map(|(_, differ)| differ.iter().flatten().cloned())
        .filter(is_pod)
        .collect();
    let hidden =
        changed.iter().any(|(key, differ)| key.starts_with(Kind::Deployment.as_str()) && differ.is_none());
    if hidden {
        let (before, after) = (template(prior, agent_image), template(planned, agent_image));
        paths.extend(diff(&before, &after).into_keys().filter(is_pod));
        if paths.is_empty() {
            let perhaps = "perhaps, because a hand or another version of this provider changed a field that the \
                           digest does not name";
            paths.push(perhaps.to_owned());
        }
    }
    paths
}

/// The leaves of the Deployment that a configuration stands for.
fn template(model: &ServiceModel, agent_image: &Attr<String>) -> Leaves {
    let Ok(tenant) = spec::tenant(model, agent_image) else { return Leaves::new() };
    let objects = tenancy::expand::tenant(&tenant);
    let deployment = objects.iter().find(|(key, _)| key.kind == Kind::Deployment);
    deployment.map(|(_, object)| leaves(&object.body)).unwrap_or_default()
}
