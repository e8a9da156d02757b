//! kubectl as a ServiceAccount, by which a test asks for itself what that account may do.

use anyhow::{Context, Result, ensure};
use e2e::Kubectl;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// kubectl with a ServiceAccount's token: one made for the test, or the one that lies in a container.
pub(crate) struct Account {
    /// What comes before kubectl's own arguments.
    begin: Vec<String>,
    /// The file that is named there.
    _kubeconfig: Option<NamedTempFile>,
}

impl Account {
    pub(crate) fn of(namespace: &str, name: &str) -> Result<Self> {
        let token = Kubectl.run(&["-n", namespace, "create", "token", name])?;
        let mut config: Value = serde_json::from_str(&Kubectl.run(&[
            "config",
            "view",
            "--raw",
            "--minify",
            "--flatten",
            "-o",
            "json",
        ])?)?;
        config["users"][0]["user"] = json!({"token": token.trim()});
        let kubeconfig = NamedTempFile::new()?;
        std::fs::write(kubeconfig.path(), config.to_string())?;
        let path = kubeconfig.path().to_str().context("the folder's name is no text")?;
        // Of two that are given, kubectl takes the last.
        let begin = vec!["--kubeconfig".to_owned(), path.to_owned()];
        Ok(Self { begin, _kubeconfig: Some(kubeconfig) })
    }

    /// The kubectl that these words reach, with whatever token it finds there.
    pub(crate) fn behind(begin: Vec<String>) -> Self {
        Self { begin, _kubeconfig: None }
    }

    pub(crate) fn run(&self, namespace: &str, arguments: &[&str], input: &Value) -> Result<String> {
        let mut all: Vec<&str> = self.begin.iter().map(String::as_str).chain(["-n", namespace]).collect();
        all.extend(arguments);
        Kubectl.run_with_input(&all, &input.to_string())
    }

    pub(crate) fn may(&self, namespace: &str, arguments: &[&str]) -> Result<String> {
        self.run(namespace, arguments, &Value::Null)
    }

    /// The API server says no, and that it is for want of a right.
    pub(crate) fn may_not(&self, namespace: &str, arguments: &[&str]) -> Result<()> {
        match self.may(namespace, arguments) {
            Ok(done) => anyhow::bail!("it may {}: {done}", arguments.join(" ")),
            Err(why) => {
                ensure!(format!("{why:#}").contains("Forbidden"), "another failure than a refusal: {why:#}");
                Ok(())
            }
        }
    }

    /// Every right in a namespace as `verbs resources names`, those left out
    /// that any account has: to ask who it is and what it may.
    pub(crate) fn rules(&self, namespace: &str) -> Result<Vec<String>> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        });
        let answer: Value = serde_json::from_str(&self.run(
            namespace,
            &["create", "--validate=false", "-o", "json", "-f", "-"],
            &review,
        )?)?;
        let rules = answer["status"]["resourceRules"].as_array().context("no rules")?;
        let words = |rule: &Value, key: &str| -> String {
            let mut words: Vec<&str> =
                rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            words.sort_unstable();
            words.join(",")
        };
        let mut told: Vec<String> = rules
            .iter()
            .filter(|rule| !words(rule, "resources").starts_with("selfsubject"))
            .map(|rule| {
                format!(
                    "{} {} {}",
                    words(rule, "verbs"),
                    words(rule, "resources"),
                    words(rule, "resourceNames")
                )
                .trim()
                .to_owned()
            })
            .collect();
        told.sort();
        Ok(told)
    }
}

/// The containers of a pod, or of a pod's template, in which a token lies.
pub(crate) fn with_token(pod: &Value) -> Vec<&str> {
    let of_kind = |kind: &str| pod["spec"][kind].as_array().into_iter().flatten();
    let has_token = |container: &&Value| {
        let mut mounts = container["volumeMounts"].as_array().into_iter().flatten();
        let at_its_place = |path: &str| path.starts_with("/var/run/secrets/kubernetes.io");
        mounts.any(|mount| mount["mountPath"].as_str().is_some_and(at_its_place))
    };
    let all = of_kind("initContainers").chain(of_kind("containers"));
    all.filter(has_token).filter_map(|container| container["name"].as_str()).collect()
}

/// That there are pods with a label, and no container of them has a token.
pub(crate) fn none_has_a_token(namespace: &str, label: &str) -> Result<()> {
    let list: Value =
        serde_json::from_str(&Kubectl.run(&["-n", namespace, "get", "pods", "-l", label, "-o", "json"])?)?;
    let pods = list["items"].as_array().filter(|pods| !pods.is_empty()).context("there is no such pod")?;
    for pod in pods {
        let holders = with_token(pod);
        ensure!(holders.is_empty(), "these have a token: {holders:?}");
    }
    Ok(())
}
