//! The Deployment: one pod, whose replicas belong to the gate.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::{agent, config, is_gated, labels, of_tenant, server, storage, volumes};
use crate::declared::gate_account;
use crate::defaults::{REVISION_HISTORY, ROLLOUT_MARGIN_S};
use crate::leaves::{apply_patch, merge, remove_leaf, without_nulls};
use crate::names::{HostName, LabelKey};
use crate::objects::{Kind, Object};
use crate::tenant::{ObjectKind, Tenant, Toleration, TopologySpread};

/// The Deployment. For a gated tenant `replicas` is a field of its birth, for
/// one that is always awake it is Terraform's.
pub(super) fn object(tenant: &Tenant) -> Object {
    let timing = tenant.gate.timing;
    let mut spec = json!({
        // Two pods would hold the card at once while one replaces the other.
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": REVISION_HISTORY,
        "progressDeadlineSeconds": timing.loading_limit_s.saturating_add(ROLLOUT_MARGIN_S),
        "selector": {"matchLabels": labels::selector(&tenant.id)},
        "template": template(tenant),
    });
    let mut birth = Value::Null;
    if is_gated(tenant) {
        birth = json!({"spec": {"replicas": 0}});
    } else {
        spec["replicas"] = json!(if tenant.suspend { 0 } else { 1 });
    }
    let name = tenant.id.name.as_str();
    let mut object =
        of_tenant(tenant, Kind::Deployment, ObjectKind::Deployment, name, json!({ "spec": spec }));
    for field in &tenant.handed_over {
        if let Some(fragment) = remove_leaf(&mut object.body, field.path()) {
            merge(&mut birth, &fragment);
        }
    }
    object.birth = Some(birth).filter(|birth| !birth.is_null());
    object
}

fn template(tenant: &Tenant) -> Value {
    let mut template = json!({"metadata": {}, "spec": pod(tenant)});
    labels::decorate(&mut template, labels::of_tenant(&tenant.id), tenant.metadata.get(&ObjectKind::Pod));
    if let Some(checksum) = config::checksum(tenant) {
        merge(&mut template, &json!({"metadata": {"annotations": { labels::CONFIG_CHECKSUM: checksum }}}));
    }
    if let Some(patch) = &tenant.pod_patch {
        apply_patch(&mut template["spec"], patch);
    }
    template
}

fn pod(tenant: &Tenant) -> Value {
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": tenant.gate.timing.grace_period_s,
    });
    let sidecars = tenant.sidecars.iter().map(|(name, sidecar)| server::sidecar(tenant, name, sidecar));
    pod["containers"] = [server::container(tenant)].into_iter().chain(sidecars).collect();
    let mut init_containers = Vec::new();
    let mut volumes = Vec::new();
    if is_gated(tenant) {
        pod["serviceAccountName"] = json!(gate_account(&tenant.id));
        init_containers.push(agent::gate_container(agent::ADMIT_CONTAINER, tenant, &["admit"]));
        volumes.extend(agent::gate_volumes(tenant));
    }
    init_containers.extend(config::copy_container(tenant));
    volumes.extend(config::volumes(tenant));
    init_containers
        .extend(tenant.init_containers.iter().map(|(name, init)| server::init_container(tenant, name, init)));
    if let Some(storage) = &tenant.storage {
        let claim = storage::claim_name(tenant, storage);
        volumes.push(json!({"name": storage::VOLUME, "persistentVolumeClaim": {"claimName": claim}}));
    }
    volumes.extend(volumes::volumes(tenant));
    for (field, list) in [("initContainers", init_containers), ("volumes", volumes)] {
        if !list.is_empty() {
            pod[field] = Value::Array(list);
        }
    }
    place(&mut pod, tenant);
    pod
}

/// Where the pod may run, and as whom.
pub(super) fn place(pod: &mut Value, tenant: &Tenant) {
    let placement = &tenant.pod;
    if !placement.node_selector.is_empty() {
        pod["nodeSelector"] = placement
            .node_selector
            .iter()
            .map(|(key, value)| (key.to_string(), json!(value.as_str())))
            .collect();
    }
    if !placement.tolerations.is_empty() {
        pod["tolerations"] = placement.tolerations.iter().map(toleration).collect();
    }
    if let Some(affinity) = &placement.affinity {
        pod["affinity"] = without_nulls(&Value::Object(affinity.clone()));
    }
    if !placement.topology_spread.is_empty() {
        pod["topologySpreadConstraints"] = placement.topology_spread.iter().map(spread).collect();
    }
    if let Some(class) = &placement.runtime_class {
        pod["runtimeClassName"] = json!(class.as_str());
    }
    if !placement.host_aliases.is_empty() {
        let alias =
            |(address, names): (&IpAddr, &BTreeSet<HostName>)| json!({"ip": address, "hostnames": names});
        pod["hostAliases"] = placement.host_aliases.iter().map(alias).collect();
    }
    if let Some(class) = &placement.priority_class {
        pod["priorityClassName"] = json!(class.as_str());
    }
    if !placement.image_pull_secrets.is_empty() {
        pod["imagePullSecrets"] =
            placement.image_pull_secrets.iter().map(|name| json!({"name": name.as_str()})).collect();
    }
    if let Some(context) = &placement.security_context {
        pod["securityContext"] = without_nulls(&Value::Object(context.clone()));
    }
}

fn spread((key, spread): (&LabelKey, &TopologySpread)) -> Value {
    json!({
        "topologyKey": key.as_str(),
        "maxSkew": spread.max_skew,
        "whenUnsatisfiable": if spread.required { "DoNotSchedule" } else { "ScheduleAnyway" },
        "labelSelector": {"matchLabels": spread.match_labels},
    })
}

pub(super) fn toleration(toleration: &Toleration) -> Value {
    let key = toleration.key.as_ref().map(ToString::to_string);
    let fields = [
        ("key", &key),
        ("operator", &toleration.operator),
        ("value", &toleration.value),
        ("effect", &toleration.effect),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, json!(value.as_ref()?)))).collect()
}
