//! The server's container: ports, probes, environment, amounts.

use std::collections::BTreeMap;

use super::Problem;
use crate::names::{LabelKey, PortName};
use crate::quantity::Quantity;
use crate::tenant::{Probe, ProbeAction, Server, Service, ServiceType, Tenant};
use crate::window::Schedule;

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let server = &tenant.server;
    image("image", &server.image, problems);
    image("agent_image", &tenant.gate.image, problems);
    ports(server, problems);
    if let Some(service) = &tenant.service {
        service_ports(service, tenant, problems);
    }
    for (attribute, probe) in [
        ("startup_probe", &server.startup_probe),
        ("readiness_probe", &server.readiness_probe),
        ("liveness_probe", &server.liveness_probe),
    ] {
        if let Some(probe) = probe {
            self::probe(attribute, probe, server, problems);
        }
    }
    environment(server, problems);
    amounts(tenant, problems);
}

fn image(attribute: &'static str, image: &str, problems: &mut Vec<Problem>) {
    if image.is_empty() || image.contains(char::is_whitespace) {
        let what = if image.is_empty() { "It is empty" } else { "It contains white space" };
        problems.push(Problem::at(
            attribute,
            format!("{what}. Write an image reference such as `registry/name:tag`."),
        ));
    }
}

fn ports(server: &Server, problems: &mut Vec<Problem>) {
    if server.ports.is_empty() {
        let message = "The server has no port. Name at least the one it answers on.";
        problems.push(Problem::at("ports", message));
    } else if !server.ports.contains_key(&server.main_port) {
        let message = format!("There is no port {:?}. {}", server.main_port.as_str(), known_ports(server));
        problems.push(Problem::at("main_port", message));
    }
    numbers("ports", server.ports.iter().map(|(name, number)| (name, *number)), problems);
}

fn service_ports(service: &Service, tenant: &Tenant, problems: &mut Vec<Problem>) {
    if service.ports.is_empty() {
        problems.push(Problem::at("service", "It has no port. Give it one, or leave the Service out."));
    }
    numbers("service", service.ports.iter().map(|(name, port)| (name, port.port)), problems);
    let on_nodes = service.ports.iter().filter_map(|(name, port)| Some((name, port.node_port?)));
    numbers("service", on_nodes.clone(), problems);
    if let Some((name, number)) =
        on_nodes.clone().next().filter(|_| service.service_type == ServiceType::ClusterIP)
    {
        let message = format!(
            "Port {:?} is to be {number} on every node, and a Service of type ClusterIP is on none. Say the type \
             NodePort or LoadBalancer, or leave node_port out.",
            name.as_str()
        );
        problems.push(Problem::at("service", message));
    }
    let is_balanced =
        service.load_balancer_class.is_some() || !service.load_balancer_source_ranges.is_empty();
    if is_balanced && service.service_type != ServiceType::LoadBalancer {
        let message = format!(
            "It says something of its load balancer, and a Service of type {} has none. Say the type LoadBalancer, \
             or leave load_balancer_class and load_balancer_source_ranges out.",
            service.service_type.as_str()
        );
        problems.push(Problem::at("service", message));
    }
    for (name, port) in &service.ports {
        let is_beside = || tenant.sidecars.values().any(|sidecar| sidecar.ports.contains_key(&port.target));
        if !tenant.server.ports.contains_key(&port.target) && !is_beside() {
            let target = port.target.as_str();
            let message = format!(
                "Port {:?} leads to {target:?}, which the server does not have. {}",
                name.as_str(),
                known_ports(&tenant.server)
            );
            problems.push(Problem::at("service", message));
        }
    }
}

/// Port numbers are from 1 to 65535 (the type holds the upper end) and unique.
fn numbers<'a>(
    attribute: &'static str,
    ports: impl Iterator<Item = (&'a PortName, u16)>,
    problems: &mut Vec<Problem>,
) {
    let mut seen: BTreeMap<u16, &PortName> = BTreeMap::new();
    for (name, number) in ports {
        let name_text = name.as_str();
        if number == 0 {
            let message = format!("Port {name_text:?} is 0. Write a number from 1 to 65535.");
            problems.push(Problem::at(attribute, message));
        } else if let Some(other) = seen.insert(number, name) {
            let message = format!(
                "Ports {:?} and {name_text:?} are both {number}. Give each its own number, or leave one out.",
                other.as_str()
            );
            problems.push(Problem::at(attribute, message));
        }
    }
}

fn known_ports(server: &Server) -> String {
    let names: Vec<&str> = server.ports.keys().map(PortName::as_str).collect();
    if names.is_empty() { "It has none.".to_owned() } else { format!("It has: {}.", names.join(", ")) }
}

fn probe(attribute: &'static str, probe: &Probe, server: &Server, problems: &mut Vec<Problem>) {
    let mut refuse = |message: String| problems.push(Problem::at(attribute, message));
    match &probe.action {
        ProbeAction::Tcp { port } | ProbeAction::Http { port, .. } if !server.ports.contains_key(port) => {
            refuse(format!(
                "It tries port {:?}, which the server does not have. {}",
                port.as_str(),
                known_ports(server)
            ));
        }
        ProbeAction::Http { path, .. } if !path.starts_with('/') => {
            refuse(format!("Its path {path:?} does not begin with `/`. Write a path such as `/health`."));
        }
        ProbeAction::Exec { command } if command.is_empty() => {
            refuse("Its command is empty. Write the program and its arguments as a list.".to_owned());
        }
        _ => {}
    }
    let counts = [
        ("period", probe.period_s),
        ("timeout", probe.timeout_s),
        ("failure_threshold", probe.failure_threshold),
    ];
    for (name, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
        refuse(format!("Its {name} is 0. Write at least 1."));
    }
}

fn environment(server: &Server, problems: &mut Vec<Problem>) {
    for name in server.env.keys().filter(|name| server.env_from_secrets.contains_key(name)) {
        let message =
            "It is set here and in `env_from_secrets`, and Kubernetes takes only one. Remove one of them.";
        problems.push(Problem::at_key("env", name, message));
    }
    for (name, _) in server.env.iter().filter(|(name, value)| is_secret(name.as_str(), value)) {
        let message = "Its name says that it is a secret, and plain values stand readable in plan, state and cluster. \
             Put the value into a Secret and refer to it in `env_from_secrets`.";
        problems.push(Problem::at_key("env", name, message));
    }
}

/// Whether a variable's name says that its value is a secret. `HF_TOKEN` does;
/// `MAX_TOKENS`, `TOKEN_LIMIT` and `PASSWORD_FILE` do not. An empty value, and
/// one that refers to another variable, give nothing away.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    const SECRETS: [&str; 9] = [
        "APIKEY",
        "CREDENTIAL",
        "CREDENTIALS",
        "PASSPHRASE",
        "PASSWD",
        "PASSWORD",
        "SECRET",
        "SECRETS",
        "TOKEN",
    ];
    const KEYS: [&str; 6] = ["ACCESS", "API", "AUTH", "ENCRYPTION", "PRIVATE", "SIGNING"];
    const ABOUT: [&str; 16] = [
        "COUNT", "DIR", "ENABLED", "EXPIRY", "FILE", "FORMAT", "ID", "LENGTH", "LIMIT", "MODE", "NAME",
        "PATH", "SIZE", "TTL", "TYPE", "URL",
    ];
    if value.is_empty() || (value.starts_with("$(") && value.ends_with(')')) {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split(['_', '-', '.']).collect();
    let says_so = words.iter().any(|word| SECRETS.contains(word))
        || words.windows(2).any(|pair| KEYS.contains(&pair[0]) && pair[1] == "KEY");
    says_so && words.last().is_none_or(|last| !ABOUT.contains(last))
}

fn amounts(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let server = &tenant.server;
    slices(tenant, problems);
    for (attribute, amounts) in [("requests", &server.requests), ("limits", &server.limits)] {
        for (name, amount) in amounts {
            if let Some(message) = amount_problem(name, *amount, server) {
                problems.push(Problem::at_key(attribute, name, message));
            }
        }
    }
    for (attribute, name, message) in mismatches(&server.requests, &server.limits) {
        problems.push(Problem::at_key(attribute, name, message));
    }
}

/// What is wrong between requests and limits: the attribute, the resource and why.
pub(super) fn mismatches(
    requests: &BTreeMap<String, Quantity>,
    limits: &BTreeMap<String, Quantity>,
) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    for (name, limit) in limits {
        match requests.get(name) {
            Some(request) if limit < request => {
                let message = format!(
                    "The limit {limit} is below the request {request}. Raise the limit or lower the request."
                );
                found.push(("limits", name.clone(), message));
            }
            Some(request) if is_extended(name) && limit != request => {
                let message = format!(
                    "Kubernetes wants limit ({limit}) and request ({request}) of {name} equal. Write only the limit."
                );
                found.push(("limits", name.clone(), message));
            }
            _ => {}
        }
    }
    for name in requests.keys().filter(|name| is_extended(name) && !limits.contains_key(*name)) {
        let message = format!("Kubernetes wants a limit for {name}. Write it in `limits` instead.");
        found.push(("requests", name.clone(), message));
    }
    found
}

/// Without a slice the pod may land on the card's node all the same and take
/// its memory outside every budget. Only a tenant that no gate admits to a card
/// may go without: it runs on the CPU.
fn slices(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let server = &tenant.server;
    if tenant.is_on_cpu() && tenant.schedule != Schedule::Always {
        let message = "A tenant of a card needs at least one slice, else the scheduler does not know that it is \
             there. Write 1; a server that runs on the CPU waits for no card: say `always` instead of windows.";
        problems.push(Problem::at("slices", message));
    }
    if !is_device(&server.slice_resource) {
        let message = format!(
            "{:?} is not the name of a device plugin's resource. Write a name such as `nvidia.com/gpu`.",
            server.slice_resource
        );
        problems.push(Problem::at("slice_resource", message));
    }
}

pub(super) fn amount_problem(name: &str, amount: Quantity, server: &Server) -> Option<String> {
    let is_native = ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-");
    if name == server.slice_resource {
        Some("The slices of the card are counted by `slices`. Write their number there.".to_owned())
    } else if !is_native && !is_device(name) {
        Some(format!(
            "There is no resource {name:?}. Write `cpu`, `memory`, `ephemeral-storage` or a device plugin's name."
        ))
    } else if amount < Quantity::whole(0) {
        Some(format!("{amount} is below zero. Write an amount from 0 up."))
    } else if is_extended(name) && amount.millis() % 1000 != 0 {
        Some(format!("{amount} is not a whole number, and a device is not divided. Write a whole number."))
    } else {
        None
    }
}

fn is_device(name: &str) -> bool {
    is_extended(name) && name.parse::<LabelKey>().is_ok()
}

fn is_extended(name: &str) -> bool {
    name.contains('/')
}
