//! Volumes beside the storage, and shared memory: names, sizes, and what is mounted over what.

use super::Problem;
use super::paths::ground_problem;
use crate::defaults::EPHEMERAL_STORAGE_LIMIT;
use crate::expand::reserved;
use crate::names::VolumeName;
use crate::quantity::Quantity;
use crate::tenant::{AbsolutePath, Tenant, Volume, VolumeSource};

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    for (name, volume) in &tenant.volumes {
        let mut refuse = |message: String| problems.push(Problem::at_key("volumes", name, message));
        let is_shm = tenant.shm_size.is_some() && name.as_str() == reserved::SHM.0;
        if is_shm || reserved::VOLUMES.contains(&name.as_str()) {
            refuse("The pod has a volume of this name already. Choose another one.".to_owned());
        }
        if let Some(message) = ground_problem(&volume.mount_path) {
            refuse(format!("Its mount path: {message}"));
        }
        if let Some(message) = volume.sub_path.as_deref().and_then(sub_path_problem) {
            refuse(message);
        }
        if let VolumeSource::EmptyDir { size, .. } = volume.source
            && !size.is_positive()
        {
            refuse(format!("Its size {size} is not above zero. Write a size such as `10Gi`."));
        }
    }
    covered(tenant, problems);
    shared_memory(tenant, problems);
    room(tenant, problems);
}

fn sub_path_problem(path: &str) -> Option<String> {
    let leaves_it = path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..");
    leaves_it.then(|| {
        format!(
            "Its sub_path {path:?} does not lie within the volume. Write a path relative to it, such as `voices/en`."
        )
    })
}

/// As of storage and files, of two mounts one may not lie at or below the other.
fn covered(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let storage = tenant.storage.iter().map(|it| (&it.mount_path, "the storage".to_owned()));
    let files = tenant.config.keys().map(|path| (path, "the file".to_owned()));
    let others: Vec<(&AbsolutePath, String)> = storage.chain(files).collect();
    for (name, volume) in &tenant.volumes {
        // Of two volumes the later one by name is told.
        let before = tenant.volumes.range::<VolumeName, _>(..name);
        let before = before.map(|(name, it)| (&it.mount_path, format!("the volume {:?}", name.as_str())));
        let own = &volume.mount_path;
        for (path, what) in others.iter().cloned().chain(before) {
            if path.covers(own) || own.covers(path) {
                let message = format!(
                    "It at {own} and {what} at {path} cover each other. Mount one of them elsewhere."
                );
                problems.push(Problem::at_key("volumes", name, message));
            }
        }
    }
}

fn shared_memory(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let Some(size) = tenant.shm_size else { return };
    if !size.is_positive() {
        let message = format!("{size} is not above zero. Write a size such as `2Gi`, or leave it out.");
        problems.push(Problem::at("shm_size", message));
    }
    let Ok(shm) = reserved::SHM.1.parse::<AbsolutePath>() else { return };
    let storage = tenant.storage.iter().map(|it| &it.mount_path);
    let volumes = tenant.volumes.values().map(|it| &it.mount_path);
    for path in storage.chain(tenant.config.keys()).chain(volumes) {
        if path.covers(&shm) || shm.covers(path) {
            let message = format!(
                "Shared memory is mounted at {shm}, and something else at {path}. Leave shm_size out, or mount the \
                 other one elsewhere."
            );
            problems.push(Problem::at("shm_size", message));
        }
    }
}

/// What is in memory counts as the server's own memory, and what is on the
/// node's disk as its scratch space. Whoever fills a volume beyond those limits
/// is killed or evicted long before the volume is full.
fn room(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let limits = &tenant.server.limits;
    let in_memory: Vec<(String, Quantity)> =
        sizes(tenant, true).chain(tenant.shm_size.map(|size| ("shm_size".to_owned(), size))).collect();
    let on_disk: Vec<(String, Quantity)> = sizes(tenant, false).collect();
    const SCRATCH: &str = "ephemeral-storage";
    let is_said = limits.contains_key(SCRATCH) || tenant.server.requests.contains_key(SCRATCH);
    let scratch = if is_said { limits.get(SCRATCH).copied() } else { EPHEMERAL_STORAGE_LIMIT.parse().ok() };
    for (parts, limit, resource, what) in [
        (in_memory, limits.get("memory").copied(), "memory", "in memory"),
        (on_disk, scratch, SCRATCH, "on the node's disk"),
    ] {
        let total: i128 = parts.iter().map(|(_, size)| size.units()).sum();
        let Some(limit) = limit.filter(|limit| limit.units() < total) else { continue };
        let named: Vec<String> = parts.iter().map(|(name, size)| format!("{name} {size}")).collect();
        let attribute = if parts.iter().any(|(name, _)| name == "shm_size") { "shm_size" } else { "volumes" };
        let message = format!(
            "{} {what} {} more than the server may use: its limit of {resource} is {limit}. Raise \
             `limits.{resource}`, or lower the sizes.",
            named.join(" and "),
            if parts.len() == 1 { "is" } else { "are" },
        );
        problems.push(Problem::at(attribute, message));
    }
}

fn sizes(tenant: &Tenant, wanted_in_memory: bool) -> impl Iterator<Item = (String, Quantity)> {
    let of = move |volume: &Volume| match volume.source {
        VolumeSource::EmptyDir { size, in_memory } if in_memory == wanted_in_memory => Some(size),
        _ => None,
    };
    tenant
        .volumes
        .iter()
        .filter_map(move |(name, volume)| Some((format!("volume {:?}", name.as_str()), of(volume)?)))
}
