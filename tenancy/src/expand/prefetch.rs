//! The Job that fills a tenant's claim while it sleeps.

use serde_json::{Value, json};

use super::{deployment, labels, of_tenant, server, storage};
use crate::defaults::{PREFETCH_LIMIT_S, PREFETCH_RETRIES};
use crate::leaves::{canonical_json, short_hash, without_nulls};
use crate::names::{LABEL_LIMIT, fit};
use crate::objects::{Kind, Object};
use crate::tenant::{ObjectKind, Tenant};

/// The name of a prefetch's container.
pub const PREFETCH_CONTAINER: &str = "prefetch";
/// By this NVIDIA's container runtime is told which cards a container sees.
const VISIBLE_DEVICES: &str = "NVIDIA_VISIBLE_DEVICES";

/// The Job, if there is anything to fetch and a claim to fetch it to.
///
/// A Job's template can never change, so its name carries a hash of all that it
/// does: other work is another Job, and the one before is removed as any object
/// that is wanted no more. It stays when it is done, because one that vanished
/// would be made again.
pub(super) fn job(tenant: &Tenant) -> Option<Object> {
    let (prefetch, storage) = tenant.prefetch.as_ref().zip(tenant.storage.as_ref())?;
    let mut container = json!({
        "name": PREFETCH_CONTAINER,
        "image": prefetch.image.as_ref().unwrap_or(&tenant.server.image),
        "resources": resources(tenant),
        "volumeMounts": [{"name": storage::VOLUME, "mountPath": storage.mount_path.as_str()}],
    });
    if let Some(policy) = tenant.server.image_pull_policy {
        container["imagePullPolicy"] = json!(format!("{policy:?}"));
    }
    server::put_list(&mut container, "command", prefetch.command.iter().map(|part| json!(part)).collect());
    server::put_list(&mut container, "args", prefetch.args.iter().map(|part| json!(part)).collect());
    let mut env = server::variables(&prefetch.env_from_secrets, &prefetch.env);
    if !env.iter().any(|variable| variable["name"] == VISIBLE_DEVICES) {
        // CUDA images ask for every card of their node, and where NVIDIA's runtime is the default
        // they get them, without a slice and past the gate.
        env.push(json!({"name": VISIBLE_DEVICES, "value": "void"}));
    }
    server::put_list(&mut container, "env", env);
    if let Some(context) = &tenant.server.security_context {
        container["securityContext"] = without_nulls(&Value::Object(context.clone()));
    }
    let claim = storage::claim_name(tenant, storage);
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": storage::VOLUME, "persistentVolumeClaim": {"claimName": claim}}],
    });
    // A claim that one node alone may mount binds where its first pod runs.
    deployment::place(&mut pod, tenant);
    let mut own = labels::of_tenant(&tenant.id);
    own.insert(labels::NAME_LABEL.to_owned(), labels::PREFETCH_POD_NAME.to_owned());
    let mut template = json!({"metadata": {}, "spec": pod});
    labels::decorate(&mut template, own, tenant.metadata.get(&ObjectKind::Pod));
    let spec = json!({
        "activeDeadlineSeconds": PREFETCH_LIMIT_S,
        "backoffLimit": PREFETCH_RETRIES,
        "template": template,
    });
    let hash = short_hash(&json!(canonical_json(&spec)));
    let suffix = format!("-prefetch-{}", hash.trim_start_matches("sha256:"));
    let name = fit(tenant.id.name.as_str(), &suffix, LABEL_LIMIT);
    Some(of_tenant(tenant, Kind::Job, ObjectKind::Job, &name, json!({ "spec": spec })))
}

/// What the container may write, and of what the tenant's quota bounds as much as the server: Kubernetes makes no
/// pod that says nothing of it, and while the tenant sleeps that much is free.
fn resources(tenant: &Tenant) -> Value {
    let mut resources = server::scratch();
    for name in ["cpu", "memory"] {
        let bounds = [name.to_owned(), format!("limits.{name}"), format!("requests.{name}")];
        if !bounds.iter().any(|bound| tenant.quota.contains_key(bound)) {
            continue;
        }
        for (kind, asked) in [("limits", &tenant.server.limits), ("requests", &tenant.server.requests)] {
            if let Some(amount) = asked.get(name) {
                resources[kind][name] = json!(amount.to_string());
            }
        }
    }
    resources
}
