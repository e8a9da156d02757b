//! Every wrong configuration is refused before a cluster is asked, at its
//! attribute or element, with what would be accepted.

use tfplugin::{Attr, Set};

use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, texts, told, window, without_cluster};
use crate::card::{CardModel, PrometheusModel, ResidentModel, SourceModel};
use crate::floor::FloorModel;
use crate::service::ServiceModel;
use crate::service::parts::{
    NetworkModel, PeerModel, ProbeModel, StorageModel, TcpModel, TimeoutsModel, VolumeModel,
};

/// One wrong configuration: the path of the message and words that it holds.
type Row<M> = (&'static str, fn(&mut M), &'static str, &'static str);

async fn refused<M: tfplugin::Model>(type_name: &str, good: M, rows: &[Row<M>]) {
    let driver = without_cluster().await;
    let said = driver.validate(type_name, &good).await;
    assert!(said.is_empty(), "the base must be right:\n{}", told(&said));
    let mut wrong = Vec::new();
    for (case, spoil, path, words) in rows {
        let mut config = good.clone();
        spoil(&mut config);
        let said = driver.validate(type_name, &config).await;
        let found = said.iter().find(|it| it.path.to_string() == *path && it.detail.contains(words));
        if found.is_none() {
            wrong.push(format!("{case}: wanted {path} with {words:?}, got\n    {}", told(&said)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn storage(change: fn(&mut StorageModel)) -> Attr<StorageModel> {
    let mut storage =
        StorageModel { mount_path: "/data".into(), size: "20Gi".into(), ..StorageModel::default() };
    change(&mut storage);
    Attr::Known(storage)
}

fn tcp(port: &str) -> Attr<ProbeModel> {
    let tcp = TcpModel { port: port.into() };
    Attr::Known(ProbeModel { tcp: Attr::Known(tcp), ..ProbeModel::default() })
}

#[tokio::test]
async fn of_a_tenant() {
    let rows: &[Row<ServiceModel>] = &[
        (
            "no such zone",
            |it| it.windows = window("02:00", "06:00", "Europe/Lundon"),
            "windows[\"night\"]",
            "Europe/London",
        ),
        (
            "zone in the wrong case",
            |it| it.windows = window("02:00", "06:00", "europe/london"),
            "windows[\"night\"]",
            "Europe/London",
        ),
        ("no length", |it| it.windows = window("02:00", "02:00", "UTC"), "windows[\"night\"]", "no length"),
        (
            "too short, in words that say which",
            |it| it.windows = window("02:00", "02:07", "UTC"),
            "windows[\"night\"]",
            "windows[\"night\"]: It lasts 7 minutes",
        ),
        (
            "on no day",
            |it| {
                if let Attr::Known(windows) = &mut it.windows
                    && let Some(Attr::Known(night)) = windows.get_mut("night")
                {
                    night.days = Attr::Known(Vec::new());
                }
            },
            "windows[\"night\"]",
            "days is empty",
        ),
        (
            "a volume of two sources, of which neither is the first",
            |it| {
                let both = VolumeModel {
                    mount_path: "/voices".into(),
                    claim: "voices".into(),
                    secret: "voices".into(),
                    ..VolumeModel::default()
                };
                it.volumes = Attr::Known([("voices".to_owned(), Attr::Known(both))].into());
            },
            "volumes[\"voices\"]",
            "claim and secret cannot be set together",
        ),
        ("no such time", |it| it.windows = window("25:00", "06:00", "UTC"), "windows[\"night\"]", "HH:MM"),
        ("no windows", |it| it.windows = Attr::Known([].into()), "windows", "at least one"),
        (
            "no schedule",
            |it| it.windows = Attr::Null,
            "windows",
            "One of windows, on_demand, always must be set",
        ),
        ("two schedules", |it| it.always = Attr::Known(true), "windows", "cannot be set together"),
        ("name too long", |it| it.name = "x".repeat(64).as_str().into(), "name", "63"),
        ("name not DNS", |it| it.name = "Chatterbox_TTS".into(), "name", "lower-case"),
        ("namespace not DNS", |it| it.namespace = "TTS".into(), "namespace", "lower-case"),
        ("decimal words", |it| it.requests = texts(&[("memory", "6 GB")]), "requests[\"memory\"]", "space"),
        ("small g", |it| it.limits = texts(&[("memory", "6g")]), "limits[\"memory\"]", "suffix"),
        ("too large", |it| it.limits = texts(&[("memory", "1e400")]), "limits[\"memory\"]", "larger than"),
        ("negative", |it| it.limits = texts(&[("memory", "-1")]), "limits[\"memory\"]", "-1"),
        (
            "limit below request",
            |it| {
                it.requests = texts(&[("cpu", "2")]);
                it.limits = texts(&[("cpu", "1")]);
            },
            "limits[\"cpu\"]",
            "2",
        ),
        ("port too large", |it| it.port = Attr::Known(65536), "port", "65535"),
        ("port zero", |it| it.port = Attr::Known(0), "port", "65535"),
        ("no port", |it| it.port = Attr::Null, "port", "must be set"),
        (
            "two config files on one path",
            |it| it.config = texts(&[("/a/b", "x"), ("/a", "y")]),
            "config[\"/a/b\"]",
            "/a",
        ),
        ("config too large", |it| it.config = texts(&[("/a", &"x".repeat(1_100_000))]), "config", "1"),
        (
            "config path relative",
            |it| it.config = texts(&[("app/config.yaml", "x")]),
            "config[\"app/config.yaml\"]",
            "absolute",
        ),
        (
            "mounts that cover each other",
            |it| it.storage = storage(|it| it.mount_path = "/app/config.yaml".into()),
            "config[\"/app/config.yaml\"]",
            "/app/config.yaml",
        ),
        ("storage without size", |it| it.storage = storage(|it| it.size = Attr::Null), "storage", "20Gi"),
        (
            "storage of nothing",
            |it| it.storage = storage(|it| it.size = "0".into()),
            "storage",
            "more than nothing",
        ),
        (
            "claim with a size",
            |it| it.storage = storage(|it| it.existing_claim = "weights".into()),
            "storage[\"existing_claim\"]",
            "cannot be set together",
        ),
        ("probe of no port", |it| it.liveness_probe = tcp("grpc"), "liveness_probe", "grpc"),
        ("no claim", |it| it.vram_floor = Attr::Null, "vram_floor", "slices = 0"),
        ("no slice in a window", |it| it.slices = Attr::Known(0), "slices", "always"),
        (
            "a claim on the CPU",
            |it| (it.slices, it.windows, it.always) = (Attr::Known(0), Attr::Null, Attr::Known(true)),
            "vram_floor",
            "Leave `vram_floor` out",
        ),
        ("another's claim", |it| it.vram_floor = "tts/whisper".into(), "vram_floor", "tts/chatterbox-tts"),
        (
            "a secret in env",
            |it| it.env = texts(&[("HF_TOKEN", "x")]),
            "env[\"HF_TOKEN\"]",
            "env_from_secrets",
        ),
        ("no variable", |it| it.env = texts(&[("1X", "x")]), "env[\"1X\"]", "digit"),
        ("no image", |it| it.image = "".into(), "image", "reference"),
        ("no duration", |it| it.guard_interval = "5 minutes".into(), "guard_interval", "1h30m"),
        (
            "no timeout",
            |it| {
                it.timeouts = Attr::Known(TimeoutsModel { create: "soon".into(), ..TimeoutsModel::default() })
            },
            "timeouts[\"create\"]",
            "1h30m",
        ),
        ("no JSON", |it| it.pod_patch = "{".into(), "pod_patch", "jsonencode"),
        ("JSON that is no object", |it| it.security_context = "[]".into(), "security_context", "jsonencode"),
        (
            "a patch of the gate's",
            |it| it.pod_patch = r#"{"initContainers":[{"name":"admit","image":"x"}]}"#.into(),
            "pod_patch",
            "admit",
        ),
        (
            "pauses without namespace",
            |it| it.pauses = Attr::Known(Set(vec!["immich".into()])),
            "pauses",
            "namespace/name",
        ),
        (
            "adopts what is no object",
            |it| it.adopt = Attr::Known(Set(vec!["Gateway/x".into()])),
            "adopt",
            "Kind/name",
        ),
        (
            "labels of no kind",
            |it| it.labels = Attr::Known([("Gateway".to_owned(), texts(&[("a", "b")]))].into()),
            "labels[\"Gateway\"]",
            "Deployment",
        ),
        (
            "label not legal",
            |it| it.labels = Attr::Known([("Pod".to_owned(), texts(&[("a", "b c")]))].into()),
            "labels[\"Pod\"]",
            "63",
        ),
        (
            "hands over what is no field",
            |it| it.hand_over = Attr::Known(Set(vec!["tag".into()])),
            "hand_over",
            "image",
        ),
    ];
    refused(SERVICE, chatterbox(), rows).await;
}

#[tokio::test]
async fn of_a_floor() {
    let rows: &[Row<FloorModel>] = &[
        ("space and decimal", |it| it.peak = "6 GB".into(), "peak", "4GiB"),
        ("small g", |it| it.peak = "6g".into(), "peak", "4GiB"),
        ("negative", |it| it.headroom = "-1".into(), "headroom", "sign"),
        ("too large", |it| it.peak = "1e400".into(), "peak", "unit"),
        ("no peak", |it| it.peak = "0MiB".into(), "peak", "no video memory"),
        ("no tenant", |it| it.tenant = "chatterbox".into(), "tenant", "namespace/name"),
        ("no card", |it| it.card = "GPU_1".into(), "card", "lower-case"),
    ];
    refused(FLOOR, claim(), rows).await;
}

#[tokio::test]
async fn of_a_card() {
    let rows: &[Row<CardModel>] = &[
        ("no device", |it| it.index = Attr::Null, "index", "must be set"),
        ("two devices", |it| it.uuid = "GPU-1".into(), "index", "cannot be set together"),
        (
            "a per-pod gauge as the device's source",
            |it| {
                it.source = Attr::Known(SourceModel {
                    dcgm: "http://gpu-pod-exporter.nvidia:80/metrics?name=gpu_pod_memory_used_bytes".into(),
                    ..SourceModel::default()
                });
            },
            "source",
            "pod",
        ),
        (
            "a position on a page that names no node",
            |it| {
                it.source = Attr::Known(SourceModel {
                    nvidia_gpu_exporter: "http://exporter:9835/metrics".into(),
                    ..SourceModel::default()
                });
            },
            "index",
            "nvidia-smi -L",
        ),
        (
            "no source",
            |it| it.source = Attr::Known(SourceModel::default()),
            "source[\"exporter\"]",
            "must be set",
        ),
        (
            "two sources, of which neither is the first",
            |it| {
                it.source = Attr::Known(SourceModel {
                    dcgm: "http://dcgm:9400/metrics".into(),
                    nvidia_gpu_exporter: "http://other:9835/metrics".into(),
                    ..SourceModel::default()
                });
            },
            "source[\"exporter\"]",
            "dcgm and nvidia_gpu_exporter cannot be set together",
        ),
        (
            "a Prometheus that is asked for an expression",
            |it| {
                it.source = Attr::Known(SourceModel {
                    prometheus: Attr::Known(PrometheusModel {
                        url: "http://prometheus.monitoring:9090".into(),
                        free: "sum(DCGM_FI_DEV_FB_FREE)".into(),
                        used: "DCGM_FI_DEV_FB_USED".into(),
                        total: Attr::Null,
                        reserved: "DCGM_FI_DEV_FB_RESERVED".into(),
                        unit: "mib".into(),
                    }),
                    ..SourceModel::default()
                });
            },
            "source",
            "recording rule",
        ),
        (
            "source that is no URL",
            |it| {
                it.source = Attr::Known(SourceModel { dcgm: "dcgm:9400".into(), ..SourceModel::default() });
            },
            "source[\"dcgm\"]",
            "http://",
        ),
        (
            "protected without a peak",
            |it| {
                let resident = ResidentModel {
                    namespace: "llama".into(),
                    protected: Attr::Known(true),
                    ..ResidentModel::default()
                };
                it.residents = Attr::Known([("llama".to_owned(), Attr::Known(resident))].into());
            },
            "residents[\"llama\"]",
            "peak",
        ),
    ];
    refused(CARD, t4(), rows).await;
}

#[tokio::test]
async fn every_problem_is_told_at_once() {
    let driver = without_cluster().await;
    let config = ServiceModel {
        windows: window("02:00", "02:00", "UTC"),
        guard_interval: "often".into(),
        requests: texts(&[("memory", "6 GB")]),
        ..chatterbox()
    };
    let said = driver.validate(SERVICE, &config).await;
    assert_eq!(said.iter().count(), 3, "{}", told(&said));
}

#[tokio::test]
async fn nothing_is_said_of_what_did_not_parse() {
    let driver = without_cluster().await;
    let peer = PeerModel { range: "10.0.0.0/33".into(), ..PeerModel::default() };
    let network = NetworkModel {
        callers: Attr::Known([("office".to_owned(), Attr::Known(peer))].into()),
        ..NetworkModel::default()
    };
    let config = ServiceModel { network: Attr::Known(network), ..chatterbox() };
    let said = driver.validate(SERVICE, &config).await;
    assert_eq!(said.iter().count(), 1, "it names somebody, in a way that is none:\n{}", told(&said));
}
