//! Our exporters in `fleet.yaml`, and the cards that name them as their source.

use std::collections::{BTreeMap, BTreeSet};

use tenancy::defaults as d;
use tenancy::duration::Seconds;
use tenancy::exporter::{Exporter, LONGEST_INTERVAL_S, ServiceMonitor, url};
use tenancy::names::{CardName, ExporterName, LabelKey, LabelValue};
use tenancy::spelling::nearest;

use super::pod::toleration;
use crate::fleet::OwnExporter;
use crate::leaf::ExporterPage;
use crate::problem::{Place, Problem, Problems};
use crate::raw::{RawDefaults, RawExporter, RawFleet, RawServiceMonitor};
use crate::read::{At, Entries};

/// Every exporter that has no fault of its own.
pub(super) fn exporters(
    raw: &RawFleet,
    defaults: &RawDefaults,
    problems: &mut Problems,
) -> BTreeMap<ExporterName, OwnExporter> {
    let each = raw.exporters.iter().flat_map(|exporters| &exporters.0);
    each.map(|(name, raw)| (name.value.clone(), exporter(name, raw, defaults, problems))).collect()
}

fn exporter(
    name: &ExporterName,
    raw: &RawExporter,
    defaults: &RawDefaults,
    problems: &mut Problems,
) -> OwnExporter {
    let image = raw.agent_image.as_ref().or(defaults.agent_image.as_ref());
    let secrets = raw.image_pull_secrets.iter().flatten();
    let tolerations = raw.tolerations.as_ref();
    let exporter = Exporter {
        name: name.clone(),
        image: image.map_or_else(|| d::AGENT_IMAGE.to_owned(), |image| image.value.clone()),
        runtime_class: raw.runtime_class.as_ref().map(|class| class.value.clone()),
        node_selector: raw.node_selector.as_ref().map_or_else(d::exporter_nodes, labels),
        tolerations: tolerations
            .map_or_else(d::exporter_tolerations, |all| all.iter().map(toleration).collect()),
        priority_class: raw.priority_class.as_ref().map(|class| class.value.clone()),
        image_pull_secrets: secrets.map(|secret| secret.value.clone()).collect::<BTreeSet<_>>(),
        port: port(raw),
        interval_s: interval(raw.interval.as_ref(), d::EXPORTER_INTERVAL_S, problems),
        service_monitor: raw.service_monitor.as_ref().map(|it| service_monitor(it, problems)),
    };
    let adopted = raw.adopt.iter().flatten().map(|object| object.value.clone()).collect();
    OwnExporter { exporter, adopted }
}

fn service_monitor(raw: &RawServiceMonitor, problems: &mut Problems) -> ServiceMonitor {
    ServiceMonitor {
        labels: raw.labels.as_ref().map(labels).unwrap_or_default(),
        interval_s: interval(raw.interval.as_ref(), d::EXPORTER_SCRAPE_INTERVAL_S, problems),
    }
}

fn labels(entries: &Entries<LabelKey, At<LabelValue>>) -> BTreeMap<LabelKey, LabelValue> {
    entries.0.iter().map(|(key, value)| (key.value.clone(), value.value.clone())).collect()
}

fn port(raw: &RawExporter) -> u16 {
    raw.port.as_ref().map_or(d::EXPORTER_PORT, |port| port.value.0)
}

fn interval(given: Option<&At<Seconds>>, default: u64, problems: &mut Problems) -> u64 {
    let Some(given) = given else { return default };
    if !(1..=LONGEST_INTERVAL_S).contains(&given.0) {
        let accepted =
            format!("Write `1s` to `{LONGEST_INTERVAL_S}s`: figures older than a minute admit nobody.");
        problems.push(Problem::at(given.place.clone(), "the interval is out of range").accepted(accepted));
    }
    given.0.into()
}

/// The URL of the page that a card's source names.
pub(super) fn page(
    named: &At<ExporterPage>,
    fleet: &RawFleet,
    refuse: &mut impl FnMut(&Place, &str, &str),
) -> Option<String> {
    let name = match &named.value {
        ExporterPage::At(page) => return Some(page.0.clone()),
        ExporterPage::Ours(name) => name,
    };
    let known: Vec<&(At<ExporterName>, RawExporter)> =
        fleet.exporters.iter().flat_map(|exporters| &exporters.0).collect();
    if let Some((_, raw)) = known.iter().find(|(known, _)| known.value == *name) {
        return Some(url(name, port(raw)));
    }
    let names: Vec<String> = known.iter().map(|(name, _)| name.to_string()).collect();
    let reason = match nearest(name.as_str(), names.iter().cloned()) {
        Some(nearest) => format!("the fleet has no exporter {:?}; {nearest:?} is the nearest", name.as_str()),
        None => format!("the fleet has no exporter {:?}", name.as_str()),
    };
    let accepted = match names.is_empty() {
        true => format!(
            "Add `exporters: {{ {name}: {{}} }}` to fleet.yaml, or give the address of its page, such as `{}`.",
            url(name, d::EXPORTER_PORT)
        ),
        false => format!("Exporters in fleet.yaml are {}.", names.join(", ")),
    };
    refuse(&named.place, &reason, &accepted);
    None
}

/// The cards that one of the fleet's own exporters measures.
pub(super) fn of_cards(raw: &RawFleet) -> BTreeMap<CardName, ExporterName> {
    super::each_card(raw, |card| match &card.source.exporter.as_ref()?.value {
        ExporterPage::Ours(name) => Some(name.clone()),
        ExporterPage::At(_) => None,
    })
}
