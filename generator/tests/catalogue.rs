//! What follows from the server, the device and the precision that a tenant file names.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use gpu_stacks::catalogue::Catalogue;
use gpu_stacks::fleet::Fleet;
use gpu_stacks::leaf::Device;
use gpu_stacks::{load, render};

fn fleet_yaml(model: &str) -> String {
    format!(
        "cards:\n  gpu-1-0:\n    node: gpu-1\n    index: 0\n    model: {model}\n    source: {{ dcgm: \"http://dcgm:9400/metrics\" }}\n\
         defaults:\n  headroom: 2GiB\n  time_zone: Europe/London\n  tolerations: [{{ key: nvidia.com/gpu, operator: Exists }}]\n"
    )
}

/// The fleet of one tenant file, or its problems one a line.
fn loaded_with(fleet: &str, tenant: &str, more: &[(&str, &str)]) -> Result<Fleet, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = vec![("fleet.yaml", fleet), ("tenants/t.yaml", tenant)];
    files.extend(more);
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    load(folder.path()).map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("{}. {}", problem.line(), problem.accepted));
        lines.collect::<Vec<_>>().join("\n")
    })
}

fn loaded(tenant: &str) -> Result<Fleet, String> {
    loaded_with(&fleet_yaml("T4"), tenant, &[])
}

const WINDOWED: &str =
    "namespace: x\ncard: gpu-1-0\npeak: 4GiB\nwindows: { night: { start: \"02:00\", end: \"06:00\" } }\n";

fn main_tf(fleet: &Fleet) -> String {
    render(fleet).unwrap().remove("t/main.tf").unwrap()
}

#[test]
fn every_server_on_every_device_makes_a_tenant() {
    for entry in Catalogue::built_in().0.values() {
        for device in &entry.raw.devices {
            let word = if device.value == Device::Gpu { "gpu" } else { "cpu" };
            // An L4 computes in everything.
            let fleet = loaded_with(
                &fleet_yaml("L4"),
                &format!("{WINDOWED}server: {}\ndevice: {word}\n", entry.name),
                &[],
            );
            let fleet = fleet.unwrap_or_else(|problems| panic!("{} on {word}: {problems}", entry.name));
            assert_eq!(fleet.stacks["t"].tenant.is_on_cpu(), device.value == Device::Cpu);
            main_tf(&fleet);
        }
    }
}

#[test]
fn a_named_server_says_what_the_file_leaves_out() {
    let fleet = loaded(&format!("{WINDOWED}server: chatterbox\nenv: {{ HF_HOME: /data/other }}\n")).unwrap();
    insta::assert_snapshot!(main_tf(&fleet));
}

#[test]
fn one_word_flips_image_limits_placement_probes_and_claim() {
    let fleet = loaded(&format!(
        "{WINDOWED}server: kokoro\ndevice: cpu\ncpu: {{ startup_probe: {{ tcp: {{}}, failure_threshold: 90 }} }}\n"
    ))
    .unwrap();
    insta::assert_snapshot!(main_tf(&fleet));
}

#[test]
fn an_own_entry_goes_over_that_of_the_program() {
    let own = "class: tts\ntitle: Ours\nhome: https://example.org\ndevices: [gpu]\nfacts:\n  - sets: { image: \"ours:1\", port: 8004 }\n    source: we built it\n    verified: run\n";
    let tenant = format!("{WINDOWED}server: chatterbox\n");
    let fleet = loaded_with(&fleet_yaml("T4"), &tenant, &[("catalogue/chatterbox.yaml", own)]).unwrap();
    assert_eq!(fleet.stacks["t"].tenant.server.image, "ours:1");
    assert!(fleet.stacks["t"].tenant.storage.is_none());
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let wrong = |more: &str| loaded(&format!("{WINDOWED}{more}")).unwrap_err();
    let without = |key: &str, more: &str| {
        let kept: Vec<&str> = WINDOWED.lines().filter(|line| !line.starts_with(key)).collect();
        loaded(&format!("{}\n{more}", kept.join("\n"))).unwrap_err()
    };
    let lines = [
        wrong("server: chaterbox\n"),
        wrong("server: vllm\ndevice: cpu\n"),
        wrong("server: piper\n"),
        wrong("server: vllm\n"),
        wrong("server: chatterbox\nprecision: bf16\n"),
        wrong("server: chatterbox\nenv: { TTS_BF16: \"on\" }\n"),
        wrong("server: speaches\nprecision: int4\n"),
        wrong("image: x\nport: 1\nprecision: fp8\n"),
        wrong("port: 1\n"),
        wrong("image: x\nport: 1\nstorage: { size: 1Gi }\n"),
        without("peak", "server: llama-cpp\n"),
        without("card", "server: llama-cpp\n"),
        loaded_with(&fleet_yaml("T5"), &format!("{WINDOWED}server: kokoro\n"), &[]).unwrap_err(),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_precision_is_told_by_the_servers_own_means() {
    let tenant = format!("{WINDOWED}server: vllm\nprecision: fp16\nargs: [\"--model\", m]\n");
    let server = loaded(&tenant).unwrap().stacks.remove("t").unwrap().tenant.server;
    assert_eq!(server.args, ["--model", "m", "--dtype", "half"]);
}

#[test]
fn a_precision_that_the_file_tells_by_its_own_arguments_counts() {
    let vllm = |more: &str| loaded(&format!("{WINDOWED}server: vllm\n{more}\n"));
    for args in [
        "[--dtype, half]",
        "[--dtype, float16]",
        "[--dtype=half]",
        "[--model, m, --dtype, bfloat16, --dtype, half]",
        "[--dtype=bfloat16, --dtype, float]",
    ] {
        vllm(&format!("args: {args}")).unwrap_or_else(|why| panic!("{args} on a T4: {why}"));
    }
    vllm("gpu: { args: [--dtype, half] }").unwrap();
    for args in [
        "[--dtype, bfloat16]",
        "[--dtype, half, --dtype=bfloat16]",
        "[--dtype]",
        "[half]",
        "[--quantization, fp8]",
    ] {
        let why = vllm(&format!("args: {args}")).unwrap_err();
        assert!(why.contains("vLLM computes in "), "{args}: {why}");
    }
}

#[test]
fn a_precision_and_the_files_own_words_for_another_exclude_each_other() {
    let why =
        loaded(&format!("{WINDOWED}server: vllm\nprecision: fp16\nargs: [--dtype, bfloat16]\n")).unwrap_err();
    assert!(why.contains("tell vLLM to compute in bf16, which is not fp16"), "{why}");
    let why =
        loaded(&format!("{WINDOWED}server: chatterbox\nprecision: fp32\nenv: {{ TTS_BF16: \"on\" }}\n"))
            .unwrap_err();
    assert!(why.contains("compute in bf16, which is not fp32"), "{why}");
    loaded(&format!("{WINDOWED}server: vllm\nprecision: fp16\nargs: [--dtype, half]\n")).unwrap();
}

#[test]
fn an_always_awake_tenant_takes_no_unload_call_from_the_catalogue() {
    let tenant = "namespace: x\ncard: gpu-1-0\npeak: 4GiB\nalways: true\nserver: llama-swap\n";
    assert!(loaded(tenant).unwrap().stacks["t"].tenant.gate.unload.is_none());
}
