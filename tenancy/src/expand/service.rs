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
            let mut spelled = json!({
                "name": name.as_str(),
                "port": port.port,
                "protocol": "TCP",
                "targetPort": port.target.as_str(),
            });
            if let Some(number) = port.node_port {
                spelled["nodePort"] = json!(number);
            }
            spelled
        })
        .collect();
    let mut spec = json!({
        "type": service.service_type.as_str(),
        "selector": labels::selector(&tenant.id),
        "ports": ports,
    });
    if let Some(class) = &service.load_balancer_class {
        spec["loadBalancerClass"] = json!(class.as_str());
    }
    if !service.load_balancer_source_ranges.is_empty() {
        let ranges = service.load_balancer_source_ranges.iter().map(|range| json!(range.to_string()));
        spec["loadBalancerSourceRanges"] = ranges.collect();
    }
    let name = tenant.id.name.as_str();
    Some(of_tenant(tenant, Kind::Service, ObjectKind::Service, name, json!({ "spec": spec })))
}
