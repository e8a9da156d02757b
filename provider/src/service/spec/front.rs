//! The Service in front of the server.

use std::collections::{BTreeMap, BTreeSet};

use tenancy::address::AddressRange;
use tenancy::names::PortName;
use tenancy::tenant::{Service, ServicePort, ServiceType};
use tfplugin::{Attr, Path};

use super::at;
use super::server::port_number;
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::{FrontModel, FrontPortModel};

/// The Service: `Some(None)` where the tenant has none, `None` after a problem.
pub(super) fn service(model: &ServiceModel, fill: &mut Fill) -> Option<Option<Service>> {
    if model.service.is_null() {
        return Some(None);
    }
    let stand_in = FrontModel { port: Attr::Unknown, ..FrontModel::default() };
    let path = at("service");
    let front = match &model.service {
        Attr::Known(front) => front,
        // None at all, or one: two sets of objects.
        _ => match fill.perhaps(&stand_in) {
            Some(front) => front,
            None => return Some(None),
        },
    };
    let mut ports = BTreeMap::new();
    if !front.port.is_null() {
        let number = port_number(&front.port, &path.field("port"), fill);
        let main = main_port(model, fill);
        let node_port = node_port(&front.node_port, &path, fill);
        if let (Some(port), Some(main)) = (number, main) {
            ports.insert(main.clone(), ServicePort { port, target: main, node_port });
        }
    }
    for (key, attr) in fill.map(&front.ports) {
        let path = path.field("ports").key(key);
        let name: Option<PortName> = fill.text(key, &path);
        let stand_in = FrontPortModel { port: Attr::Unknown, ..FrontPortModel::default() };
        let Some(one) = fill.any(attr, &stand_in, &stand_in) else { continue };
        let Some((name, port)) = name.zip(port_number(&one.port, &path.field("port"), fill)) else {
            continue;
        };
        let target = target(&one.target, &name, &path, fill);
        let node_port = node_port(&one.node_port, &path, fill);
        ports.extend(target.map(|target| (name, ServicePort { port, target, node_port })));
    }
    if front.ports.is_unknown() {
        let port = fill.sample.of(1, 2);
        let main = main_port(model, fill);
        ports.extend(main.map(|main| (main.clone(), ServicePort { port, target: main, node_port: None })));
    }
    if front.ports.known().is_some_and(BTreeMap::is_empty) {
        fill.wrong(&path, "No ports", "service.ports is empty. Name at least one, or set service.port.");
    }
    let class = path.field("load_balancer_class");
    Some(Some(Service {
        ports,
        service_type: service_type(&front.r#type, fill),
        load_balancer_class: fill.parse(&front.load_balancer_class, &class),
        load_balancer_source_ranges: source_ranges(front, &path.field("load_balancer_source_ranges"), fill),
    }))
}

fn service_type(attr: &Attr<String>, fill: &mut Fill) -> ServiceType {
    if attr.is_unknown() {
        fill.met_unknown();
        return fill.sample.of(ServiceType::NodePort, ServiceType::LoadBalancer);
    }
    ServiceType::ALL.into_iter().find(|it| attr.as_str() == Some(it.as_str())).unwrap_or_default()
}

fn node_port(attr: &Attr<i64>, path: &Path, fill: &mut Fill) -> Option<u16> {
    if attr.is_null() { None } else { port_number(attr, &path.field("node_port"), fill) }
}

fn source_ranges(front: &FrontModel, path: &Path, fill: &mut Fill) -> BTreeSet<AddressRange> {
    match &front.load_balancer_source_ranges {
        Attr::Null => BTreeSet::new(),
        Attr::Unknown => fill.parse(&Attr::Unknown, path).into_iter().collect(),
        Attr::Known(set) => set.0.iter().filter_map(|one| fill.parse(one, path)).collect(),
    }
}

fn target(attr: &Attr<String>, own: &PortName, path: &Path, fill: &mut Fill) -> Option<PortName> {
    if attr.is_null() { Some(own.clone()) } else { fill.parse(attr, &path.field("target")) }
}

/// The main port's name, as the server's conversion finds it. Problems are
/// told there.
fn main_port(model: &ServiceModel, fill: &mut Fill) -> Option<PortName> {
    if let Some(name) = model.main_port.as_str() {
        return name.parse().ok();
    }
    if model.main_port.is_unknown() {
        return fill.parse(&model.main_port, &at("main_port"));
    }
    match &model.ports {
        Attr::Known(ports) => ports.keys().filter_map(|name| name.parse().ok()).min(),
        _ => fill.text(tenancy::defaults::PORT_NAME, &at("port")),
    }
}
