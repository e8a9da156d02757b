//! Taking away what containers leave on a machine: processes, control groups, mounts, files.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

use super::settings::CONTROL_GROUP;

/// Kills every process in our control group and removes the group from every hierarchy.
///
/// # Errors
/// When processes are still there after ten seconds.
pub(crate) fn end_containers() -> Result<()> {
    let groups = control_groups();
    let started = Instant::now();
    loop {
        let processes: Vec<Pid> = groups.iter().flat_map(|group| processes_below(group)).collect();
        if processes.is_empty() {
            break;
        }
        if started.elapsed() > Duration::from_secs(10) {
            bail!(
                "{} processes in control group {CONTROL_GROUP} do not end, even by SIGKILL",
                processes.len()
            );
        }
        for pid in processes {
            // One that ended by itself in between is what was wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    for group in groups {
        remove_group(&group);
    }
    Ok(())
}

/// Our group in the one hierarchy of version 2, or in each of version 1.
fn control_groups() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut candidates = vec![root.join(CONTROL_GROUP)];
    if let Ok(entries) = fs::read_dir(root) {
        candidates.extend(entries.flatten().map(|entry| entry.path().join(CONTROL_GROUP)));
    }
    candidates.retain(|group| group.join("cgroup.procs").is_file());
    candidates
}

fn processes_below(group: &Path) -> Vec<Pid> {
    let mut found: Vec<Pid> = fs::read_to_string(group.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| Pid::from_raw(line.parse().ok()?))
        .collect();
    for child in children(group) {
        found.extend(processes_below(&child));
    }
    found
}

fn remove_group(group: &Path) {
    for child in children(group) {
        remove_group(&child);
    }
    // A group that lingers for a moment after its last process is harmless, and the next `down` takes it.
    let _ = fs::remove_dir(group);
}

fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Unmounts everything below a folder, the latest first.
///
/// # Errors
/// When something is still mounted afterwards: deleting the folder then would delete through the mount.
pub(crate) fn unmount_below(folder: &Path) -> Result<()> {
    for point in mounts_below(folder)?.iter().rev() {
        // Detached, because a process in another mount namespace may still look into it.
        unmount(point, UnmountFlags::DETACH)
            .with_context(|| format!("cannot unmount {}", point.display()))?;
    }
    match mounts_below(folder)?.as_slice() {
        [] => Ok(()),
        left => bail!("still mounted: {left:?}; unmount them and run this again"),
    }
}

fn mounts_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
    Ok(parse_mounts(&text).filter(|point| point.starts_with(folder)).collect())
}

/// The fifth column, with the kernel's octal escape for a space undone.
fn parse_mounts(text: &str) -> impl Iterator<Item = PathBuf> {
    text.lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
}

/// Removes what containerd, the kubelet and the network plugins wrote to places that cannot be configured:
/// only what names our folder, and folders that are empty then.
pub(crate) fn sweep(home: &Path) {
    for path in entries("/var/lib/cni/results") {
        if fs::read_to_string(&path).is_ok_and(|text| text.contains(&*home.to_string_lossy())) {
            // What cannot be removed costs a few bytes and is never read again; so below.
            let _ = fs::remove_file(path);
        }
    }
    for path in entries("/var/log/containers") {
        if fs::read_link(&path).is_ok_and(|target| target.starts_with(home)) {
            let _ = fs::remove_file(path);
        }
    }
    // The kubelet's socket for device plugins; with a kubelet behind it, it is not ours.
    let socket = Path::new("/var/lib/kubelet/device-plugins/kubelet.sock");
    if UnixStream::connect(socket).is_err_and(|cause| cause.kind() == ErrorKind::ConnectionRefused) {
        let _ = fs::remove_file(socket);
    }
    for folder in [
        "/var/lib/cni/results",
        "/var/lib/cni",
        "/var/log/containers",
        "/var/lib/kubelet/device-plugins",
        "/var/lib/kubelet",
        "/run/containerd/s",
        "/run/containerd",
    ] {
        // Refused by the kernel unless empty, which is the point.
        let _ = fs::remove_dir(folder);
    }
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_the_fifth_column() {
        let text = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
                    90 27 0:40 / /a\\040home/shm rw shared:1 - tmpfs tmpfs rw\n";
        let points: Vec<_> = parse_mounts(text).collect();
        assert_eq!(points, [PathBuf::from("/proc"), PathBuf::from("/a home/shm")]);
    }

    #[test]
    fn nothing_is_mounted_below_a_fresh_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(mounts_below(folder.path()).unwrap(), Vec::<PathBuf>::new());
        assert!(!mounts_below(Path::new("/")).unwrap().is_empty());
    }
}
