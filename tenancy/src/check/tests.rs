mod cases;

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
    for (case, change) in cases::CASES {
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
    ("a slice of MIG on a page of cards", |c| c["device"] = json!({"uuid": "MIG-41b35147"})),
    ("not a URL", |c| c["source"]["device"] = json!({"dcgm": "dcgm:9400"})),
    ("a position on a page that names no node", |c| {
        c["source"]["device"] = json!({"nvidia_gpu_exporter": "http://exporter:9835/metrics"});
    }),
    ("no host", |c| c["source"]["pods"] = json!("http:///metrics")),
    ("the gauge per pod as the device", |c| {
        c["source"]["device"] = json!({"dcgm": "http://gpu-pods/metrics"})
    }),
    ("the seed's gauge as the device", |c| {
        c["source"]["device"] = json!({"dcgm": "http://gpu-pod-exporter.nvidia.svc/metrics"});
    }),
    ("https, and a watcher that knows no authority", |c| {
        c["source"]["device"] = json!({"dcgm": "https://dcgm:9400/metrics"});
        c["watch"] = json!(true);
    }),
    ("a Secret for an address that everybody can read along", |c| c["source"]["secret"] = json!("thanos")),
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
fn a_page_that_names_no_node_is_of_a_card_by_its_uuid() {
    let by_uuid = card(|c| {
        c["device"] = json!({"uuid": "GPU-1"});
        c["source"]["device"] = json!({"nvidia_gpu_exporter": "http://exporter:9835/metrics"});
    });
    assert_eq!(by_uuid.check(), []);
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
