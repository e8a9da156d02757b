use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, json};

use super::fixture::{chatterbox, chatterbox_floor, t4};
use super::*;
use crate::gate::ScaleTarget;
use crate::leaves::leaves;
use crate::objects::Key;
use crate::tenant::*;

/// All bodies by key, with what belongs to birth beside them.
fn bodies(objects: &Objects) -> Value {
    let shown = objects.iter().map(|(key, object)| {
        let mut shown = Map::from_iter([("body".to_owned(), object.body.clone())]);
        if object.tenure != Tenure::Own {
            shown.insert("tenure".into(), json!(format!("{:?}", object.tenure)));
        }
        if let Some(birth) = &object.birth {
            shown.insert("birth".into(), birth.clone());
        }
        (key.to_string(), Value::Object(shown))
    });
    Value::Object(shown.collect())
}

fn get<'a>(objects: &'a Objects, key: &str) -> &'a Object {
    objects.get(&key.parse::<Key>().unwrap()).unwrap_or_else(|| panic!("no {key}"))
}

fn deployment(tenant: &Tenant) -> Object {
    get(&super::tenant(tenant), "Deployment/chatterbox-tts").clone()
}

fn pod_of(tenant: &Tenant) -> Value {
    deployment(tenant).body["spec"]["template"]["spec"].clone()
}

fn keys(objects: &Objects) -> Vec<String> {
    objects.iter().map(|(key, _)| key.to_string()).collect()
}

#[test]
fn the_seed_s_tenant() {
    insta::assert_json_snapshot!(bodies(&tenant(&chatterbox())));
}

#[test]
fn the_seed_s_tenant_as_its_plan_shows_it() {
    let objects = tenant(&chatterbox());
    let shown: BTreeMap<String, _> =
        objects.iter().map(|(key, object)| (key.to_string(), leaves(&object.body))).collect();
    insta::assert_json_snapshot!(shown);
}

#[test]
fn a_card_and_a_floor() {
    insta::assert_json_snapshot!("card", bodies(&card(&t4())));
    insta::assert_json_snapshot!("floor", bodies(&floor(&chatterbox_floor(), &t4().name)));
}

#[test]
fn what_a_card_and_a_floor_declare_is_read_back() {
    let mut data: BTreeMap<String, String> = BTreeMap::new();
    for objects in [card(&t4()), floor(&chatterbox_floor(), &t4().name)] {
        let declared = get(&objects, "ConfigMap/card.gpu-1-0.declared");
        data.extend(
            serde_json::from_value::<BTreeMap<String, String>>(declared.body["data"].clone()).unwrap(),
        );
    }
    let declared = crate::declared::Declared::from_data(&data).unwrap();
    assert_eq!(declared.card, t4());
    assert_eq!(declared.floors.into_values().collect::<Vec<_>>(), [chatterbox_floor()]);
}

#[test]
fn what_the_gate_is_told_is_read_back() {
    let told = get(&tenant(&chatterbox()), "ConfigMap/chatterbox-tts-gate").body["data"]["gate.json"].clone();
    let read: crate::gate::GateConfig = serde_json::from_str(told.as_str().unwrap()).unwrap();
    assert_eq!(read, gate::gate_config(&chatterbox()));
}

#[test]
fn only_the_admit_check_has_a_token() {
    let pod = pod_of(&chatterbox());
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["initContainers"][0]["name"], "admit");
    let containers =
        pod["initContainers"].as_array().unwrap().iter().chain(pod["containers"].as_array().unwrap());
    let with_token: Vec<&str> = containers
        .filter(|container| container["volumeMounts"].to_string().contains("gate-token"))
        .map(|container| container["name"].as_str().unwrap())
        .collect();
    assert_eq!(with_token, ["admit"]);
}

#[test]
fn no_service_takes_a_tick_for_a_server() {
    let objects = tenant(&chatterbox());
    let selector = get(&objects, "Service/chatterbox-tts").body["spec"]["selector"].clone();
    let selects =
        |labels: &Value| selector.as_object().unwrap().iter().all(|(key, value)| &labels[key] == value);
    let deployment = &get(&objects, "Deployment/chatterbox-tts").body;
    assert!(selects(&deployment["spec"]["template"]["metadata"]["labels"]));
    for job in objects.of_kind(Kind::CronJob) {
        let tick = &job.body["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"];
        assert!(!selects(tick), "{tick}");
    }
}

#[test]
fn a_tenant_that_is_always_awake_has_no_gate_and_its_replicas_are_terraform_s() {
    let mut always = chatterbox();
    always.schedule = Schedule::Always;
    let objects = tenant(&always);
    let expected = [
        "Namespace/tts",
        "PersistentVolume/tts.chatterbox-tts",
        "PersistentVolumeClaim/chatterbox-tts-data",
        "ConfigMap/chatterbox-tts-config",
        "Deployment/chatterbox-tts",
        "Service/chatterbox-tts",
    ];
    assert_eq!(keys(&objects), expected);
    let awake = deployment(&always);
    assert_eq!((awake.body["spec"]["replicas"].clone(), awake.birth), (json!(1), None));
    assert_eq!(awake.body["spec"]["template"]["spec"]["initContainers"][0]["name"], "copy-config");
    always.suspend = true;
    assert_eq!(deployment(&always).body["spec"]["replicas"], 0);
}

#[test]
fn on_demand_has_one_guard_around_the_clock() {
    let mut tenant = chatterbox();
    tenant.schedule = Schedule::OnDemand;
    let objects = super::tenant(&tenant);
    let jobs: Vec<&Object> = objects.of_kind(Kind::CronJob).collect();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].body["spec"]["schedule"], "*/5 * * * *");
    assert_eq!(jobs[0].body["spec"]["timeZone"], "Etc/UTC");
}

#[test]
fn suspend_suspends_the_cron_jobs_and_says_nothing_otherwise() {
    let mut tenant = chatterbox();
    let suspends = |tenant: &Tenant| -> Vec<Value> {
        super::tenant(tenant).of_kind(Kind::CronJob).map(|job| job.body["spec"]["suspend"].clone()).collect()
    };
    assert_eq!(suspends(&tenant), [Value::Null, Value::Null, Value::Null, Value::Null]);
    tenant.suspend = true;
    assert_eq!(suspends(&tenant), [json!(true), json!(true), json!(true), json!(true)]);
}

/// The last guard tick is an hour after the window. A pod that is left then, by
/// whatever cause, is found at any hour of any day.
#[test]
fn a_tenant_with_windows_is_looked_at_round_the_clock() {
    let mut tenant = chatterbox();
    tenant.id.name = "a".repeat(52).parse().unwrap();
    let objects = super::tenant(&tenant);
    let sweep: Vec<&Object> =
        objects.of_kind(Kind::CronJob).filter(|job| job.body["spec"]["timeZone"] == "Etc/UTC").collect();
    assert_eq!(sweep.len(), 1);
    assert_eq!(sweep[0].body["spec"]["schedule"], "0,30 * * * *");
    let name = sweep[0].body["metadata"]["name"].as_str().unwrap();
    assert!(name.len() <= 52 && name.ends_with("-sweep"), "{name}");
}

#[test]
fn each_deployment_that_makes_room_has_its_role_beside_it() {
    let mut tenant = chatterbox();
    tenant.gate.pauses = ["immich", "photos"]
        .map(|ns| ScaleTarget {
            namespace: ns.parse().unwrap(),
            deployment: "machine-learning".parse().unwrap(),
        })
        .to_vec();
    let objects = super::tenant(&tenant);
    for namespace in ["immich", "photos"] {
        let name = format!("pause.tts.chatterbox-tts.{namespace}.machine-learning");
        let role = get(&objects, &format!("Role/{name}"));
        assert_eq!(role.namespace.as_ref().unwrap().as_str(), namespace);
        assert_eq!(
            role.body["rules"],
            json!([{
                "apiGroups": ["apps"],
                "resources": ["deployments/scale"],
                "resourceNames": ["machine-learning"],
                "verbs": ["get", "patch"],
            }])
        );
        let binding = get(&objects, &format!("RoleBinding/{name}"));
        assert_eq!(binding.body["subjects"][0]["namespace"], "tts");
    }
}

#[test]
fn names_at_their_limits_are_legal_and_stay_apart() {
    let mut tenant = chatterbox();
    tenant.id.name = "n".repeat(63).parse().unwrap();
    tenant.id.namespace = "s".repeat(63).parse().unwrap();
    let Schedule::Windows(windows) = &mut tenant.schedule else { unreachable!() };
    let night = windows.pop_first().unwrap().1;
    for end in ["a", "b"] {
        windows.insert(format!("{}{end}", "w".repeat(62)).parse().unwrap(), night.clone());
    }
    tenant.prefetch = prefetched().prefetch;
    let objects = super::tenant(&tenant);
    assert_eq!(objects.of_kind(Kind::Job).count(), 1);
    assert_eq!(objects.of_kind(Kind::CronJob).count(), 7, "no two share a name");
    assert_legal_names(&objects);
    let first = objects.of_kind(Kind::CronJob).next().unwrap();
    assert_eq!(first.name, "nnnnnnnnnnnnn-73dcf996-down-wwwwwwwwwwwwwww-347c29d1");
}

fn prefetched() -> Tenant {
    let mut tenant = chatterbox();
    tenant.prefetch = Some(Prefetch {
        image: Some("ghcr.io/example/fetch:1".into()),
        command: vec!["fetch".into()],
        args: vec!["--to".into(), "/data".into()],
        env: BTreeMap::from([("REVISION".parse().unwrap(), "main".into())]),
        env_from_secrets: BTreeMap::from([(
            "HF_TOKEN".parse().unwrap(),
            SecretKey { secret: "hf".parse().unwrap(), key: "token".parse().unwrap(), optional: true },
        )]),
    });
    tenant
}

fn job_of(tenant: &Tenant) -> Object {
    super::tenant(tenant).of_kind(Kind::Job).next().unwrap().clone()
}

#[test]
fn a_prefetch_is_a_job_on_the_tenant_s_nodes_and_claim_without_a_slice() {
    let tenant = prefetched();
    let job = job_of(&tenant);
    let pod = &job.body["spec"]["template"]["spec"];
    assert!(!job.body.to_string().contains("nvidia.com/gpu\":\"1"), "no slice: {}", job.body);
    let server = pod_of(&tenant);
    for field in ["nodeSelector", "tolerations", "imagePullSecrets", "securityContext", "priorityClassName"] {
        assert_eq!(pod[field], server[field], "{field}");
    }
    let claim = |pod: &Value| {
        let volumes = pod["volumes"].as_array().unwrap();
        volumes.iter().find(|it| it["name"] == "storage").unwrap().clone()
    };
    assert_eq!(claim(pod), claim(&server));
    // Neither the Deployment nor the Service takes its pod for a server.
    let labels = &job.body["spec"]["template"]["metadata"]["labels"];
    assert_ne!(labels[NAME_LABEL], selector(&tenant.id)[NAME_LABEL]);
    insta::assert_json_snapshot!(job.body);
}

#[test]
fn what_a_prefetch_does_is_in_its_name() {
    let tenant = prefetched();
    let name = job_of(&tenant).name;
    assert_eq!(job_of(&tenant).name, name);
    let changes: [fn(&mut Tenant); 4] = [
        |t| t.prefetch.as_mut().unwrap().args.push("--all".into()),
        |t| t.prefetch.as_mut().unwrap().image = None,
        |t| t.pod.tolerations.clear(),
        |t| t.storage.as_mut().unwrap().mount_path = "/models".parse().unwrap(),
    ];
    let mut names = std::collections::BTreeSet::from([name]);
    for change in changes {
        let mut tenant = prefetched();
        change(&mut tenant);
        assert!(names.insert(job_of(&tenant).name), "other work is another Job");
    }
    let mut same = prefetched();
    same.suspend = true;
    same.server.image = "another:1".into();
    assert!(names.contains(&job_of(&same).name), "what is not its own changes nothing");
    let mut own_image = prefetched();
    own_image.prefetch.as_mut().unwrap().env.insert("NVIDIA_VISIBLE_DEVICES".parse().unwrap(), "none".into());
    let env = job_of(&own_image).body["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    let seen = env.as_array().unwrap().iter().filter(|it| it["name"] == "NVIDIA_VISIBLE_DEVICES");
    assert_eq!(seen.map(|it| it["value"].clone()).collect::<Vec<_>>(), ["none"]);
}

#[test]
fn without_storage_there_is_nothing_to_fill() {
    let tenant = Tenant { storage: None, ..prefetched() };
    assert_eq!(super::tenant(&tenant).of_kind(Kind::Job).count(), 0, "the check refuses it");
    assert!(tenant.check().iter().any(|problem| problem.to_string().starts_with("prefetch: ")));
}

fn assert_legal_names(objects: &Objects) {
    for (key, object) in objects.iter() {
        let limit = match key.kind {
            Kind::CronJob => 52,
            Kind::Deployment | Kind::Service | Kind::Namespace | Kind::Job => 63,
            _ => 253,
        };
        assert!(key.name.len() <= limit, "{key}");
        assert!(key.name.parse::<crate::names::ObjectName>().is_ok(), "{key}");
        for (label, value) in object.body["metadata"]["labels"].as_object().unwrap() {
            assert!(value.as_str().unwrap().parse::<crate::names::LabelValue>().is_ok(), "{key} {label}");
        }
    }
}

proptest! {
    #[test]
    fn names_are_legal_whatever_people_call_things(
        namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        name in "[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
        windows in prop::collection::btree_set("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", 1..4),
    ) {
        let mut tenant = chatterbox();
        tenant.id.namespace = namespace.parse().unwrap();
        tenant.id.name = name.parse().unwrap();
        let Schedule::Windows(known) = &tenant.schedule else { unreachable!() };
        let night = known.values().next().unwrap().clone();
        let named = windows.iter().map(|window| (window.parse().unwrap(), night.clone()));
        tenant.schedule = Schedule::Windows(named.collect());
        let objects = super::tenant(&tenant);
        assert_legal_names(&objects);
        prop_assert_eq!(objects.of_kind(Kind::CronJob).count(), 3 * windows.len() + 1);
    }
}

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

#[test]
fn what_bounds_a_tenant_from_outside() {
    let mut tenant = chatterbox();
    tenant.quota = BTreeMap::from([("requests.nvidia.com/gpu".to_owned(), "1".parse().unwrap())]);
    let chat = Peer {
        namespace: Some("chat".parse().unwrap()),
        labels: BTreeMap::from([("app".parse().unwrap(), "web".parse().unwrap())]),
        range: None,
        ports: BTreeSet::from([8004]),
    };
    let api = Peer { range: Some("10.0.0.1/32".parse().unwrap()), ..Peer::default() };
    let named = |name: &str, peer: Peer| Some(BTreeMap::from([(name.parse().unwrap(), peer)]));
    tenant.network = Some(Network { callers: named("chat", chat), destinations: named("api", api) });
    let objects = super::tenant(&tenant);
    let quota = get(&objects, "ResourceQuota/chatterbox-tts");
    assert_eq!(quota.body["spec"], json!({"hard": {"requests.nvidia.com/gpu": "1"}}));
    insta::assert_json_snapshot!("policy", get(&objects, "NetworkPolicy/chatterbox-tts").body["spec"]);
    assert_eq!(objects.of_kind(Kind::PodDisruptionBudget).count(), 0);

    (tenant.schedule, tenant.evictable, tenant.gate.unload) = (Schedule::Always, false, None);
    tenant.network.as_mut().unwrap().callers = Some(BTreeMap::new());
    tenant.network.as_mut().unwrap().destinations = None;
    let objects = super::tenant(&tenant);
    let selector = labels::selector(&tenant.id);
    assert_eq!(
        get(&objects, "PodDisruptionBudget/chatterbox-tts").body["spec"],
        json!({"maxUnavailable": 0, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": {"matchLabels": selector}})
    );
    assert_eq!(
        get(&objects, "NetworkPolicy/chatterbox-tts").body["spec"],
        json!({"podSelector": {"matchLabels": selector}, "policyTypes": ["Ingress"]}),
        "nobody may call it"
    );
}

#[test]
fn a_pod_patch_reaches_what_has_no_attribute() {
    let mut tenant = chatterbox();
    let patch = json!({
        "dnsPolicy": "ClusterFirstWithHostNet",
        "priorityClassName": null,
        "containers": [{"name": "server", "tty": true}],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    });
    tenant.pod_patch = patch.as_object().cloned();
    let pod = pod_of(&tenant);
    assert_eq!(pod["dnsPolicy"], "ClusterFirstWithHostNet");
    assert_eq!(pod.get("priorityClassName"), None);
    assert_eq!(pod["containers"][0]["tty"], true);
    assert_eq!(pod["containers"][0]["image"], chatterbox().server.image);
    assert_eq!(pod["volumes"].as_array().unwrap().len(), 6);
}

#[test]
fn no_body_has_a_null_or_an_empty_value() {
    fn check(path: &str, value: &Value) {
        match value {
            Value::Null => panic!("null at {path}"),
            Value::Object(fields) => {
                assert!(!fields.is_empty(), "empty at {path}");
                fields.iter().for_each(|(name, value)| check(&format!("{path}.{name}"), value));
            }
            Value::Array(list) => {
                assert!(!list.is_empty(), "empty at {path}");
                list.iter().for_each(|value| check(path, value));
            }
            _ => {}
        }
    }
    let mut bare = chatterbox();
    bare.service = None;
    bare.storage = None;
    bare.config.clear();
    bare.metadata.clear();
    bare.pod = Pod::default();
    bare.server.env.clear();
    bare.schedule = Schedule::Always;
    for tenant in [chatterbox(), bare] {
        for (key, object) in super::tenant(&tenant).iter() {
            check(&key.to_string(), &object.body);
        }
    }
}

#[test]
fn keys_of_files_stay_apart_and_are_legal() {
    let paths = ["/a/b", "/a_b", "/a__b", "/a/_b", "/a_/b", "/_5f", "/ä", "/..a", "/a b", "/A-b.c"];
    let keys: BTreeSet<String> = paths.iter().map(|path| config_key(&path.parse().unwrap())).collect();
    assert_eq!(keys.len(), paths.len());
    for key in &keys {
        assert!(key.parse::<crate::names::ConfigKey>().is_ok(), "{key}");
    }
    let long: AbsolutePath = format!("/{}", "ä".repeat(200)).parse().unwrap();
    assert!(config_key(&long).parse::<crate::names::ConfigKey>().is_ok());
}

#[test]
fn an_exporter_has_no_right_and_shares_only_the_host_s_process_ids() {
    let objects = super::exporter(&fixture::exporter());
    insta::assert_json_snapshot!(bodies(&objects));
    let kinds: Vec<Kind> = objects.iter().map(|(key, _)| key.kind).collect();
    assert!(!kinds.contains(&Kind::Role) && !kinds.contains(&Kind::RoleBinding), "{kinds:?}");
    let pod = &objects.of_kind(Kind::DaemonSet).next().unwrap().body["spec"]["template"]["spec"];
    for shared in ["hostNetwork", "hostIPC", "shareProcessNamespace"] {
        assert!(pod.get(shared).is_none(), "{shared}");
    }
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(
        (&context["runAsNonRoot"], &context["capabilities"]["drop"][0]),
        (&json!(true), &json!("ALL"))
    );
    let resources = pod["containers"][0]["resources"].to_string();
    assert!(!resources.contains("nvidia"), "it takes no slice of any card");
}
