//! What a tenant's pod and Service come to, attribute by attribute.

use super::*;

#[test]
fn a_field_that_is_handed_over_is_ours_at_birth_alone() {
    let mut tenant = chatterbox();
    tenant.handed_over = BTreeSet::from([
        HandedOver::Image,
        HandedOver::Leaf("spec.template.spec.containers[server].resources.limits.memory".into()),
    ]);
    let object = deployment(&tenant);
    let shown = leaves(&object.body);
    for field in &tenant.handed_over {
        assert!(!shown.contains_key(field.path()), "{field}");
    }
    assert_eq!(leaves(&object.body_at_birth()), {
        let mut all = leaves(&deployment(&chatterbox()).body);
        all.insert("spec.replicas".into(), json!(0));
        all
    });
    let birth = object.birth_body().unwrap();
    assert_eq!(birth["spec"]["replicas"], 0);
    assert_eq!(
        birth["spec"]["template"]["spec"]["containers"],
        json!([{
            "name": "server",
            "image": "ghcr.io/example/chatterbox-tts:915ae289",
            "resources": {"limits": {"memory": "8Gi"}},
        }])
    );
}

#[test]
fn a_changed_file_restarts_the_pod_and_a_changed_window_does_not() {
    let before = pod_template_leaves(&chatterbox());
    let mut tenant = chatterbox();
    *tenant.config.values_mut().next().unwrap() = "server:\n  port: 8005\n".into();
    let after = pod_template_leaves(&tenant);
    let changed: Vec<String> = crate::leaves::diff(&before, &after).into_keys().collect();
    assert_eq!(changed, ["spec.template.metadata.annotations[gpu-tenancy.dev/config-checksum]"]);

    let mut tenant = chatterbox();
    tenant.schedule = Schedule::OnDemand;
    assert_eq!(pod_template_leaves(&tenant), before);
}

fn pod_template_leaves(tenant: &Tenant) -> crate::leaves::Leaves {
    leaves(&deployment(tenant).body)
}

#[test]
fn files_are_mounted_read_only_unless_they_are_copied() {
    let mut tenant = chatterbox();
    tenant.config_mode = ConfigMode::Mount;
    let pod = pod_of(&tenant);
    assert_eq!(
        pod["containers"][0]["volumeMounts"][1],
        json!({"name": "config", "mountPath": "/app/config.yaml", "subPath": "__app__config.yaml", "readOnly": true})
    );
    assert_eq!(pod["initContainers"].as_array().unwrap().len(), 1, "only admit");
}

#[test]
fn files_are_copied_as_the_user_that_rewrites_them() {
    let mut tenant = chatterbox();
    tenant.pod.security_context = Some(Map::from_iter([("runAsUser".to_owned(), json!(0))]));
    let copy = pod_of(&tenant)["initContainers"][1]["securityContext"].clone();
    assert_eq!((&copy["runAsUser"], &copy["runAsNonRoot"]), (&json!(0), &json!(false)));
    tenant.server.security_context = Some(Map::from_iter([("runAsUser".to_owned(), json!(1000))]));
    let copy = pod_of(&tenant)["initContainers"][1]["securityContext"].clone();
    assert_eq!((&copy["runAsUser"], &copy["runAsNonRoot"]), (&json!(1000), &json!(true)));
}

#[test]
fn a_server_without_a_readiness_probe_is_ready_when_its_main_port_opens() {
    let mut tenant = chatterbox();
    tenant.server.readiness_probe = None;
    let probe = pod_of(&tenant)["containers"][0]["readinessProbe"].clone();
    assert_eq!(probe["tcpSocket"], json!({"port": "http"}));
}

/// Defect 17: the seed's server was ready by its TCP probe before it had a model. Where a server can say whether it
/// has one, its startup probe asks, and Kubernetes tries no other before that has passed. Where it cannot, an open
/// port is all there is to know.
#[test]
fn a_port_that_is_open_makes_nobody_ready_before_the_startup_probe_has_passed() {
    let mut tenant = chatterbox();
    let probe = tenant.server.startup_probe.as_mut().unwrap();
    probe.action = ProbeAction::Http { port: "http".parse().unwrap(), path: "/api/model-info".into() };
    for readiness in [tenant.server.readiness_probe.clone(), None] {
        tenant.server.readiness_probe = readiness;
        let server = pod_of(&tenant)["containers"][0].clone();
        assert_eq!(server["startupProbe"]["httpGet"], json!({"port": "http", "path": "/api/model-info"}));
        assert_eq!(server["readinessProbe"]["tcpSocket"], json!({"port": "http"}));
    }
}

#[test]
fn scratch_space_is_bounded_unless_the_tenant_says_how() {
    let mut tenant = chatterbox();
    let resources = |tenant: &Tenant| pod_of(tenant)["containers"][0]["resources"].clone();
    assert_eq!(resources(&tenant)["limits"]["ephemeral-storage"], "20Gi");
    assert_eq!(resources(&tenant)["requests"]["ephemeral-storage"], "0");
    tenant.server.requests.insert("ephemeral-storage".into(), "1Gi".parse().unwrap());
    assert_eq!(resources(&tenant)["limits"].get("ephemeral-storage"), None);
    assert_eq!(resources(&tenant)["requests"]["memory"], "4Gi", "canonical");
}

#[test]
fn storage_by_class_by_claim_and_kept_or_not() {
    let mut tenant = chatterbox();
    let storage = tenant.storage.as_mut().unwrap();
    storage.deletion_policy = DeletionPolicy::Delete;
    storage.backing = Backing::Class {
        size: "1.5Gi".parse().unwrap(),
        class: Some("local-path".parse().unwrap()),
        access_mode: AccessMode::ReadWriteOnce,
    };
    let objects = super::tenant(&tenant);
    let claim = get(&objects, "PersistentVolumeClaim/chatterbox-tts-data");
    assert_eq!(claim.tenure, Tenure::Own);
    assert_eq!(
        claim.body["spec"],
        json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1536Mi"}},
            "storageClassName": "local-path",
        })
    );
    assert_eq!(objects.of_kind(Kind::PersistentVolume).count(), 0);

    tenant.storage.as_mut().unwrap().backing = Backing::ExistingClaim("weights".parse().unwrap());
    let objects = super::tenant(&tenant);
    assert_eq!(objects.of_kind(Kind::PersistentVolumeClaim).count(), 0);
    assert!(pod_of(&tenant)["volumes"].to_string().contains(r#"{"claimName":"weights"}"#));
}

#[test]
fn volumes_are_mounted_before_and_in_the_server_and_shared_memory_in_it_alone() {
    let mut tenant = chatterbox();
    let init = InitContainer { image: "fetch:1".into(), command: vec![], args: vec![], env: BTreeMap::new() };
    tenant.init_containers.insert("fetch".parse().unwrap(), init);
    tenant.shm_size = Some("2048Mi".parse().unwrap());
    let name = || "n".parse().unwrap();
    let sources = [
        ("a", VolumeSource::EmptyDir { size: "1.5Gi".parse().unwrap(), in_memory: false }),
        ("b", VolumeSource::EmptyDir { size: "1Gi".parse().unwrap(), in_memory: true }),
        ("c", VolumeSource::Claim(name())),
        ("d", VolumeSource::ConfigMap { name: name(), optional: false }),
        ("e", VolumeSource::Secret { name: name(), optional: true }),
    ];
    for (name, source) in sources {
        let mount_path = format!("/{name}").parse().unwrap();
        let (sub_path, read_only) = (Some("x".to_owned()).filter(|_| name == "c"), name == "c");
        tenant.volumes.insert(name.parse().unwrap(), Volume { mount_path, sub_path, read_only, source });
    }
    let pod = pod_of(&tenant);
    let volumes = pod["volumes"].as_array().unwrap();
    assert_eq!(
        json!(volumes[volumes.len() - 6..]),
        json!([
            {"name": "a", "emptyDir": {"sizeLimit": "1536Mi"}},
            {"name": "b", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "n"}},
            {"name": "d", "configMap": {"name": "n"}},
            {"name": "e", "secret": {"secretName": "n", "optional": true}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}},
        ])
    );
    let mounts = |container: &Value| -> Vec<Value> {
        container["volumeMounts"].as_array().unwrap().iter().skip(2).cloned().collect()
    };
    let mut expected = vec![
        json!({"name": "a", "mountPath": "/a"}),
        json!({"name": "b", "mountPath": "/b"}),
        json!({"name": "c", "mountPath": "/c", "subPath": "x", "readOnly": true}),
        json!({"name": "d", "mountPath": "/d"}),
        json!({"name": "e", "mountPath": "/e"}),
    ];
    assert_eq!(mounts(&pod["initContainers"][2]), expected);
    expected.push(json!({"name": "shm", "mountPath": "/dev/shm"}));
    assert_eq!(mounts(&pod["containers"][0]), expected);
    assert!(
        !pod["initContainers"][0]["volumeMounts"].to_string().contains("/e\""),
        "the gate sees no volume"
    );
}

#[test]
fn a_pod_is_placed_as_its_tenant_says() {
    let mut tenant = chatterbox();
    let label = || BTreeMap::from([("tier".parse().unwrap(), "speech".parse().unwrap())]);
    tenant.pod.affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [1]}, "podAffinity": null})
        .as_object()
        .cloned();
    let spread = |required| TopologySpread { max_skew: 2, required, match_labels: label() };
    tenant.pod.topology_spread =
        BTreeMap::from([("a".parse().unwrap(), spread(true)), ("b".parse().unwrap(), spread(false))]);
    tenant.pod.runtime_class = Some("nvidia".parse().unwrap());
    let names = ["models.example.org", "m"].map(|name| name.parse().unwrap());
    tenant.pod.host_aliases = BTreeMap::from([("192.0.2.1".parse().unwrap(), BTreeSet::from(names))]);
    let pod = pod_of(&tenant);
    assert_eq!(
        pod["affinity"],
        json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [1]}})
    );
    let spread = |key: &str, when: &str| {
        json!({
            "topologyKey": key, "whenUnsatisfiable": when, "maxSkew": 2, "labelSelector": {"matchLabels": {"tier": "speech"}},
        })
    };
    assert_eq!(
        pod["topologySpreadConstraints"],
        json!([spread("a", "DoNotSchedule"), spread("b", "ScheduleAnyway")])
    );
    assert_eq!(pod["runtimeClassName"], "nvidia");
    assert_eq!(pod["hostAliases"], json!([{"ip": "192.0.2.1", "hostnames": ["m", "models.example.org"]}]));
}

#[test]
fn a_service_is_reached_as_its_tenant_says() {
    let mut tenant = chatterbox();
    let service = tenant.service.as_mut().unwrap();
    service.service_type = ServiceType::LoadBalancer;
    service.load_balancer_class = Some("example.org/internal".parse().unwrap());
    service.load_balancer_source_ranges = BTreeSet::from(["10.0.0.0/8".parse().unwrap()]);
    service.ports.values_mut().for_each(|port| port.node_port = Some(30_080));
    let spec = get(&super::tenant(&tenant), "Service/chatterbox-tts").body["spec"].clone();
    assert_eq!(
        (&spec["type"], &spec["loadBalancerClass"], &spec["loadBalancerSourceRanges"]),
        (&json!("LoadBalancer"), &json!("example.org/internal"), &json!(["10.0.0.0/8"]))
    );
    assert_eq!(spec["ports"][0]["nodePort"], 30_080);
}

#[test]
fn a_sidecar_runs_beside_the_server_on_the_same_volumes_without_a_slice() {
    let mut tenant = chatterbox();
    let key = SecretKey { secret: "s".parse().unwrap(), key: "k".parse().unwrap(), optional: false };
    let amount = |amount: &str| BTreeMap::from([("memory".to_owned(), amount.parse().unwrap())]);
    let sidecar = Sidecar {
        image: "wyoming:1".into(),
        command: vec!["run".into()],
        args: vec!["-v".into()],
        env: BTreeMap::from([("A".parse().unwrap(), "b".to_owned())]),
        env_from_secrets: BTreeMap::from([("KEY".parse().unwrap(), key)]),
        ports: BTreeMap::from([("wyoming".parse().unwrap(), 10_300)]),
        requests: amount("64Mi"),
        limits: amount("128Mi"),
    };
    tenant.sidecars.insert("wyoming".parse().unwrap(), sidecar);
    let pod = pod_of(&tenant);
    let mounts = pod["containers"][0]["volumeMounts"].clone();
    assert_eq!(
        pod["containers"][1],
        json!({
            "name": "wyoming",
            "image": "wyoming:1",
            "command": ["run"],
            "args": ["-v"],
            "ports": [{"name": "wyoming", "containerPort": 10_300, "protocol": "TCP"}],
            "env": [
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "A", "value": "b"},
            ],
            "resources": {"limits": {"memory": "128Mi"}, "requests": {"memory": "64Mi"}},
            "volumeMounts": mounts,
        })
    );
}
