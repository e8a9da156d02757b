//! The agent's containers: what every one of them has, and what those have
//! that speak to the API server.

use serde_json::{Value, json};

use crate::card::{CA_KEY, SOURCE_SECRET_DIR, TOKEN_KEY};
use crate::declared::gate_account;
use crate::defaults::{AGENT_LIMITS, AGENT_REQUESTS, AGENT_UID};
use crate::gate::GATE_CONFIG_DIR;
use crate::names::ObjectName;
use crate::tenant::Tenant;

/// Name of a pod's volume with the gate's configuration.
pub(super) const CONFIG_VOLUME: &str = "gate";
/// Name of a pod's volume with the gate's token.
pub(super) const TOKEN_VOLUME: &str = "gate-token";
/// Name of a pod's volume with what an `https` source asks for.
pub(super) const SOURCE_VOLUME: &str = "gate-source";
/// Name of the container that waits until the pod may start.
pub(super) const ADMIT_CONTAINER: &str = "admit";
/// Where clients look for their token.
const TOKEN_DIR: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Name of the ConfigMap with the gate's configuration.
pub(super) fn config_name(tenant: &Tenant) -> String {
    // The account and its configuration go by one name.
    gate_account(&tenant.id)
}

/// A container of the agent's image, with the least rights there are.
pub(super) fn container(name: &str, image: &str, args: &[&str]) -> Value {
    json!({
        "name": name,
        "image": image,
        "args": args,
        "resources": resources(AGENT_REQUESTS, AGENT_LIMITS),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
            "runAsGroup": AGENT_UID,
            "runAsNonRoot": true,
            "runAsUser": AGENT_UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    })
}

/// What a container asks for and may use at most.
pub(super) fn resources(requests: [(&str, &str); 2], limits: [(&str, &str); 2]) -> Value {
    let amounts =
        |list: [(&str, &str); 2]| -> Value { list.into_iter().map(|(k, v)| (k, json!(v))).collect() };
    json!({"requests": amounts(requests), "limits": amounts(limits)})
}

/// A container of the agent that speaks to the API server as the tenant's gate.
pub(super) fn gate_container(name: &str, tenant: &Tenant, args: &[&str]) -> Value {
    let mut container = container(name, &tenant.gate.image, args);
    let env = [
        ("NODE_NAME", "spec.nodeName"),
        ("POD_NAME", "metadata.name"),
        ("POD_NAMESPACE", "metadata.namespace"),
        ("POD_UID", "metadata.uid"),
    ];
    container["env"] = env
        .into_iter()
        .map(|(name, path)| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}))
        .collect();
    let mut mounts =
        vec![json!({"name": CONFIG_VOLUME, "mountPath": GATE_CONFIG_DIR, "readOnly": true}), token_mount()];
    mounts.extend(tenant.gate.source_secret.as_ref().map(|_| source_mount()));
    container["volumeMounts"] = Value::Array(mounts);
    container
}

/// The volumes that a [`gate_container`] mounts. The token is projected here
/// and not by Kubernetes, which would give it to every container of the pod.
pub(super) fn gate_volumes(tenant: &Tenant) -> Vec<Value> {
    let config = json!({"name": CONFIG_VOLUME, "configMap": {"name": config_name(tenant)}});
    let source = tenant.gate.source_secret.as_ref().map(source_volume);
    [config, token_volume()].into_iter().chain(source).collect()
}

/// The volume with what an `https` source asks for, and of the Secret no other key. It is optional:
/// a gate without it says what it lacks, and a pod that cannot start says nothing.
pub(super) fn source_volume(secret: &ObjectName) -> Value {
    let items = [CA_KEY, TOKEN_KEY].map(|key| json!({"key": key, "path": key}));
    json!({"name": SOURCE_VOLUME, "secret": {"secretName": secret.as_str(), "items": items, "optional": true}})
}

/// The mount of [`source_volume`].
pub(super) fn source_mount() -> Value {
    json!({"name": SOURCE_VOLUME, "mountPath": SOURCE_SECRET_DIR, "readOnly": true})
}

/// The volume with the token of the pod's account.
pub(super) fn token_volume() -> Value {
    json!({"name": TOKEN_VOLUME, "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": 3600, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        ]}},
    ]}})
}

/// The mount of [`token_volume`], where clients look for it.
pub(super) fn token_mount() -> Value {
    json!({"name": TOKEN_VOLUME, "mountPath": TOKEN_DIR, "readOnly": true})
}
