//! The pod around the containers, and labels and annotations by kind of object.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tenancy::defaults as d;
use tenancy::names::{HostName, LabelKey, LabelValue, ObjectName};
use tenancy::tenant::{Metadata, ObjectKind, Pod, Toleration, TopologySpread};
use tfplugin::{Attr, List, Map, Path};

use super::at;
use super::server::elements;
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::{TolerationModel, TopologySpreadModel};

pub(super) fn pod(model: &ServiceModel, fill: &mut Fill) -> Pod {
    Pod {
        node_selector: fill.typed(&model.node_selector, &at("node_selector")),
        tolerations: tolerations(&model.tolerations, &at("tolerations"), fill),
        affinity: fill.json(&model.affinity, &at("affinity")),
        topology_spread: topology_spread(model, fill),
        runtime_class: fill.parse(&model.runtime_class, &at("runtime_class")),
        host_aliases: host_aliases(model, fill),
        priority_class: match &model.priority_class {
            Attr::Null => None,
            class => fill.parse(class, &at("priority_class")),
        },
        image_pull_secrets: pull_secrets(model, fill),
        security_context: fill.json(&model.pod_security_context, &at("pod_security_context")),
    }
}

fn topology_spread(model: &ServiceModel, fill: &mut Fill) -> BTreeMap<LabelKey, TopologySpread> {
    let stand_in = TopologySpreadModel { match_labels: Attr::Unknown, ..TopologySpreadModel::default() };
    let mut found = BTreeMap::new();
    let mut all = elements(&model.topology_spread, &stand_in, fill);
    all.extend(fill.element_of(&model.topology_spread, &stand_in).map(|one| ("unknown", one)));
    for (key, one) in all {
        let path = at("topology_spread").key(key);
        let required = match &one.when_unsatisfiable {
            Attr::Unknown => *fill.any(&Attr::Unknown, &true, &false).unwrap_or(&true),
            when => when.as_str() != Some("ScheduleAnyway"),
        };
        let spread = TopologySpread {
            max_skew: fill.number(&one.max_skew, &path.field("max_skew")).unwrap_or(d::MAX_SKEW),
            required,
            match_labels: fill.typed(&one.match_labels, &path.field("match_labels")),
        };
        found.extend(fill.text(key, &path).map(|key| (key, spread)));
    }
    found
}

fn host_aliases(model: &ServiceModel, fill: &mut Fill) -> BTreeMap<IpAddr, BTreeSet<HostName>> {
    let mut found: BTreeMap<IpAddr, BTreeSet<HostName>> = BTreeMap::new();
    for (key, names) in fill.map(&model.host_aliases) {
        let path = at("host_aliases").key(key);
        let Ok(address) = key.parse() else {
            let detail = format!("{path}: {key:?} is not an IP address. Write one such as `192.0.2.10`.");
            fill.wrong(&path, "Not an address", detail);
            continue;
        };
        let names = match names {
            Attr::Null => Vec::new(),
            Attr::Unknown => vec![&Attr::Unknown],
            Attr::Known(names) => names.iter().collect(),
        };
        let names = names.into_iter().filter_map(|name| fill.parse(name, &path));
        found.entry(address).or_default().extend(names.collect::<Vec<HostName>>());
    }
    if model.host_aliases.is_unknown() {
        let names = fill.parse(&Attr::Unknown, &at("host_aliases")).into_iter().collect();
        found.insert(IpAddr::from([192, 0, 2, fill.sample.of(1, 2)]), names);
    }
    found
}

fn pull_secrets(model: &ServiceModel, fill: &mut Fill) -> BTreeSet<ObjectName> {
    let path = at("image_pull_secrets");
    match &model.image_pull_secrets {
        Attr::Null => BTreeSet::new(),
        Attr::Unknown => fill.parse(&Attr::Unknown, &path).into_iter().collect(),
        Attr::Known(set) => set.0.iter().filter_map(|one| fill.parse(one, &path)).collect(),
    }
}

/// The taints that a pod bears, for whichever resource makes the pod.
pub(crate) fn tolerations(
    attr: &Attr<List<TolerationModel>>,
    path: &Path,
    fill: &mut Fill,
) -> Vec<Toleration> {
    let stand_in = TolerationModel { key: Attr::Unknown, ..TolerationModel::default() };
    let list = match attr {
        Attr::Null => Vec::new(),
        Attr::Unknown => vec![&Attr::Unknown],
        Attr::Known(list) => list.iter().collect(),
    };
    let mut found = Vec::new();
    for (index, attr) in list.into_iter().enumerate() {
        let path = path.index(index);
        let Some(one) = fill.any(attr, &stand_in, &stand_in) else { continue };
        let key = match &one.key {
            Attr::Null => None,
            key => fill.parse(key, &path.field("key")),
        };
        found.push(Toleration {
            key,
            operator: fill.string(&one.operator),
            value: fill.string(&one.value),
            effect: fill.string(&one.effect),
        });
    }
    found
}

pub(super) fn metadata(model: &ServiceModel, fill: &mut Fill) -> BTreeMap<ObjectKind, Metadata> {
    let mut found: BTreeMap<ObjectKind, Metadata> = BTreeMap::new();
    for (kind, path, labels) in by_kind(&model.labels, "labels", fill) {
        let labels: BTreeMap<LabelKey, LabelValue> = fill.typed(labels, &path);
        found.entry(kind).or_default().labels = labels;
    }
    for (kind, path, annotations) in by_kind(&model.annotations, "annotations", fill) {
        let annotations = fill.texts(annotations, &path);
        found.entry(kind).or_default().annotations = annotations;
    }
    found
}

/// The elements of `labels` or `annotations` with the kinds that their keys name.
fn by_kind<'a>(
    attr: &'a Attr<Map<Map<String>>>,
    name: &str,
    fill: &mut Fill,
) -> Vec<(ObjectKind, Path, &'a Attr<Map<String>>)> {
    if attr.is_unknown() {
        // Any object may come to carry them.
        static UNKNOWN: Attr<Map<String>> = Attr::Unknown;
        fill.met_unknown();
        return KINDS.iter().map(|(_, kind)| (*kind, at(name), &UNKNOWN)).collect();
    }
    let mut found = Vec::new();
    for (key, labels) in fill.map(attr) {
        let path = at(name).key(key);
        match KINDS.iter().find(|(known, _)| known == key) {
            Some((_, kind)) => found.push((*kind, path, labels)),
            None => {
                let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
                fill.wrong(
                    &path,
                    "Not a kind of object",
                    format!("{path}: write one of {}.", known.join(", ")),
                );
            }
        }
    }
    found
}

const KINDS: [(&str, ObjectKind); 15] = [
    ("Namespace", ObjectKind::Namespace),
    ("ResourceQuota", ObjectKind::ResourceQuota),
    ("NetworkPolicy", ObjectKind::NetworkPolicy),
    ("PersistentVolume", ObjectKind::PersistentVolume),
    ("PersistentVolumeClaim", ObjectKind::PersistentVolumeClaim),
    ("ConfigMap", ObjectKind::ConfigMap),
    ("ServiceAccount", ObjectKind::ServiceAccount),
    ("Role", ObjectKind::Role),
    ("RoleBinding", ObjectKind::RoleBinding),
    ("Deployment", ObjectKind::Deployment),
    ("Pod", ObjectKind::Pod),
    ("PodDisruptionBudget", ObjectKind::PodDisruptionBudget),
    ("Service", ObjectKind::Service),
    ("CronJob", ObjectKind::CronJob),
    ("Job", ObjectKind::Job),
];
