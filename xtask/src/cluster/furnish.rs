//! What a fresh control plane is given before it is of use: its first objects, its volumes, its node's card.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::components::Plan;
use super::network::{CABLE, Network};
use super::settings::NODE;
use super::{READY_WITHIN, objects, write_private};
use crate::step;

fn kubectl(plan: &Plan<'_>, arguments: &[&str]) -> Result<String> {
    let words = plan.kubectl();
    step::output(Command::new(&words[0]).args(&words[1..]).args(arguments))
}

/// Sees whether the node reaches the API server. The machine's firewall may drop what comes in by the cable, and
/// then everything in pods would fail much later and say much less.
pub(super) fn check_way_to_api(plan: &Plan<'_>) -> Result<()> {
    let words = plan.kubectl();
    let mut ask = Command::new("nsenter");
    ask.arg(format!("--net={}", Network::namespace().display())).args(words);
    ask.args(["--request-timeout=10s", "get", "--raw", "/readyz"]);
    step::output(ask).with_context(|| {
        format!(
            "the node's network cannot reach the API server at {}; a firewall on this machine must let in what \
             comes from the interface {} (with ufw: `ufw allow in on {1}`)",
            plan.api_address(),
            CABLE
        )
    })?;
    Ok(())
}

/// Creates what every cluster begins with, unless it was done and no volume needs renewal.
pub(super) fn create_objects(plan: &Plan<'_>) -> Result<()> {
    let volumes = plan.network.map(|_| plan.home.join("volumes"));
    let renewed = match &volumes {
        Some(volumes) => renew_volumes(plan, volumes)?,
        None => false,
    };
    let wanted = objects::all(volumes.as_deref());
    let done = plan.home.join("objects.json");
    if !renewed && fs::read_to_string(&done).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    // It gets its name only when the API server has taken it, so that a killed `up` is repeated.
    let file = plan.home.join("objects.new.json");
    write_private(&file, &wanted)?;
    let argument = file.display().to_string();
    kubectl(plan, &["apply", "--server-side", "--force-conflicts", "-f", &argument])?;
    fs::rename(&file, &done).with_context(|| format!("cannot write {}", done.display()))
}

/// A volume whose claim is gone keeps that claim's name for ever; it is emptied, to be made anew. Returns
/// whether there was one.
fn renew_volumes(plan: &Plan<'_>, volumes: &Path) -> Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let query = "jsonpath={range .items[?(@.status.phase==\"Released\")]}{.metadata.name}{\"\\n\"}{end}";
    let released = kubectl(plan, &["get", "persistentvolumes", "-o", query])?;
    let mut renewed = false;
    for name in objects::volume_names() {
        let folder = volumes.join(&name);
        if released.lines().any(|line| line == name) {
            kubectl(plan, &["delete", "persistentvolume", &name])?;
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
            renewed = true;
        }
        if folder.is_dir() {
            continue;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        // A hostPath volume is not given to the pod's group, and pods run as any user.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))
            .with_context(|| format!("cannot open {} to pods", folder.display()))?;
    }
    Ok(renewed)
}

/// Gives the node its card's slices, and waits until it is ready with them.
pub(super) fn give_card(plan: &Plan<'_>) -> Result<()> {
    let wanted = format!("{} True", objects::SLICES);
    let query = "jsonpath={.status.allocatable.nvidia\\.com/gpu} \
                 {.status.conditions[?(@.type==\"Ready\")].status}";
    let started = Instant::now();
    loop {
        let seen = kubectl(plan, &["get", "node", NODE, "-o", query]);
        if seen.as_ref().is_ok_and(|seen| *seen == wanted) {
            return Ok(());
        }
        if started.elapsed() > READY_WITHIN {
            bail!("node {NODE} does not become ready; it says {seen:?}, wanted {wanted:?}");
        }
        if seen.is_ok_and(|seen| !seen.starts_with(&format!("{} ", objects::SLICES))) {
            let patch = objects::card_patch();
            // The kubelet may write the status at the same moment; the next round sees what became of it.
            let _ =
                kubectl(plan, &["patch", "node", NODE, "--subresource=status", "--type=json", "-p", &patch]);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}
