//! Each effective value of the fleet: what fleet.yaml says, what its cards and
//! exporters are without being told, and who lives where.

use tenancy::card::model::with_article;
use tenancy::defaults::{self, reason};
use tenancy::tenant::Toleration;

use super::{Explained, From, key_on, walk};
use crate::fleet::Fleet;
use crate::layer;
use crate::load::FLEET;
use crate::node::{Node, Value};
use crate::problem::{Place, Problem};

/// Explains the fleet. `line` keeps what stands on one line of its file, with what follows for it.
///
/// # Errors
/// Nothing of the fleet stands on that line.
pub fn explain_fleet(fleet: &Fleet, node: &Node, line: Option<usize>) -> Result<Vec<Explained>, Problem> {
    let mut all = Vec::new();
    let place = |place: &Place| From::File { path: place.source.path.to_string(), line: place.line() };
    walk(node, "", &place, &mut all);
    of_exporters(fleet, node, &mut all);
    of_cards(fleet, node, &mut all);
    of_all(node, &mut all);
    let Some(line) = line else { return Ok(all) };
    let key = key_on(node, line).ok_or_else(|| super::no_key(FLEET, line))?;
    all.retain(|it| it.key == key || it.key.strip_prefix(&key).is_some_and(|rest| rest.starts_with('.')));
    Ok(all)
}

/// Collects values that nobody wrote.
struct Unsaid<'a> {
    node: &'a Node,
    all: &'a mut Vec<Explained>,
}

impl Unsaid<'_> {
    fn is_said(&self, path: &[&str]) -> bool {
        let found = path.iter().try_fold(self.node, |node, part| layer::get(node, part));
        found.is_some_and(|node| !matches!(node.value, Value::Null))
    }

    fn add(&mut self, path: &[&str], value: impl ToString, from: From) {
        if !self.is_said(path) {
            self.all.push(Explained { key: path.join("."), value: value.to_string(), from });
        }
    }

    /// A default of ours, by the name of its constant.
    fn default(&mut self, path: &[&str], value: impl ToString, constant: &str) {
        let reason = reason(constant).unwrap_or_default().to_owned();
        self.add(path, value, From::Default { reason });
    }

    fn follows(&mut self, path: &[&str], value: impl ToString, how: impl Into<String>) {
        self.add(path, value, From::Follows { how: how.into() });
    }
}

fn of_exporters(fleet: &Fleet, node: &Node, all: &mut Vec<Explained>) {
    let mut unsaid = Unsaid { node, all };
    for (name, own) in &fleet.exporters {
        let exporter = &own.exporter;
        let at = |key| ["exporters", name.as_str(), key];
        let nodes: Vec<String> =
            exporter.node_selector.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        unsaid.follows(&at("node_selector"), nodes.join(", "), "where NVIDIA's GPU operator found a card");
        let borne: Vec<String> = exporter.tolerations.iter().map(toleration).collect();
        let how = "the taint that keeps everybody else off nodes with cards";
        unsaid.follows(&at("tolerations"), borne.join(", "), how);
        unsaid.default(&at("port"), exporter.port, "EXPORTER_PORT");
        unsaid.default(&at("interval"), format!("{}s", exporter.interval_s), "EXPORTER_INTERVAL_S");
        if let Some(monitor) = &exporter.service_monitor {
            let path = ["exporters", name.as_str(), "service_monitor", "interval"];
            unsaid.default(&path, format!("{}s", monitor.interval_s), "EXPORTER_SCRAPE_INTERVAL_S");
        }
        let how = "the address by which cards name it as their source";
        let url = tenancy::exporter::url(name, exporter.port);
        unsaid.follows(&at("page"), url, how);
    }
}

fn toleration(toleration: &Toleration) -> String {
    let key = toleration.key.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{key} {}", toleration.operator.as_deref().unwrap_or("Equal"))
}

fn of_cards(fleet: &Fleet, node: &Node, all: &mut Vec<Explained>) {
    let mut unsaid = Unsaid { node, all };
    for (name, card) in &fleet.cards {
        let at = |key| ["cards", name.as_str(), key];
        if let Some(model) = fleet.models.get(name) {
            let about = with_article(model.name);
            if card.device.is_mig_slice() {
                let how = format!(
                    "a MIG slice has only part of what {about} has; `nvidia-smi` on the node says how much"
                );
                unsaid.follows(&at("memory"), "not known", how);
            } else {
                let rest = "the node's label nvidia.com/gpu.memory says what this one has";
                let how = format!("what {about} usually has ({}); {rest}", model.memory_source);
                unsaid.follows(&at("memory"), model.memory_mib.spelled(), how);
            }
            let precisions: Vec<&str> = model.precisions().map(|precision| precision.as_str()).collect();
            let (major, minor) = model.compute;
            let how = format!("model: {}, compute capability {major}.{minor}", model.architecture);
            unsaid.follows(&at("precisions"), precisions.join(", "), how);
        }
        if card.memory_mib.is_none() && !fleet.models.contains_key(name) {
            let how = "neither `memory` nor `model` is given, so neither `fit` nor a plan can refuse what never fits";
            unsaid.follows(&at("memory"), "not known", how);
        }
        if !fleet.reserved.contains_key(name) {
            let how = "`fit` counts nothing for the driver; on the card the device's own figure counts";
            unsaid.follows(&at("reserved"), "0", how);
        }
        let claims =
            fleet.stacks.values().filter_map(|stack| Some((&stack.tenant.id, stack.claim.as_ref()?)));
        let here: Vec<_> = claims.filter(|(_, claim)| claim.card == *name).collect();
        if let Some(headroom) = here.iter().map(|(_, claim)| claim.floor.headroom_mib).max() {
            let how =
                "a quarter of the largest headroom; below that the next allocation of a neighbour fails";
            unsaid.follows(&at("critical"), defaults::critical_mib(headroom).spelled(), how);
        }
        unsaid.follows(
            &at("watch"),
            "false",
            "its tenants' CronJobs look at it; a watcher reacts in seconds",
        );
        let tenants: Vec<String> = here.iter().map(|(id, _)| id.to_string()).collect();
        if !tenants.is_empty() {
            unsaid.follows(&at("tenants"), tenants.join(", "), "the files in tenants/ that name this card");
        }
    }
}

fn of_all(node: &Node, all: &mut Vec<Explained>) {
    let mut unsaid = Unsaid { node, all };
    unsaid.default(&["defaults", "agent_image"], defaults::AGENT_IMAGE, "AGENT_IMAGE");
    unsaid.follows(&["provider"], "the environment", "KUBE_CONFIG_PATH, KUBE_CTX and their kin");
    unsaid.follows(&["backend"], "local", "no backend is given, so each state lies in its stack's folder");
    unsaid.follows(
        &["binary"],
        "terraform or tofu",
        "terragrunt chooses, and takes tofu where both are installed",
    );
    unsaid.follows(&["layout"], "root", "a folder for each stack, beside fleet.yaml");
}
