//! The kernel settings that the kubelet changes for the whole machine, kept so that `down` can put them back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::step;

/// What the kubelet sets at its start (setupKernelTunables in its container manager).
const CHANGED_BY_KUBELET: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// The settings as they are now.
pub(crate) fn read() -> BTreeMap<PathBuf, String> {
    CHANGED_BY_KUBELET
        .iter()
        .filter_map(|name| {
            let path = Path::new("/proc/sys").join(name);
            let value = fs::read_to_string(&path).ok()?;
            Some((path, value.trim().to_owned()))
        })
        .collect()
}

/// Puts settings back; says which could not be.
pub(crate) fn restore(settings: &BTreeMap<PathBuf, String>) {
    for (path, value) in settings {
        let now = fs::read_to_string(path).unwrap_or_default();
        if now.trim() != value
            && let Err(cause) = fs::write(path, value)
        {
            step::say(format!("{} could not be set back to {value}: {cause}", path.display()));
        }
    }
}
