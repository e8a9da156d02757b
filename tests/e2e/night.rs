//! Short nights at real speed: pods that really run, CronJobs that really fire.

mod alone;
mod changes;
mod closing;
mod elsewhere;
mod hands;
mod inside;
mod measured;
mod memory;
mod pauses;
mod rights;
mod trouble;
mod watched;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Example, FakeCard, Kubectl, Scratch, Surroundings, Workspace, wait};
use serde_json::Value;

const DEPLOYMENT: &str = "chatterbox-tts";
/// Bounds in time that let a short night have a whole story.
const SHORT_TIMES: &str = r#"  timing = { shortage_grace = "10s", backoff = "15s", start_estimate = "10s", useful_minimum = "10s", unknown_hold = "30s" }"#;
/// Long enough for a pod on a busy machine to be pulled up, and for a CronJob's minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// A card and a tenant on it, applied by terraform.
struct Night {
    scratch: Scratch,
    card: FakeCard,
    example: Example,
    workspace: Workspace,
}

impl Night {
    /// In the middle of its window, 4 GiB large and asleep: no tick was fired yet.
    fn begin(purpose: &str, vary: impl FnOnce(Example) -> Example) -> Result<Self> {
        let scratch = Scratch::reserve(purpose);
        let card = FakeCard::t4()?;
        let example = Example::in_window(&scratch, &card).loads(&card, 4096).with(SHORT_TIMES);
        let example = vary(example);
        let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
        workspace.apply()?;
        Ok(Self { scratch, card, example, workspace })
    }

    fn namespace(&self) -> &str {
        &self.scratch.namespace
    }

    /// Fires the gate's guard by hand, and returns what it printed.
    fn tick(&self) -> Result<String> {
        tick(self.namespace(), DEPLOYMENT)
    }

    /// One tick, which must wake the tenant.
    fn wake(&self) -> Result<String> {
        let said = self.tick()?;
        awake(self.namespace(), DEPLOYMENT).with_context(|| format!("the tick said: {said}"))?;
        Ok(said)
    }

    /// One tick, after which the tenant must be asleep for a reason with these words. A CronJob
    /// may fire while the tick lasts and be the one that acts; then an Event has the words.
    fn tick_sleeps(&self, words: &str) -> Result<String> {
        let said = self.tick()?;
        if !said.contains(words) {
            self.told(&[words]).with_context(|| format!("nor does the tick: {said}"))?;
        }
        self.sleeps().with_context(|| format!("the tick said: {said}"))?;
        Ok(said)
    }

    /// No replicas, no memory, and the ledger agrees.
    fn sleeps(&self) -> Result<()> {
        asleep(self.namespace(), DEPLOYMENT)?;
        wait::until("the ledger has it asleep", PATIENCE, || {
            let entry = self.entry()?;
            let entry = entry.context("no entry")?;
            ensure!(entry["state"] == "asleep", "{entry}");
            Ok(Some(()))
        })?;
        let state = self.card.state()?;
        let held = state.holders.iter().any(|holder| holder.owner.pod.starts_with(DEPLOYMENT));
        ensure!(!held, "it sleeps and holds memory: {state:?}");
        Ok(())
    }

    /// The tenant's entry in the card's ledger.
    fn entry(&self) -> Result<Option<Value>> {
        entry(&self.card.name, self.namespace(), DEPLOYMENT)
    }

    fn replicas(&self) -> Result<u64> {
        Kubectl.replicas(self.namespace(), DEPLOYMENT)
    }

    /// That some Event on the tenant's Deployment has all these words.
    fn told(&self, words: &[&str]) -> Result<()> {
        let notes = Kubectl.event_notes(self.namespace(), DEPLOYMENT)?;
        let told = notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
        ensure!(told, "no Event says {words:?}: {notes:#?}");
        Ok(())
    }

    /// That some Event on the tenant's Deployment with these words was written by a pod whose name begins so.
    fn told_by(&self, pod: &str, words: &[&str]) -> Result<()> {
        let events = Kubectl.events(self.namespace(), DEPLOYMENT)?;
        let told = events
            .iter()
            .any(|event| event.by.starts_with(pod) && words.iter().all(|word| event.note.contains(word)));
        ensure!(told, "no Event by {pod} says {words:?}: {events:#?}");
        Ok(())
    }

    /// Lets no CronJob of the tenant fire, or lets them again.
    fn suspend_cron_jobs(&self, suspend: bool) -> Result<()> {
        let patch = format!(r#"{{"spec":{{"suspend":{suspend}}}}}"#);
        for job in Kubectl.names(self.namespace(), "cronjobs")? {
            Kubectl.run(&["-n", self.namespace(), "patch", &job, "--type=merge", "-p", &patch])?;
        }
        Ok(())
    }

    /// After a destroy: of the tenant nothing is there but its claim, and nothing of the card.
    fn leaves_nothing(&self) -> Result<()> {
        let kinds = "deployments,replicasets,pods,services,cronjobs,jobs,configmaps,serviceaccounts,roles,rolebindings";
        wait::until("nothing of the tenant is left", PATIENCE, || {
            let mut left = Kubectl.names(self.namespace(), kinds)?;
            left.retain(|name| name.contains(DEPLOYMENT));
            ensure!(left.is_empty(), "{left:?}");
            let mut entered = Kubectl.names("gpu-tenancy", "configmaps,roles,rolebindings")?;
            entered.retain(|name| name.contains(self.namespace()));
            ensure!(entered.is_empty(), "{entered:?}");
            let card = self.card.objects()?;
            ensure!(card.is_empty(), "{card:?}");
            Ok(Some(()))
        })
    }

    /// The night is over: nobody ran out of memory, and all goes.
    fn end(self) -> Result<()> {
        self.card.never_refused()?;
        self.workspace.destroy()?;
        self.leaves_nothing()
    }
}

/// Fires the guard of one of several tenants, and returns what it printed.
pub(crate) fn tick(namespace: &str, tenant: &str) -> Result<String> {
    Kubectl.fire(namespace, &cronjob(namespace, tenant, "guard")?)
}

/// A tenant is awake: its pod is ready.
fn awake(namespace: &str, deployment: &str) -> Result<()> {
    wait::until(&format!("{deployment} is ready"), PATIENCE, || {
        let status = Kubectl.get(namespace, "deployment", deployment)?["status"].clone();
        ensure!(status["readyReplicas"] == 1, "{status}");
        Ok(Some(()))
    })
}

fn asleep(namespace: &str, deployment: &str) -> Result<()> {
    wait::until(&format!("{deployment} sleeps"), PATIENCE, || {
        let replicas = Kubectl.replicas(namespace, deployment)?;
        ensure!(replicas == 0, "{replicas} replicas");
        Ok(Some(()))
    })
}

/// The name of a tenant's CronJob of a kind: `up`, `guard` or `down`.
fn cronjob(namespace: &str, tenant: &str, kind: &str) -> Result<String> {
    let jobs = Kubectl.names(namespace, "cronjobs")?;
    let prefix = format!("cronjob.batch/{tenant}-{kind}");
    let found = jobs.iter().find(|job| job.starts_with(&prefix));
    let found = found.with_context(|| format!("no {kind} CronJob of {tenant} in {jobs:?}"))?;
    Ok(found.trim_start_matches("cronjob.batch/").to_owned())
}

/// What a card's ledger says of a tenant.
pub(crate) fn entry(card: &str, namespace: &str, tenant: &str) -> Result<Option<Value>> {
    let ledger = Kubectl.get("gpu-tenancy", "configmap", &format!("card.{card}.ledger"))?;
    let text = ledger["data"][format!("{namespace}.{tenant}")].as_str();
    Ok(text.map(serde_json::from_str).transpose()?)
}

/// The tenant's only pod.
fn pod(namespace: &str) -> Result<Value> {
    let label = format!("app.kubernetes.io/name={DEPLOYMENT}");
    let pods: Value =
        serde_json::from_str(&Kubectl.run(&["-n", namespace, "get", "pods", "-l", &label, "-o", "json"])?)?;
    pods["items"].as_array().and_then(|pods| pods.first()).cloned().context("it has no pod")
}

/// The address of the tenant's Service, as this machine reaches it.
fn service(namespace: &str) -> Result<String> {
    let service = Kubectl.get(namespace, "service", DEPLOYMENT)?;
    let address = service["spec"]["clusterIP"].as_str().context("the Service has no address")?;
    Ok(format!("http://{address}:{}", service["spec"]["ports"][0]["port"]))
}

pub(crate) fn needs_pods() -> bool {
    if !Surroundings::get().pods {
        eprintln!("not run: this cluster has no node that runs pods");
    }
    Surroundings::get().pods
}

#[test]
fn a_tenant_is_admitted_answers_yields_and_is_admitted_again() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("night", |example| example.with("  guard_interval = \"1m\""))?;
    night.card.resident("llama", 4096)?;
    ensure!(night.replicas()? == 0, "apply woke the tenant");

    // Nobody fires this tick: the CronJob does.
    awake(night.namespace(), DEPLOYMENT)?;
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450 - 4096 - 4096, "{state:?}");
    answers(night.namespace())?;
    night.workspace.plan_is_empty()?;
    night.workspace.apply()?;
    ensure!(night.replicas()? == 1, "an apply put a working tenant to sleep");

    // 1,598 MiB are left of the 2,048 that must stay free.
    night.card.resident("llama", 9216)?;
    let said = night.tick()?;
    night.sleeps().with_context(|| format!("the tick said: {said}"))?;
    night.told(&["ShortYield", "450 MiB short", "1,598 MiB", "2,048 MiB"])?;
    night.told(&["MemoryReturned", "5,694 MiB"])?;

    night.card.resident("llama", 4096)?;
    awake(night.namespace(), DEPLOYMENT)?;
    answers(night.namespace())?;
    night.end()
}

/// The Service leads to a model that works.
fn answers(namespace: &str) -> Result<()> {
    let url = format!("{}/v1/audio/speech", service(namespace)?);
    wait::until("the Service answers", Duration::from_secs(30), || {
        let mut answer = ureq::post(&url).send_empty()?;
        let wav = answer.body_mut().read_to_vec()?;
        ensure!(wav.starts_with(b"RIFF"), "no audio: {} bytes", wav.len());
        Ok(Some(()))
    })
}

#[test]
fn two_tenants_whose_windows_open_together_never_both_pass() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("together");
    let namespace = scratch.namespace.as_str();
    let card = FakeCard::t4()?;
    let mut one = Example::in_window(&scratch, &card).loads(&card, 9216).with("  guard_interval = \"1m\"");
    one.peak = "9GiB".to_owned();
    let mut two = one.clone();
    two.name = "whisper".to_owned();
    let hcl = format!(
        "{}{}{}",
        one.card_hcl(),
        one.tenant_hcl("one", "gpu_card.t4.id"),
        two.tenant_hcl("two", "gpu_card.t4.id")
    );
    let workspace = Workspace::new(Binary::Terraform, &hcl)?;
    workspace.apply()?;
    let ready = wait::until("one of the two is ready", PATIENCE, || {
        for name in [DEPLOYMENT, "whisper"] {
            if Kubectl.get(namespace, "deployment", name)?["status"]["readyReplicas"] == 1 {
                return Ok(Some(name));
            }
        }
        Ok(None)
    })?;
    let other = if ready == DEPLOYMENT { "whisper" } else { DEPLOYMENT };
    let notes = wait::until("the other says why not", Duration::from_secs(120), || {
        let notes = Kubectl.event_notes(namespace, other)?;
        Ok(notes.iter().any(|note| note.contains("MiB short")).then_some(notes))
    })?;
    ensure!(Kubectl.replicas(namespace, other)? == 0, "both were admitted: {notes:?}");
    card.never_refused()?;
    workspace.destroy().map(drop)
}

#[test]
fn a_pod_deleted_at_noon_waits_in_admit() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("noon", |example| at_noon(&example))?;
    let namespace = night.namespace();
    // A pod that starts without being asked, as after a reboot.
    Kubectl.run(&["-n", namespace, "scale", "deployment", DEPLOYMENT, "--replicas=1"])?;
    wait::until("the pod waits in admit", Duration::from_secs(120), || {
        let status = pod(namespace)?["status"].clone();
        ensure!(status["initContainerStatuses"][0]["state"]["running"].is_object(), "{status}");
        Ok(Some(()))
    })?;
    let first = pod(namespace)?["metadata"]["name"].as_str().context("the pod has no name")?.to_owned();
    Kubectl.run(&["-n", namespace, "delete", "pod", &first, "--wait=false", "--grace-period=1"])?;
    wait::until("the successor of the deleted pod waits in admit", Duration::from_secs(120), || {
        let seen = pod(namespace)?;
        ensure!(seen["metadata"]["name"] != first.as_str(), "the deleted pod is still there");
        let status = &seen["status"];
        ensure!(status["initContainerStatuses"][0]["state"]["running"].is_object(), "{status}");
        Ok(Some(()))
    })?;
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450, "it took memory outside its window: {state:?}");
    night.tick_sleeps("No window is open")?;
    // Once more, against a gate that remembers that it set 0.
    Kubectl.run(&["-n", namespace, "scale", "deployment", DEPLOYMENT, "--replicas=1"])?;
    night.tick_sleeps("It was scaled up by hand while the gate had it asleep")?;
    night.told(&["StartedByHand"])?;
    night.end()
}

/// A time of day, `HH:MM` in UTC, at least so many seconds and at most a minute more away.
fn in_seconds(seconds: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let into_the_minute = now.map_or(0, |now| now.as_secs() % 60);
    e2e::example::in_minutes(((into_the_minute + seconds).div_ceil(60)) as i64)
}

/// The same with its window hours away.
fn at_noon(example: &Example) -> Example {
    let mut example = example.clone();
    example.window = (e2e::example::in_minutes(360), e2e::example::in_minutes(600));
    example
}
