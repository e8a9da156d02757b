//! The pod around the containers: security contexts, tolerations, init
//! containers, labels and annotations.

use serde_json::{Map, Value};

use super::Problem;
use super::server::is_secret;
use crate::expand::{is_ours, reserved};
use crate::gate::OVERRIDE_ANNOTATION;
use crate::tenant::{Tenant, Toleration};

/// Fields of a container's security context (`k8s.io/api/core/v1.SecurityContext`).
const OF_CONTAINER: [&str; 12] = [
    "allowPrivilegeEscalation",
    "appArmorProfile",
    "capabilities",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxOptions",
    "seccompProfile",
    "windowsOptions",
];
/// Fields of a pod's security context (`k8s.io/api/core/v1.PodSecurityContext`).
const OF_POD: [&str; 13] = [
    "appArmorProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxChangePolicy",
    "seLinuxOptions",
    "seccompProfile",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "sysctls",
    "windowsOptions",
];

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let of_server = ("security_context", &OF_CONTAINER[..]);
    let of_pod = ("pod_security_context", &OF_POD[..]);
    context(&tenant.server.security_context, of_server, of_pod, problems);
    context(&tenant.pod.security_context, of_pod, of_server, problems);
    for toleration in &tenant.pod.tolerations {
        if let Some(message) = toleration_problem(toleration) {
            problems.push(Problem::at("tolerations", message));
        }
    }
    init_containers(tenant, problems);
    metadata(tenant, problems);
}

/// The API server answers an unknown field with an error that names neither
/// object nor field, and the two levels are easily mixed up.
fn context(
    context: &Option<Map<String, Value>>,
    (attribute, known): (&'static str, &[&str]),
    (other_attribute, other_known): (&str, &[&str]),
    problems: &mut Vec<Problem>,
) {
    for field in context.iter().flat_map(Map::keys).filter(|field| !known.contains(&field.as_str())) {
        let message = if other_known.contains(&field.as_str()) {
            format!("{field:?} does not belong here. Write it in `{other_attribute}`.")
        } else {
            format!("There is no field {field:?}. Kubernetes knows: {}.", known.join(", "))
        };
        problems.push(Problem::at(attribute, message));
    }
}

fn toleration_problem(toleration: &Toleration) -> Option<String> {
    let operator = toleration.operator.as_deref().unwrap_or("Equal");
    let effect = toleration.effect.as_deref();
    if !["Equal", "Exists"].contains(&operator) {
        Some(format!("{operator:?} is not an operator. Write `Equal` or `Exists`."))
    } else if effect.is_some_and(|effect| !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect))
    {
        let effect = effect.unwrap_or_default();
        Some(format!(
            "{effect:?} is not an effect. Write `NoSchedule`, `PreferNoSchedule` or `NoExecute`, or leave it out."
        ))
    } else if operator == "Exists" && toleration.value.is_some() {
        Some("`Exists` looks at no value. Leave `value` out, or write `Equal`.".to_owned())
    } else if operator == "Equal" && toleration.key.is_none() {
        Some(
            "Without a key only `Exists` is allowed, which bears every taint. Write a key, or `Exists`."
                .to_owned(),
        )
    } else {
        None
    }
}

fn init_containers(tenant: &Tenant, problems: &mut Vec<Problem>) {
    for (name, init) in &tenant.init_containers {
        if reserved::CONTAINERS.contains(&name.as_str()) {
            let message = "The pod has a container of this name already. Choose another one.";
            problems.push(Problem::at_key("init_containers", name, message));
        }
        if init.image.is_empty() || init.image.contains(char::is_whitespace) {
            let message =
                "Its image is empty or contains white space. Write a reference such as `registry/name:tag`.";
            problems.push(Problem::at_key("init_containers", name, message));
        }
        for variable in
            init.env.iter().filter(|(name, value)| is_secret(name.as_str(), value)).map(|(name, _)| name)
        {
            let message = format!(
                "The name of its variable {:?} says that it is a secret, and plain values stand readable in plan, \
                 state and cluster. Mount a Secret through `pod_patch` instead.",
                variable.as_str()
            );
            problems.push(Problem::at_key("init_containers", name, message));
        }
    }
}

fn metadata(tenant: &Tenant, problems: &mut Vec<Problem>) {
    for (kind, metadata) in &tenant.metadata {
        for key in metadata.labels.keys().filter(|key| is_ours(key)) {
            let message = format!(
                "{:?} is set by us, and our objects are found by it. Choose another key.",
                key.as_str()
            );
            problems.push(Problem::at_key("labels", format!("{kind:?}"), message));
        }
        for key in metadata.annotations.keys().filter(|key| is_ours(key)) {
            let message = if key.as_str() == OVERRIDE_ANNOTATION {
                format!(
                    "{OVERRIDE_ANNOTATION:?} is how a person speaks to the gate, with `kubectl annotate`, and the next \
                     apply would say it again. To keep the tenant asleep write `suspend = true`."
                )
            } else {
                format!("{:?} is ours. Choose another key.", key.as_str())
            };
            problems.push(Problem::at_key("annotations", format!("{kind:?}"), message));
        }
    }
}
