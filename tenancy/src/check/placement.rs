//! Where the pod may run: affinity, spreading, names at addresses.

use serde_json::{Map, Value};

use super::Problem;
use crate::expand::selector;
use crate::names::{LabelKey, LabelValue};
use crate::tenant::{ObjectKind, Tenant};

/// Fields of an affinity (`k8s.io/api/core/v1.Affinity`).
const KINDS: [&str; 3] = ["nodeAffinity", "podAffinity", "podAntiAffinity"];
/// Fields of each of them.
const STRENGTHS: [&str; 2] =
    ["preferredDuringSchedulingIgnoredDuringExecution", "requiredDuringSchedulingIgnoredDuringExecution"];

pub(super) fn check(tenant: &Tenant, problems: &mut Vec<Problem>) {
    if let Some(affinity) = &tenant.pod.affinity {
        self::affinity(affinity, problems);
    }
    for (key, spread) in &tenant.pod.topology_spread {
        let mut refuse = |message: String| problems.push(Problem::at_key("topology_spread", key, message));
        if spread.max_skew == 0 {
            refuse("Its max_skew is 0, and two numbers of pods always differ by one somewhere. Write at least 1.".to_owned());
        }
        if spread.match_labels.is_empty() {
            refuse(
                "It counts every pod of the namespace. Say by `match_labels` which ones are to be spread."
                    .to_owned(),
            );
        }
        for (label, value) in
            spread.match_labels.iter().filter(|(label, value)| !carries(tenant, label, value))
        {
            refuse(format!(
                "It counts pods with {label}={value}, and the tenant's own pod has no such label, so it would never \
                 be spread itself. Give it the label by `labels`, under `Pod`."
            ));
        }
    }
    for address in
        tenant.pod.host_aliases.iter().filter(|(_, names)| names.is_empty()).map(|(address, _)| address)
    {
        let message = "It has no name. Write the names that are to be found there, or leave it out.";
        problems.push(Problem::at_key("host_aliases", address, message));
    }
}

/// The API server answers an unknown field with an error that names no attribute.
fn affinity(affinity: &Map<String, Value>, problems: &mut Vec<Problem>) {
    let mut refuse = |field: &str, known: &[&str]| {
        let message = format!("There is no field {field:?}. Kubernetes knows: {}.", known.join(", "));
        problems.push(Problem::at("affinity", message));
    };
    for (kind, strengths) in affinity {
        if !KINDS.contains(&kind.as_str()) {
            refuse(kind, &KINDS);
            continue;
        }
        for strength in strengths.as_object().iter().flat_map(|fields| fields.keys()) {
            if !STRENGTHS.contains(&strength.as_str()) {
                refuse(strength, &STRENGTHS);
            }
        }
    }
}

/// Whether the tenant's pod has a label, ours or a person's.
fn carries(tenant: &Tenant, label: &LabelKey, value: &LabelValue) -> bool {
    let written = tenant.metadata.get(&ObjectKind::Pod).and_then(|metadata| metadata.labels.get(label));
    written == Some(value)
        || selector(&tenant.id).get(label.as_str()).is_some_and(|own| own == value.as_str())
}
