use std::collections::BTreeSet;

use super::*;

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "tts", "namespace": "tts", "labels": {"app.kubernetes.io/name": "tts", "team": "a"}},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "tts"}},
            "strategy": {"type": "Recreate"},
            "template": {"spec": {
                "affinity": {
                    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{
                        "matchExpressions": [{"key": "gpu", "operator": "Exists"}],
                    }]}},
                },
                "imagePullSecrets": [{"name": "registry"}],
                "nodeSelector": {"gpu": "true"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "containers": [{
                    "name": "server",
                    "image": "tts:1",
                    "args": ["--a", "--b"],
                    "env": [
                        {"name": "HF_HOME", "value": "/data"},
                        {"name": "EMPTY"},
                        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                    ],
                    "ports": [{"containerPort": 8004, "name": "http", "protocol": "TCP"}],
                    "resources": {"limits": {"nvidia.com/gpu": "1"}},
                    "volumeMounts": [{"mountPath": "/data", "name": "data"}],
                }],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "tts-data"}}],
            }},
        },
    })
}

/// What an API server of 1.34 answers in `managedFields` for [`deployment`].
fn deployment_fields() -> Value {
    json!({
        "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}, "f:team": {}}},
        "f:spec": {
            "f:selector": {},
            "f:strategy": {"f:type": {}},
            "f:template": {"f:spec": {
                "f:affinity": {"f:nodeAffinity": {"f:requiredDuringSchedulingIgnoredDuringExecution": {}}},
                "f:imagePullSecrets": {"k:{\"name\":\"registry\"}": {}},
                "f:nodeSelector": {},
                "f:tolerations": {},
                "f:containers": {"k:{\"name\":\"server\"}": {
                    ".": {},
                    "f:name": {},
                    "f:image": {},
                    "f:args": {},
                    "f:env": {
                        "k:{\"name\":\"HF_HOME\"}": {".": {}, "f:name": {}, "f:value": {}},
                        "k:{\"name\":\"EMPTY\"}": {".": {}, "f:name": {}},
                        "k:{\"name\":\"TOKEN\"}": {".": {}, "f:name": {}, "f:valueFrom": {"f:secretKeyRef": {}}},
                    },
                    "f:ports": {"k:{\"containerPort\":8004,\"protocol\":\"TCP\"}": {
                        ".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {},
                    }},
                    "f:resources": {"f:limits": {"f:nvidia.com/gpu": {}}},
                    "f:volumeMounts": {"k:{\"mountPath\":\"/data\"}": {".": {}, "f:mountPath": {}, "f:name": {}}},
                }},
                "f:volumes": {"k:{\"name\":\"data\"}": {
                    ".": {}, "f:name": {}, "f:persistentVolumeClaim": {"f:claimName": {}},
                }},
            }},
        },
    })
}

#[test]
fn a_deployment_s_leaves() {
    insta::assert_json_snapshot!(leaves(&deployment()));
}

#[test]
fn the_api_server_s_fields_are_spelled_as_ours() {
    let ours: BTreeSet<String> = leaves(&deployment()).into_keys().collect();
    assert_eq!(from_fields_v1(&deployment_fields()), ours);
}

#[test]
fn identity_is_no_leaf_and_an_object_of_nothing_else_has_none() {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b", "uid": "c"}});
    assert_eq!(leaves(&body), Leaves::new());
}

#[test]
fn contents_of_files_are_hashes_and_what_we_write_ourselves_is_not() {
    let body =
        json!({"data": {"__app__config.yaml": "a: 1", "gate.json": "{}", "card": "{}", "floor.a.b": "{}"}});
    let found = leaves(&body);
    assert_eq!(found["data[__app__config.yaml]"], "sha256:16c3c6d7");
    assert_eq!(found["data[gate.json]"], "{}");
    assert_eq!(found["data.card"], "{}");
    assert_eq!(found["data[floor.a.b]"], "{}");
}

#[test]
fn the_order_of_keyed_elements_and_of_fields_makes_no_difference() {
    let mut turned = deployment();
    let env = turned["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().unwrap();
    env.reverse();
    assert_eq!(diff(&leaves(&deployment()), &leaves(&turned)), BTreeMap::new());
}

#[test]
fn a_change_is_one_path() {
    let mut changed = deployment();
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!("tts:2");
    changed["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["--a"]);
    let differing: Vec<String> = diff(&leaves(&deployment()), &leaves(&changed)).into_keys().collect();
    assert_eq!(
        differing,
        ["spec.template.spec.containers[server].args", "spec.template.spec.containers[server].image"]
    );
    assert_eq!(get_leaf(&changed, &differing[1]), Some(json!("tts:2")));
    assert_eq!(get_leaf(&changed, "spec.paused"), None);
}

#[test]
fn what_is_taken_out_goes_back_where_it_was() {
    for path in leaves(&deployment()).into_keys() {
        let mut rest = deployment();
        // An element that is nothing but its key cannot be taken from its list.
        let Some(fragment) = remove_leaf(&mut rest, &path) else {
            assert!(path.ends_with("[registry]") || path.ends_with("[EMPTY]"), "{path}");
            continue;
        };
        assert!(!leaves(&rest).contains_key(&path), "{path}");
        merge(&mut rest, &fragment);
        assert_eq!(leaves(&rest), leaves(&deployment()), "{path}");
    }
    assert_eq!(remove_leaf(&mut deployment(), "spec.template.spec.containers[other].image"), None);
}

#[test]
fn a_patch_merges_lists_by_key_and_null_takes_away() {
    let mut spec = deployment()["spec"]["template"]["spec"].clone();
    let patch = json!({
        "nodeSelector": null,
        "dnsPolicy": "None",
        "containers": [
            {"name": "server", "env": [{"name": "HF_HOME", "value": "/cache"}, {"name": "NEW", "value": "1"}]},
            {"name": "sidecar", "image": "s", "tty": null},
        ],
    });
    apply_patch(&mut spec, patch.as_object().unwrap());
    assert_eq!(spec.get("nodeSelector"), None);
    assert_eq!(spec["containers"][0]["env"][0]["value"], "/cache");
    assert_eq!(spec["containers"][0]["env"][3]["name"], "NEW");
    assert_eq!(spec["containers"][0]["image"], "tts:1");
    assert_eq!(spec["containers"][1], json!({"name": "sidecar", "image": "s"}));
}
