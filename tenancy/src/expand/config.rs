//! Config files: the ConfigMap that holds them and how they reach the server.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{agent, of_tenant};
use crate::defaults::CONFIG_COPY_LIMIT;
use crate::leaves::digest;
use crate::names::fit;
use crate::objects::{Kind, Object};
use crate::tenant::{AbsolutePath, ConfigMode, ObjectKind, Tenant};

/// Name of the pod's volume with the files as declared.
pub(super) const VOLUME: &str = "config";
/// Name of the pod's volume with the files that the server may rewrite.
pub(super) const COPY_VOLUME: &str = "config-copy";
/// Name of the container that copies them.
pub(super) const COPY_CONTAINER: &str = "copy-config";

/// Longest key of a file. A key may have 253 characters, but it becomes a file's
/// name, of which 255 are the end, and a copy is first written beside it.
const KEY_LIMIT: usize = 200;

/// The ConfigMap of the files, if there are any.
pub(super) fn object(tenant: &Tenant) -> Option<Object> {
    if tenant.config.is_empty() {
        return None;
    }
    let data: serde_json::Map<String, Value> =
        tenant.config.iter().map(|(path, content)| (config_key(path), json!(content))).collect();
    Some(of_tenant(
        tenant,
        Kind::ConfigMap,
        ObjectKind::ConfigMap,
        &map_name(tenant),
        json!({ "data": data }),
    ))
}

fn map_name(tenant: &Tenant) -> String {
    format!("{}-config", tenant.id.name)
}

/// The ConfigMap key of a file: its path with `__` for each `/`, and `_` and
/// two hexadecimal digits for every byte that a key may not have. No two paths
/// share one, and all begin with `__`, as no key of ours does.
pub fn config_key(path: &AbsolutePath) -> String {
    let mut key = String::new();
    for byte in path.as_str().bytes() {
        match byte {
            b'/' => key.push_str("__"),
            b'.' | b'-' => key.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => key.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(key, "_{byte:02x}");
            }
        }
    }
    fit(&key, "", KEY_LIMIT)
}

/// What changes when any file or its place does. Files mounted one by one do
/// not follow their ConfigMap, so a change has to restart the pod.
pub(super) fn checksum(tenant: &Tenant) -> Option<String> {
    if tenant.config.is_empty() {
        return None;
    }
    let files: Vec<(&str, &String)> =
        tenant.config.iter().map(|(path, content)| (path.as_str(), content)).collect();
    Some(digest(&json!(files).to_string(), 8))
}

/// The pod's volumes for the files.
pub(super) fn volumes(tenant: &Tenant) -> Vec<Value> {
    if tenant.config.is_empty() {
        return Vec::new();
    }
    let mut volumes = vec![json!({"name": VOLUME, "configMap": {"name": map_name(tenant)}})];
    if tenant.config_mode == ConfigMode::Copy {
        volumes.push(json!({"name": COPY_VOLUME, "emptyDir": {"sizeLimit": CONFIG_COPY_LIMIT}}));
    }
    volumes
}

/// The mounts of the files, each at its own path, so that what else the image
/// has in the same directory stays visible. A copy can be written in place; it
/// cannot be replaced by renaming another file over it, being a mount.
pub(super) fn mounts(tenant: &Tenant) -> Vec<Value> {
    let mount = |path: &AbsolutePath| match tenant.config_mode {
        ConfigMode::Mount => {
            json!({"name": VOLUME, "mountPath": path.as_str(), "subPath": config_key(path), "readOnly": true})
        }
        ConfigMode::Copy => {
            json!({"name": COPY_VOLUME, "mountPath": path.as_str(), "subPath": config_key(path)})
        }
    };
    tenant.config.keys().map(mount).collect()
}

/// The container that copies the files to where they can be rewritten. It runs
/// as the server does, where that is declared, so that the server owns them.
pub(super) fn copy_container(tenant: &Tenant) -> Option<Value> {
    if tenant.config.is_empty() || tenant.config_mode == ConfigMode::Mount {
        return None;
    }
    const FROM: &str = "/config";
    const TO: &str = "/config-copy";
    let mut container = agent::container(COPY_CONTAINER, &tenant.gate.image, &["copy", FROM, TO]);
    container["volumeMounts"] = json!([
        {"name": VOLUME, "mountPath": FROM, "readOnly": true},
        {"name": COPY_VOLUME, "mountPath": TO},
    ]);
    if let Some(user) = declared_user(tenant) {
        container["securityContext"]["runAsUser"] = user.clone();
        if *user == json!(0) {
            container["securityContext"]["runAsNonRoot"] = json!(false);
        }
    }
    Some(container)
}

fn declared_user(tenant: &Tenant) -> Option<&Value> {
    let contexts = [&tenant.server.security_context, &tenant.pod.security_context];
    contexts.into_iter().flatten().find_map(|context| context.get("runAsUser"))
}
