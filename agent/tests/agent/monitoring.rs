//! The dashboard and the alerts name what the code emits, every alert has its section, and
//! each fires when it should.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;
use tenancy::card::{Card, Device, DeviceSource, Source};
use tenancy::names::Namespace;
use tenancy::objects::Kind;
use tenancy::{expand, exposition};

const ALERTS: &str = "examples/monitoring/alerts.yaml";
const RESOURCE: &str = "examples/monitoring/prometheus-rule.yaml";
const CASES: &str = "examples/monitoring/alerts.test.yaml";
const METRICS: &str = "docs/metrics.md";
const POD_MONITOR: &str = "examples/monitoring/pod-monitor.yaml";
const DASHBOARD: &str = "examples/monitoring/grafana-dashboard.json";

/// What a scrape adds to every series of a pod.
const OF_A_SCRAPE: &str = "pod";

/// Series of kube-state-metrics, with their labels by its documentation.
const OF_KUBE_STATE_METRICS: [&str; 2] =
    ["kube_cronjob_status_last_successful_time", "kube_cronjob_spec_suspend"];
const LABELS_OF_A_CRON_JOB: [&str; 2] = ["cronjob", "namespace"];

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(of)
}

/// A file of the repository.
fn read(of: &str) -> String {
    std::fs::read_to_string(path(of)).unwrap()
}

#[derive(Debug, Deserialize, PartialEq)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Group {
    name: String,
    rules: Vec<Alert>,
}

/// An alert with everything that Prometheus knows of one.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Alert {
    alert: String,
    expr: String,
    r#for: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct PrometheusRule {
    spec: Groups,
}

#[derive(Debug, Deserialize)]
struct Cases {
    tests: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    input_series: Vec<Input>,
    alert_rule_test: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Input {
    series: String,
}

#[derive(Debug, Deserialize)]
struct Expected {
    alertname: String,
    exp_alerts: Vec<serde::de::IgnoredAny>,
}

fn alerts() -> Vec<Alert> {
    let groups: Groups = serde_saphyr::from_str(&read(ALERTS)).unwrap();
    groups.groups.into_iter().flat_map(|group| group.rules).collect()
}

fn cases() -> Vec<Case> {
    serde_saphyr::from_str::<Cases>(&read(CASES)).unwrap().tests
}

/// The words of an expression that can be the name of a metric of ours or of kube-state-metrics.
fn metrics(expression: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_name(c));
    words.filter(|word| word.starts_with("gpu_tenancy_") || word.starts_with("kube_")).collect()
}

/// Each series with the names of its labels.
fn shapes(page: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let shape = |series: &exposition::Series<'_>| {
        let labels = series.labels.iter().map(|(name, _)| (*name).to_owned());
        (series.name.to_owned(), labels.filter(|name| name != OF_A_SCRAPE).collect())
    };
    exposition::parse(page).unwrap().iter().map(shape).collect()
}

/// Holds the files to a page on which every series is: what an alert's cases give it is what the
/// code emits, labels included, and `promtool` shows that the alert works on it.
pub(crate) fn names_only_what_is_on(page: &str) {
    let cron_job: BTreeSet<String> = LABELS_OF_A_CRON_JOB.map(str::to_owned).into();
    let mut emitted = shapes(page);
    emitted.extend(OF_KUBE_STATE_METRICS.map(|name| (name.to_owned(), cron_job.clone())));
    let mut given: BTreeSet<(String, BTreeSet<String>)> = BTreeSet::new();
    for case in cases() {
        for Input { series } in &case.input_series {
            given.extend(shapes(&format!("{series} 1\n")));
        }
    }
    given.retain(|(name, _)| name != "up");
    let unknown: Vec<_> = given.difference(&emitted).collect();
    assert!(unknown.is_empty(), "{CASES} has series that nobody emits: {unknown:?}\n{page}");

    let given: BTreeSet<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    for Alert { alert, expr, .. } in &alerts() {
        let without: Vec<_> = metrics(expr).into_iter().filter(|name| !given.contains(name)).collect();
        assert!(without.is_empty(), "{alert} reads {without:?}, of which {CASES} has nothing");
        assert!(!metrics(expr).is_empty(), "{alert} reads nothing of ours: {expr}");
    }
    dashboard_shows(&emitted);
    is_documented(page);
}

/// Every series of a page stands in the page of metrics, by its whole name.
pub(crate) fn is_documented(page: &str) {
    let documented = read(METRICS);
    let missing: BTreeSet<String> = shapes(page)
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !documented.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "{METRICS} says nothing of {missing:?}");
}

/// Every query of the dashboard is of series that are emitted, and each legend of their labels.
fn dashboard_shows(emitted: &BTreeSet<(String, BTreeSet<String>)>) {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets: Vec<&Value> = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()).collect();
    assert!(targets.len() >= panels.len() && panels.len() > 5, "{} of {}", targets.len(), panels.len());
    for target in targets {
        let expr = target["expr"].as_str().unwrap();
        let named = metrics(expr);
        assert!(!named.is_empty(), "{expr}");
        for name in named {
            let labels: Vec<_> = emitted.iter().filter(|(emitted, _)| emitted == name).collect();
            assert!(!labels.is_empty(), "{DASHBOARD} asks for {name}, which nobody emits: {expr}");
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                let has = labels.iter().any(|(_, labels)| labels.contains(label.trim()));
                assert!(has, "{name} has no label {label}: {labels:?}");
            }
        }
    }
}

#[test]
fn every_alert_has_a_section_and_cases_and_both_forms_are_the_same_rules() {
    let sections: BTreeSet<String> = read("docs/alerts.md")
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace('\'', "").replace(' ', "-"))
        .collect();
    let plain: Groups = serde_saphyr::from_str(&read(ALERTS)).unwrap();
    let resource: PrometheusRule = serde_saphyr::from_str(&read(RESOURCE)).unwrap();
    assert_eq!(plain, resource.spec);
    let alerts = alerts();
    assert_eq!(alerts.len(), sections.len());
    let cases = cases();
    for Alert { alert, annotations, labels, .. } in &alerts {
        let (_, anchor) = annotations["runbook"].split_once("docs/alerts.md#").unwrap();
        assert!(sections.contains(anchor), "{anchor} is not in {sections:?}");
        assert!(["info", "warning", "critical"].contains(&labels["severity"].as_str()), "{alert}");
        let expected =
            cases.iter().flat_map(|case| &case.alert_rule_test).filter(|it| it.alertname == *alert);
        let (fires, silent): (Vec<_>, Vec<_>) = expected.partition(|it| !it.exp_alerts.is_empty());
        assert!(!fires.is_empty() && !silent.is_empty(), "{CASES} lacks when {alert} fires, or when not");
    }
}

#[test]
fn a_prometheus_operator_finds_the_watchers_pods() {
    let monitor: Value = serde_saphyr::from_str(&read(POD_MONITOR)).unwrap();
    let source = DeviceSource::Dcgm("http://dcgm.gpu:9400/metrics".to_owned());
    let card = Card {
        name: "t4".parse().unwrap(),
        node: "gpu-1".parse().unwrap(),
        device: Device::Index(0),
        source: Source { device: source, pods: None, secret: None },
        memory_mib: None,
        critical_mib: None,
        residents: BTreeMap::new(),
        watch: true,
    };
    let objects = expand::watched_card(&card, "agent");
    let (_, watcher) = objects.iter().find(|(key, _)| key.kind == Kind::Deployment).unwrap();
    assert_eq!(monitor["metadata"]["namespace"].as_str(), watcher.namespace.as_ref().map(Namespace::as_str));
    let template = &watcher.body["spec"]["template"];
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&template["metadata"]["labels"][label], value, "{label}");
    }
    let port = &template["spec"]["containers"][0]["ports"][0]["name"];
    assert_eq!(&monitor["spec"]["podMetricsEndpoints"][0]["port"], port);
}

#[test]
#[ignore = "needs promtool, which `cargo xtask test` builds"]
fn prometheus_own_tool_takes_the_rules_and_their_cases_come_true() {
    for (what, file) in [("check", ALERTS), ("test", CASES)] {
        let done = Command::new("promtool").args([what, "rules"]).arg(path(file)).output().unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "promtool {what} rules {file}: {said}");
    }
}
