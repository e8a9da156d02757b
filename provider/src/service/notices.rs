//! What a plan says aloud: that an apply will restart or put to sleep what is awake.

use jiff::Timestamp;
use tenancy::decide::{Override, parse_override};
use tenancy::gate::OVERRIDE_ANNOTATION;
use tenancy::leaves::{Leaves, diff, leaves};
use tenancy::objects::Kind;
use tenancy::tenant::Tenant;
use tenancy::window::Schedule;
use tfplugin::{Attr, CancellationToken, Diagnostic, Diagnostics, Path};

use super::model::ServiceModel;
use super::spec;
use crate::api::{Live, PATIENCE, Ref};
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
    let is_shut_out = is_shut_out(prior, planned, &data.agent_image);
    if restarting.is_empty() && !is_shut_out {
        return notices;
    }
    let (Some(namespace), Some(name)) = (planned.namespace.as_str(), planned.name.as_str()) else {
        return notices;
    };
    let api = data.api.within(PATIENCE, cancel);
    let Ok(Some(live)) = api.get(&Ref::deployment(namespace, name)).await else { return notices };
    if live.replicas().is_none_or(|replicas| replicas == 0) {
        return notices;
    }
    if is_shut_out && !is_held_awake(&live, Timestamp::now()) {
        let detail = "It is awake, and none of the windows is open once this is applied: its gate sends it to \
                      sleep at its next look. Apply when its window has closed to let it work on.";
        let warning = Diagnostic::warning(format!("{id} will be put to sleep"), detail);
        notices.push(warning.at(Path::attribute("windows")));
    } else if !restarting.is_empty() {
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

/// Whether a person asked that the tenant be awake now, whatever its windows say.
fn is_held_awake(deployment: &Live, now: Timestamp) -> bool {
    let by_hand = deployment.0["metadata"]["annotations"][OVERRIDE_ANNOTATION].as_str();
    let asked = by_hand.and_then(|text| parse_override(text, now).ok());
    matches!(asked, Some(Override::AwakeUntil(until)) if until > now)
}

/// Whether a window is open that the plan takes away, and no other is.
fn is_shut_out(prior: &ServiceModel, planned: &ServiceModel, agent_image: &Attr<String>) -> bool {
    let now = Timestamp::now();
    let closed = |tenant: &Tenant| {
        matches!(tenant.schedule, Schedule::Windows(_)) && tenant.schedule.open_at(now).is_none()
    };
    let was_open = spec::tenant(prior, agent_image).is_ok_and(|it| it.schedule.open_at(now).is_some());
    // Of unknown times only what holds for both stand-ins is said.
    let is_closed =
        || matches!(spec::both(planned, agent_image), Ok(Some((a, b))) if closed(&a) && closed(&b));
    was_open && is_closed()
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
