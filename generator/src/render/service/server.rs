//! The server itself, its ports and its environment.

use tenancy::defaults as d;
use tenancy::tenant::{Probe, ProbeAction, PullPolicy, SecretKey, Server, Service, ServiceType, Tenant};

use super::super::{Attributes, map, texts};
use super::{json, seconds};
use crate::hcl::Hcl;

pub(super) fn server(server: &Server) -> Attributes {
    let mut group = Attributes::default();
    group.set("image", server.image.as_str());
    group.set_some("image_pull_policy", server.image_pull_policy.map(pull_policy));
    group.set_filled("command", texts(&server.command));
    group.set_filled("args", texts(&server.args));
    group.set_filled("requests", map(&server.requests, |amount| amount.to_string().into()));
    group.set_filled("limits", map(&server.limits, |amount| amount.to_string().into()));
    if server.slices != d::SLICES {
        group.set("slices", Hcl::Number(server.slices.into()));
    }
    if server.slice_resource != d::SLICE_RESOURCE {
        group.set("slice_resource", server.slice_resource.as_str());
    }
    group.set_some("startup_probe", server.startup_probe.as_ref().map(|probe| self::probe(probe, server)));
    group
        .set_some("readiness_probe", server.readiness_probe.as_ref().map(|probe| self::probe(probe, server)));
    group.set_some("liveness_probe", server.liveness_probe.as_ref().map(|probe| self::probe(probe, server)));
    group.set_some("security_context", server.security_context.as_ref().map(json));
    group
}

pub(super) fn network(tenant: &Tenant) -> Attributes {
    let mut group = Attributes::default();
    let server = &tenant.server;
    let only = server.ports.len() == 1 && server.main_port.as_str() == d::PORT_NAME;
    match server.ports.get(&server.main_port) {
        Some(port) if only => group.set("port", Hcl::Number((*port).into())),
        _ => {
            group.set("ports", map(&server.ports, |port| Hcl::Number((*port).into())));
            if server.ports.keys().next() != Some(&server.main_port) {
                group.set("main_port", server.main_port.to_string());
            }
        }
    }
    group.set_some("service", tenant.service.as_ref().map(|service| self::service(service, server)));
    group
}

fn service(service: &Service, server: &Server) -> Hcl {
    let mut object = Attributes::default();
    match service.ports.get(&server.main_port) {
        Some(port) if service.ports.len() == 1 && port.target == server.main_port => {
            object.set("port", Hcl::Number(port.port.into()));
            object.set_some("node_port", port.node_port.map(|number| Hcl::Number(number.into())));
        }
        _ => {
            let ports = service.ports.iter().map(|(name, port)| (name, (name, port)));
            object.set(
                "ports",
                map(ports, |(name, port)| {
                    let mut entry = Attributes::default();
                    entry.set("port", Hcl::Number(port.port.into()));
                    if port.target != *name {
                        entry.set("target", port.target.to_string());
                    }
                    entry.set_some("node_port", port.node_port.map(|number| Hcl::Number(number.into())));
                    entry.object()
                }),
            );
        }
    }
    if service.service_type != ServiceType::default() {
        object.set("type", service.service_type.as_str());
    }
    object.set_some("load_balancer_class", service.load_balancer_class.as_ref().map(ToString::to_string));
    object.set_filled("load_balancer_source_ranges", texts(&service.load_balancer_source_ranges));
    object.object()
}

fn probe(probe: &Probe, server: &Server) -> Hcl {
    let mut object = Attributes::default();
    let port = |action: &mut Attributes, port: &tenancy::names::PortName| {
        if *port != server.main_port {
            action.set("port", port.to_string());
        }
    };
    match &probe.action {
        ProbeAction::Tcp { port: name } => {
            let mut tcp = Attributes::default();
            port(&mut tcp, name);
            object.set("tcp", tcp.object());
        }
        ProbeAction::Http { port: name, path } => {
            let mut http = Attributes::default();
            port(&mut http, name);
            http.set("path", path.as_str());
            object.set("http", http.object());
        }
        ProbeAction::Exec { command } => object.set("exec", texts(command)),
    }
    if probe.period_s != d::PROBE_PERIOD_S {
        object.set("period", seconds(probe.period_s));
    }
    if probe.timeout_s != d::PROBE_TIMEOUT_S {
        object.set("timeout", seconds(probe.timeout_s));
    }
    if probe.failure_threshold != d::PROBE_FAILURE_THRESHOLD {
        object.set("failure_threshold", Hcl::Number(probe.failure_threshold.into()));
    }
    if probe.initial_delay_s != 0 {
        object.set("initial_delay", seconds(probe.initial_delay_s));
    }
    object.object()
}

pub(super) fn environment(server: &Server) -> Attributes {
    let mut group = Attributes::default();
    group.set_filled("env", map(&server.env, |value| value.as_str().into()));
    group.set_filled("env_from_secrets", map(&server.env_from_secrets, secret_key));
    group
}

pub(super) fn secret_key(key: &SecretKey) -> Hcl {
    let mut object = Attributes::default();
    object.set("secret", key.secret.to_string());
    object.set("key", key.key.to_string());
    if key.optional {
        object.set("optional", Hcl::Bool(true));
    }
    object.object()
}

fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    }
}
