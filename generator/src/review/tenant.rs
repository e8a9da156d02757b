//! What becomes of each tenant.

use std::collections::BTreeMap;

use tenancy::names::TenantId;
use tenancy::window::Schedule;

use super::assemble::{Read, Seen};
use super::card::spelled;
use super::declared::{Declared, Processor};
use super::model::{Action, Flip, Restart, Shown, TenantReview};

/// The tenants of which something changes, by name.
pub(super) fn tenants(read: &Read<'_>) -> Vec<TenantReview> {
    let mut resources: BTreeMap<&TenantId, Vec<&Seen<'_>>> = BTreeMap::new();
    for seen in read.seen.iter().filter(|seen| seen.action.is_some()) {
        if let Some(tenant) = &seen.tenant {
            resources.entry(tenant).or_default().push(seen);
        }
    }
    resources.into_iter().map(|(tenant, seen)| review(tenant, &seen, read)).collect()
}

fn review(tenant: &TenantId, seen: &[&Seen<'_>], read: &Read<'_>) -> TenantReview {
    let service = seen.iter().find(|seen| seen.resource.kind == "gpu_windowed_service");
    let action = match service.or(seen.first()).and_then(|seen| seen.action) {
        // A new claim of a tenant that was there before is a change of it.
        Some(Action::Create) if service.is_none() && read.before.services.contains_key(tenant) => {
            Action::Update
        }
        Some(action) => action,
        None => Action::Update,
    };
    TenantReview {
        tenant: tenant.to_string(),
        action,
        before: line(tenant, &read.before),
        after: line(tenant, &read.after),
        flip: flip(tenant, read),
        restart: service.and_then(|service| restart(tenant, service, read)),
        resources: seen.iter().filter_map(|seen| seen.review()).collect(),
    }
}

/// A tenant in a line: device, schedule, claim.
fn line(tenant: &TenantId, declared: &Declared) -> Option<String> {
    let (service, claimed) = (declared.services.get(tenant), declared.floors.get(tenant));
    let mut parts = Vec::new();
    if let Some(service) = service {
        parts.push(match service.processor {
            Processor::Gpu => "on a card".to_owned(),
            Processor::Cpu => "on the CPU".to_owned(),
        });
        parts.push(if service.suspend { "suspended".to_owned() } else { spelled(&service.schedule) });
    }
    if let Some(claimed) = claimed {
        let floor = &claimed.floor;
        let basis = match floor.basis {
            tenancy::floor::Basis::Guessed => "guessed",
            tenancy::floor::Basis::Measured { .. } => "measured",
        };
        parts.push(format!(
            "{} peak ({basis}) + {} headroom on {}",
            floor.peak_mib, floor.headroom_mib, claimed.card
        ));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn flip(tenant: &TenantId, read: &Read<'_>) -> Option<Flip> {
    let processor = |declared: &Declared| declared.services.get(tenant).map(|service| service.processor);
    match (processor(&read.before)?, processor(&read.after)?) {
        (Processor::Cpu, Processor::Gpu) => Some(Flip::ToGpu),
        (Processor::Gpu, Processor::Cpu) => Some(Flip::ToCpu),
        _ => None,
    }
}

fn restart(tenant: &TenantId, service: &Seen<'_>, read: &Read<'_>) -> Option<Restart> {
    if service.action != Some(Action::Update) {
        return None;
    }
    let suspended = |declared: &Declared| declared.services.get(tenant).is_some_and(|it| it.suspend);
    if suspended(&read.before) || suspended(&read.after) {
        return None;
    }
    let deployment = service.objects.iter().find(|it| it.object.starts_with("Deployment/"))?;
    let of_pod = deployment.fields.iter().filter(|field| {
        // Of a digest nobody can tell which field it was.
        field.path.starts_with("spec.template.") || (field.path == "object" && field.before != Shown::Absent)
    });
    let fields: Vec<String> = of_pod.map(|field| field.path.clone()).collect();
    let always = |declared: &Declared| {
        declared.services.get(tenant).is_some_and(|service| service.schedule == Schedule::Always)
    };
    (!fields.is_empty()).then(|| Restart { certain: always(&read.before) && always(&read.after), fields })
}
