//! The hands of a person: kubectl, and a namespace that goes away with its test.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Surroundings, wait};

/// kubectl against the run's cluster.
#[derive(Debug, Clone, Copy)]
pub struct Kubectl;

impl Kubectl {
    /// Runs kubectl and returns what it printed.
    ///
    /// # Errors
    /// When it does not exit with 0, with its error text.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with_input(arguments, "")
    }

    /// Runs kubectl with `input` on its standard input.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        let surroundings = Surroundings::get();
        let mut child = Command::new(surroundings.tool("kubectl"))
            .arg("--kubeconfig")
            .arg(&surroundings.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start kubectl")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "kubectl {}: {}{text}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    /// One object, `kind` as kubectl spells it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn get(&self, namespace: &str, kind: &str, name: &str) -> Result<Value> {
        let text = self.run(&["-n", namespace, "get", kind, name, "-o", "json"])?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub fn exists(&self, namespace: &str, kind: &str, name: &str) -> Result<bool> {
        Ok(!self
            .run(&["-n", namespace, "get", kind, name, "--ignore-not-found", "-o", "name"])?
            .trim()
            .is_empty())
    }

    /// Names of all objects of some kinds in a namespace, as `kind/name`, sorted.
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub fn names(&self, namespace: &str, kinds: &str) -> Result<Vec<String>> {
        let text = self.run(&["-n", namespace, "get", kinds, "-o", "name"])?;
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    /// Applies a manifest as `kubectl apply` does.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub fn apply(&self, manifest: &Value) -> Result<()> {
        self.run_with_input(&["apply", "-f", "-"], &manifest.to_string()).map(drop)
    }

    /// The replicas a Deployment is asked to have.
    ///
    /// # Errors
    /// When it is not there.
    pub fn replicas(&self, namespace: &str, deployment: &str) -> Result<u64> {
        self.get(namespace, "deployment", deployment)?["spec"]["replicas"].as_u64().context("no replicas")
    }

    /// The events about an object, oldest first.
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub fn events(&self, namespace: &str, name: &str) -> Result<Vec<Told>> {
        let text = self.run(&["-n", namespace, "get", "events.events.k8s.io", "-o", "json"])?;
        let list: Value = serde_json::from_str(&text)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let about = list["items"].as_array().context("no items")?.iter();
        let mut events: Vec<(String, Told)> = about
            .filter(|event| event["regarding"]["name"] == name)
            .map(|event| {
                let note = format!("{}: {}", text(&event["reason"]), text(&event["note"]));
                (text(&event["eventTime"]), Told { note, by: text(&event["reportingInstance"]) })
            })
            .collect();
        events.sort();
        Ok(events.into_iter().map(|(_, told)| told).collect())
    }

    /// The notes of events about an object, oldest first.
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub fn event_notes(&self, namespace: &str, name: &str) -> Result<Vec<String>> {
        Ok(self.events(namespace, name)?.into_iter().map(|told| told.note).collect())
    }

    /// Starts a Job from a CronJob, as a person does at noon, and returns what it printed.
    ///
    /// # Errors
    /// When the Job does not finish within two minutes.
    pub fn fire(&self, namespace: &str, cronjob: &str) -> Result<String> {
        let job = self.start_job(namespace, cronjob)?;
        wait::until(&format!("job {job} finishes"), Duration::from_secs(120), || {
            let status = self.get(namespace, "job", &job)?["status"].clone();
            let done = status["succeeded"].as_u64().unwrap_or(0) + status["failed"].as_u64().unwrap_or(0) > 0;
            ensure!(done, "{status}");
            Ok(Some(()))
        })?;
        self.run(&["-n", namespace, "logs", &format!("job/{job}")])
    }

    /// Starts a Job from a CronJob and returns its name.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub fn start_job(&self, namespace: &str, cronjob: &str) -> Result<String> {
        let job = format!("by-hand-{}", unique());
        let from = format!("cronjob/{cronjob}");
        let text = self.run(&[
            "-n",
            namespace,
            "create",
            "job",
            &job,
            "--from",
            &from,
            "--dry-run=client",
            "-o",
            "json",
        ])?;
        let mut made: Value = serde_json::from_str(&text)?;
        // Without its owner: the CronJob keeps few finished Jobs and would take
        // this one away, with its log, as soon as it fires by itself.
        if let Some(metadata) = made["metadata"].as_object_mut() {
            metadata.remove("ownerReferences");
        }
        self.run_with_input(&["-n", namespace, "create", "-f", "-"], &made.to_string())?;
        Ok(job)
    }
}

/// What an Event says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// `Reason: note`.
    pub note: String,
    /// The pod that said it.
    pub by: String,
}

/// A name no other test and no other run uses.
pub fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.subsec_nanos());
    format!("{:x}-{:x}-{count}", std::process::id(), nanos >> 12)
}

/// A namespace name of a test's own. Whatever is left in it goes when the test ends.
#[derive(Debug)]
pub struct Scratch {
    /// The namespace's name.
    pub namespace: String,
}

impl Scratch {
    /// Reserves a name; nothing is made in the cluster.
    ///
    /// # Panics
    /// Without surroundings, and here rather than when the namespace is to go.
    pub fn reserve(purpose: &str) -> Self {
        Surroundings::get();
        Self { namespace: format!("e2e-{purpose}-{}", unique()) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let shown = Kubectl.run(&["-n", &self.namespace, "get", "all,events,cm,pvc", "-o", "wide"]);
            eprintln!("state of {}:\n{}", self.namespace, shown.unwrap_or_else(|why| format!("{why:#}")));
        }
        let _ = Kubectl.run(&["delete", "namespace", &self.namespace, "--ignore-not-found", "--wait=false"]);
        // A test that failed half-way destroyed nothing; what it entered goes with its names.
        let kinds = "configmaps,roles,rolebindings,daemonsets,services,serviceaccounts";
        for name in Kubectl.names("gpu-tenancy", kinds).unwrap_or_default() {
            if name.contains(&self.namespace) {
                let _ = Kubectl.run(&["-n", "gpu-tenancy", "delete", &name, "--ignore-not-found"]);
            }
        }
    }
}
