//! Labels and annotations: ours, and a person's beside them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::declared::DOMAIN;
use crate::names::{LABEL_LIMIT, LabelKey, TenantId, fit};
use crate::tenant::Metadata;

/// Label of everything that we make; its value is `gpu-tenancy`.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label with the tenant's name, by which its Service finds its pods.
pub const NAME_LABEL: &str = "app.kubernetes.io/name";
/// Label with the tenant's key, fitted to a label's length.
pub const TENANT_LABEL: &str = "gpu-tenancy.dev/tenant";
/// Label with the card's name, on the card's objects.
pub(super) const CARD_LABEL: &str = "gpu-tenancy.dev/card";
/// Label with the exporter's name, on its objects and pods.
pub const EXPORTER_LABEL: &str = "gpu-tenancy.dev/exporter";
/// What the pods of gate ticks carry as [`NAME_LABEL`]. It has a dot, which no
/// tenant's name has, so no Service takes a tick for a server.
pub const GATE_POD_NAME: &str = "gpu-tenancy.gate";
/// What the pods of a prefetch carry as [`NAME_LABEL`], for the same reason.
pub const PREFETCH_POD_NAME: &str = "gpu-tenancy.prefetch";
/// Annotation of the pod template by which changed config files restart the pod.
pub const CONFIG_CHECKSUM: &str = "gpu-tenancy.dev/config-checksum";

pub(super) type Labels = BTreeMap<String, String>;

/// Whether a label or annotation belongs to us: a person may not set it.
pub fn is_ours(key: &LabelKey) -> bool {
    let key = key.as_str();
    [MANAGED_BY, NAME_LABEL].contains(&key)
        || key
            .split_once('/')
            .is_some_and(|(prefix, _)| prefix == DOMAIN || prefix.ends_with(".gpu-tenancy.dev"))
}

/// What several tenants may say of one object with the same words.
pub(super) fn shared_by_tenants() -> Labels {
    Labels::from([(MANAGED_BY.to_owned(), "gpu-tenancy".to_owned())])
}

pub(super) fn of_tenant(tenant: &TenantId) -> Labels {
    let mut labels = selector(tenant);
    labels.extend(shared_by_tenants());
    labels
}

pub(super) fn of_card(card: &str) -> Labels {
    let mut labels = shared_by_tenants();
    labels.insert(CARD_LABEL.to_owned(), card.to_owned());
    labels
}

/// The labels by which a Deployment knows its pods. They can never change, so
/// they are as few as tell tenants apart.
pub fn selector(tenant: &TenantId) -> BTreeMap<String, String> {
    BTreeMap::from([
        (NAME_LABEL.to_owned(), tenant.name.to_string()),
        (TENANT_LABEL.to_owned(), fit(&tenant.key(), "", LABEL_LIMIT)),
    ])
}

/// Writes labels and annotations into a body's metadata; ours win.
pub(super) fn decorate(body: &mut Value, own: Labels, written: Option<&Metadata>) {
    let mut labels = Labels::new();
    if let Some(written) = written {
        labels.extend(written.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())));
        if !written.annotations.is_empty() {
            body["metadata"]["annotations"] = json!(written.annotations);
        }
    }
    labels.extend(own);
    body["metadata"]["labels"] = json!(labels);
}
