//! Peaks that are read: what a refresh leaves in the state, and what a plan makes of it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use serde_json::{Value, json};
use tfplugin::Attr;
use tfplugin::testing::{Driver, Instance};

use super::cluster::FakeCluster;
use super::{CARD, FLOOR, claim, t4, told, without_cluster};
use crate::floor::{FloorModel, MeasuredModel};
use crate::provider::Gpu;

/// A Prometheus that says what the test told it, for every query alike.
#[derive(Clone)]
struct FakePrometheus {
    url: String,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    /// What a container held, in MiB, and in how many samples; nothing for no series.
    seen: Option<(u64, u64)>,
    /// How long ago the first of them was.
    from_ago_s: i64,
    is_down: bool,
    queries: Vec<String>,
}

impl FakePrometheus {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/prefix", listener.local_addr().unwrap());
        let inside = Arc::new(Mutex::new(Inside::default()));
        let router = Router::new().fallback(answer).with_state(inside.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inside }
    }

    fn says(&self, mib: u64, samples: u64) {
        self.inside.lock().unwrap().seen = Some((mib, samples));
    }

    /// It has samples of so long ago, and no earlier ones.
    fn knows(&self, from_ago_s: i64) {
        self.inside.lock().unwrap().from_ago_s = from_ago_s;
    }

    fn goes(&self, is_down: bool) {
        self.inside.lock().unwrap().is_down = is_down;
    }
}

async fn answer(State(inside): State<Arc<Mutex<Inside>>>, uri: Uri) -> (axum::http::StatusCode, String) {
    let mut inside = inside.lock().unwrap();
    let query = uri.to_string();
    if inside.is_down {
        return (axum::http::StatusCode::BAD_GATEWAY, "the upstream is away".to_owned());
    }
    let end: i64 = query.split("end=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    let asks_how_long = query.contains("last_seen");
    let from = end - inside.from_ago_s;
    let values = |value: u64| json!([[from, value.to_string()], [end, value.to_string()]]);
    let result: Vec<Value> = inside
        .seen
        .iter()
        .map(|(mib, samples)| {
            let value = if asks_how_long { *samples * 15 } else { mib << 20 };
            json!({"metric": {"pod": "chatterbox-tts-1-abcde"}, "values": values(value)})
        })
        .collect();
    inside.queries.push(query);
    let body = json!({"status": "success", "data": {"resultType": "matrix", "result": result}});
    (axum::http::StatusCode::OK, body.to_string())
}

fn measured(prometheus: &FakePrometheus) -> FloorModel {
    let measured = MeasuredModel {
        prometheus: prometheus.url.as_str().into(),
        guess: "4GiB".into(),
        image: "registry.example.org/chatterbox:1".into(),
        ..MeasuredModel::default()
    };
    FloorModel { peak: Attr::Null, measured: Attr::Known(measured), ..claim() }
}

fn of_image(config: &FloorModel, image: &str) -> FloorModel {
    let mut measured = config.measured.known().unwrap().clone();
    measured.image = image.into();
    FloorModel { measured: Attr::Known(measured), ..config.clone() }
}

/// A cluster with a card, and a floor on it whose peak is read.
async fn with_measured_floor() -> (FakeCluster, Driver<Gpu>, FakePrometheus, FloorModel, Instance) {
    let (cluster, driver) = FakeCluster::start().await;
    driver.create(CARD, &t4()).await;
    let prometheus = FakePrometheus::start().await;
    let config = measured(&prometheus);
    let made = driver.create(FLOOR, &config).await;
    assert!(made.diagnostics.is_empty(), "{}", told(&made.diagnostics));
    (cluster, driver, prometheus, config, made.instance.unwrap())
}

fn peak_and_basis(model: &FloorModel) -> (&str, &str) {
    (model.peak.as_str().unwrap(), model.measurement.known().unwrap().basis.as_str().unwrap())
}

/// The entry in the card's declared object.
fn entry(cluster: &FakeCluster) -> Value {
    let path = "/api/v1/namespaces/gpu-tenancy/configmaps/card.gpu-1-0.declared";
    let object = cluster.get(path).unwrap();
    serde_json::from_str(object["data"]["floor.tts.chatterbox-tts"].as_str().unwrap()).unwrap()
}

/// A refresh and an apply of what it led to.
async fn refreshed(driver: &Driver<Gpu>, floor: &Instance, config: &FloorModel) -> (Instance, String) {
    let read = driver.read(FLOOR, floor).await;
    let mut said = told(&read.diagnostics);
    let read = read.instance.unwrap();
    let plan = driver.plan(FLOOR, Some(&read), Some(config)).await;
    said += &told(&plan.diagnostics);
    let again = driver.plan_again(&plan, Some(config)).await;
    assert!(
        again.diagnostics.iter().all(|it| !it.summary.contains("Provider bug")),
        "{}",
        told(&again.diagnostics)
    );
    let after = driver.apply(plan).await;
    assert!(after.diagnostics.is_empty(), "{}", told(&after.diagnostics));
    (after.instance.unwrap(), said)
}

#[tokio::test]
async fn a_guess_stands_until_enough_was_seen_and_then_what_was_seen() {
    let (cluster, driver, prometheus, config, floor) = with_measured_floor().await;
    assert_eq!(peak_and_basis(&floor.model().unwrap()), ("4GiB", "guessed"));
    assert_eq!(entry(&cluster)["basis"], "guessed");
    prometheus.says(3000, 59);
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert_eq!((peak_and_basis(&floor.model().unwrap()), said.as_str()), (("4GiB", "guessed"), ""));
    prometheus.says(3000, 60);
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    let model: FloorModel = floor.model().unwrap();
    assert_eq!(peak_and_basis(&model), ("3008MiB", "measured"), "rounded up to 64 MiB");
    assert!(said.contains("measured anew") && said.contains("3,000 MiB"), "{said}");
    let measurement = model.measurement.known().unwrap();
    assert_eq!(*measurement.samples.known().unwrap(), 60);
    assert!(measurement.source.as_str().unwrap().contains("gpu_tenancy_container_memory_peak_bytes"));
    assert_eq!(entry(&cluster)["peak_mib"], 3008);
    assert_eq!(entry(&cluster)["basis"]["measured"]["at"], measurement.measured_at.as_str().unwrap());
    let asked = &prometheus.inside.lock().unwrap().queries;
    assert!(asked.iter().all(|query| query.starts_with("/prefix/api/v1/query_range?query=max_over_time")));
}

#[tokio::test]
async fn the_same_nights_make_no_second_plan_and_growth_makes_one() {
    let (_cluster, driver, prometheus, config, floor) = with_measured_floor().await;
    prometheus.says(5000, 1000);
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert!(said.contains("no more than 5,000 MiB"), "{said}");
    for mib in [5000, 5056, 4999, 1000] {
        prometheus.says(mib, 1_100);
        let read = driver.read(FLOOR, &floor).await.instance.unwrap();
        let plan = driver.plan(FLOOR, Some(&read), Some(&config)).await;
        assert!(plan.is_empty() && plan.diagnostics.is_empty(), "{mib}: {}", told(&plan.diagnostics));
    }
    prometheus.says(6963, 1_200);
    let (grown, said) = refreshed(&driver, &floor, &config).await;
    assert_eq!(peak_and_basis(&grown.model().unwrap()), ("6976MiB", "measured"));
    assert!(said.contains("6,963 MiB"), "{said}");
}

#[tokio::test]
async fn a_peak_shrinks_by_a_whole_look_back_and_not_by_what_a_source_forgot() {
    let (cluster, driver) = FakeCluster::start().await;
    driver.create(CARD, &t4()).await;
    let prometheus = FakePrometheus::start().await;
    let mut config = measured(&prometheus);
    let mut hour = config.measured.known().unwrap().clone();
    hour.look_back = "1h".into();
    config.measured = Attr::Known(hour);
    let floor = driver.create(FLOOR, &config).await.instance.unwrap();
    prometheus.says(5000, 1000);
    prometheus.knows(7_200);
    let (floor, _) = refreshed(&driver, &floor, &config).await;
    prometheus.says(1000, 1000);
    prometheus.knows(1_800);
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert_eq!((peak_and_basis(&floor.model().unwrap()), said.as_str()), (("5056MiB", "measured"), ""));
    prometheus.knows(3_600);
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert_eq!(peak_and_basis(&floor.model().unwrap()), ("1GiB", "measured"), "{said}");
    assert!(said.contains("on it held no more than 1,000 MiB"), "{said}");
    assert_eq!(entry(&cluster)["peak_mib"], 1024);
}

#[tokio::test]
async fn a_prometheus_that_does_not_answer_leaves_the_last_measurement_with_a_warning() {
    let (cluster, driver, prometheus, config, floor) = with_measured_floor().await;
    prometheus.says(5000, 1000);
    let (floor, _) = refreshed(&driver, &floor, &config).await;
    prometheus.goes(true);
    let before = entry(&cluster);
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert!(said.contains("was not read") && said.contains("502") && said.contains("5056MiB"), "{said}");
    assert_eq!(peak_and_basis(&floor.model().unwrap()), ("5056MiB", "measured"));
    assert_eq!(entry(&cluster), before);
    prometheus.goes(false);
    prometheus.inside.lock().unwrap().seen = None;
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert!(said.contains("no container of it was seen"), "{said}");
    assert_eq!(peak_and_basis(&floor.model().unwrap()), ("5056MiB", "measured"));
}

#[tokio::test]
async fn another_image_is_a_guess_again_and_counts_from_its_apply() {
    let (cluster, driver, prometheus, config, floor) = with_measured_floor().await;
    prometheus.says(5000, 1000);
    let (floor, _) = refreshed(&driver, &floor, &config).await;
    let changed = of_image(&config, "registry.example.org/chatterbox:2");
    let plan = driver.plan(FLOOR, Some(&floor), Some(&changed)).await;
    let said = told(&plan.diagnostics);
    assert!(said.contains("is a guess again") && said.contains("960 MiB less than was measured"), "{said}");
    let after = driver.apply(plan).await.instance.unwrap();
    let model: FloorModel = after.model().unwrap();
    assert_eq!(peak_and_basis(&model), ("4GiB", "guessed"));
    assert_eq!(entry(&cluster)["basis"], "guessed");
    let measurement = model.measurement.known().unwrap();
    assert!(measurement.since.known().is_some() && model.reading.is_null());
    let plan = driver.plan(FLOOR, Some(&after), Some(&changed)).await;
    assert!(plan.is_empty() && plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
}

#[tokio::test]
async fn a_tag_that_is_pulled_as_another_digest_is_another_image() {
    let (cluster, driver, prometheus, config, floor) = with_measured_floor().await;
    let pod = "/api/v1/namespaces/tts/pods/chatterbox-tts-1-abcde";
    let is = |phase: &str, digest: &str| {
        json!({"metadata": {"name": "chatterbox-tts-1-abcde"},
            "spec": {"containers": [{"name": "server", "image": "registry.example.org/chatterbox:1"}]},
            "status": {"phase": phase, "containerStatuses": [{"name": "server",
                "imageID": format!("registry.example.org/chatterbox@sha256:{digest}")}]}})
    };
    let runs = |digest: &str| is("Running", digest);
    // An evicted pod stays, with the image that it had.
    cluster.put("/api/v1/namespaces/tts/pods/chatterbox-tts-1-aaaaa", is("Failed", "9999"));
    cluster.put(pod, runs("aaaa"));
    prometheus.says(5000, 1000);
    let (floor, _) = refreshed(&driver, &floor, &config).await;
    let model: FloorModel = floor.model().unwrap();
    assert_eq!(model.measurement.known().unwrap().image_digest, "sha256:aaaa".into());
    cluster.put(pod, runs("bbbb"));
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert!(said.contains("a guess again") && said.contains("sha256:bbbb"), "{said}");
    assert_eq!(peak_and_basis(&floor.model().unwrap()), ("4GiB", "guessed"));
}

#[tokio::test]
async fn a_plan_of_a_new_floor_needs_no_prometheus() {
    let driver = without_cluster().await;
    let nobody = FakePrometheus { url: "http://127.0.0.1:1".to_owned(), inside: Arc::default() };
    let plan = driver.plan(FLOOR, None, Some(&measured(&nobody))).await;
    assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
    let planned: FloorModel = plan.model().unwrap();
    assert_eq!(planned.peak, "4GiB".into());
    assert!(planned.objects.known().is_some(), "the objects are known too");
}

#[tokio::test]
async fn a_service_is_asked_through_the_api_server() {
    let (cluster, driver) = FakeCluster::start().await;
    driver.create(CARD, &t4()).await;
    let now_s = jiff::Timestamp::now().as_second();
    let page = "gpu_tenancy_exporter_up 1\n".to_owned()
        + "gpu_tenancy_container_memory_peak_bytes{namespace=\"tts\",pod=\"chatterbox-tts-1-abcde\"} 5242880000\n"
        + "gpu_tenancy_container_first_seen_timestamp_seconds{namespace=\"tts\",pod=\"chatterbox-tts-1-abcde\"} "
        + &format!("{}\n", now_s - 1_000)
        + "gpu_tenancy_container_last_seen_timestamp_seconds{namespace=\"tts\",pod=\"chatterbox-tts-1-abcde\"} "
        + &format!("{now_s}\n");
    let path = "/api/v1/namespaces/gpu-tenancy/services/gpu-exporter:9401/proxy/metrics";
    cluster.0.lock().unwrap().objects.insert(path.to_owned(), json!(page));
    let measured = MeasuredModel {
        exporter: "gpu-tenancy/gpu-exporter:9401".into(),
        guess: "4GiB".into(),
        image: "registry.example.org/chatterbox:1".into(),
        ..MeasuredModel::default()
    };
    let config = FloorModel { peak: Attr::Null, measured: Attr::Known(measured), ..claim() };
    let floor = driver.create(FLOOR, &config).await.instance.unwrap();
    let (floor, said) = refreshed(&driver, &floor, &config).await;
    assert_eq!(peak_and_basis(&floor.model().unwrap()), ("5056MiB", "measured"), "{said}");
}

#[tokio::test]
async fn what_is_missing_or_too_much_is_said_where_it_stands() {
    let driver = without_cluster().await;
    let base = MeasuredModel {
        prometheus: "monitoring/prometheus:9090".into(),
        guess: "4GiB".into(),
        image: "x".into(),
        ..MeasuredModel::default()
    };
    let written =
        MeasuredModel { source: "s".into(), at: "2026-11-21T02:14:00Z".into(), ..MeasuredModel::default() };
    let cases = [
        (Attr::Null, Attr::Null, "peak | No peak"),
        ("4GiB".into(), base.clone().into(), "peak | Two peaks"),
        (Attr::Null, written.clone().into(), "peak | No peak"),
        (Attr::Null, MeasuredModel { guess: Attr::Null, ..base.clone() }.into(), "measured.guess is missing"),
        (Attr::Null, MeasuredModel { image: Attr::Null, ..base.clone() }.into(), "measured.image is missing"),
        ("4GiB".into(), MeasuredModel { at: Attr::Null, ..written.clone() }.into(), "measured.at is missing"),
        ("4GiB".into(), MeasuredModel { guess: "1GiB".into(), ..written }.into(), "measured.guess goes with"),
        (
            Attr::Null,
            MeasuredModel { look_back: "5m".into(), ..base.clone() }.into(),
            "Look-back out of range",
        ),
        (
            Attr::Null,
            MeasuredModel { prometheus: "prometheus".into(), ..base.clone() }.into(),
            "namespace/service:port",
        ),
        (Attr::Null, MeasuredModel { since: "yesterday".into(), ..base }.into(), "measured.since"),
    ];
    for (peak, measured, why) in cases {
        let said = told(&driver.validate(FLOOR, &FloorModel { peak, measured, ..claim() }).await);
        assert!(said.contains(why), "{why}: {said}");
    }
}
