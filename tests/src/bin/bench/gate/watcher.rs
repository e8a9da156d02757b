//! A watcher's reaction: from the card's figure to the scale call.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Example, FakeCard, Kubectl, Scratch, Workspace, wait};

use super::tick::{agent, suspend_cron_jobs};
use super::{Figure, spread};

/// How often the card becomes critical.
const ROUNDS: u64 = 5;
/// For a pod that starts, or memory that returns.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn measure() -> Result<Vec<Figure>> {
    let scratch = Scratch::reserve("bench-watch");
    let card = FakeCard::t4()?;
    let mut example = Example::in_window(&scratch, &card)
        .loads(&card, 4096)
        .with("  timing = { backoff = \"1s\", start_estimate = \"1s\", useful_minimum = \"1s\" }");
    example.watch = true;
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    suspend_cron_jobs(&scratch.namespace)?;
    let watcher = Watcher::start(&card.name)?;
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        wait::until("the tenant is awake", PATIENCE, || {
            let status = Kubectl.get(&scratch.namespace, "deployment", &example.name)?["status"].clone();
            ensure!(status["readyReplicas"] == 1, "{status}");
            Ok(Some(()))
        })?;
        // At another moment between two looks each time.
        std::thread::sleep(Duration::from_secs(12) + Duration::from_millis(1000 * round));
        let changed = Instant::now();
        card.resident("llama", 10_400)?;
        while Kubectl.replicas(&scratch.namespace, &example.name)? > 0 {
            ensure!(changed.elapsed() < PATIENCE, "the watcher does not react");
        }
        took.push(changed.elapsed().as_secs_f64());
        card.resident("llama", 0)?;
    }
    drop(watcher);
    workspace.destroy()?;
    let what = "a watcher, from the card below its critical line to the scale call, as kubectl sees it";
    Ok(vec![Figure::new(what, spread(took, "s", 1), "one interval of 5 s")])
}

/// A watcher as a process of this machine.
pub(super) struct Watcher {
    child: Child,
    url: String,
}

impl Watcher {
    /// Takes the place of the card's own watcher.
    pub(super) fn start(card: &str) -> Result<Self> {
        let deployment = format!("watcher-{card}");
        Kubectl.run(&["-n", "gpu-tenancy", "scale", "deployment", &deployment, "--replicas=0"])?;
        // Freed again at once: whoever takes it in between makes the start fail, loudly.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = agent(&["watch", "--card", card, "--pod-name", "bench", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start gpu-agent watch")?;
        Ok(Self { child, url: format!("http://127.0.0.1:{port}/metrics") })
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A figure of its page that has one series.
    pub(super) fn figure(&self, name: &str) -> Result<f64> {
        let page = ureq::get(&self.url).call()?.body_mut().read_to_string()?;
        let line = page.lines().find(|line| line.starts_with(&format!("{name}{{")));
        let value =
            line.and_then(|line| line.rsplit(' ').next()).with_context(|| format!("no {name} in {page}"))?;
        Ok(value.parse()?)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
