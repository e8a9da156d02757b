//! Our own exporter's page, a Prometheus' answers, and several exporters behind one name.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::told;
use super::*;

const NOW_MS: i64 = 1_795_000_000_000;

fn card(device: Value, source: Value) -> Card {
    serde_json::from_value(json!({
        "name": "gpu-1-0", "node": "gpu-1", "device": device, "source": { "device": source },
    }))
    .unwrap()
}

fn ours(device: Value) -> Card {
    card(device, json!({ "exporter": "http://gpu-exporter.gpu-tenancy:9401/metrics" }))
}

const OURS: &str = r#"
gpu_tenancy_exporter_up{node="gpu-1"} 1
gpu_tenancy_exporter_reading_age_seconds{node="gpu-1"} 0.8
gpu_tenancy_card_up{node="gpu-1",index="0",uuid="GPU-6d5c"} 1
gpu_tenancy_card_memory_total_bytes{node="gpu-1",index="0",uuid="GPU-6d5c"} 16106127360
gpu_tenancy_card_memory_free_bytes{node="gpu-1",index="0",uuid="GPU-6d5c"} 11339300864
gpu_tenancy_card_memory_used_bytes{node="gpu-1",index="0",uuid="GPU-6d5c"} 4294967296
gpu_tenancy_card_memory_reserved_bytes{node="gpu-1",index="0",uuid="GPU-6d5c"} 471859200
gpu_tenancy_card_processes{node="gpu-1",index="0",uuid="GPU-6d5c"} 3
gpu_tenancy_container_memory_used_bytes{node="gpu-1",index="0",uuid="GPU-6d5c",namespace="llm",pod="llama-0",container="server",container_id="1"} 3221225472
gpu_tenancy_container_memory_used_bytes{node="gpu-1",index="0",uuid="GPU-6d5c",namespace="llm",pod="llama-0",container="helper",container_id="2"} 536870912
gpu_tenancy_card_up{node="gpu-1",index="1",uuid="GPU-77aa"} 0
# EOF
"#;

fn of_ours(card: &Card, page: &str) -> String {
    told(read(card, page, NOW_MS))
}

#[test]
fn our_own_exporter_tells_a_card_with_its_age_and_its_pods() {
    let by_index = ours(json!({ "index": 0 }));
    assert_snapshot!(of_ours(&by_index, OURS), @r#"15360 = free 10814 + used 4096 + reserved 450; pods Some("llm/llama-0 3584"); Some("GPU-6d5c") index Some(0)"#);
    let figures = read(&by_index, OURS, NOW_MS).unwrap();
    assert_eq!(figures.timestamp_ms, Some(NOW_MS - 800), "the figures are as old as the reading");
    let by_uuid = ours(json!({ "uuid": "gpu-6D5C" }));
    assert_eq!(read(&by_uuid, OURS, NOW_MS).unwrap().free_mib, Mib(10_814));
    let idle: String =
        OURS.lines().filter(|line| !line.contains("container")).map(|line| format!("{line}\n")).collect();
    assert_eq!(read(&by_index, &idle, NOW_MS).unwrap().pods, Some(BTreeMap::new()), "nobody is there");
    let unlisted: String =
        idle.lines().filter(|l| !l.contains("processes")).map(|l| format!("{l}\n")).collect();
    assert_eq!(read(&by_index, &unlisted, NOW_MS).unwrap().pods, None, "nobody knows who is there");
    let more = OURS.replace(" 3221225472", " 9221225472");
    assert_eq!(read(&by_index, &more, NOW_MS).unwrap().pods, None, "pods that hold more than the device");
}

#[test]
fn our_own_exporter_s_bad_answers_are_unknown() {
    let card = ours(json!({ "index": 0 }));
    let without =
        |part: &str| OURS.lines().filter(|l| !l.contains(part)).map(|l| format!("{l}\n")).collect::<String>();
    let pages = [
        ("driver away", OURS.replace("exporter_up{node=\"gpu-1\"} 1", "exporter_up{node=\"gpu-1\"} 0")),
        ("card lost", OURS.replace("uuid=\"GPU-6d5c\"} 1\n", "uuid=\"GPU-6d5c\"} 0\n")),
        ("another node", OURS.replace("gpu-1", "gpu-2")),
        ("another card", OURS.replace("index=\"0\"", "index=\"3\"")),
        ("stale", OURS.replace("seconds{node=\"gpu-1\"} 0.8", "seconds{node=\"gpu-1\"} 61.5")),
        ("no age", without("age_seconds")),
        ("absurd age", OURS.replace("} 0.8", "} -1")),
        ("no free", without("free_bytes")),
        ("used over total", OURS.replace(" 4294967296\n", " 17179869184\n")),
        ("free over total", OURS.replace(" 11339300864", " 17179869184")),
        ("negative", OURS.replace(" 11339300864", " -1")),
        ("NaN", OURS.replace(" 11339300864", " NaN")),
        (
            "twice, differently",
            format!(
                "{OURS}gpu_tenancy_card_memory_free_bytes{{node=\"gpu-1\",index=\"0\",uuid=\"GPU-6d5c\"}} 1\n"
            ),
        ),
        ("DCGM's page", "DCGM_FI_DEV_FB_FREE{gpu=\"0\"} 10814\n".to_owned()),
        ("empty", String::new()),
    ];
    let table: String =
        pages.iter().map(|(name, page)| format!("{name}: {}\n", of_ours(&card, page))).collect();
    assert_snapshot!(table);
}

#[test]
fn among_several_exporters_the_one_with_the_card_answers() {
    let figures = || read(&ours(json!({ "index": 0 })), OURS, NOW_MS).unwrap();
    let not_mine = |node: u8| Err(format!("it is node gpu-{node}'s"));
    assert_eq!(only(vec![not_mine(2), Ok(figures()), Err("it is away".into())]).unwrap(), figures());
    let told = |answers| only(answers).unwrap_err().to_string();
    assert_snapshot!(told(vec![Ok(figures()), Ok(figures()), not_mine(3)]), @"2 of the 3 exporters behind it answer for the card; give the card its UUID");
    assert_snapshot!(told(vec![not_mine(2), not_mine(2), Err("it is away".into())]), @"none of the 3 exporters behind it answers for the card: it is node gpu-2's; it is away");
    assert_snapshot!(told((2..9).map(not_mine).collect()), @"none of the 7 exporters behind it answers for the card: it is node gpu-2's; it is node gpu-3's; it is node gpu-4's; and so on");
    assert_snapshot!(told(vec![not_mine(2)]), @"it is node gpu-2's");
    assert_snapshot!(told(Vec::new()), @"nothing answers to its name");
}

/// A Prometheus' answer with one series of some samples.
fn answer(samples: &[(f64, &str)]) -> Value {
    let values: Vec<Value> = samples.iter().map(|(at, value)| json!([at, value])).collect();
    json!({ "status": "success", "data": { "resultType": "matrix",
            "result": [{ "metric": { "__name__": "free", "gpu": "0" }, "values": values }] } })
}

fn source(unit: &str) -> tenancy::card::Prometheus {
    serde_json::from_value(json!({
        "url": "http://prometheus:9090", "free": "free", "used": "used", "reserved": "reserved", "unit": unit,
    }))
    .unwrap()
}

fn by_prometheus(free: Value, used: Value) -> Result<Figures, Unknown> {
    let source = source("mib");
    let card = card(json!({ "uuid": "GPU-6d5c" }), json!({ "prometheus": source }));
    let now = NOW_MS as f64 / 1000.0;
    let reserved = Some(answer(&[(now - 5.0, "450")]));
    read_prometheus(&card, &source, &prometheus::Answers { free, used, total: None, reserved }, NOW_MS)
}

fn ago(seconds: f64, value: &str) -> Value {
    answer(&[(NOW_MS as f64 / 1000.0 - 100.0, "1"), (NOW_MS as f64 / 1000.0 - seconds, value)])
}

#[test]
fn a_prometheus_tells_a_card_by_the_newest_samples_and_the_oldest_of_their_times() {
    let figures = by_prometheus(ago(20.0, "10814"), ago(12.5, "4096"));
    assert_eq!(figures.as_ref().unwrap().timestamp_ms, Some(NOW_MS - 20_000));
    assert_snapshot!(told(figures), @r#"15360 = free 10814 + used 4096 + reserved 450; pods None; Some("GPU-6d5c") index None"#);

    let source = tenancy::card::Prometheus { total: Some("total".into()), reserved: None, ..source("bytes") };
    let card = card(json!({ "index": 0 }), json!({ "prometheus": source }));
    let answers = prometheus::Answers {
        free: ago(1.0, "1.1339300864e+10"),
        used: ago(1.0, "4294967296"),
        total: Some(ago(1.0, "16106127360")),
        reserved: None,
    };
    assert_snapshot!(told(read_prometheus(&card, &source, &answers, NOW_MS)), @"15360 = free 10814 + used 4096 + reserved 450; pods None; None index Some(0)");
}

#[test]
fn what_is_no_answer_of_a_prometheus_is_unknown_with_its_reason() {
    let good = || ago(3.0, "10814");
    let result =
        |result: Value| json!({ "status": "success", "data": { "resultType": "matrix", "result": result } });
    let series = |gpu: &str| json!({ "metric": { "gpu": gpu }, "values": [[NOW_MS as f64 / 1000.0, "1"]] });
    let rows = [
        ("empty", result(json!([]))),
        ("several", result(json!([series("0"), series("1")]))),
        ("NaN", ago(3.0, "NaN")),
        ("infinite", ago(3.0, "+Inf")),
        ("negative", ago(3.0, "-1")),
        ("no number", ago(3.0, "much")),
        ("stale", ago(61.5, "10814")),
        ("more than there is", ago(3.0, "9e15")),
        ("no samples", answer(&[])),
        (
            "an error",
            json!({ "status": "error", "errorType": "bad_data", "error": "invalid parameter \"query\"" }),
        ),
        ("a vector", json!({ "status": "success", "data": { "resultType": "vector", "result": [] } })),
        ("another API", json!({ "items": [] })),
    ];
    let mut table: String = rows
        .into_iter()
        .map(|(name, free)| format!("{name}: {}\n", told(by_prometheus(free, ago(3.0, "4096")))))
        .collect();
    table.push_str(&format!("no used: {}\n", told(by_prometheus(good(), result(json!([]))))));
    assert_snapshot!(table);
}

proptest! {
    #[test]
    fn no_answer_breaks_the_reader(
        value in "(-?[0-9]{1,20}(\\.[0-9]{1,3})?|NaN|[+-]Inf|[a-z]{0,4})",
        at in -1e12f64..1e12,
        wrong in 0usize..5,
    ) {
        let mut answer = answer(&[(at, &value)]);
        match wrong {
            0 => answer["data"]["result"][0]["values"][0] = json!([value]),
            1 => answer["data"]["result"] = json!(value),
            2 => answer["data"] = Value::Null,
            _ => {}
        }
        if let Ok(figures) = by_prometheus(answer, ago(3.0, "4096")) {
            prop_assert!(figures.free_mib <= figures.total_mib);
        }
    }
}
