//! A real Kubernetes on this machine, started and stopped as a whole.

mod cleanup;
mod components;
mod down;
mod furnish;
mod kernel;
mod network;
mod objects;
mod settings;
mod state;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::components::{Component, Health, Plan};
pub(crate) use self::down::down;
use self::network::Network;
use self::state::{Ports, State};
use crate::daemon::{self, Marked};
use crate::environment;
use crate::image;
use crate::packages;
use crate::places::Places;
use crate::step;
use crate::toolbox::{self, ClusterBinaries};

/// How long a component may take to become healthy, on a machine that is busy compiling.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How long a component gets to end by itself before it is started anew.
const GRACE: Duration = Duration::from_secs(10);

/// A cluster that can be worked with.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    /// Why pods cannot run, when they cannot.
    pub(crate) no_pods: Option<String>,
    /// containerd's socket, where pods run in a containerd of ours.
    pub(crate) containerd: Option<PathBuf>,
}

/// What `up` found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Everything ran already.
    Running,
    /// Nothing ran.
    Absent,
    /// Some of it ran; the rest was started.
    Partial,
}

/// Starts what does not run yet and waits until all of it works. Whatever was killed before, the cluster
/// itself or an earlier `up`, the result is the same.
///
/// # Errors
/// When something cannot be built or started; the message has the end of its log.
pub(crate) fn up(places: &Places) -> Result<(Cluster, Found)> {
    let binaries = toolbox::cluster_binaries(places)?;
    let home = &places.cluster_home;
    let _lock = lock(home)?;
    let (state, network) = prepare(home, &binaries)?;
    let plan = Plan { home, state: &state, binaries: &binaries, network };
    for (path, content) in plan.kubeconfigs() {
        write_private(&path, &content)?;
    }

    let before = daemon::marked(home).len();
    let mut started = 0;
    for component in plan.control_plane() {
        started += ensure(&component, home)?;
    }
    furnish::create_objects(&plan)?;
    if network.is_some() {
        furnish::check_way_to_api(&plan)?;
    }
    for component in plan.node() {
        started += ensure(&component, home)?;
        if component.daemon.component == "containerd" {
            image::import_base(places, &home.join("containerd.sock"))?;
        }
    }
    if network.is_some() {
        furnish::give_card(&plan)?;
    }
    let found = match (started, before) {
        (0, _) => Found::Running,
        (_, 0) => Found::Absent,
        _ => Found::Partial,
    };
    Ok((describe(&plan), found))
}

fn describe(plan: &Plan<'_>) -> Cluster {
    Cluster {
        kubeconfig: plan.kubeconfig(),
        no_pods: plan.state.no_pods.clone(),
        containerd: plan.network.map(|_| plan.home.join("containerd.sock")),
    }
}

/// The cluster that is up, or `None`.
///
/// # Errors
/// When its state cannot be read.
pub(crate) fn running(places: &Places) -> Result<Option<Cluster>> {
    let home = &places.cluster_home;
    let Some(state) = State::read(home)? else { return Ok(None) };
    if !daemon::marked(home).iter().any(|process| process.component == "kube-apiserver") {
        return Ok(None);
    }
    Ok(Some(Cluster {
        kubeconfig: home.join("kubeconfig"),
        no_pods: state.no_pods.clone(),
        containerd: state.block.map(|_| home.join("containerd.sock")),
    }))
}

/// One line per component: its name, its process, whether it works.
///
/// # Errors
/// When the state cannot be read or the binaries cannot be found.
pub(crate) fn status(places: &Places) -> Result<Vec<(String, Option<i32>, bool)>> {
    let home = &places.cluster_home;
    let Some(state) = State::read(home)? else { return Ok(Vec::new()) };
    let binaries = toolbox::cluster_binaries(places)?;
    let network = state.block.map(Network::of);
    let plan = Plan { home, state: &state, binaries: &binaries, network };
    let processes = daemon::marked(home);
    let lines = plan.control_plane().into_iter().chain(plan.node()).map(|component| {
        let process = processes.iter().find(|process| is_main(process, &component));
        let pid = process.map(|process| process.pid.as_raw_nonzero().get());
        (component.daemon.component.clone(), pid, pid.is_some() && component.health.good())
    });
    Ok(lines.collect())
}

/// Stops one component of the cluster that is up.
///
/// # Errors
/// When there is no such component, or it resists.
pub(crate) fn stop(places: &Places, name: &str) -> Result<()> {
    let home = &places.cluster_home;
    let _lock = lock(home)?;
    let state = State::read(home)?.context("there is no cluster")?;
    let binaries = toolbox::cluster_binaries(places)?;
    let network = state.block.map(Network::of);
    let plan = Plan { home, state: &state, binaries: &binaries, network };
    let all: Vec<Component> = plan.control_plane().into_iter().chain(plan.node()).collect();
    let Some(component) = all.iter().find(|component| component.daemon.component == name) else {
        let names: Vec<&str> = all.iter().map(|component| component.daemon.component.as_str()).collect();
        bail!("the cluster has no component {name:?}; it has {}", names.join(", "));
    };
    let mains: Vec<Marked> =
        daemon::marked(home).into_iter().filter(|process| is_main(process, component)).collect();
    daemon::stop(&mains, home, GRACE)
}

/// Holds the folder against another `up` or `down` until dropped.
fn lock(home: &Path) -> Result<File> {
    use std::os::unix::fs::MetadataExt;
    let path = home.join("lock");
    loop {
        fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            step::say("another `cargo xtask cluster` is at work; waiting for it ...");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        // A `down` that we waited for has removed the file that we now hold; then there is a new one to take.
        let held = file.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        if fs::metadata(&path).is_ok_and(|present| present.ino() == held.ino()) {
            return Ok(file);
        }
    }
}

/// Reads or makes the cluster's choices, and what must exist before the first daemon.
fn prepare(home: &Path, binaries: &ClusterBinaries) -> Result<(State, Option<Network>)> {
    for folder in ["logs", "cni", "certificates", "volume-plugins", "pod-logs", "volumes"] {
        let folder = home.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let key = home.join("service-account.key");
    if !key.exists() {
        step::output(Command::new(&binaries.cluster).arg("new-key").arg(&key))?;
    }
    let (key, certificate) =
        (home.join(components::CLIENT_AUTHORITY_KEY), home.join(components::CLIENT_AUTHORITY));
    if !certificate.exists() {
        step::output(Command::new(&binaries.cluster).arg("new-authority").args([&key, &certificate]))?;
    }
    let state = match State::read(home)? {
        Some(state) => state,
        None => {
            let state = choose(home)?;
            state.write(home)?;
            state
        }
    };
    let network = state.block.map(Network::of);
    match (network, &state.no_pods) {
        (Some(network), _) => {
            packages::ensure().map_err(anyhow::Error::msg)?;
            network.up()?;
        }
        (None, reason) => {
            let reason = reason.as_deref().unwrap_or("unknown");
            step::say(format!("PODS CANNOT RUN HERE, so only the control plane is started: {reason}"));
        }
    }
    Ok((state, network))
}

fn choose(home: &Path) -> Result<State> {
    if let Some(other) = other_node(home) {
        bail!(
            "a cluster with its folder in {0} runs on this machine, and there can be only one node; stop that one \
             with `{1}={0} cargo xtask cluster down`",
            other.display(),
            environment::CLUSTER_HOME,
        );
    }
    let mut tokens = BTreeMap::new();
    for (name, ..) in settings::USERS {
        tokens.insert(name.to_owned(), state::token()?);
    }
    let (block, no_pods) = match packages::ensure() {
        Ok(()) => (Some(Network::choose()?.block()), None),
        Err(reason) => (None, Some(reason)),
    };
    Ok(State { block, no_pods, ports: Ports::choose()?, tokens, kernel: kernel::read() })
}

/// The folder of a cluster whose node has the network namespace and the control group that ours would have.
fn other_node(home: &Path) -> Option<PathBuf> {
    ["kubelet", "containerd"].into_iter().find_map(|component| daemon::elsewhere(component, home))
}

/// Makes sure that a component runs with its present settings and works; returns how many were started.
fn ensure(component: &Component, home: &Path) -> Result<u32> {
    let mut daemon = component.daemon.clone();
    for (path, content) in &component.files {
        write_private(path, content)?;
        daemon.settings.push(content.clone());
    }
    let mains: Vec<Marked> =
        daemon::marked(home).into_iter().filter(|process| is_main(process, component)).collect();
    let current = mains.len() == 1 && mains[0].digest == daemon.digest();
    // One that was just started by an `up` that was killed deserves the wait.
    if current && wait(&component.health, READY_WITHIN / 4, || true) {
        return Ok(0);
    }
    daemon::stop(&mains, home, GRACE)?;
    let started = Instant::now();
    daemon.start(home)?;
    let alive = || daemon::marked(home).iter().any(|process| process.component == daemon.component);
    if !wait(&component.health, READY_WITHIN, alive) {
        let fate = if alive() { "does not become healthy" } else { "ended at once" };
        bail!(
            "{} {fate}. The end of {}:\n{}",
            daemon.component,
            daemon.log.display(),
            step::tail(&daemon.log)
        );
    }
    step::say(format!("{}: up after {}", daemon.component, step::seconds(started)));
    Ok(1)
}

/// Whether a marked process is the component itself and not something that it started, like a container's
/// shim. A program that was rebuilt since has another path; the component's name is told by its mark.
fn is_main(process: &Marked, component: &Component) -> bool {
    process.component == component.daemon.component
        && process.program.file_name() == component.daemon.program.file_name()
}

fn wait(health: &Health, limit: Duration, alive: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < limit {
        if health.good() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(200));
        // The first second belongs to setsid and nsenter.
        if started.elapsed() > Duration::from_secs(1) && !alive() {
            return false;
        }
    }
    false
}

/// Writes a file that only its owner may read, since some hold tokens. A file that has the content already is
/// not touched: kube-proxy ends when its configuration is written, even with the same text.
fn write_private(path: &Path, content: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if fs::read_to_string(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot close {} to others", path.display()))
}
