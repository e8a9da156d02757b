//! `cargo xtask cluster up|down|status`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;

use crate::cluster::{self, Found};
use crate::environment;
use crate::places::Places;
use crate::step;
use crate::toolbox;

/// What to do with the cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Start what does not run yet; with everything running, say so.
    Up {
        /// Start nothing: check that the cluster of KUBECONFIG answers.
        #[arg(long)]
        use_kubeconfig: bool,
    },
    /// Stop it and remove every trace.
    Down,
    /// Say what runs. Exits with 1 when something does not.
    Status,
    /// Stop one component, as if it had failed; `up` starts it again.
    Stop {
        /// Its name, as `status` says it.
        component: String,
    },
}

/// Does it.
///
/// # Errors
/// When the cluster does not do as asked; the cause is named.
pub(crate) fn run(places: &Places, action: &Action) -> Result<()> {
    match action {
        Action::Up { use_kubeconfig: true } => {
            println!("{}", of_the_user(places)?.display());
            Ok(())
        }
        Action::Up { use_kubeconfig: false } => up(places),
        Action::Down => down(places),
        Action::Status => status(places),
        Action::Stop { component } => cluster::stop(places, component),
    }
}

/// The kubeconfig of the user's own cluster, which must answer.
///
/// # Errors
/// When KUBECONFIG is not set, names no file, or the cluster does not answer.
pub(crate) fn of_the_user(places: &Places) -> Result<PathBuf> {
    let kubeconfig = std::env::var(environment::USER_KUBECONFIG)
        .context("--use-kubeconfig needs KUBECONFIG to be set to a file")?;
    // kubectl takes a file that is not there for an empty one, and tries localhost.
    ensure!(
        Path::new(&kubeconfig).is_file(),
        "KUBECONFIG={kubeconfig} is no file; set it to the kubeconfig of the cluster to use"
    );
    let binaries = toolbox::cluster_binaries(places)?;
    step::output(Command::new(&binaries.cluster).args(["kubectl", "get", "--raw", "/readyz"]))
        .with_context(|| format!("the cluster of KUBECONFIG={kubeconfig} does not answer"))?;
    step::say("using the cluster of KUBECONFIG; nothing is started");
    Ok(PathBuf::from(kubeconfig))
}

fn up(places: &Places) -> Result<()> {
    let (cluster, found) = cluster::up(places)?;
    step::say(match found {
        Found::Running => "the cluster is up already; nothing was started",
        Found::Absent => "the cluster is up",
        Found::Partial => "the cluster is up again; what was missing was started",
    });
    if let Some(reason) = &cluster.no_pods {
        step::say(format!("pods cannot run: {reason}"));
    }
    step::say("use it with this KUBECONFIG:");
    println!("{}", cluster.kubeconfig.display());
    Ok(())
}

fn down(places: &Places) -> Result<()> {
    step::say(if cluster::down(places)? { "the cluster is gone" } else { "there is no cluster" });
    Ok(())
}

fn status(places: &Places) -> Result<()> {
    let components = cluster::status(places)?;
    if components.is_empty() {
        println!("there is no cluster");
        return Ok(());
    }
    for (name, pid, healthy) in &components {
        match pid {
            Some(pid) => {
                println!("{name:<24} {pid:>8}  {}", if *healthy { "healthy" } else { "NOT HEALTHY" })
            }
            None => println!("{name:<24} {:>8}  NOT RUNNING", "-"),
        }
    }
    if components.iter().any(|(.., healthy)| !healthy) {
        bail!("some of it does not work; `cargo xtask cluster up` repairs it");
    }
    Ok(())
}
