//! Pages as exporters write them, good ones and each kind of bad one.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_795_000_000_000;

fn card(device: &str, source: &str) -> Card {
    serde_json::from_value(serde_json::json!({
        "name": "gpu-1-0", "node": "gpu-1",
        "device": serde_json::from_str::<serde_json::Value>(device).unwrap(),
        "source": { "device": { source: "http://exporter:9400/metrics" } },
    }))
    .unwrap()
}

fn by_index() -> Card {
    card(r#"{"index":0}"#, "dcgm")
}

/// A metric's last word, further labels, and a value.
type Row<'a> = (&'a str, &'a str, &'a str);

/// One DCGM page of node gpu-1, index 0, from `FREE`, `USED` and `RESERVED`, each
/// with some more labels and a value.
fn dcgm_page(samples: &[Row]) -> String {
    let mut page = String::from("# HELP DCGM_FI_DEV_FB_FREE Framebuffer memory free (in MiB).\n");
    for (name, labels, value) in samples {
        page.push_str(&format!(
            "DCGM_FI_DEV_FB_{name}{{gpu=\"0\",UUID=\"GPU-6d5c\",device=\"nvidia0\",modelName=\"Tesla T4\",\
             hostname=\"gpu-1\"{labels}}} {value}\n"
        ));
    }
    page
}

fn dcgm(samples: &[Row]) -> Result<Figures, Unknown> {
    read(&by_index(), &dcgm_page(samples), NOW_MS)
}

/// The figures in one line, or the reason why there are none.
pub(super) fn told(figures: Result<Figures, Unknown>) -> String {
    match figures {
        Err(unknown) => format!("unknown: {unknown}"),
        Ok(Figures { total_mib, free_mib, used_mib, reserved_mib, pods, uuid, index, .. }) => {
            let pods = pods.map(|pods| {
                pods.iter()
                    .map(|((ns, pod), mib)| format!("{ns}/{pod} {}", mib.0))
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            format!(
                "{} = free {} + used {} + reserved {}; pods {pods:?}; {uuid:?} index {index:?}",
                total_mib.0, free_mib.0, used_mib.0, reserved_mib.0
            )
        }
    }
}

#[test]
fn a_card_is_what_dcgm_says_of_the_device() {
    assert_snapshot!(told(dcgm(&[("FREE", "", "10814"), ("USED", "", "4096"), ("RESERVED", "", "450")])),
        @r#"15360 = free 10814 + used 4096 + reserved 450; pods None; Some("GPU-6d5c") index Some(0)"#);
}

#[test]
fn one_arbitrary_pod_s_labels_do_not_make_the_card_its_own() {
    let pod = r#",container="server",namespace="llm",pod="llama-0""#;
    assert_snapshot!(told(dcgm(&[("FREE", pod, "10814"), ("USED", pod, "4096"), ("RESERVED", pod, "450")])),
        @r#"15360 = free 10814 + used 4096 + reserved 450; pods None; Some("GPU-6d5c") index Some(0)"#);
}

#[test]
fn the_same_device_once_per_pod_is_counted_once() {
    let a = r#",namespace="llm",pod="llama-0",vgpu="0""#;
    let b = r#",namespace="tts",pod="chatterbox-1",vgpu="1""#;
    let page = [("FREE", "6718"), ("USED", "8192"), ("RESERVED", "450")]
        .into_iter()
        .flat_map(|(name, value)| [(name, a, value), (name, b, value)])
        .collect::<Vec<_>>();
    assert_snapshot!(told(dcgm(&page)),
        @r#"15360 = free 6718 + used 8192 + reserved 450; pods None; Some("GPU-6d5c") index Some(0)"#);
}

#[test]
fn series_per_process_attribute_and_are_not_added() {
    let a = r#",namespace="llm",pod="llama-0",container="server",vgpu="0""#;
    let b = r#",namespace="tts",pod="chatterbox-1",container="server",vgpu="1""#;
    let second_slice = r#",namespace="tts",pod="chatterbox-1",container="server",vgpu="2""#;
    assert_snapshot!(told(dcgm(&[
        ("FREE", "", "6718"), ("USED", "", "8192"), ("RESERVED", "", "450"),
        ("USED", a, "4096"), ("USED", b, "4000"), ("USED", second_slice, "4000"),
    ])), @r#"15360 = free 6718 + used 8192 + reserved 450; pods Some("llm/llama-0 4096 tts/chatterbox-1 4000"); Some("GPU-6d5c") index Some(0)"#);
}

#[test]
fn pods_that_hold_more_than_the_device_attribute_nothing() {
    let a = r#",namespace="llm",pod="llama-0",vgpu="0""#;
    assert_snapshot!(told(dcgm(&[
        ("FREE", "", "10814"), ("USED", "", "4096"), ("RESERVED", "", "450"), ("USED", a, "9000"),
    ])), @r#"15360 = free 10814 + used 4096 + reserved 450; pods None; Some("GPU-6d5c") index Some(0)"#);
}

#[test]
fn an_older_driver_counts_its_reserve_as_used() {
    assert_snapshot!(told(dcgm(&[
        ("FREE", "", "10814"), ("USED", "", "4546"), ("RESERVED", "", "450"), ("TOTAL", "", "15360"),
    ])), @r#"15360 = free 10814 + used 4546 + reserved 450; pods None; Some("GPU-6d5c") index Some(0)"#);
}

#[test]
fn the_old_host_label_and_a_uuid_in_another_case_select_the_card() {
    let page = dcgm_page(&[("FREE", "", "10814"), ("USED", "", "4096"), ("RESERVED", "", "450")]);
    let old = page.replace("hostname=", "Hostname=");
    assert!(read(&by_index(), &old, NOW_MS).is_ok());
    let by_uuid = card(r#"{"uuid":"gpu-6D5C"}"#, "dcgm");
    assert!(read(&by_uuid, &page.replace("gpu-1", "exporter-x7k2p"), NOW_MS).is_ok());
}

/// Each bad answer and its reason. The shell gate in use today took every one
/// of them for an idle card.
#[test]
fn what_is_no_answer_is_unknown_with_its_reason() {
    let good = dcgm_page(&[("FREE", "", "10814"), ("USED", "", "4096"), ("RESERVED", "", "450")]);
    let cut = good[..good.len() - 2].to_owned();
    let other_node = good.replace("hostname=\"gpu-1\"", "hostname=\"gpu-2\"");
    let two_nodes = format!("{good}{}", good.replace("GPU-6d5c", "GPU-77aa"));
    let mig = good.replace(",device=", ",GPU_I_ID=\"1\",GPU_I_PROFILE=\"1g.5gb\",device=");
    let stale = good.replace("10814\n", &format!("10814 {}\n", NOW_MS - 300_000));
    let pages: [(&str, &str); 9] = [
        ("empty", ""),
        ("comments only", "# HELP x y\n# TYPE x gauge\n"),
        ("cut off", &cut),
        ("another node's exporter", &other_node),
        ("two devices of one index", &two_nodes),
        ("MIG instances", &mig),
        ("stale", &stale),
        ("a per-pod gauge", "gpu_pod_memory_used_bytes{namespace=\"a\",pod=\"b\"} 1\n"),
        ("not metrics", "<html>\n"),
    ];
    let samples: [(&str, &[Row]); 8] = [
        ("no free", &[("USED", "", "4096"), ("RESERVED", "", "450")]),
        ("no used", &[("FREE", "", "4096"), ("RESERVED", "", "450")]),
        ("no reserve, no total", &[("FREE", "", "4096"), ("USED", "", "450")]),
        (
            "contradiction",
            &[("FREE", "", "7810"), ("FREE", "", "14910"), ("USED", "", "1"), ("RESERVED", "", "1")],
        ),
        ("blank", &[("FREE", "", "9223372036854775794"), ("USED", "", "1"), ("RESERVED", "", "1")]),
        ("negative", &[("FREE", "", "-1"), ("USED", "", "1"), ("RESERVED", "", "1")]),
        ("NaN", &[("FREE", "", "NaN"), ("USED", "", "1"), ("RESERVED", "", "1")]),
        ("zero", &[("FREE", "", "0"), ("USED", "", "0"), ("RESERVED", "", "0")]),
    ];
    let mut table = String::new();
    for (name, page) in pages {
        table.push_str(&format!("{name}: {}\n", told(read(&by_index(), page, NOW_MS))));
    }
    for (name, samples) in samples {
        table.push_str(&format!("{name}: {}\n", told(dcgm(samples))));
    }
    let mismatch =
        [("FREE", "", "10814"), ("USED", "", "1"), ("RESERVED", "", "450"), ("TOTAL", "", "15360")];
    table.push_str(&format!("wrong sum: {}\n", told(dcgm(&mismatch))));
    assert_snapshot!(table);
}

const SMI: &str = "\
nvidia_smi_gpu_info{driver_version=\"595\",name=\"Tesla T4\",uuid=\"6d5c\",index=\"0\"} 1
nvidia_smi_memory_free_bytes{uuid=\"6d5c\"} 1.1339300864e+10
nvidia_smi_memory_total_bytes{uuid=\"6d5c\"} 1.610612736e+10
nvidia_smi_memory_used_bytes{uuid=\"6d5c\"} 4.294967296e+09
";

#[test]
fn nvidia_gpu_exporter_tells_a_card_by_uuid_or_by_the_only_device_of_that_index() {
    let by_uuid = card(r#"{"uuid":"GPU-6D5C"}"#, "nvidia_gpu_exporter");
    let by_index = card(r#"{"index":0}"#, "nvidia_gpu_exporter");
    let older = SMI.replace(",index=\"0\"", "") + "nvidia_smi_index{uuid=\"6d5c\"} 0\n";
    let figures = read(&by_index, SMI, NOW_MS);
    assert_snapshot!(told(figures.clone()),
        @r#"15360 = free 10814 + used 4096 + reserved 450; pods None; Some("6d5c") index Some(0)"#);
    assert_eq!(read(&by_index, &older, NOW_MS), figures);
    let as_declared = Figures { uuid: Some("GPU-6D5C".into()), ..figures.unwrap() };
    for page in [SMI, &older] {
        assert_eq!(
            read(&by_uuid, page, NOW_MS).unwrap(),
            as_declared,
            "the exporter's spelling ends at the reader"
        );
    }
}

#[test]
fn nvidia_gpu_exporter_s_bad_answers_are_unknown() {
    let card = card(r#"{"index":0}"#, "nvidia_gpu_exporter");
    let lines =
        |keep: &str| SMI.lines().filter(|l| !l.contains(keep)).map(|l| format!("{l}\n")).collect::<String>();
    let pages = [
        ("no info", lines("gpu_info")),
        ("no free", lines("free")),
        ("no total", lines("total")),
        ("two devices", format!("{SMI}{}", SMI.replace("6d5c", "77aa"))),
        ("contradiction", format!("{SMI}nvidia_smi_memory_used_bytes{{uuid=\"6d5c\"}} 0\n")),
        ("free over total", SMI.replace("1.1339300864e+10", "1.8e+10")),
        ("unaccounted", SMI.replace("4.294967296e+09", "0")),
        ("DCGM's page", dcgm_page(&[("FREE", "", "10814")])),
        ("nvidia-smi failed", format!("{SMI}nvidia_smi_command_exit_code 255\n")),
        ("failed without an exit code", format!("{SMI}nvidia_smi_last_collect_success 0\n")),
        ("a hung collector", format!("{SMI}{}", collected(NOW_MS - 61_000))),
        ("never collected", format!("{SMI}nvidia_smi_last_collect_success_timestamp_seconds NaN\n")),
    ];
    let table: String =
        pages.iter().map(|(name, page)| format!("{name}: {}\n", told(read(&card, page, NOW_MS)))).collect();
    assert_snapshot!(table);
}

/// What nvidia_gpu_exporter says of a collection that went well.
fn collected(at_ms: i64) -> String {
    format!(
        "nvidia_smi_command_exit_code 0\nnvidia_smi_last_collect_success 1\n\
         nvidia_smi_last_collect_success_timestamp_seconds {}\n",
        at_ms as f64 / 1000.0
    )
}

#[test]
fn nvidia_gpu_exporter_s_figures_are_as_old_as_its_collection() {
    let card = card(r#"{"index":0}"#, "nvidia_gpu_exporter");
    assert_eq!(read(&card, SMI, NOW_MS).unwrap().timestamp_ms, None, "before 1.14 it does not say");
    let page = format!("{SMI}{}", collected(NOW_MS - 12_000));
    assert_eq!(read(&card, &page, NOW_MS).unwrap().timestamp_ms, Some(NOW_MS - 12_000));
}

#[test]
fn the_pod_gauge_adds_up_a_pod_s_processes() {
    let page = "\
gpu_pod_memory_used_bytes{namespace=\"tts\",pod=\"a\",pid=\"1\"} 2147483648
gpu_pod_memory_used_bytes{namespace=\"tts\",pod=\"a\",pid=\"2\"} 4294967296 1795000000000
gpu_pod_memory_used_bytes{namespace=\"llm\",pod=\"b\",pid=\"3\"} 1
";
    let held = pods::held(page).unwrap();
    assert_eq!(held[&("tts".into(), "a".into())], Mib(6144), "64 bits, and no timestamp taken for a value");
    assert_eq!(held[&("llm".into(), "b".into())], Mib(1));
    assert!(pods::held("").unwrap().is_empty());
    assert!(pods::held("gpu_pod_memory_used_bytes{namespace=\"a\",pod=\"b\"} -1\n").is_err());
}

#[test]
fn the_text_format_is_read_as_it_is_written() {
    let page =
        "# comment\n\n a_b:c { x = \"\\\"q\\\\\\n\" , y=\"ä\", } 1e3 -5\r\nplain\t+Inf\nn NaN\nneg -0.5E-3\n";
    let series = exposition::parse(page).unwrap();
    assert_eq!(series[0].name, "a_b:c");
    assert_eq!(series[0].label("x"), Some("\"q\\\n"));
    assert_eq!(series[0].label("y"), Some("ä"));
    assert_eq!((series[0].value, series[0].timestamp_ms), (1000.0, Some(-5)));
    assert_eq!((series[1].name, series[1].value), ("plain", f64::INFINITY));
    assert!(series[2].value.is_nan());
    assert_eq!(series[3].value, -0.0005);
}

#[test]
fn a_line_of_another_format_is_refused_by_its_number() {
    let table: String = [
        "1x 1",
        "a{x=\"1\" 1",
        "a{x=\"1} 1",
        "a{x=1} 1",
        "a{x} 1",
        "a{x=\"\\t\"} 1",
        "a{x=\"1\"y=\"2\"} 1",
        "a{x=\"1\",x=\"2\"} 1",
        "a{,} 1",
        "a",
        "a one",
        "a nan",
        "a 0x10",
        "a 1 2.5",
        "a 1 2 3",
        "{x=\"1\"} 1",
    ]
    .iter()
    .map(|line| format!("{line:<20} {}\n", exposition::parse(&format!("ok 1\n{line}\n")).unwrap_err()))
    .collect();
    assert_snapshot!(table);
}

proptest! {
    #[test]
    fn no_page_breaks_the_parsers(page in "(\\PC|[\n\"{}=\\\\, ]){0,200}") {
        let _ = exposition::parse(&page);
        let _ = read(&by_index(), &page, NOW_MS);
        let _ = pods::held(&page);
    }

    #[test]
    fn no_near_miss_breaks_the_readers(
        mut samples in prop::collection::vec(
            ("(FREE|USED|RESERVED|TOTAL)", "(|,pod=\"a\",namespace=\"n\",vgpu=\"0\"|,vgpu=\"1\")", "(-?[0-9]{1,20}|NaN|[+-]Inf|1e[0-9]{1,3})"), 0..8),
        cut in 0usize..600,
    ) {
        samples.sort();
        let samples: Vec<Row> = samples.iter().map(|(a, b, c)| (&**a, &**b, &**c)).collect();
        let page = dcgm_page(&samples);
        if let Ok(figures) = read(&by_index(), &page, NOW_MS) {
            prop_assert!(figures.free_mib <= figures.total_mib && figures.total_mib.0 > 0);
        }
        let end = (0..=cut.min(page.len())).rev().find(|end| page.is_char_boundary(*end)).unwrap();
        let _ = read(&by_index(), &page[..end], NOW_MS);
    }

    #[test]
    fn labels_survive_their_escapes(value in "\\PC{0,20}|[\\\\\"\n]{0,5}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let page = format!("m{{l=\"{escaped}\"}} 1\n");
        let series = exposition::parse(&page).unwrap();
        prop_assert_eq!(series[0].label("l").unwrap_or_default(), value);
    }
}
