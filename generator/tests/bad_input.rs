//! Every wrong input says where it stands, why it is refused, and what would be accepted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use gpu_stacks::load;

const FLEET: &str = "\
cards:
  gpu-1-0:
    node: gpu-1
    index: 0
    memory: 15360MiB
    source: { dcgm: \"http://dcgm:9400/metrics\" }
defaults: { agent_image: agent, headroom: 2GiB, time_zone: UTC }
";

const TENANT: &str = "\
namespace: tts
card: gpu-1-0
peak: 4GiB
windows: { night: { start: \"02:00\", end: \"06:00\" } }
image: model
port: 8004
";

/// A live repository with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        put(folder.path(), path, text);
    }
    folder
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// What is wrong with a repository, one problem a line with its remedy.
fn problems(files: &[(&str, &str)]) -> String {
    let folder = repository(files);
    match load(folder.path()) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(problems) => {
            let lines = problems.iter().map(|problem| match problem.accepted.as_str() {
                "" => problem.line(),
                accepted => format!("{}. {accepted}", problem.line()),
            });
            lines.collect::<Vec<_>>().join("\n").replace(&folder.path().display().to_string(), "ROOT")
        }
    }
}

/// The problems of the good tenant after one change.
fn tenant(from: &str, to: &str) -> String {
    assert!(TENANT.contains(from), "{from}");
    problems(&[("fleet.yaml", FLEET), ("tenants/t.yaml", &TENANT.replace(from, to))])
}

/// The problems of the good tenant with more keys.
fn tenant_with(more: &str) -> String {
    problems(&[("fleet.yaml", FLEET), ("tenants/t.yaml", &format!("{TENANT}{more}"))])
}

/// The problems of the good fleet after one change.
fn fleet(from: &str, to: &str) -> String {
    assert!(FLEET.contains(from), "{from}");
    problems(&[("fleet.yaml", &FLEET.replace(from, to)), ("tenants/t.yaml", TENANT)])
}

#[test]
fn good_input_has_no_problem() {
    assert_eq!(tenant_with(""), "nothing is wrong");
}

#[test]
fn every_problem_of_every_file_is_listed() {
    let fleet = FLEET.replace("index: 0", "indx: 0").replace("2GiB", "2 GB");
    let one = TENANT.replace("4GiB", "4g").replace("port: 8004", "port: 0\nimag: x");
    let two = TENANT.replace("02:00", "2:00").replace("namespace: tts", "namespace: TTS");
    insta::assert_snapshot!(problems(&[
        ("fleet.yaml", &fleet),
        ("tenants/one.yaml", &one),
        ("tenants/two.yaml", &two),
    ]));
}

#[test]
fn quantities_in_wrong_spellings() {
    let all = ["6 GB", "6g", "-1", "1e400", "6", "0.3MiB", "[]", "{}", "~", ""];
    let lines = all.map(|wrong| tenant("peak: 4GiB", &format!("peak: {wrong}")));
    insta::assert_snapshot!(lines.join("\n"));
    let storage = |size| tenant_with(&format!("storage: {{ mount_path: /d, size: {size} }}\n"));
    insta::assert_snapshot!(["6 GB", "6g", "-1", "1e400", "0"].map(storage).join("\n"));
}

#[test]
fn schedules() {
    let lines = [
        tenant("end: \"06:00\"", "end: \"02:00\""),
        tenant("end: \"06:00\"", "end: \"24:00\""),
        tenant("end: \"06:00\"", "end: 6"),
        tenant("end: \"06:00\"", "end: \"25:00\""),
        tenant("end: \"06:00\"", "end: \"06:60\""),
        tenant("end: \"06:00\"", "end: \"06:00\", days: [friday, weekend]"),
        tenant("end: \"06:00\"", "end: \"06:00\", time_zone: Europe/Lundon"),
        tenant("end: \"06:00\"", "end: \"06:00\", days: [mon, Tue]"),
        tenant("night:", "Night:"),
        tenant("windows: { night: { start: \"02:00\", end: \"06:00\" } }", ""),
        tenant("windows: { night: { start: \"02:00\", end: \"06:00\" } }", "windows: {}"),
        tenant_with("always: true\n"),
        tenant_with("always: yes\n"),
        tenant_with("guard_interval: 5\n"),
        tenant("windows: { night: { start: \"02:00\", end: \"06:00\" } }", "on_demand: true"),
        tenant_with("on_demand: true\n"),
        tenant_with("demand: {}\n"),
        tenant_with(
            "demand: { http: { url: \"https://queue\", json_path: queue.pending }, prometheus: { url: prometheus } }\n",
        ),
        tenant_with("demand: { http: { url: \"http://queue\", json_path: $.a }, idle_after: 5s }\n"),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn names() {
    let long = "x".repeat(64);
    let lines = [
        tenant("namespace: tts", &format!("namespace: {long}")),
        tenant("namespace: tts", "namespace: a.b"),
        tenant("card: gpu-1-0", "card: gpu-1-1"),
        tenant_with("name: 0tts\n"),
        problems(&[("fleet.yaml", FLEET), ("tenants/My_Tenant.yaml", TENANT)]),
        problems(&[("fleet.yaml", FLEET), ("tenants/fleet.yaml", TENANT)]),
        problems(&[("fleet.yaml", FLEET), ("tenants/t.yml", TENANT)]),
        tenant_with("name: ../x\n"),
        problems(&[("fleet.yaml", FLEET), ("tenants/con.yaml", TENANT)]),
        problems(&[("fleet.yaml", FLEET), ("tenants/lpt1.yaml", TENANT)]),
        problems(&[("fleet.yaml", FLEET), ("tenants/units.yaml", TENANT)]),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn one_namespace_is_described_once() {
    let with = |name: &str, tier: &str| {
        format!("{TENANT}name: {name}\nlabels: {{ Namespace: {{ tier: \"{tier}\" }} }}\n")
    };
    let of = |a: &str, b: &str| {
        problems(&[
            ("fleet.yaml", FLEET),
            ("tenants/a.yaml", &with("a", a)),
            ("tenants/b.yaml", &with("b", b)),
        ])
    };
    assert_eq!(of("1", "1"), "nothing is wrong");
    insta::assert_snapshot!(of("1", "2"), @r#"tenants/b.yaml:8:30: namespace tts is given tier = "2" here and "1" by tenants/a.yaml. Tenants of one namespace say the same of it, or each has its own."#);
}

#[test]
fn ports_probes_and_services() {
    let lines = [
        tenant("port: 8004", "port: 70000"),
        tenant("port: 8004", ""),
        tenant_with("ports: { api: 1 }\n"),
        tenant("port: 8004", "ports: { api: 1 }\nmain_port: web"),
        tenant_with("service: {}\n"),
        tenant_with("service: { ports: { web: { port: 80 } } }\n"),
        tenant_with("liveness_probe: { tcp: {}, exec: [x] }\n"),
        tenant_with("liveness_probe: { http: { path: health } }\n"),
        tenant_with("liveness_probe: { tcp: { port: web } }\n"),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn storage_and_config() {
    let large = format!("config: {{ /app/large: \"{}\" }}\n", "x".repeat(1 << 20) + "y");
    let lines = [
        tenant_with("config: { /a: x, /a: y }\n"),
        tenant_with("config: { relative: x }\n"),
        tenant_with("config: { /a: { file: ../../etc/passwd } }\n"),
        tenant_with("config: { /a: { file: missing.txt } }\n"),
        tenant_with(&large),
        tenant_with("config: { /data/x: y }\nstorage: { mount_path: /data, size: 1Gi }\n"),
        tenant_with("storage: { mount_path: /data }\n"),
        tenant_with("storage: { mount_path: /data, size: 1Gi, existing_claim: c }\n"),
        tenant_with("storage: { mount_path: /data, size: 1Gi, class: c, nfs: { server: s, path: /x } }\n"),
        tenant_with("env: { A: x }\nenv_from_secrets: { A: { secret: s, key: k } }\n"),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn two_tenants_share_neither_an_id_nor_an_export() {
    let nfs = format!(
        "{TENANT}name: a\nstorage: {{ mount_path: /d, size: 1Gi, nfs: {{ server: s, path: /x }} }}\n"
    );
    let lines = [
        problems(&[
            ("fleet.yaml", FLEET),
            ("tenants/a.yaml", TENANT),
            ("tenants/b.yaml", &format!("{TENANT}name: a\n")),
        ]),
        problems(&[
            ("fleet.yaml", FLEET),
            ("tenants/a.yaml", &nfs),
            ("tenants/b.yaml", &nfs.replace("name: a", "name: b")),
        ]),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn cards() {
    let lines = [
        tenant("peak: 4GiB", "peak: 14GiB"),
        fleet("node: gpu-1", &format!("node: {}", "x.".repeat(40) + "y")),
        fleet("    index: 0\n", ""),
        fleet("index: 0", "index: 0\n    uuid: GPU-1"),
        fleet("index: 0", "uuid: T4"),
        fleet("dcgm: ", "pods: "),
        fleet("dcgm: \"http://dcgm:9400/metrics\"", "exporter: gpu-exporter"),
        fleet("source: { dcgm: ", "source: { exporter: gpu-exporter, dcgm: "),
        fleet("defaults:", "exporters: { gpu-exporter: { interval: 31s } }\ndefaults:"),
        fleet("defaults:", "exporters: { GPU: { service_monitor: { interval: 1m } } }\ndefaults:"),
        fleet(
            "dcgm: \"http://dcgm:9400/metrics\"",
            "prometheus: { url: \"http://p:9090/api/v1/query\", free: sum(a), used: b, unit: MiB }",
        ),
        fleet(
            "dcgm: \"http://dcgm:9400/metrics\"",
            "prometheus: { url: \"http://p:9090\", free: sum(a), used: b, unit: mib }",
        ),
        fleet("http://dcgm:9400/metrics", "dcgm:9400"),
        fleet("dcgm: ", "nvidia_gpu_exporter: "),
        fleet("http://dcgm:9400/metrics", "http://gpu-pod-exporter.nvidia/metrics"),
        fleet("memory: 15360MiB", "residents: { llama: { namespace: l, protected: true } }"),
        fleet("cards:\n", "cards:\n  twin: { node: gpu-1, index: 0, source: { dcgm: \"http://x\" } }\n"),
        fleet("defaults:", "backend: {}\ndefaults:"),
        fleet("    source: { dcgm: \"http://dcgm:9400/metrics\" }\n", ""),
        fleet(", headroom: 2GiB", ""),
        fleet(", time_zone: UTC", ""),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

/// So many environment variables.
fn entries(count: usize) -> String {
    (0..count).fold("env:\n".to_owned(), |text, number| text + &format!("  A{number}: x\n"))
}

#[test]
fn a_map_may_have_five_thousand_entries() {
    let folder =
        repository(&[("fleet.yaml", FLEET), ("tenants/t.yaml", &format!("{TENANT}{}", entries(5_000)))]);
    let stacks = gpu_stacks::render(&load(folder.path()).unwrap()).unwrap();
    assert!(stacks["t/main.tf"].contains("A4999 = \"x\""));
}

#[test]
fn yaml_itself() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let reference = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![reference; 9].join(", "));
    }
    let lines = [
        tenant("peak: 4GiB", "peak: 4GiB\npeak: 5GiB"),
        tenant("peak: 4GiB", "\tpeak: 4GiB"),
        tenant("peak: 4GiB", "peak: \"4GiB"),
        tenant("peak: 4GiB", "peak: !secret x"),
        tenant_with("---\nnamespace: b\n"),
        tenant_with(&bomb),
        tenant_with(&format!("affinity: {}", "[".repeat(10_000))),
        tenant_with(&format!("affinity: {}{}", "{ a: ".repeat(100), "}".repeat(100))),
        tenant_with(&entries(5_001)),
        tenant_with(&entries(200_000)),
        problems(&[("fleet.yaml", FLEET), ("tenants/t.yaml", "")]),
        problems(&[("fleet.yaml", FLEET), ("tenants/t.yaml", "[]")]),
        problems(&[("fleet.yaml", FLEET), ("tenants/t.yaml", &" ".repeat((10 << 20) + 1))]),
        problems(&[]),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn one_kubeconfig_and_several_exclude_each_other() {
    let both = "provider: { config_path: a, config_paths: [b] }\ndefaults:";
    insta::assert_snapshot!(fleet("defaults:", both), @"fleet.yaml:7:26: `config_path` excludes `config_paths`. Put all kubeconfigs into `config_paths`, which are merged as kubectl does, or keep one.");
}

#[test]
fn a_file_that_is_not_text_says_its_line() {
    let folder = repository(&[("fleet.yaml", FLEET)]);
    put(folder.path(), "tenants/t.yaml", "");
    std::fs::write(folder.path().join("tenants/t.yaml"), b"a: b\nc: \xff\n").unwrap();
    insta::assert_snapshot!(load(folder.path()).unwrap_err()[0].line(), @"tenants/t.yaml: line 2 is not text in UTF-8");
}

#[test]
fn without_an_agent_image_it_is_that_of_this_release() {
    let folder =
        repository(&[("fleet.yaml", &FLEET.replace("agent_image: agent, ", "")), ("tenants/t.yaml", TENANT)]);
    let fleet = load(folder.path()).unwrap();
    assert_eq!(fleet.stacks["t"].tenant.gate.image, tenancy::defaults::AGENT_IMAGE);
    assert!(!gpu_stacks::render(&fleet).unwrap()["t/main.tf"].contains("agent_image"));
}

#[test]
fn scalars_are_taken_as_they_were_typed() {
    let folder = repository(&[
        ("fleet.yaml", FLEET),
        (
            "tenants/t.yaml",
            &format!("{TENANT}env: {{ A: off, B: 1.10, C: 0x1F, D: true, E: 8004, F: 2026-11-21 }}\n"),
        ),
    ]);
    let fleet = load(folder.path()).unwrap();
    let env: Vec<&str> = fleet.stacks["t"].tenant.server.env.values().map(String::as_str).collect();
    assert_eq!(env, ["off", "1.10", "0x1F", "true", "8004", "2026-11-21"]);
}

#[test]
fn a_peak_is_seen_once_or_read_and_not_both() {
    let prometheus = "prometheus: \"monitoring/prometheus:9090\"";
    let seen = "source: s, at: \"2026-11-20T03:10:00Z\"";
    let cases = [
        "source: s".to_owned(),
        "model: large".to_owned(),
        format!("{seen}, look_back: 168h"),
        format!("{prometheus}, exporter: \"http://exporter:9401/metrics\""),
        format!("{prometheus}, {seen}"),
        "exporter: \"http://exporter:9401/metrics\", selector: held".to_owned(),
        "prometheus: prometheus".to_owned(),
    ];
    let of = |measured: &String| {
        problems(&[
            ("fleet.yaml", FLEET),
            ("tenants/a.yaml", &format!("{TENANT}measured: {{ {measured} }}\n")),
        ])
    };
    insta::assert_snapshot!(cases.iter().map(of).collect::<Vec<_>>().join("\n"));
}
