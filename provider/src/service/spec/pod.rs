//! The pod around the containers, and labels and annotations by kind of object.

use std::collections::{BTreeMap, BTreeSet};

use tenancy::names::{LabelKey, LabelValue, ObjectName};
use tenancy::tenant::{Metadata, ObjectKind, Pod, Toleration};
use tfplugin::{Attr, List, Map, Path};

use super::at;
use crate::fill::Fill;
use crate::service::model::ServiceModel;
use crate::service::parts::TolerationModel;

pub(super) fn pod(model: &ServiceModel, fill: &mut Fill) -> Pod {
    Pod {
        node_selector: fill.typed(&model.node_selector, &at("node_selector")),
        tolerations: tolerations(&model.tolerations, &at("tolerations"), fill),
        priority_class: match &model.priority_class {
            Attr::Null => None,
            class => fill.parse(class, &at("priority_class")),
        },
        image_pull_secrets: pull_secrets(model, fill),
        security_context: fill.json(&model.pod_security_context, &at("pod_security_context")),
    }
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

const KINDS: [(&str, ObjectKind); 12] = [
    ("Namespace", ObjectKind::Namespace),
    ("PersistentVolume", ObjectKind::PersistentVolume),
    ("PersistentVolumeClaim", ObjectKind::PersistentVolumeClaim),
    ("ConfigMap", ObjectKind::ConfigMap),
    ("ServiceAccount", ObjectKind::ServiceAccount),
    ("Role", ObjectKind::Role),
    ("RoleBinding", ObjectKind::RoleBinding),
    ("Deployment", ObjectKind::Deployment),
    ("Pod", ObjectKind::Pod),
    ("Service", ObjectKind::Service),
    ("CronJob", ObjectKind::CronJob),
    ("Job", ObjectKind::Job),
];
