//! What the tenant keeps and reads, and the containers around its server.

use tenancy::tenant::{
    AccessMode, Backing, ConfigMode, DeletionPolicy, InitContainer, Prefetch, Sidecar, Storage, Volume,
    VolumeSource,
};

use super::super::{Attributes, map, texts};
use super::server::secret_key;
use crate::fleet::Stack;
use crate::hcl::{self, Hcl};

pub(super) fn files(stack: &Stack) -> Attributes {
    let mut group = Attributes::default();
    let tenant = &stack.tenant;
    group.set_some("storage", tenant.storage.as_ref().map(storage));
    group.set_some("prefetch", tenant.prefetch.as_ref().map(prefetch));
    group.set_filled("volumes", map(&tenant.volumes, volume));
    group.set_some("shm_size", tenant.shm_size.map(|size| size.to_string()));
    let config = map(&stack.config_files, |file| {
        Hcl::Expression(format!("file(\"${{path.module}}/config/{}\")", hcl::escaped(file)))
    });
    group.set_filled("config", config);
    if tenant.config_mode == ConfigMode::Copy {
        group.set("config_mode", "copy");
    }
    group.set_filled(
        "init_containers",
        map(&tenant.init_containers, |container: &InitContainer| {
            let mut object = Attributes::default();
            object.set("image", container.image.as_str());
            object.set_filled("command", texts(&container.command));
            object.set_filled("args", texts(&container.args));
            object.set_filled("env", map(&container.env, |value| value.as_str().into()));
            object.object()
        }),
    );
    group.set_filled("sidecars", map(&tenant.sidecars, sidecar));
    group
}

fn prefetch(prefetch: &Prefetch) -> Hcl {
    let mut object = Attributes::default();
    object.set_some("image", prefetch.image.clone());
    object.set_filled("command", texts(&prefetch.command));
    object.set_filled("args", texts(&prefetch.args));
    object.set_filled("env", map(&prefetch.env, |value| value.as_str().into()));
    object.set_filled("env_from_secrets", map(&prefetch.env_from_secrets, secret_key));
    object.object()
}

fn sidecar(sidecar: &Sidecar) -> Hcl {
    let mut object = Attributes::default();
    object.set("image", sidecar.image.as_str());
    object.set_filled("command", texts(&sidecar.command));
    object.set_filled("args", texts(&sidecar.args));
    object.set_filled("env", map(&sidecar.env, |value| value.as_str().into()));
    object.set_filled("env_from_secrets", map(&sidecar.env_from_secrets, secret_key));
    object.set_filled("ports", map(&sidecar.ports, |port| Hcl::Number((*port).into())));
    object.set_filled("requests", map(&sidecar.requests, |amount| amount.to_string().into()));
    object.set_filled("limits", map(&sidecar.limits, |amount| amount.to_string().into()));
    object.object()
}

fn storage(storage: &Storage) -> Hcl {
    let mut object = Attributes::default();
    match &storage.backing {
        Backing::Class { size, class, access_mode } => {
            object.set("size", size.to_string());
            object.set("mount_path", storage.mount_path.to_string());
            object.set_some("class", class.as_ref().map(ToString::to_string));
            if *access_mode != AccessMode::ReadWriteOnce {
                object.set("access_mode", self::access_mode(*access_mode));
            }
        }
        Backing::ExistingClaim(claim) => {
            object.set("existing_claim", claim.to_string());
            object.set("mount_path", storage.mount_path.to_string());
        }
        Backing::Nfs { size, server, path, mount_options } => {
            object.set("size", size.to_string());
            object.set("mount_path", storage.mount_path.to_string());
            let mut nfs = Attributes::default();
            nfs.set("server", server.as_str());
            nfs.set("path", path.to_string());
            nfs.set_filled("mount_options", texts(mount_options));
            object.set("nfs", nfs.object());
        }
    }
    if storage.deletion_policy == DeletionPolicy::Delete {
        object.set("deletion_policy", "delete");
    }
    object.object()
}

fn volume(volume: &Volume) -> Hcl {
    let mut object = Attributes::default();
    let mut optional = false;
    match &volume.source {
        VolumeSource::EmptyDir { size, in_memory } => {
            let mut dir = Attributes::default();
            dir.set("size", size.to_string());
            if *in_memory {
                dir.set("in_memory", Hcl::Bool(true));
            }
            object.set("empty_dir", dir.object());
        }
        VolumeSource::Claim(name) => object.set("claim", name.to_string()),
        VolumeSource::ConfigMap { name, optional: may_lack } => {
            object.set("config_map", name.to_string());
            optional = *may_lack;
        }
        VolumeSource::Secret { name, optional: may_lack } => {
            object.set("secret", name.to_string());
            optional = *may_lack;
        }
    }
    object.set("mount_path", volume.mount_path.to_string());
    object.set_some("sub_path", volume.sub_path.as_deref());
    for (name, is_set) in [("read_only", volume.read_only), ("optional", optional)] {
        if is_set {
            object.set(name, Hcl::Bool(true));
        }
    }
    object.object()
}

fn access_mode(mode: AccessMode) -> &'static str {
    match mode {
        AccessMode::ReadWriteOnce => "ReadWriteOnce",
        AccessMode::ReadWriteMany => "ReadWriteMany",
        AccessMode::ReadOnlyMany => "ReadOnlyMany",
        AccessMode::ReadWriteOncePod => "ReadWriteOncePod",
    }
}
