//! Stopping a cluster and removing every trace of it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::network::Network;
use super::state::State;
use super::{cleanup, kernel, lock, other_node};
use crate::daemon::{self, Marked};
use crate::places::Places;
use crate::step;

/// How long a component gets to end by itself; its data goes too, so an orderly end is worth little.
const GRACE: Duration = Duration::from_secs(2);

/// Stops everything and removes every trace: processes, containers, control groups, mounts, the network and
/// the folder. Does nothing, and no harm, when there is nothing.
///
/// # Errors
/// When something resists; it is named, and a second `down` goes on from there.
pub(crate) fn down(places: &Places) -> Result<bool> {
    let home = &places.cluster_home;
    if !home.exists() && daemon::marked(home).is_empty() {
        return Ok(false);
    }
    let lock = lock(home)?;
    // A state that cannot be read must not keep the rest from being cleaned.
    let state = State::read(home).unwrap_or_else(|cause| {
        step::say(format!("{cause:#}"));
        None
    });
    let is_node = |name: &str| ["kubelet", "kube-proxy", "coredns"].contains(&name);
    let processes = daemon::marked(home);
    let (node, rest): (Vec<Marked>, Vec<Marked>) =
        processes.into_iter().partition(|process| is_node(&process.component));
    // The kubelet goes first: it would start again what is stopped.
    daemon::stop(&node, home, GRACE)?;
    let has_node = rustix::process::geteuid().is_root() && other_node(home).is_none();
    if has_node {
        cleanup::end_containers()?;
    }
    daemon::stop(&rest, home, GRACE)?;
    // Again, for what containerd still started while it was being stopped.
    daemon::stop(&daemon::marked(home), home, GRACE)?;
    if has_node {
        cleanup::end_containers()?;
        cleanup::unmount_below(home)?;
        cleanup::sweep(home);
        Network::down();
    }
    if let Some(state) = &state {
        kernel::restore(&state.kernel);
    }
    fs::remove_dir_all(home).with_context(|| format!("cannot remove {}", home.display()))?;
    drop(lock);
    Ok(true)
}
