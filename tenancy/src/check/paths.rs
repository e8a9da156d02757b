//! Paths within the server: files, the claim's mount, and what covers what.

use super::Problem;
use crate::quantity::Quantity;
use crate::tenant::{AbsolutePath, AccessMode, Backing, Tenant};

/// What a ConfigMap may hold, all keys together (`k8s.io/api/core/v1.MaxSecretSize`).
const CONFIG_MAP_BYTES: usize = 1_048_576;
/// What the container runtime mounts itself.
const OF_RUNTIME: [&str; 2] = ["/proc", "/sys"];

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    config_size(tenant, problems);
    storage(tenant, problems);
    for path in tenant.config.keys() {
        if let Some(message) = ground_problem(path) {
            problems.push(Problem::at_key("config", path, message));
        }
    }
    covered(tenant, problems);
}

fn config_size(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let bytes: usize = tenant.config.values().map(String::len).sum();
    if bytes > CONFIG_MAP_BYTES {
        let largest = tenant.config.iter().max_by_key(|(_, content)| content.len());
        let largest =
            largest.map(|(path, content)| format!("{path} with {}", content.len())).unwrap_or_default();
        let message = format!(
            "The files have {bytes} bytes together, and a ConfigMap holds {CONFIG_MAP_BYTES}. The largest is \
             {largest}. Put what is large onto the storage."
        );
        problems.push(Problem::at("config", message));
    }
}

fn storage(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let Some(storage) = &tenant.storage else {
        if tenant.prefetch.is_some() {
            let message = "The tenant has no storage that a prefetch could fill. Give it `storage`.";
            problems.push(Problem::at("prefetch", message));
        }
        return;
    };
    if let Some(message) = ground_problem(&storage.mount_path) {
        problems.push(Problem::at("storage", format!("Its mount path: {message}")));
    }
    if let Backing::Class { size, .. } | Backing::Nfs { size, .. } = &storage.backing
        && *size <= Quantity::whole(0)
    {
        problems.push(Problem::at(
            "storage",
            format!("Its size {size} is not above zero. Write a size such as `20Gi`."),
        ));
    }
    if tenant.prefetch.is_some()
        && let Backing::Class { access_mode, .. } = &storage.backing
        && matches!(access_mode, AccessMode::ReadWriteOncePod | AccessMode::ReadOnlyMany)
    {
        let message = format!(
            "Its access mode {access_mode:?} lets no prefetch write beside the server. Make it ReadWriteOnce, or take \
             `prefetch` away."
        );
        problems.push(Problem::at("prefetch", message));
    }
    if let Backing::Nfs { server, .. } = &storage.backing
        && (server.is_empty() || server.contains(char::is_whitespace) || server.contains('/'))
    {
        let message = format!(
            "{server:?} is not an NFS server. Write its name or address alone; the export goes into `path`."
        );
        problems.push(Problem::at("storage", message));
    }
}

/// Why nothing may be mounted at a path at all.
pub(super) fn ground_problem(path: &AbsolutePath) -> Option<String> {
    let under = |root: &&str| path.as_str() == *root || path.as_str().starts_with(&format!("{root}/"));
    if path.as_str() == "/" {
        Some("a mount there would hide the whole image. Choose a path below it.".to_owned())
    } else {
        let root = OF_RUNTIME.iter().find(|root| under(root))?;
        Some(format!("{root} belongs to the container runtime. Choose another path."))
    }
}

/// Of two mounts one may not lie at or below the other: the outer one would
/// hide the inner, or the inner one leave a file behind in the outer.
fn covered(tenant: &Tenant, problems: &mut Vec<Problem>) {
    let mount = tenant.storage.as_ref().map(|storage| &storage.mount_path);
    for path in tenant.config.keys() {
        if let Some(mount) = mount.filter(|mount| mount.covers(path) || path.covers(mount)) {
            let message = format!(
                "This file and the storage at {mount} cover each other. Mount the storage elsewhere, or keep the \
                 file on it."
            );
            problems.push(Problem::at_key("config", path, message));
        }
        for outer in tenant.config.keys().filter(|outer| *outer != path && outer.covers(path)) {
            let message =
                format!("{outer} is a file too, and nothing can lie below a file. Move one of the two.");
            problems.push(Problem::at_key("config", path, message));
        }
    }
}
