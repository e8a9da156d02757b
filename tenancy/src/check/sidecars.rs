//! The containers beside the server: what they share with it, names and ports, and what they may ask for.

use super::Problem;
use super::server::{amount_problem, is_secret, mismatches};
use crate::expand::reserved;
use crate::names::PortName;
use crate::tenant::{Sidecar, Tenant};

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    // All containers of a pod share its address, and the Service finds ports by name.
    let server = tenant.server.ports.iter().map(|(name, number)| (name, *number, reserved::SERVER));
    let mut ports: Vec<(&PortName, u16, &str)> = server.collect();
    for (name, sidecar) in &tenant.sidecars {
        let mut found = Vec::new();
        if reserved::CONTAINERS.contains(&name.as_str()) || tenant.init_containers.contains_key(name) {
            found.push("The pod has a container of this name already. Choose another one.".to_owned());
        }
        own(tenant, sidecar, &mut found);
        for (port, number) in &sidecar.ports {
            if *number == 0 {
                found.push(format!("Its port {:?} is 0. Write a number from 1 to 65535.", port.as_str()));
            }
            let taken = ports.iter().find(|(other, theirs, _)| *other == port || theirs == number);
            if let Some((other, theirs, whose)) = taken {
                found.push(format!(
                    "Its port {:?}, {number}, and {:?}, {theirs}, of the container {whose:?} share a name or a number, \
                     and a pod has each once. Change one of them.",
                    port.as_str(),
                    other.as_str(),
                ));
            }
        }
        ports.extend(sidecar.ports.iter().map(|(port, number)| (port, *number, name.as_str())));
        problems.extend(found.into_iter().map(|message| Problem::at_key("sidecars", name, message)));
    }
}

/// What is wrong with a sidecar whatever is beside it.
fn own(tenant: &Tenant, sidecar: &Sidecar, found: &mut Vec<String>) {
    if sidecar.image.is_empty() || sidecar.image.contains(char::is_whitespace) {
        found.push(
            "Its image is empty or contains white space. Write a reference such as `registry/name:tag`."
                .to_owned(),
        );
    }
    for (variable, _) in sidecar.env.iter().filter(|(name, value)| is_secret(name.as_str(), value)) {
        found.push(format!(
            "The name of its variable {:?} says that it is a secret, and plain values stand readable in plan, state \
             and cluster. Put the value into a Secret and refer to it in its `env_from_secrets`.",
            variable.as_str()
        ));
    }
    for variable in sidecar.env.keys().filter(|name| sidecar.env_from_secrets.contains_key(name)) {
        found.push(format!(
            "Its variable {:?} is set in `env` and in `env_from_secrets`, and Kubernetes takes only one. Remove one of \
             them.",
            variable.as_str()
        ));
    }
    for (attribute, amounts) in [("requests", &sidecar.requests), ("limits", &sidecar.limits)] {
        for (resource, amount) in amounts {
            let why = if *resource == tenant.server.slice_resource {
                Some("A slice of the card is the server's alone. Leave it out.".to_owned())
            } else {
                amount_problem(resource, *amount, &tenant.server)
            };
            found.extend(why.map(|why| format!("Its {attribute} of {resource}: {why}")));
        }
    }
    let unequal = mismatches(&sidecar.requests, &sidecar.limits).into_iter();
    found.extend(unequal.map(|(attribute, resource, why)| format!("Its {attribute} of {resource}: {why}")));
}
