//! What a plan says aloud: that an apply will restart or put to sleep what is awake.

use tenancy::objects::Kind;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::model::ServiceModel;
use crate::api::{Api, Ref};
use crate::picture;

/// The notices of a changed tenant. A cluster that cannot be asked is not
/// waited for: then nobody knows whether the tenant is awake, and we say so.
pub(super) async fn of_update(api: &Api, prior: &ServiceModel, planned: &ServiceModel) -> Diagnostics {
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
    let restarting = restarting(prior, planned);
    if restarting.is_empty() {
        return notices;
    }
    let (Some(namespace), Some(name)) = (planned.namespace.as_str(), planned.name.as_str()) else {
        return notices;
    };
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

/// The leaves of the pod's template that the plan changes.
fn restarting(prior: &ServiceModel, planned: &ServiceModel) -> Vec<String> {
    let changed = picture::differing(&prior.objects, &planned.objects);
    changed
        .into_iter()
        .filter(|(key, _)| key.starts_with(Kind::Deployment.as_str()))
        .flat_map(|(_, paths)| paths)
        .filter(|path| path.starts_with("spec.template."))
        .collect()
}
