//! The Service in front of the server.

use serde_json::{Value, json};

use super::{labels, of_tenant};
use crate::objects::{Kind, Object};
use crate::tenant::{ObjectKind, Tenant};

/// The Service, if the tenant has one.
pub(super) fn object(tenant: &Tenant) -> Option<Object> {
    let service = tenant.service.as_ref()?;
    let ports: Vec<Value> = service
        .ports
        .iter()
        .map(|(name, port)| {
            json!({
                "name": name.as_str(),
                "port": port.port,
                "protocol": "TCP",
                "targetPort": port.target.as_str(),
            })
        })
        .collect();
    let spec = json!({"type": "ClusterIP", "selector": labels::selector(&tenant.id), "ports": ports});
    let name = tenant.id.name.as_str();
    Some(of_tenant(tenant, Kind::Service, ObjectKind::Service, name, json!({ "spec": spec })))
}
