//! The command line.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use tenancy::gate::{GATE_CONFIG_DIR, GATE_CONFIG_KEY};
use tenancy::ledger::PodRef;
use tenancy::names::{CardName, TenantId};
use tenancy::observation::Trigger;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::admit::Admit;
use crate::exporter::{self, sampler::Settings};
use crate::gate::{self, Tick};
use crate::measure::{self, Measure};
use crate::observe::api::Api;
use crate::report::{self, Format};
use crate::watch::{self, Watch};
use crate::{copy, explain};

/// Admits, holds, yields and closes the tenants of a GPU.
#[derive(Debug, Parser)]
#[command(name = "gpu-agent", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One tick of a tenant's gate. Every tick is the whole decision, whichever CronJob fired it.
    ///
    /// Prints a line per decision, also when it decides to do nothing. Exits
    /// with 0 when a decision was taken, and with 1 when none could be.
    Gate(GateArgs),
    /// Waits in a pod's init container until its card has room, then enters the pod as loading.
    ///
    /// Exits with 0 once the pod is admitted, and with 143 at once on SIGTERM.
    Admit(AdmitArgs),
    /// Copies config files from a mounted ConfigMap to a writable folder.
    Copy {
        /// Where the ConfigMap is mounted.
        source: PathBuf,
        /// Where the server expects its files.
        destination: PathBuf,
    },
    /// Says what the gate would decide for a tenant, now or at another time, and on what grounds.
    ///
    /// It changes nothing. With --at the card is taken as it is now.
    Explain(ExplainArgs),
    /// Measures the most that a tenant holds: wakes it alone, drives it with requests, watches its card.
    ///
    /// The tenant is woken by its own gate, by the annotation `awake-until`, and put to sleep again.
    /// Prints the peak and the block to paste. It needs what a person needs who annotates the
    /// Deployment, makes a Job and asks a pod through the API server.
    Measure(MeasureArgs),
    /// Tells what the cards of this node hold, by container, as metrics over HTTP.
    ///
    /// It needs the host's PID namespace, the NVIDIA container runtime and the
    /// folder /var/log/containers, and no right in the cluster. A driver that is
    /// missing or dies is a metric and a line, and is asked for again.
    Exporter(ExporterArgs),
    /// Looks at one card every few seconds, and does for its tenants what their gates would.
    ///
    /// One of several watchers of a card acts, by a Lease. Serves /metrics,
    /// /readyz and /livez. Lets go of the Lease on SIGTERM.
    Watch(WatchArgs),
    /// Prints the version.
    Version,
}

#[derive(Debug, Args)]
struct GateArgs {
    /// Which CronJob fired.
    #[arg(long)]
    trigger: TriggerName,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Stay at most so many seconds while something is under way [default: almost one guard interval].
    #[arg(long, value_name = "SECONDS")]
    max_duration: Option<u64>,
    /// The pod's name, by which Events say who spoke.
    #[arg(long, env = "POD_NAME", default_value = "gpu-agent", hide_env_values = true)]
    pod_name: String,
}

#[derive(Debug, Args)]
struct AdmitArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Seconds between two looks at the card.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    poll: u64,
    /// This pod's name.
    #[arg(long, env = "POD_NAME", hide_env_values = true)]
    pod_name: String,
    /// This pod's uid.
    #[arg(long, env = "POD_UID", hide_env_values = true)]
    pod_uid: String,
}

#[derive(Debug, Args)]
struct ClusterArgs {
    /// The tenant's gate configuration.
    #[arg(long, value_name = "FILE", default_value_os_t = default_config())]
    config: PathBuf,
    /// A kubeconfig, where this does not run inside a pod.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// For whom lines are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The tenant, as namespace/name.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    tenant: TenantId,
    /// Another time than now, such as 2026-11-22T02:00:00Z or 2026-11-22T02:00[Europe/London].
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// A kubeconfig, where this does not run inside a pod [default: KUBECONFIG or ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct MeasureArgs {
    /// The tenant, as namespace/name.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    tenant: TenantId,
    /// A request to drive it with, such as 'POST /tts {"text": "to be or not to be"}'. May be given several times.
    #[arg(long = "request", value_name = "METHOD PATH BODY", required_unless_present = "requests")]
    request: Vec<measure::Request>,
    /// A file of such requests, one a line.
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,
    /// How often all of them are sent, one after another.
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds that one request may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// Seconds between two looks at the card.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    interval: u64,
    /// Seconds after which its gate puts it to sleep whatever becomes of this program.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(60..=86_400))]
    limit: u64,
    /// The server's port [default: the first of its container].
    #[arg(long)]
    port: Option<u16>,
    /// Measure although others are awake; the card's source must say what each pod holds.
    #[arg(long)]
    beside: bool,
    /// A kubeconfig, where this does not run inside a pod [default: KUBECONFIG or ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ExporterArgs {
    /// The node's name, a label of every series.
    #[arg(long, env = "NODE_NAME", hide_env_values = true)]
    node: String,
    /// The port of /metrics, /healthz and /livez.
    #[arg(long, default_value_t = tenancy::defaults::EXPORTER_PORT)]
    port: u16,
    /// Seconds between two readings of the driver.
    #[arg(long, value_name = "SECONDS", default_value_t = tenancy::defaults::EXPORTER_INTERVAL_S, value_parser = clap::value_parser!(u64).range(1..=30))]
    interval: u64,
    /// NVML's library [default: libnvidia-ml.so.1, where the loader finds it].
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// The /proc of the host's PID namespace.
    #[arg(long, value_name = "FOLDER", default_value = "/proc")]
    proc: PathBuf,
    /// The kubelet's links to the logs of its containers; only their names are read.
    #[arg(long, value_name = "FOLDER", default_value = crate::exporter::containers::LINKS)]
    containers: PathBuf,
}

#[derive(Debug, Args)]
struct WatchArgs {
    /// The card's name.
    #[arg(long)]
    card: CardName,
    /// The port of /metrics, /readyz and /livez.
    #[arg(long, default_value_t = tenancy::defaults::WATCHER_PORT)]
    port: u16,
    /// Seconds between two looks at the card.
    #[arg(long, value_name = "SECONDS", default_value_t = tenancy::defaults::WATCH_INTERVAL_S, value_parser = clap::value_parser!(u64).range(1..=60))]
    interval: u64,
    /// This watcher's name, which no other watcher of the card has.
    #[arg(long, env = "POD_NAME", hide_env_values = true)]
    pod_name: String,
    /// A kubeconfig, where this does not run inside a pod.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// For whom lines are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn time(text: &str) -> Result<Timestamp, String> {
    let zoned = || text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| zoned())
        .map_err(|why| format!("{why}; write a time with its offset or zone, such as 2026-11-22T02:00:00Z"))
}

fn default_config() -> PathBuf {
    PathBuf::from(GATE_CONFIG_DIR).join(GATE_CONFIG_KEY)
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TriggerName {
    /// A window opened.
    Up,
    /// One of the ticks through the window and the hour after it.
    Guard,
    /// A window ended.
    Down,
}

impl From<TriggerName> for Trigger {
    fn from(name: TriggerName) -> Self {
        match name {
            TriggerName::Up => Trigger::Up,
            TriggerName::Guard => Trigger::Guard,
            TriggerName::Down => Trigger::Down,
        }
    }
}

/// Runs what the command line says; an error is told on standard error and exits with 1.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Gate(args) => until_told_to_go(gate(args)),
        Command::Admit(args) => until_told_to_go(admit(args)),
        Command::Measure(args) => on_one_thread(measure(args)),
        Command::Explain(args) => until_told_to_go(explain(args)),
        Command::Copy { source, destination } => copy::copy(&source, &destination)
            .map(|copied| println!("{copied} files copied to {}", destination.display()))
            .map_err(Into::into),
        Command::Exporter(args) => until_told_to_go(exporter(args)).or_else(|why| match why.is::<Told>() {
            // Nothing is under way that an end could cut off.
            true => Ok(()),
            false => Err(why),
        }),
        Command::Watch(args) => on_one_thread(watch(args)),
        Command::Version => {
            println!("gpu-agent {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("gpu-agent: {why}");
            if why.is::<Told>() { ExitCode::from(143) } else { ExitCode::FAILURE }
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn gate(args: GateArgs) -> Outcome {
    let config = gate::read_config(&args.cluster.config)?;
    let api = Api::connect(args.cluster.kubeconfig.as_deref()).await?;
    let tick = Tick {
        trigger: args.trigger.into(),
        instance: args.pod_name,
        max_duration: args.max_duration.map_or_else(|| Tick::usual_duration(&config), Duration::from_secs),
        format: args.cluster.format,
        gate: config,
        unreadable_told: None,
        unloading: None,
    };
    Ok(tick.run(&api).await?)
}

async fn admit(args: AdmitArgs) -> Outcome {
    let config = gate::read_config(&args.cluster.config)?;
    let api = Api::connect(args.cluster.kubeconfig.as_deref()).await?;
    let admit = Admit {
        gate: config,
        pod: PodRef { name: args.pod_name, uid: args.pod_uid },
        poll: Duration::from_secs(args.poll),
        format: args.cluster.format,
    };
    admit.run(&api).await;
    Ok(())
}

async fn explain(args: ExplainArgs) -> Outcome {
    let api = Api::connect(args.kubeconfig.as_deref()).await?;
    let told = explain::explain(&api, &args.tenant, args.at).await?;
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    report::print(told.render(!plain).trim_end());
    Ok(())
}

async fn measure(args: MeasureArgs) -> Outcome {
    let mut requests = args.request;
    if let Some(path) = &args.requests {
        let unreadable = |why: &dyn std::fmt::Display| format!("{} cannot be used: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|why| unreadable(&why))?;
        requests.extend(measure::requests(&text).map_err(|why| unreadable(&why))?);
    }
    if requests.is_empty() {
        return Err("there is no request to drive it with; give --request or a file that has one".into());
    }
    let api = Api::connect(args.kubeconfig.as_deref()).await?;
    let measure = Measure {
        tenant: args.tenant,
        requests,
        rounds: args.rounds,
        patience: Duration::from_secs(args.patience),
        interval: Duration::from_secs(args.interval),
        limit: Duration::from_secs(args.limit),
        port: args.port,
        beside: args.beside,
    };
    let (stop, tell) = (Notify::new(), |line: &str| eprintln!("{}: {line}", measure.tenant));
    let (mut term, mut interrupt) = (terminated()?, signal(SignalKind::interrupt())?);
    let told = async {
        // What it woke it puts to sleep first; who is told again goes without seeing that.
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.notify_one();
        }
    };
    let measured = tokio::select! {
        measured = measure.run(&api, &tell, &stop) => measured?,
        never = told => never,
    };
    report::print(measured.render().trim_end());
    Ok(())
}

async fn exporter(args: ExporterArgs) -> Outcome {
    let settings = Settings {
        library: args.library,
        proc: args.proc,
        links: args.containers,
        interval: Duration::from_secs(args.interval),
    };
    Ok(exporter::run(args.node, args.port, settings).await?)
}

async fn watch(args: WatchArgs) -> Outcome {
    let api = Api::connect(args.kubeconfig.as_deref()).await?;
    let mut watch = Watch::new(args.card, args.pod_name, args.format);
    watch.interval = Duration::from_secs(args.interval);
    let port = args.port;
    let listener =
        exporter::server::listen(port).await.map_err(|cause| watch::WatchError::Listen { port, cause })?;
    let mut term = terminated()?;
    let stop = async move {
        term.recv().await;
    };
    Ok(watch.run(&api, listener, stop).await?)
}

/// SIGTERM came.
#[derive(Debug, thiserror::Error)]
#[error("told to go, so going; whatever was under way is found by the next tick")]
struct Told;

/// Runs on one thread until done or SIGTERM. As process 1 of a container this
/// program would otherwise not even notice the signal.
fn until_told_to_go(work: impl Future<Output = Outcome>) -> Outcome {
    on_one_thread(async {
        let mut term = terminated()?;
        tokio::select! {
            outcome = work => outcome,
            _ = term.recv() => Err(Told.into()),
        }
    })
}

fn on_one_thread(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn terminated() -> std::io::Result<Signal> {
    signal(SignalKind::terminate())
}
