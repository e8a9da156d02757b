//! A card's watcher: one small Deployment that does every few seconds what its
//! tenants' CronJobs do every few minutes.

use serde_json::{Value, json};

use super::access::{binding_of, role};
use super::{agent, card, labels, object};
use crate::card::Card;
use crate::declared::{SYSTEM_NAMESPACE, WATCHER_ACCOUNT, declared_name, watcher_name};
use crate::defaults::{AGENT_UID, WATCHER_PORT};
use crate::names::{LABEL_LIMIT, Namespace, fit};
use crate::objects::{Kind, Object, Objects, Tenure, identity};

/// What the watcher's pods carry as [`labels::NAME_LABEL`]. It has a dot, as no tenant's name has.
pub(super) const POD_NAME: &str = "gpu-tenancy.watcher";
/// Its page's port, by name.
const PORT: &str = "metrics";

/// Every object of a card, and those of its watcher where it has one. `image`
/// is the agent's.
pub fn watched_card(of: &Card, image: &str) -> Objects {
    let mut objects: Vec<Object> = card(of).into_iter().collect();
    if of.watch {
        objects.extend(watcher(of, image));
    }
    objects.into_iter().collect()
}

fn watcher(card: &Card, image: &str) -> [Object; 5] {
    let namespace = Namespace::system();
    let make = |kind: Kind, name: &str, tenure: Tenure, labels: labels::Labels, content: Value| {
        let mut body = identity(kind, Some(&namespace), name);
        labels::decorate(&mut body, labels, None);
        crate::leaves::merge(&mut body, &content);
        object(kind, Some(&namespace), name, tenure, body)
    };
    let own = |kind: Kind, name: &str, content: Value| {
        make(kind, name, Tenure::Own, labels::of_card(card.name.as_str()), content)
    };
    let name = watcher_name(&card.name);
    let rights = role(&[
        json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [declared_name(&card.name)], "verbs": ["get", "watch"]}),
        json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [name], "verbs": ["get", "update"]}),
    ]);
    let account = json!({"automountServiceAccountToken": false});
    let deployment = fit(&format!("watcher-{}", card.name), "", LABEL_LIMIT);
    [
        // All cards' watchers share it, so whoever comes first makes it and nobody deletes it.
        make(Kind::ServiceAccount, WATCHER_ACCOUNT, Tenure::Ground, labels::shared_by_tenants(), account),
        own(Kind::Role, &name, rights),
        own(Kind::RoleBinding, &name, binding_of(&name, &[(WATCHER_ACCOUNT, SYSTEM_NAMESPACE)])),
        // Its holder is the watchers' to write, as a ledger is the gates'.
        own(Kind::Lease, &name, json!({})),
        own(Kind::Deployment, &deployment, json!({ "spec": spec(card, image) })),
    ]
}

/// One replica that is replaced by rolling: the successor is up and waits for
/// the Lease before the old one is told to go, so a card is unwatched for a
/// second or two. A second replica would wait for ever at the price of the first,
/// and against a dead node there are the CronJobs.
fn spec(card: &Card, image: &str) -> Value {
    let selector = json!({labels::NAME_LABEL: POD_NAME, labels::CARD_LABEL: card.name.as_str()});
    let mut pod_labels = labels::of_card(card.name.as_str());
    pod_labels.insert(labels::NAME_LABEL.to_owned(), POD_NAME.to_owned());
    let probe = |path: &str, failures: u32| json!({"httpGet": {"path": path, "port": PORT}, "periodSeconds": 10, "failureThreshold": failures});
    let mut container = agent::container("watch", image, &["watch", "--card", card.name.as_str()]);
    container["env"] = json!([
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
    ]);
    container["ports"] = json!([{"name": PORT, "containerPort": WATCHER_PORT, "protocol": "TCP"}]);
    container["readinessProbe"] = probe("/readyz", 3);
    container["livenessProbe"] = probe("/livez", 6);
    let secret = card.source.secret.as_ref();
    let mounts = [agent::token_mount()].into_iter().chain(secret.map(|_| agent::source_mount()));
    container["volumeMounts"] = mounts.collect();
    let volumes = [agent::token_volume()].into_iter().chain(secret.map(agent::source_volume));
    let volumes: Vec<Value> = volumes.collect();
    json!({
        "replicas": 1,
        "revisionHistoryLimit": 1,
        "selector": {"matchLabels": selector},
        "template": {
            "metadata": {
                "labels": pod_labels,
                "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": WATCHER_PORT.to_string()},
            },
            "spec": {
                "serviceAccountName": WATCHER_ACCOUNT,
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 15,
                "securityContext": {"fsGroup": AGENT_UID, "runAsNonRoot": true, "runAsUser": AGENT_UID},
                "containers": [container],
                "volumes": volumes,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand::fixture::t4;

    #[test]
    fn a_card_has_a_watcher_only_where_it_asks_for_one() {
        assert_eq!(watched_card(&t4(), "i"), card(&t4()));
        let watched = watched_card(&Card { watch: true, ..t4() }, "i");
        let keys: Vec<String> = watched.iter().map(|(key, _)| key.to_string()).collect();
        insta::assert_snapshot!(keys.join("\n"), @r"
        Namespace/gpu-tenancy
        ConfigMap/card.gpu-1-0.declared
        ConfigMap/card.gpu-1-0.ledger
        ServiceAccount/watcher
        Role/card.gpu-1-0.watcher
        RoleBinding/card.gpu-1-0.watcher
        Lease/card.gpu-1-0.watcher
        Deployment/watcher-gpu-1-0
        ");
        let bodies: Vec<&Value> = watched.iter().skip(3).map(|(_, object)| &object.body).collect();
        insta::assert_json_snapshot!("watcher", bodies);
    }

    #[test]
    fn a_watcher_of_an_https_source_has_its_secret_and_no_other_key_of_it() {
        let mut card = Card { watch: true, ..t4() };
        card.source.secret = Some("thanos".parse().unwrap());
        let watched = watched_card(&card, "i");
        let pod = &watched.of_kind(Kind::Deployment).next().unwrap().body["spec"]["template"]["spec"];
        assert_eq!(
            pod["volumes"][1],
            json!({"name": "gate-source", "secret": {"secretName": "thanos", "optional": true, "items": [
                {"key": "ca.crt", "path": "ca.crt"}, {"key": "token", "path": "token"},
            ]}})
        );
        assert_eq!(
            pod["containers"][0]["volumeMounts"][1],
            json!({"name": "gate-source", "mountPath": "/var/run/gpu-tenancy/source", "readOnly": true})
        );
    }

    /// Whoever leaves a shared account must not take it from the others.
    #[test]
    fn two_cards_make_the_same_account() {
        let of = |name: &str| {
            let card = Card { watch: true, name: name.parse().unwrap(), ..t4() };
            let account = watched_card(&card, "i").of_kind(Kind::ServiceAccount).next().cloned().unwrap();
            assert_eq!(account.tenure, Tenure::Ground);
            account.body
        };
        assert_eq!(of("gpu-1-0"), of("gpu-2-0"));
    }
}
