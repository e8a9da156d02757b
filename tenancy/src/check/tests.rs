use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::*;
use crate::card::Card;
use crate::demand::{DemandProbe, DemandSource};
use crate::expand::fixture::chatterbox;
use crate::floor::Floor;
use crate::gate::ScaleTarget;
use crate::names::PortName;
use crate::quantity::{Mib, Quantity};
use crate::tenant::*;
use crate::window::{Schedule, Window};

fn map(value: Value) -> Option<Map<String, Value>> {
    value.as_object().cloned()
}

fn list(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        writeln!(text, "  {problem}").unwrap();
        text
    })
}

type Case = (&'static str, fn(&mut Tenant));

fn demand(url: &str, query: &str, idle_after_s: u32) -> Option<DemandProbe> {
    let source = DemandSource::Prometheus { url: url.parse().unwrap(), query: query.into() };
    Some(DemandProbe { source, idle_after_s })
}

fn prefetch() -> Prefetch {
    Prefetch {
        image: None,
        command: vec!["fetch".into()],
        args: Vec::new(),
        env: BTreeMap::new(),
        env_from_secrets: BTreeMap::new(),
    }
}

fn port(port: u16, target: PortName) -> ServicePort {
    ServicePort { port, target, node_port: None }
}

fn volume(path: &str, source: VolumeSource) -> Volume {
    Volume { mount_path: path.parse().unwrap(), sub_path: None, read_only: false, source }
}

/// What a person can get wrong, one thing at a time.
const CASES: &[Case] = &[
    ("no image", |t| t.server.image.clear()),
    ("agent image with a space", |t| t.gate.image = "gpu agent".into()),
    ("prefetch without storage", |t| {
        t.storage = None;
        t.prefetch = Some(prefetch());
    }),
    ("prefetch into a claim for one pod", |t| {
        let size = Quantity::whole(1);
        let backing = Backing::Class { size, class: None, access_mode: AccessMode::ReadWriteOncePod };
        t.storage.as_mut().unwrap().backing = backing;
        t.prefetch = Some(prefetch());
    }),
    ("no port", |t| t.server.ports.clear()),
    ("main port unknown", |t| t.server.main_port = "web".parse().unwrap()),
    ("port 0", |t| {
        t.server.ports.insert("admin".parse().unwrap(), 0);
    }),
    ("two ports, one number", |t| {
        t.server.ports.insert("admin".parse().unwrap(), 8004);
    }),
    ("service leads nowhere", |t| {
        let target = "web".parse().unwrap();
        t.service.as_mut().unwrap().ports.insert("web".parse().unwrap(), port(80, target));
    }),
    ("service port twice", |t| {
        let target = "http".parse().unwrap();
        t.service.as_mut().unwrap().ports.insert("web".parse().unwrap(), port(8000, target));
    }),
    ("service without ports", |t| t.service.as_mut().unwrap().ports.clear()),
    ("probe of an unknown port", |t| {
        t.server.liveness_probe.as_mut().unwrap().action = ProbeAction::Tcp { port: "web".parse().unwrap() };
    }),
    ("probe without a path, period or tries", |t| {
        let port = "http".parse().unwrap();
        let action = ProbeAction::Http { port, path: "health".into() };
        t.server.startup_probe =
            Some(Probe { action, period_s: 0, timeout_s: 1, failure_threshold: 0, initial_delay_s: 0 });
    }),
    ("probe without a command", |t| {
        t.server.readiness_probe.as_mut().unwrap().action = ProbeAction::Exec { command: vec![] };
    }),
    ("variable set twice", |t| {
        let key = SecretKey { secret: "s".parse().unwrap(), key: "k".parse().unwrap(), optional: false };
        t.server.env_from_secrets.insert("HF_HOME".parse().unwrap(), key);
    }),
    ("secret in the open", |t| {
        t.server.env.insert("HF_TOKEN".parse().unwrap(), "hf_x".into());
    }),
    ("limit below request", |t| {
        t.server.limits.insert("memory".into(), "2Gi".parse().unwrap());
    }),
    ("negative amount", |t| {
        t.server.requests.insert("cpu".into(), "-1".parse().unwrap());
    }),
    ("unknown resource", |t| {
        t.server.limits.insert("gpu".into(), Quantity::whole(1));
    }),
    ("slices by another name", |t| {
        t.server.limits.insert("nvidia.com/gpu".into(), Quantity::whole(1));
    }),
    ("device divided, and requested only", |t| {
        t.server.requests.insert("example.com/fpga".into(), "500m".parse().unwrap());
    }),
    ("device with unequal amounts", |t| {
        t.server.requests.insert("example.com/fpga".into(), Quantity::whole(1));
        t.server.limits.insert("example.com/fpga".into(), Quantity::whole(2));
    }),
    ("no slice", |t| t.server.slices = 0),
    ("slice of nothing", |t| t.server.slice_resource = "gpu".into()),
    ("pod's field on the container, and a slip", |t| {
        t.server.security_context = map(json!({"fsGroup": 1, "runAsuser": 1}));
    }),
    ("container's field on the pod", |t| {
        t.pod.security_context = map(json!({"capabilities": {}}));
    }),
    ("tolerations of no sense", |t| {
        let toleration = |operator: &str, value: Option<&str>, effect: &str| Toleration {
            key: None,
            operator: Some(operator.into()),
            value: value.map(str::to_owned),
            effect: Some(effect.into()),
        };
        t.pod.tolerations = vec![
            toleration("In", None, "NoSchedule"),
            toleration("Exists", None, "Never"),
            toleration("Exists", Some("x"), "NoSchedule"),
            toleration("Equal", Some("x"), "NoSchedule"),
        ];
    }),
    ("init container named as ours, without image, with a secret", |t| {
        let env = BTreeMap::from([("API_KEY".parse().unwrap(), "x".to_owned())]);
        let init = InitContainer { image: String::new(), command: vec![], args: vec![], env };
        t.init_containers.insert("admit".parse().unwrap(), init);
    }),
    ("labels and annotations of ours", |t| {
        let metadata = Metadata {
            labels: BTreeMap::from([("app.kubernetes.io/name".parse().unwrap(), "x".parse().unwrap())]),
            annotations: BTreeMap::from([
                ("gpu-tenancy.dev/gate".parse().unwrap(), "off".into()),
                ("gpu-tenancy.dev/other".parse().unwrap(), "x".into()),
            ]),
        };
        t.metadata.insert(ObjectKind::Deployment, metadata);
    }),
    ("config over 1 MiB", |t| {
        t.config.insert("/app/big.yaml".parse().unwrap(), "x".repeat(1_048_577));
    }),
    ("file below a file", |t| {
        t.config.insert("/app/config.yaml/more".parse().unwrap(), String::new());
    }),
    ("file on the storage", |t| {
        t.config.insert("/data/config.yaml".parse().unwrap(), String::new());
    }),
    ("storage below a file", |t| {
        t.storage.as_mut().unwrap().mount_path = "/app/config.yaml/data".parse().unwrap();
    }),
    ("storage over the image", |t| t.storage.as_mut().unwrap().mount_path = "/".parse().unwrap()),
    ("file of the kernel", |t| {
        t.config.insert("/proc/version".parse().unwrap(), String::new());
    }),
    ("storage of no size, from an address with a path", |t| {
        t.storage.as_mut().unwrap().backing = Backing::Nfs {
            size: Quantity::whole(0),
            server: "nas/export".into(),
            path: "/export".parse().unwrap(),
            mount_options: vec![],
        };
    }),
    ("volumes named as ours, outside themselves, of no size, over the image", |t| {
        let empty = VolumeSource::EmptyDir { size: Quantity::whole(0), in_memory: false };
        t.volumes.insert("storage".parse().unwrap(), volume("/proc/x", empty));
        let secret = VolumeSource::Secret { name: "s".parse().unwrap(), optional: false };
        let outside = Volume { sub_path: Some("../x".into()), ..volume("/", secret) };
        t.volumes.insert("outside".parse().unwrap(), outside);
    }),
    ("volumes that cover storage, a file and each other", |t| {
        let claim = |name: &str| VolumeSource::Claim(name.parse().unwrap());
        t.volumes.insert("a".parse().unwrap(), volume("/data/voices", claim("voices")));
        t.volumes.insert("b".parse().unwrap(), volume("/app", claim("app")));
        t.volumes.insert("c".parse().unwrap(), volume("/app", claim("other")));
    }),
    ("shared memory twice, more than there is", |t| {
        t.shm_size = Some("9Gi".parse().unwrap());
        let size = "1Gi".parse().unwrap();
        let source = VolumeSource::EmptyDir { size, in_memory: true };
        t.volumes.insert("shm".parse().unwrap(), volume("/dev/shm", source));
    }),
    ("shared memory of nothing", |t| t.shm_size = Some(Quantity::whole(0))),
    ("scratch space beyond the limit of it", |t| {
        let source = VolumeSource::EmptyDir { size: "21Gi".parse().unwrap(), in_memory: false };
        t.volumes.insert("scratch".parse().unwrap(), volume("/scratch", source));
    }),
    ("patch of a volume that has attributes", |t| {
        t.shm_size = Some("1Gi".parse().unwrap());
        let source = VolumeSource::Claim("voices".parse().unwrap());
        t.volumes.insert("voices".parse().unwrap(), volume("/voices", source));
        t.pod_patch = map(json!({
            "volumes": [{"name": "shm", "emptyDir": {}}, {"name": "voices", "emptyDir": {}}],
            "containers": [{"name": "server", "volumeMounts": [
                {"mountPath": "/dev/shm", "name": "x"}, {"mountPath": "/voices", "name": "x"},
            ]}],
        }));
    }),
    ("affinity of slips", |t| {
        let rules = json!({"nodeaffinity": {}, "podAffinity": {"required": []}});
        t.pod.affinity = map(rules);
    }),
    ("spread of others only, and of nothing", |t| {
        let spread = |max_skew, labels: &[(&str, &str)]| TopologySpread {
            max_skew,
            required: true,
            match_labels: labels.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect(),
        };
        t.pod.topology_spread = BTreeMap::from([
            ("kubernetes.io/hostname".parse().unwrap(), spread(1, &[("tier", "speech")])),
            ("zone".parse().unwrap(), spread(0, &[])),
        ]);
    }),
    ("address without a name", |t| {
        t.pod.host_aliases.insert("192.0.2.1".parse().unwrap(), BTreeSet::new());
    }),
    ("ports of nodes without a Service on them, twice", |t| {
        let target: PortName = "http".parse().unwrap();
        let service = t.service.as_mut().unwrap();
        for (name, port) in [("a", 1), ("b", 2)] {
            let port = ServicePort { port, target: target.clone(), node_port: Some(30_080) };
            service.ports.insert(name.parse().unwrap(), port);
        }
    }),
    ("load balancer of a Service without one", |t| {
        let service = t.service.as_mut().unwrap();
        service.service_type = ServiceType::NodePort;
        service.load_balancer_source_ranges.insert("10.0.0.0/8".parse().unwrap());
    }),
    ("sidecar named as ours, without image, with a secret, two of a port and a slice", |t| {
        let one = |name: &str| BTreeMap::from([(name.to_owned(), Quantity::whole(1))]);
        let secret = SecretKey { secret: "s".parse().unwrap(), key: "k".parse().unwrap(), optional: false };
        let sidecar = Sidecar {
            image: "a b".into(),
            command: vec![],
            args: vec![],
            env: BTreeMap::from([("API_KEY".parse().unwrap(), "x".to_owned())]),
            env_from_secrets: BTreeMap::from([("API_KEY".parse().unwrap(), secret)]),
            ports: BTreeMap::from([("http".parse().unwrap(), 0), ("api".parse().unwrap(), 8004)]),
            requests: one("example.com/fpga"),
            limits: one("nvidia.com/gpu"),
        };
        t.sidecars.insert("server".parse().unwrap(), sidecar);
    }),
    ("quota of what is not bounded, of slips, and too small", |t| {
        let amount = |text: &str| text.parse().unwrap();
        t.quota = BTreeMap::from([
            ("limits.nvidia.com/gpu".into(), amount("2")),
            ("nvidia.com/gpu".into(), amount("2")),
            ("memroy".into(), amount("2")),
            ("pods".into(), amount("-1")),
            ("requests.nvidia.com/gpu".into(), amount("0")),
            ("requests.memory".into(), amount("1Gi")),
            ("limits.cpu".into(), amount("4")),
        ]);
    }),
    ("a gated tenant that is not to be evicted", |t| t.evictable = false),
    ("network that bounds nothing", |t| t.network = Some(Network::default())),
    ("peers that are nobody, two things, and without the API server", |t| {
        let nobody = Peer { ports: BTreeSet::from([0]), ..Peer::default() };
        let both = Peer {
            namespace: Some("chat".parse().unwrap()),
            range: Some("10.0.0.0/8".parse().unwrap()),
            ..Peer::default()
        };
        let monitoring = Peer { namespace: Some("gpu-operator".parse().unwrap()), ..Peer::default() };
        let named = |peers: [(&str, Peer); 1]| {
            Some(peers.into_iter().map(|(name, peer)| (name.parse().unwrap(), peer)).collect())
        };
        let mut callers: BTreeMap<_, _> = named([("nobody", nobody)]).unwrap_or_default();
        callers.insert("both".parse().unwrap(), both);
        let destinations = named([("metrics", monitoring)]);
        t.network = Some(Network { callers: Some(callers), destinations });
    }),
    ("the system's namespace", |t| t.id.namespace = "gpu-tenancy".parse().unwrap()),
    ("no window", |t| t.schedule = Schedule::Windows(BTreeMap::new())),
    ("window too short", |t| {
        let zone = "UTC".parse().unwrap();
        let window = Window::new("23:55".parse().unwrap(), "00:05".parse().unwrap(), vec![], zone).unwrap();
        t.schedule = Schedule::Windows(BTreeMap::from([("blink".parse().unwrap(), window)]));
    }),
    ("on demand without demand", |t| t.schedule = Schedule::OnDemand),
    ("always awake with demand", |t| {
        (t.schedule, t.gate.unload) = (Schedule::Always, None);
        t.gate.demand = demand("http://prometheus:9090", "sum(jobs)", 600);
    }),
    ("demand of no sense", |t| t.gate.demand = demand("http://prometheus/api/v1/query", " ", 1)),
    ("guard between minutes", |t| t.gate.timing.guard_interval_s = 90),
    ("guard every two hours", |t| t.gate.timing.guard_interval_s = 7200),
    ("no grace", |t| {
        t.gate.timing.grace_period_s = 0;
        t.gate.unload = None;
    }),
    ("pauses itself, and another twice", |t| {
        let target = |namespace: &str, deployment: &str| ScaleTarget {
            namespace: namespace.parse().unwrap(),
            deployment: deployment.parse().unwrap(),
        };
        t.gate.pauses = vec![target("tts", "chatterbox-tts"), target("immich", "ml"), target("immich", "ml")];
    }),
    ("always awake with what only a gate does", |t| {
        t.schedule = Schedule::Always;
        t.gate.pauses =
            vec![ScaleTarget { namespace: "immich".parse().unwrap(), deployment: "ml".parse().unwrap() }];
    }),
    ("unload call of no sense", |t| {
        let call = t.gate.unload.as_mut().unwrap();
        (call.method, call.path, call.port, call.timeout_s) = ("GET".into(), "unload".into(), 1, 61);
    }),
    ("patch with directives", |t| {
        t.pod_patch =
            map(json!({"containers": [{"name": "server", "$patch": "replace"}], "$retainKeys": ["a"]}));
    }),
    ("patch of what is the gate's", |t| {
        t.pod_patch = map(json!({
            "serviceAccountName": "x",
            "automountServiceAccountToken": true,
            "terminationGracePeriodSeconds": 1,
            "initContainers": [{"name": "admit", "image": "x"}],
            "volumes": [{"name": "gate-token", "emptyDir": {"medium": "Memory"}}],
            "containers": [{
                "name": "server",
                "image": "x",
                "resources": {"limits": {"nvidia.com/gpu": "2"}},
                "volumeMounts": [{"mountPath": "/token", "name": "gate-token"}, {"mountPath": "/data", "name": "shm"}],
                "env": [{"name": "API_KEY", "value": "x"}],
            }],
        }));
    }),
    ("patch that deletes or misses", |t| {
        t.pod_patch = map(json!({
            "containers": null,
            "initContainers": [{"image": "x"}, {"name": "new"}],
            "volumes": [{"emptyDir": {"medium": "Memory"}}],
        }));
    }),
    ("hand-over of what is not there or not free", |t| {
        let leaf = |path: &str| HandedOver::Leaf(path.into());
        t.handed_over = BTreeSet::from([
            leaf("spec.replicas"),
            leaf("spec.selector"),
            leaf("spec.template.spec.containers"),
            leaf("spec.template.spec.initContainers[admit].image"),
            leaf("spec.template.spec.containers[server].resources.limits[nvidia.com/gpu]"),
            leaf("spec.template.spec.containers[server].resources.limits.cpu"),
        ]);
    }),
];

#[test]
fn the_seed_s_tenant_has_no_problem() {
    assert_eq!(chatterbox().check(), []);
    let mut tenant = chatterbox();
    tenant.handed_over = BTreeSet::from([
        HandedOver::Image,
        HandedOver::Leaf("spec.template.spec.containers[server].resources.limits.memory".into()),
    ]);
    tenant.pod_patch = map(json!({
        "dnsPolicy": "Default",
        "nodeSelector": null,
        "containers": [{"name": "server", "ports": [{"containerPort": 9000}]}, {"name": "sidecar", "image": "x"}],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }));
    assert_eq!(tenant.check(), []);
}

#[test]
fn every_problem_says_where_why_and_what_instead() {
    let mut catalogue = String::new();
    for (case, change) in CASES {
        let mut tenant = chatterbox();
        change(&mut tenant);
        let problems = tenant.check();
        assert!(!problems.is_empty(), "{case}");
        for problem in &problems {
            assert!(problem.message.ends_with('.'), "{problem}");
        }
        writeln!(catalogue, "{case}\n{}", list(&problems)).unwrap();
    }
    insta::assert_snapshot!(catalogue);
}

#[test]
fn volumes_beside_each_other_that_fit_are_accepted() {
    let mut tenant = chatterbox();
    tenant.shm_size = Some("4Gi".parse().unwrap());
    for (name, path, source) in [
        ("cache", "/cache", VolumeSource::EmptyDir { size: "4Gi".parse().unwrap(), in_memory: true }),
        ("scratch", "/database", VolumeSource::EmptyDir { size: "20Gi".parse().unwrap(), in_memory: false }),
        ("voices", "/voices", VolumeSource::Claim("voices".parse().unwrap())),
    ] {
        tenant.volumes.insert(name.parse().unwrap(), volume(path, source));
    }
    assert_eq!(tenant.check(), []);
    tenant.server.limits.insert("ephemeral-storage".into(), "19Gi".parse().unwrap());
    assert_eq!(tenant.check().len(), 1);
}

#[test]
fn a_service_may_lead_to_a_sidecar() {
    let mut tenant = chatterbox();
    let sidecar = Sidecar {
        image: "wyoming:1".into(),
        command: vec![],
        args: vec![],
        env: BTreeMap::new(),
        env_from_secrets: BTreeMap::new(),
        ports: BTreeMap::from([("wyoming".parse().unwrap(), 10_300)]),
        requests: BTreeMap::new(),
        limits: BTreeMap::new(),
    };
    let front = port(10_300, "wyoming".parse().unwrap());
    tenant.service.as_mut().unwrap().ports.insert("wyoming".parse().unwrap(), front);
    assert_eq!(tenant.check().len(), 1);
    tenant.sidecars.insert("wyoming".parse().unwrap(), sidecar);
    assert_eq!(tenant.check(), []);
}

#[test]
fn a_quota_that_the_tenant_fits_in_is_accepted() {
    let mut tenant = chatterbox();
    let hard = [
        ("requests.nvidia.com/gpu", "1"),
        ("pods", "4"),
        ("requests.memory", "8Gi"),
        ("limits.memory", "16Gi"),
    ];
    tenant.quota = hard.iter().map(|(name, text)| ((*name).to_owned(), text.parse().unwrap())).collect();
    assert_eq!(tenant.check(), []);
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut tenant = chatterbox();
    tenant.server.image.clear();
    tenant.server.slices = 0;
    tenant.gate.timing.guard_interval_s = 1;
    assert_eq!(tenant.check().len(), 3);
}

#[test]
fn only_a_tenant_that_is_always_awake_goes_without_a_slice() {
    let mut tenant = chatterbox();
    tenant.server.slices = 0;
    assert_eq!(tenant.check().len(), 1);
    tenant.schedule = Schedule::Always;
    tenant.gate.unload = None;
    assert_eq!(tenant.check(), []);
}

#[test]
fn a_config_of_exactly_1_mib_is_accepted() {
    let mut tenant = chatterbox();
    tenant.config = BTreeMap::from([("/app/big.yaml".parse().unwrap(), "x".repeat(1_048_576))]);
    assert_eq!(tenant.check(), []);
}

#[test]
fn names_that_only_sound_like_secrets_are_accepted() {
    let secret =
        ["HF_TOKEN", "OPENAI_API_KEY", "DB_PASSWORD", "api-key", "AWS_SECRET_ACCESS_KEY", "password"];
    let harmless = [
        "MAX_TOKENS",
        "TOKENIZERS_PARALLELISM",
        "TOKEN_LIMIT",
        "PASSWORD_FILE",
        "HF_HOME",
        "KEY",
        "API_URL",
        "SECRET_NAME",
        "KEYBOARD",
        "MONKEY",
    ];
    for name in secret {
        assert!(server::is_secret(name, "x"), "{name}");
        assert!(!server::is_secret(name, ""), "{name} without a value");
        assert!(!server::is_secret(name, "$(OTHER)"), "{name} by reference");
    }
    for name in harmless {
        assert!(!server::is_secret(name, "x"), "{name}");
    }
}

fn card(change: fn(&mut Value)) -> Card {
    let mut card = json!({
        "name": "gpu-1-0",
        "node": "gpu-1",
        "device": {"index": 0},
        "source": {"device": {"dcgm": "http://dcgm:9400/metrics"}, "pods": "http://gpu-pods/metrics"},
        "memory_mib": 15360,
        "residents": {"llama": {"namespace": "llama-cpp", "peak_mib": 9216, "protected": true}},
    });
    change(&mut card);
    serde_json::from_value(card).unwrap()
}

type CardCase = (&'static str, fn(&mut Value));

const CARD_CASES: &[CardCase] = &[
    ("not a UUID", |c| c["device"] = json!({"uuid": "0"})),
    ("not a URL", |c| c["source"]["device"] = json!({"dcgm": "dcgm:9400"})),
    ("no host", |c| c["source"]["pods"] = json!("http:///metrics")),
    ("the gauge per pod as the device", |c| {
        c["source"]["device"] = json!({"dcgm": "http://gpu-pods/metrics"})
    }),
    ("the seed's gauge as the device", |c| {
        c["source"]["device"] = json!({"dcgm": "http://gpu-pod-exporter.nvidia.svc/metrics"});
    }),
    ("no memory", |c| {
        c["memory_mib"] = json!(0);
        c["residents"] = json!({});
    }),
    ("critical everywhere", |c| c["critical_mib"] = json!(15360)),
    ("protected without a peak", |c| c["residents"]["llama"] = json!({"namespace": "a", "protected": true})),
    ("peak over the card", |c| c["residents"]["llama"]["peak_mib"] = json!(20000)),
    ("peak of nothing", |c| c["residents"]["llama"]["peak_mib"] = json!(0)),
    ("one pod, two residents", |c| {
        c["residents"]["llama-2"] = json!({"namespace": "llama-cpp", "pod_prefix": "b"})
    }),
    ("a Prometheus that is asked for expressions", |c| {
        c["source"]["device"] = json!({"prometheus": {
            "url": "http://prometheus:9090/api/v1", "free": "sum(free)", "used": "used[5m]",
            "total": " ", "reserved": "a{l=\"(x)[y]\"}", "unit": "bytes"}});
    }),
    ("a Prometheus that is not asked for the card's size", |c| {
        c["source"]["device"] =
            json!({"prometheus": {"url": "http://p:9090", "free": "free", "used": "used", "unit": "mib"}});
    }),
    ("protected beyond the card", |c| {
        c["residents"]["other"] = json!({"namespace": "b", "peak_mib": 9216, "protected": true});
    }),
];

#[test]
fn every_problem_of_a_card_says_where_why_and_what_instead() {
    assert_eq!(card(|_| {}).check(), []);
    let mut catalogue = String::new();
    for (case, change) in CARD_CASES {
        let problems = card(*change).check();
        assert!(!problems.is_empty(), "{case}");
        writeln!(catalogue, "{case}\n{}", list(&problems)).unwrap();
    }
    insta::assert_snapshot!(catalogue);
}

#[test]
fn a_floor_over_its_card_is_refused_and_one_that_fills_it_is_not() {
    let floor = |peak| Floor {
        peak_mib: Mib(peak),
        ..serde_json::from_value(json!({"tenant": "tts/a", "peak_mib": 0, "headroom_mib": 2048})).unwrap()
    };
    assert_eq!(floor(13312).check_on(&card(|_| {})), []);
    insta::assert_snapshot!(floor(13313).check_on(&card(|_| {}))[0], @"peak: Peak 13,313 MiB and headroom 2,048 MiB are 15,361 MiB together, and the card gpu-1-0 has 15,360 MiB: the tenant would never be admitted. Lower the peak or the headroom, or choose a larger card.");
    insta::assert_snapshot!(floor(0).check()[0], @"peak: A tenant that holds no video memory needs no floor. Write what it holds at most, such as `4GiB`.");
    assert_eq!(floor(1).check(), []);
}
