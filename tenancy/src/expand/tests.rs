mod pod;
mod prefetch;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, json};

use super::fixture::{chatterbox, chatterbox_floor, t4};
use super::*;
use crate::gate::ScaleTarget;
use crate::leaves::leaves;
use crate::objects::Key;
use crate::tenant::*;
use crate::window::{Day, Window};

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
    assert_eq!(sweep[0].body["spec"]["schedule"], "23,53 * * * *");
    let name = sweep[0].body["metadata"]["name"].as_str().unwrap();
    assert!(name.len() <= 52 && name.ends_with("-sweep"), "{name}");
}

#[test]
fn the_ticks_round_the_clock_of_many_tenants_are_spread_over_the_minutes() {
    let of = |index: usize| {
        let mut tenant = chatterbox();
        tenant.id.name = format!("voice-{index}").parse().unwrap();
        let objects = super::tenant(&tenant);
        let mut jobs = objects.of_kind(Kind::CronJob).filter(|job| job.body["spec"]["timeZone"] == "Etc/UTC");
        jobs.next().unwrap().body["spec"]["schedule"].to_string()
    };
    let lines: BTreeSet<String> = (0..100).map(of).collect();
    assert!(lines.len() > 20 && lines.len() <= 30, "{lines:?}");
    assert_eq!(of(1), of(1));
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
    tenant.prefetch = prefetch::prefetched().prefetch;
    let objects = super::tenant(&tenant);
    assert_eq!(objects.of_kind(Kind::Job).count(), 1);
    assert_eq!(objects.of_kind(Kind::CronJob).count(), 7, "no two share a name");
    assert_legal_names(&objects);
    let first = objects.of_kind(Kind::CronJob).next().unwrap();
    assert_eq!(first.name, "nnnnnnnnnnnnn-73dcf996-down-wwwwwwwwwwwwwww-347c29d1");
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

/// Any window of a day that has a length, on any days.
fn any_window() -> impl Strategy<Value = Window> {
    let days = prop::collection::vec(prop::sample::select(&Day::ALL[..]), 0..7);
    (0..1440_u32, 1..1440_u32, days).prop_map(|(start, length, days)| {
        let time = |minute: u32| format!("{:02}:{:02}", minute / 60 % 24, minute % 60).parse().unwrap();
        Window::new(time(start), time(start + length), days, "UTC".parse().unwrap()).unwrap()
    })
}

/// Names that are others with a number behind them, and any other.
fn any_window_name() -> impl Strategy<Value = String> {
    prop_oneof!["[ab](-[2-4]){0,2}", "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"]
}

proptest! {
    #[test]
    fn every_line_of_cron_has_a_cronjob_or_the_check_refuses_the_windows(
        windows in prop::collection::btree_map(any_window_name(), any_window(), 1..5),
    ) {
        let mut tenant = chatterbox();
        let lines: usize = windows.values().map(|window| {
            let guard = crate::cron::guard(window, tenant.gate.timing.guard_interval_s);
            crate::cron::up(window).len() + guard.len() + crate::cron::down(window).len()
        }).sum();
        let named = windows.into_iter().map(|(name, window)| (name.parse().unwrap(), window));
        tenant.schedule = Schedule::Windows(named.collect());
        let cron_jobs = super::tenant(&tenant).of_kind(Kind::CronJob).count();
        let is_refused = tenant.check().iter().any(|problem| problem.message.contains("share the CronJob"));
        prop_assert_eq!(cron_jobs < lines + 1, is_refused);
    }

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

/// The gate's own containers alone are given it, never the server's.
#[test]
fn the_secret_of_an_https_source_is_in_the_gate_and_in_admit() {
    let mut tenant = chatterbox();
    tenant.gate.source_secret = Some("thanos".parse().unwrap());
    let objects = super::tenant(&tenant);
    let mounts = |container: &Value| {
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        mounts.filter(|mount| mount["name"] == "gate-source").count()
    };
    for job in objects.of_kind(Kind::CronJob) {
        let pod = &job.body["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        assert_eq!(mounts(&pod["containers"][0]), 1);
        assert_eq!(pod["volumes"][2]["secret"]["secretName"], "thanos");
    }
    let pod = &objects.of_kind(Kind::Deployment).next().unwrap().body["spec"]["template"]["spec"];
    let all = pod["initContainers"].as_array().unwrap().iter().chain(pod["containers"].as_array().unwrap());
    let given: Vec<&str> =
        all.filter(|container| mounts(container) == 1).map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(given, ["admit"]);
}

/// What ARCHITECTURE.md says that a tenant costs in pods: the ticks of its CronJobs, over a week.
/// No watcher makes them fewer, since the objects of a tenant are the same on a card that has one.
#[test]
fn a_tenant_s_ticks_are_as_many_a_day_as_is_said() {
    let ticks = |guard_interval_s: u32| -> usize {
        let mut tenant = chatterbox();
        tenant.gate.timing.guard_interval_s = guard_interval_s;
        let objects = super::tenant(&tenant);
        let lines = objects.of_kind(Kind::CronJob).map(|job| job.body["spec"]["schedule"].as_str().unwrap());
        let a_week: usize = lines.map(|line| crate::cron::tests::firings(line).len()).sum();
        assert_eq!(a_week % 7, 0);
        a_week / 7
    };
    assert_eq!(ticks(300), 115, "60 of the guard, 6 at the end, 1 at the start, 48 round the clock");
    assert_eq!(ticks(1800), 65);
}
