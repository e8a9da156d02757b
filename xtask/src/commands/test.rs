//! `cargo xtask test`: every test, in stages with budgets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::cluster::{self, Cluster};
use crate::commands;
use crate::environment;
use crate::mirror;
use crate::places::Places;
use crate::runner::Closing;
use crate::stage::Stage;
use crate::step;
use crate::toolbox;

const TOOLS: Stage = Stage { name: "tools", budget_minutes: 12 };
const BUILD: Stage = Stage { name: "build", budget_minutes: 30 };
const UNIT: Stage = Stage { name: "unit tests", budget_minutes: 8 };
const END_TO_END: Stage = Stage { name: "end-to-end tests", budget_minutes: 25 };

/// What to test against, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Start no cluster; use the one of KUBECONFIG, in namespaces of its own.
    #[arg(long)]
    use_kubeconfig: bool,
    /// How many end-to-end tests run at once; they mostly wait, so more than there are cores.
    #[arg(long, default_value_t = 4)]
    threads: u8,
    /// Only the end-to-end tests whose name contains this; the unit tests are left out.
    #[arg(long)]
    only: Option<String>,
}

/// Runs the tests. The output ends with the test runner's own closing lines.
///
/// # Errors
/// When a stage fails; the cluster is taken down all the same, unless it was up before.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let mut closing = Closing::default();
    let done = stages(places, options, &mut closing);
    closing.print();
    done
}

fn stages(places: &Places, options: &Options, closing: &mut Closing) -> Result<()> {
    let tools = TOOLS.run(|| {
        toolbox::cluster_binaries(places)?;
        toolbox::user_tools(places)
    })?;
    BUILD.run(|| {
        step::visible(cargo(places).args(["build", "--workspace", "--bins", "--locked"]))?;
        step::visible(cargo(places).args(["test", "--workspace", "--no-run", "--locked"]))
    })?;
    if options.only.is_none() {
        UNIT.run(|| {
            closing.run(cargo(places).args(["test", "--workspace", "--exclude", "e2e", "--locked"]))
        })?;
    }
    END_TO_END.run(|| end_to_end(places, options, &tools, closing))
}

fn end_to_end(places: &Places, options: &Options, tools: &Path, closing: &mut Closing) -> Result<()> {
    if options.use_kubeconfig {
        let kubeconfig = commands::cluster::of_the_user(places)?;
        // Our images are not in the user's registry, so tests that need them to run are left out there.
        let cluster = Cluster {
            kubeconfig,
            no_pods: Some("the images of this build are not in your cluster".to_owned()),
            containerd: None,
        };
        return tests(places, options, tools, &cluster, closing);
    }
    let was_up = cluster::running(places)?.is_some();
    let (cluster, _) = cluster::up(places)?;
    let done = commands::image::import_ours(places, &cluster)
        .and_then(|()| tests(places, options, tools, &cluster, closing));
    if !was_up {
        cluster::down(places)?;
    }
    done
}

fn tests(
    places: &Places,
    options: &Options,
    tools: &Path,
    cluster: &Cluster,
    closing: &mut Closing,
) -> Result<()> {
    if let Some(reason) = &cluster.no_pods {
        step::say(format!("TESTS THAT NEED PODS DO NOT RUN: {reason}"));
    }
    let mut command = cargo(places);
    command.args(["test", "--package", "e2e", "--locked"]).envs(variables(places, tools, cluster)?);
    command.args(options.only.iter()).args(["--", "--test-threads", &options.threads.to_string()]);
    closing.run(&mut command)
}

/// What the tests are told; [`environment`] says what each is.
fn variables(places: &Places, tools: &Path, cluster: &Cluster) -> Result<[(&'static str, OsString); 5]> {
    let mirror = mirror::lay_out(places)?;
    step::say(format!("provider: {}", mirror.configuration.display()));
    let path = |path: PathBuf| path.into_os_string();
    Ok([
        (environment::KUBECONFIG, path(cluster.kubeconfig.clone())),
        (environment::TOOLS, path(tools.to_path_buf())),
        (environment::PROVIDER_DIR, path(mirror.folder)),
        (environment::PODS, cluster.no_pods.is_none().to_string().into()),
        (environment::STACKS_BIN, path(places.built("gpu-stacks"))),
    ])
}

fn cargo(places: &Places) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&places.repository);
    command
}
