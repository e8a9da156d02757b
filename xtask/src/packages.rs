//! The Debian packages that a node needs.

use std::path::Path;
use std::process::Command;

use crate::step;

/// What a node needs beside our own binaries: the package, and a file by which it is known to be there, wherever
/// the system's folders have it. (Docker's own packages put runc elsewhere than Debian's.)
const NEEDED: [(&str, &[&str]); 6] = [
    ("containerd", &["/usr/bin/containerd"]),
    ("runc", &["/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc"]),
    ("containernetworking-plugins", &["/usr/lib/cni/ptp"]),
    ("busybox-static", &["/bin/busybox"]),
    ("iptables", &["/usr/sbin/iptables", "/sbin/iptables"]),
    ("iproute2", &["/usr/sbin/ip", "/sbin/ip"]),
];

/// Makes sure that a node can run here.
///
/// # Errors
/// In words for a person: what is missing and what to do about it.
pub(crate) fn ensure() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("running pods needs root: run this as root, or use a cluster of your own with \
                    --use-kubeconfig"
            .to_owned());
    }
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!("these Debian packages, or what they hold, are missing: {names}; install them"));
    }
    step::say(format!("installing {names} ..."));
    let installed = install(&missing);
    // The list of packages may be stale or absent on a fresh machine.
    let installed = installed.or_else(|_| {
        step::output(Command::new("apt-get").args(["update", "-qq"])).and_then(|_| install(&missing))
    });
    match installed {
        Ok(()) => Ok(()),
        Err(cause) => {
            Err(format!("`apt-get install {names}` failed: {cause:#}; install them and run this again"))
        }
    }
}

fn missing() -> Vec<&'static str> {
    let absent = |files: &[&str]| !files.iter().any(|file| Path::new(file).exists());
    NEEDED.iter().filter(|(_, files)| absent(files)).map(|(package, _)| *package).collect()
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    step::output(command.env("DEBIAN_FRONTEND", "noninteractive")).map(|_| ())
}
