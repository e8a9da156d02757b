//! What the agent prints: a line per decision, for people or for programs.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tenancy::decide::{Decision, Rule};
use tenancy::names::TenantId;
use tenancy::quantity::Mib;

use crate::gate::Effort;

/// For whom lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Prints the lines of one tenant. Standard output holds decisions, standard
/// error what went beside them.
#[derive(Debug, Clone, Copy)]
pub struct Printer<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// For whom.
    pub format: Format,
}

impl Printer<'_> {
    /// Prints a decision once it stands in the ledger.
    pub fn decision(&self, now: Timestamp, decision: &Decision) {
        print(&match self.format {
            Format::Text => decision_text(now, self.tenant, decision),
            Format::Json => decision_json(now, self.tenant, decision).to_string(),
        });
    }

    /// Prints a plain line about the tenant, such as why its pod waits.
    pub fn line(&self, now: Timestamp, word: &str, reason: &str) {
        print(&match self.format {
            Format::Text => format!("{} {} {word}: {reason}", stamp(now), self.tenant),
            Format::Json => {
                json!({ "at": stamp(now), "tenant": self.tenant, "name": word, "reason": reason }).to_string()
            }
        });
    }

    /// Says on standard error what a tick cost, as one line of JSON for programs.
    pub fn effort(&self, effort: &Effort) {
        // Beside the decisions, and as before nobody is left to tell when it is closed.
        let _ = writeln!(std::io::stderr(), "{}", effort_json(self.tenant, effort));
    }

    /// Says on standard error what went beside the decisions.
    pub fn note(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(std::io::stderr(), "{}: {text}", self.tenant);
    }
}

/// Prints to standard output; a reader that went away is no failure.
pub fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe must not keep a gate from acting.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A rule's name as people read it: `short yield`.
pub fn rule_name(rule: Rule) -> String {
    let name = serde_json::to_value(rule).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or("?").replace('_', " ")
}

/// `2026-11-21T02:00:03Z tts/chatterbox-tts rule 33 (admitted): … [free 10,814 MiB, owed 0 MiB] -> replicas 1`
fn decision_text(now: Timestamp, tenant: &TenantId, decision: &Decision) -> String {
    let mut line = format!(
        "{} {tenant} rule {} ({}): {}",
        stamp(now),
        decision.rule.number(),
        rule_name(decision.rule),
        decision.reason
    );
    let figures: Vec<String> = figures(decision).map(|(what, mib)| format!("{what} {mib}")).collect();
    if !figures.is_empty() {
        line.push_str(&format!(" [{}]", figures.join(", ")));
    }
    let deeds = deeds(decision);
    if !deeds.is_empty() {
        line.push_str(&format!(" -> {}", deeds.join(", ")));
    }
    line
}

/// What of the card's figures the decision's status has.
fn figures(decision: &Decision) -> impl Iterator<Item = (&'static str, Mib)> {
    let status = decision.status.as_ref();
    let free = status.and_then(|status| status.free_mib).map(|mib| ("free", mib));
    let owed = status.and_then(|status| status.owed_mib).map(|mib| ("owed", mib));
    free.into_iter().chain(owed)
}

/// What a decision does, each deed in two or three words.
pub fn deeds(decision: &Decision) -> Vec<String> {
    let unload = decision.unload.then(|| "unload".to_owned());
    let scale = decision.scale.map(|replicas| format!("replicas {replicas}"));
    let pauses = decision
        .pauses
        .iter()
        .map(|(target, replicas)| format!("{}/{} replicas {replicas}", target.namespace, target.deployment));
    let again = decision.again_in.map(|pause| match pause.as_secs() {
        0 => "look again at once".to_owned(),
        seconds => format!("look again in {seconds} s"),
    });
    unload.into_iter().chain(scale).chain(pauses).chain(again).collect()
}

fn decision_json(now: Timestamp, tenant: &TenantId, decision: &Decision) -> serde_json::Value {
    let status = decision.status.as_ref();
    json!({
        "at": stamp(now),
        "tenant": tenant,
        "rule": decision.rule.number(),
        "name": decision.rule,
        "reason": decision.reason,
        "free_mib": status.and_then(|status| status.free_mib),
        "owed_mib": status.and_then(|status| status.owed_mib),
        "unload": decision.unload,
        "replicas": decision.scale,
        "pauses": decision.pauses.iter().map(|(target, replicas)| json!({
            "namespace": target.namespace, "deployment": target.deployment, "replicas": replicas,
        })).collect::<Vec<_>>(),
        "again_in_s": decision.again_in.map(|pause| pause.as_secs_f64()),
    })
}

/// `{"tick":{"tenant":…,"name":"admitted","api_calls":9,"own_ms":31.4,…}}`
fn effort_json(tenant: &TenantId, effort: &Effort) -> serde_json::Value {
    let milliseconds = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
    let (rule, reason) = effort.last.as_ref().map(|(rule, reason)| (*rule, reason.as_str())).unzip();
    json!({ "tick": {
        "tenant": tenant,
        "decisions": effort.decisions,
        "rule": rule.map(Rule::number),
        "name": rule,
        "reason": reason,
        "api_calls": effort.api_calls,
        "own_ms": milliseconds(effort.own),
        "waited_ms": milliseconds(effort.waited),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenancy::decide::Rule;
    use tenancy::ledger::{Ledger, Status};

    fn decision() -> Decision {
        let at = "2026-11-21T02:00:03Z".parse().unwrap();
        let reason = "10,814 MiB are free, 4,096 MiB are its peak, and 6,718 MiB stay.".to_owned();
        Decision {
            rule: Rule::Admitted,
            reason: reason.clone(),
            ledger: Ledger::default(),
            unload: false,
            scale: Some(1),
            pauses: vec![(serde_json::from_str(r#"{"namespace":"llm","deployment":"llama"}"#).unwrap(), 0)],
            events: vec![],
            status: Some(Status {
                rule: Rule::Admitted,
                reason,
                at,
                free_mib: Some(Mib(10814)),
                owed_mib: Some(Mib(0)),
                overrun_seconds: None,
                clock_skew_s: None,
                told_at: None,
                looks_every_s: None,
            }),
            again_in: Some(Duration::from_secs(5)),
        }
    }

    #[test]
    fn a_tick_says_what_it_cost() {
        let effort = Effort {
            decisions: 2,
            last: Some((Rule::Hold, "It is awake.".to_owned())),
            api_calls: 9,
            own: Duration::from_micros(31_449),
            waited: Duration::from_secs(5),
        };
        let line = effort_json(&"tts/chatterbox-tts".parse().unwrap(), &effort);
        assert_eq!(line["tick"]["name"], "hold");
        assert_eq!(
            (line["tick"]["api_calls"].as_u64(), line["tick"]["own_ms"].as_f64()),
            (Some(9), Some(31.4))
        );
        let none = effort_json(&"tts/chatterbox-tts".parse().unwrap(), &Effort::default());
        assert!(none["tick"]["name"].is_null());
    }

    #[test]
    fn a_decision_is_one_line_for_people_and_one_for_programs() {
        let (now, tenant) =
            ("2026-11-21T02:00:03.9Z".parse().unwrap(), "tts/chatterbox-tts".parse().unwrap());
        // The table's numbers are tenancy's to change.
        let number = format!("rule {} ", Rule::Admitted.number());
        let text = |decision: &Decision| decision_text(now, &tenant, decision).replace(&number, "rule N ");
        insta::assert_snapshot!(text(&decision()), @"2026-11-21T02:00:03Z tts/chatterbox-tts rule N (admitted): 10,814 MiB are free, 4,096 MiB are its peak, and 6,718 MiB stay. [free 10,814 MiB, owed 0 MiB] -> replicas 1, llm/llama replicas 0, look again in 5 s");
        let json = decision_json(now, &tenant, &decision());
        assert_eq!(json["rule"], Rule::Admitted.number());
        assert_eq!((json["name"].as_str(), json["replicas"].as_u64()), (Some("admitted"), Some(1)));
        assert_eq!((json["free_mib"].as_u64(), json["again_in_s"].as_f64()), (Some(10814), Some(5.0)));
        assert_eq!(json["pauses"][0]["deployment"], "llama");
        let quiet = Decision { scale: None, pauses: vec![], status: None, again_in: None, ..decision() };
        insta::assert_snapshot!(text(&quiet), @"2026-11-21T02:00:03Z tts/chatterbox-tts rule N (admitted): 10,814 MiB are free, 4,096 MiB are its peak, and 6,718 MiB stay.");
    }
}
