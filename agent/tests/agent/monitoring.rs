//! The dashboard and the alerts name what the code emits, and every alert has its section.

use std::collections::BTreeSet;
use std::path::Path;

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

const RULES: [&str; 2] = ["examples/monitoring/alerts.yaml", "examples/monitoring/prometheus-rule.yaml"];

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !is_name(c)).filter(|word| word.starts_with("gpu_tenancy_")).map(str::to_owned).collect()
}

/// Holds the files to a page on which every series is.
pub(crate) fn names_only_what_is_on(page: &str) {
    let emitted = named(page);
    for file in RULES.into_iter().chain(["examples/monitoring/grafana-dashboard.json"]) {
        let missing: Vec<String> = named(&read(file)).difference(&emitted).cloned().collect();
        assert!(missing.is_empty(), "{file} names what nobody emits: {missing:?}\n{page}");
    }
    let alerts = named(&read(RULES[0]));
    assert!(alerts.len() > 6, "{alerts:?}");
}

#[test]
fn every_alert_has_a_section_and_both_forms_are_the_same_rules() {
    let sections: BTreeSet<String> = read("docs/troubleshooting.md")
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace('\'', "").replace(' ', "-"))
        .collect();
    let [plain, resource] = RULES.map(|file| {
        let text = read(file);
        let rules = text.split_once("rules:\n").unwrap().1.lines().map(|line| line.trim().to_owned());
        rules.collect::<Vec<String>>()
    });
    assert_eq!(plain, resource);
    let of = |prefix: &str| plain.iter().filter(|line| line.starts_with(prefix)).cloned().collect::<Vec<_>>();
    let (alerts, runbooks) = (of("- alert: "), of("runbook: docs/troubleshooting.md#"));
    assert_eq!((alerts.len(), runbooks.len()), (sections.len(), sections.len()));
    for runbook in runbooks {
        let (_, anchor) = runbook.split_once('#').unwrap();
        assert!(sections.contains(anchor), "{anchor} is not in {sections:?}");
    }
}
