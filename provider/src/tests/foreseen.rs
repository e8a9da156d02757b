//! Whatever stands unknown in a plan, and whatever it turns out to be: what the
//! plan showed of the objects is what becomes of them. Terraform takes anything
//! else for a defect of the provider.

use tfplugin::{Attr, List, Map, Model, Path, Set, Value};

use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, texts, told, window, without_cluster};
use crate::card::{CardModel, ResidentModel, SourceModel};
use crate::floor::{FloorModel, MeasuredModel};
use crate::service::ServiceModel;
use crate::service::parts::{
    DemandHttpModel, DemandModel, DemandPrometheusModel, EmptyDirModel, FrontModel, FrontPortModel,
    HttpModel, InitModel, NetworkModel, NfsModel, PeerModel, PrefetchModel, ProbeModel, SecretKeyModel,
    SidecarModel, StorageModel, TcpModel, TimeoutsModel, TimingModel, TolerationModel, TopologySpreadModel,
    UnloadModel, VolumeModel, WindowModel,
};

fn map<T>(elements: impl IntoIterator<Item = (&'static str, T)>) -> Attr<Map<T>> {
    Attr::Known(elements.into_iter().map(|(key, value)| (key.to_owned(), Attr::Known(value))).collect())
}

fn list(elements: &[&str]) -> Attr<List<String>> {
    Attr::Known(elements.iter().map(|text| Attr::from(*text)).collect())
}

fn set(elements: &[&str]) -> Attr<Set<String>> {
    Attr::Known(Set(elements.iter().map(|text| Attr::from(*text)).collect()))
}

/// Tenants that between them set every attribute, most of them in several ways.
pub(super) fn tenants() -> Vec<ServiceModel> {
    let plain = StorageModel { mount_path: "/data".into(), size: "1Gi".into(), ..StorageModel::default() };
    let nfs = NfsModel { server: "nas".into(), path: "/srv".into(), mount_options: list(&["ro"]) };
    let secret = SecretKeyModel { secret: "s".into(), key: "k".into(), optional: Attr::Known(true) };
    let probe = |change: fn(&mut ProbeModel)| {
        let mut probe = ProbeModel::default();
        change(&mut probe);
        Attr::Known(probe)
    };
    let full = ServiceModel {
        image_pull_policy: "Always".into(),
        image_pull_secrets: set(&["pull"]),
        command: list(&["serve"]),
        args: list(&["--fast"]),
        suspend: Attr::Known(true),
        guard_interval: "2m".into(),
        grace_period: "90s".into(),
        timing: Attr::Known(TimingModel { backoff: "5m".into(), ..TimingModel::default() }),
        pauses: set(&["immich/ml"]),
        unload: Attr::Known(UnloadModel {
            method: "DELETE".into(),
            path: "/unload".into(),
            port: Attr::Known(9000),
            body: r#"{"keep_alive": 0}"#.into(),
            timeout: "3s".into(),
        }),
        source_secret: "reader".into(),
        agent_image: "agent:1".into(),
        env_from_secrets: map([("TOKEN", secret)]),
        service: Attr::Known(FrontModel {
            port: Attr::Known(8000),
            r#type: "NodePort".into(),
            node_port: Attr::Known(30_000),
            ..FrontModel::default()
        }),
        requests: texts(&[("cpu", "500m")]),
        limits: texts(&[("cpu", "2"), ("memory", "4Gi")]),
        slices: Attr::Known(2),
        slice_resource: "nvidia.com/mig-1g.5gb".into(),
        startup_probe: probe(|it| it.exec = list(&["true"])),
        readiness_probe: probe(|it| {
            it.http = Attr::Known(HttpModel { port: Attr::Null, path: "/health".into() });
            it.period = "5s".into();
            it.failure_threshold = Attr::Known(7);
        }),
        liveness_probe: probe(|it| it.tcp = Attr::Known(TcpModel { port: "http".into() })),
        security_context: r#"{"runAsUser": 7}"#.into(),
        storage: Attr::Known(StorageModel {
            class: "fast".into(),
            access_mode: "ReadWriteOncePod".into(),
            deletion_policy: "delete".into(),
            ..plain.clone()
        }),
        volumes: map([
            (
                "scratch",
                VolumeModel {
                    mount_path: "/scratch".into(),
                    empty_dir: Attr::Known(EmptyDirModel {
                        size: "1Gi".into(),
                        in_memory: Attr::Known(true),
                    }),
                    ..VolumeModel::default()
                },
            ),
            (
                "voices",
                VolumeModel {
                    mount_path: "/voices".into(),
                    sub_path: "en".into(),
                    read_only: Attr::Known(true),
                    claim: "voices".into(),
                    ..VolumeModel::default()
                },
            ),
        ]),
        shm_size: "1Gi".into(),
        config_mode: "copy".into(),
        init_containers: map([(
            "warm-up",
            InitModel {
                image: "i".into(),
                command: list(&["c"]),
                args: list(&["a"]),
                env: texts(&[("A", "b")]),
            },
        )]),
        sidecars: map([(
            "wyoming",
            SidecarModel {
                image: "w".into(),
                command: list(&["c"]),
                args: list(&["a"]),
                env: texts(&[("A", "b")]),
                env_from_secrets: map([(
                    "KEY",
                    SecretKeyModel { secret: "s".into(), key: "k".into(), optional: Attr::Null },
                )]),
                ports: Attr::Known([("wyoming".to_owned(), Attr::Known(10_300))].into()),
                requests: texts(&[("cpu", "1")]),
                limits: texts(&[("cpu", "2")]),
            },
        )]),
        node_selector: texts(&[("zone", "a")]),
        tolerations: Attr::Known(vec![Attr::Known(TolerationModel {
            key: "gpu".into(),
            operator: "Equal".into(),
            value: "yes".into(),
            effect: "NoSchedule".into(),
        })]),
        affinity: r#"{"podAntiAffinity": {}}"#.into(),
        topology_spread: map([(
            "zone",
            TopologySpreadModel {
                max_skew: Attr::Known(2),
                when_unsatisfiable: "ScheduleAnyway".into(),
                match_labels: texts(&[("a", "b")]),
            },
        )]),
        runtime_class: "nvidia".into(),
        quota: texts(&[("pods", "9"), ("requests.nvidia.com/gpu", "4")]),
        network: Attr::Known(NetworkModel {
            callers: map([(
                "chat",
                PeerModel {
                    namespace: "chat".into(),
                    labels: texts(&[("app", "web")]),
                    ports: Attr::Known(Set(vec![Attr::Known(8004)])),
                    ..PeerModel::default()
                },
            )]),
            destinations: map([("api", PeerModel { range: "10.0.0.1/32".into(), ..PeerModel::default() })]),
        }),
        host_aliases: map([("192.0.2.1", vec!["nas".into(), Attr::from("files")])]),
        priority_class: "night".into(),
        pod_security_context: r#"{"fsGroup": 7}"#.into(),
        pod_patch: r#"{"hostNetwork": false}"#.into(),
        labels: map([("Pod", [("a".to_owned(), "b".into())].into())]),
        annotations: map([("Deployment", [("a".to_owned(), "b".into())].into())]),
        hand_over: set(&["image"]),
        adopt: set(&["Service/chatterbox-tts"]),
        wait: Attr::Known(false),
        timeouts: Attr::Known(TimeoutsModel { delete: "5m".into(), ..TimeoutsModel::default() }),
        ..chatterbox()
    };
    let other = ServiceModel {
        port: Attr::Null,
        ports: Attr::Known(
            [("api".to_owned(), Attr::Known(8004)), ("http".to_owned(), Attr::Known(9))].into(),
        ),
        main_port: "http".into(),
        service: Attr::Known(FrontModel {
            port: Attr::Null,
            ports: map([(
                "api",
                FrontPortModel {
                    port: Attr::Known(80),
                    target: "http".into(),
                    node_port: Attr::Known(30_080),
                },
            )]),
            r#type: "LoadBalancer".into(),
            load_balancer_class: "internal".into(),
            load_balancer_source_ranges: set(&["10.0.0.0/8"]),
            ..FrontModel::default()
        }),
        windows: Attr::Known(
            [(
                "noon".to_owned(),
                Attr::Known(WindowModel {
                    start: "12:00".into(),
                    end: "13:00".into(),
                    days: list(&["mon", "fri"]),
                    time_zone: "UTC".into(),
                }),
            )]
            .into(),
        ),
        storage: Attr::Known(StorageModel {
            nfs: Attr::Known(nfs),
            deletion_policy: "retain".into(),
            ..plain.clone()
        }),
        startup_probe: probe(|it| it.tcp = Attr::Known(TcpModel::default())),
        liveness_probe: probe(|it| {
            it.exec = list(&["x"]);
            it.initial_delay = "9s".into();
            it.timeout = "2s".into();
        }),
        volumes: map([
            (
                "scratch",
                VolumeModel {
                    mount_path: "/scratch".into(),
                    secret: "s".into(),
                    optional: Attr::Known(true),
                    ..VolumeModel::default()
                },
            ),
            (
                "voices",
                VolumeModel { mount_path: "/other".into(), config_map: "c".into(), ..VolumeModel::default() },
            ),
        ]),
        shm_size: "2Gi".into(),
        config: texts(&[("/a", "x"), ("/b", "y")]),
        env_from_secrets: map([(
            "KEY",
            SecretKeyModel { secret: "t".into(), key: "l".into(), optional: Attr::Null },
        )]),
        init_containers: map([("fetch", InitModel { image: "j".into(), ..InitModel::default() })]),
        prefetch: Attr::Known(PrefetchModel {
            image: "fetch:1".into(),
            command: list(&["f"]),
            args: list(&["a"]),
            env: texts(&[("REVISION", "main")]),
            env_from_secrets: map([(
                "HF_TOKEN",
                SecretKeyModel { secret: "hf".into(), key: "token".into(), optional: Attr::Null },
            )]),
        }),
        sidecars: map([("wyoming", SidecarModel { image: "v".into(), ..SidecarModel::default() })]),
        demand: Attr::Known(DemandModel {
            prometheus: Attr::Known(DemandPrometheusModel {
                url: "http://prometheus:9090".into(),
                query: "jobs".into(),
            }),
            idle_after: "20m".into(),
            ..DemandModel::default()
        }),
        unload: Attr::Known(UnloadModel { path: "/off".into(), body: "{}".into(), ..UnloadModel::default() }),
        hand_over: set(&["spec.template.spec.priorityClassName"]),
        affinity: r#"{"nodeAffinity": {}}"#.into(),
        topology_spread: map([(
            "zone",
            TopologySpreadModel {
                match_labels: texts(&[("app.kubernetes.io/name", "chatterbox-tts")]),
                ..TopologySpreadModel::default()
            },
        )]),
        runtime_class: "gvisor".into(),
        quota: texts(&[("pods", "8")]),
        network: Attr::Known(NetworkModel {
            callers: map([("chat", PeerModel { labels: texts(&[("b", "c")]), ..PeerModel::default() })]),
            ..NetworkModel::default()
        }),
        host_aliases: map([("192.0.2.1", vec!["nas".into()])]),
        priority_class: "day".into(),
        labels: map([("Service", [("c".to_owned(), "d".into())].into())]),
        ..chatterbox()
    };
    let claimed = StorageModel { existing_claim: "weights".into(), size: Attr::Null, ..plain };
    let third = ServiceModel {
        windows: Attr::Null,
        on_demand: Attr::Known(true),
        demand: Attr::Known(DemandModel {
            http: Attr::Known(DemandHttpModel {
                url: "http://queue/stats".into(),
                json_path: "$.jobs".into(),
            }),
            ..DemandModel::default()
        }),
        storage: Attr::Known(claimed),
        service: Attr::Null,
        ..chatterbox()
    };
    let fourth = ServiceModel {
        windows: Attr::Null,
        always: Attr::Known(true),
        evictable: Attr::Known(false),
        ..chatterbox()
    };
    let fifth = ServiceModel { windows: window("00:00", "01:00", "UTC"), ..chatterbox() };
    vec![full, other, third, fourth, fifth, chatterbox()]
}

fn cards() -> Vec<CardModel> {
    let resident = ResidentModel {
        namespace: "llama".into(),
        pod_prefix: "llama-".into(),
        peak: "9GiB".into(),
        protected: Attr::Known(true),
    };
    let exporter = SourceModel {
        nvidia_gpu_exporter: "https://exporter:9835/metrics".into(),
        pods: "http://pods:80/metrics".into(),
        secret: "reader".into(),
        ..SourceModel::default()
    };
    let full = CardModel {
        memory: "15GiB".into(),
        critical: "1GiB".into(),
        index: Attr::Null,
        uuid: "GPU-0".into(),
        residents: map([("llama", resident)]),
        source: Attr::Known(exporter),
        ..t4()
    };
    let other = CardModel {
        index: Attr::Null,
        uuid: "GPU-1".into(),
        residents: map([("other", ResidentModel { namespace: "x".into(), ..ResidentModel::default() })]),
        ..t4()
    };
    vec![full, other, t4()]
}

fn floors() -> Vec<FloorModel> {
    let measured = MeasuredModel {
        source: "dcgm".into(),
        at: "2026-11-21T02:14:00Z".into(),
        ..MeasuredModel::default()
    };
    let full = FloorModel {
        measured: Attr::Known(measured),
        priority: Attr::Known(3),
        always: Attr::Known(true),
        ..claim()
    };
    let read = MeasuredModel {
        prometheus: "monitoring/prometheus:9090".into(),
        selector: "held{pod=\"x\"}".into(),
        unit: "mib".into(),
        look_back: "168h".into(),
        guess: "3GiB".into(),
        image: "x:1".into(),
        model: "large".into(),
        since: "2026-11-01T00:00:00Z".into(),
        ..MeasuredModel::default()
    };
    let read = FloorModel { peak: Attr::Null, measured: Attr::Known(read), ..claim() };
    vec![full, read, FloorModel { peak: "3GiB".into(), card: "gpu-2-0".into(), ..claim() }, claim()]
}

/// The places of a value, each by its steps; of collections also their elements.
fn places(value: &Value, at: &[String], found: &mut Vec<Vec<String>>) {
    let elements: Vec<(String, &Value)> = match value {
        Value::Object(fields) | Value::Map(fields) => {
            fields.iter().map(|(name, it)| (name.clone(), it)).collect()
        }
        Value::List(all) | Value::Set(all) => {
            all.iter().enumerate().map(|(i, it)| (i.to_string(), it)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in elements {
        let at = [at, &[name]].concat();
        found.push(at.clone());
        places(value, &at, found);
    }
}

fn at<'a>(value: &'a Value, steps: &[String]) -> Option<&'a Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    let below = match value {
        Value::Object(fields) | Value::Map(fields) => fields.get(step),
        Value::List(all) | Value::Set(all) => all.get(step.parse::<usize>().ok()?),
        _ => None,
    };
    at(below?, rest)
}

fn with(value: &Value, steps: &[String], new: &Value) -> Value {
    let Some((step, rest)) = steps.split_first() else { return new.clone() };
    let mut value = value.clone();
    let below = match &mut value {
        Value::Object(fields) | Value::Map(fields) => fields.get_mut(step),
        Value::List(all) | Value::Set(all) => step.parse::<usize>().ok().and_then(|index| all.get_mut(index)),
        _ => None,
    };
    if let Some(below) = below {
        *below = with(below, rest, new);
    }
    value
}

/// `objects` of a plan in a run of its own; nothing where it was refused.
async fn planned<M: Model>(type_name: &str, config: Value) -> Option<Result<Value, String>> {
    let driver = without_cluster().await;
    let config = M::from_value(config, &Path::root()).ok()?;
    if driver.validate(type_name, &config).await.has_errors() {
        return None;
    }
    let plan = driver.plan(type_name, None, Some(&config)).await;
    if plan.diagnostics.has_errors() {
        return Some(Err(told(&plan.diagnostics)));
    }
    at(plan.planned.as_ref()?, &["objects".to_owned()]).cloned().map(Ok)
}

/// Why a final `objects` is none that the planned one allows.
fn contradiction(planned: &Value, last: &Value) -> Option<String> {
    match (planned, last) {
        (Value::Unknown, _) => None,
        (Value::Map(planned), Value::Map(last)) => {
            if !planned.keys().eq(last.keys()) {
                return Some("another set of objects".to_owned());
            }
            let wrong = planned.iter().find(|(key, text)| **text != Value::Unknown && last[*key] != **text);
            wrong.map(|(key, _)| key.clone())
        }
        // What lacks a required argument is refused before it is planned.
        _ => None,
    }
}

async fn foreseen<M: Model>(type_name: &str, models: Vec<M>) {
    let values: Vec<Value> = models.iter().map(Model::to_value).collect();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for base in &values {
        let mut all = Vec::new();
        places(base, &[], &mut all);
        for place in all {
            if ["id", "objects", "not_ready", "measurement", "reading"].contains(&place[0].as_str()) {
                continue;
            }
            let hidden = with(base, &place, &Value::Unknown);
            let shown = match planned::<M>(type_name, hidden).await {
                Some(Ok(shown)) => shown,
                Some(Err(refused)) => {
                    wrong.push(format!("{}: refused while unknown: {refused}", place.join(".")));
                    continue;
                }
                None => continue,
            };
            let others = values.iter().filter_map(|other| at(other, &place));
            for turned_out in others.chain([&Value::Null]) {
                let last = with(base, &place, turned_out);
                if let Some(Ok(last)) = planned::<M>(type_name, last).await {
                    compared += 1;
                    let fault = contradiction(&shown, &last);
                    wrong.extend(fault.map(|what| format!("{} = {turned_out:?}: {what}", place.join("."))));
                }
            }
        }
    }
    assert!(compared > 10, "nothing was compared");
    wrong.dedup();
    assert!(wrong.is_empty(), "{} contradictions:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn of_a_card() {
    foreseen(CARD, cards()).await;
}

#[tokio::test]
async fn of_a_claim() {
    foreseen(FLOOR, floors()).await;
}

#[tokio::test]
async fn of_a_tenant() {
    foreseen(SERVICE, tenants()).await;
}
