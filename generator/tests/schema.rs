//! The published schemas say of every example what the reader says: an editor that follows them marks nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use serde_json::Value;

fn schema(text: &str) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(text).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "editors read no newer one");
    jsonschema::draft7::new(&schema).unwrap()
}

/// The YAML files of a folder of this project.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    found.sort();
    assert!(!found.is_empty(), "{} has none", folder.display());
    found
}

/// What a schema finds wrong with a file, a line each.
fn complaints(schema: &jsonschema::Validator, text: &str) -> Vec<String> {
    // By YAML 1.2, as the reader and editors have it: `on` and `n` are words.
    let options = serde_saphyr::options! { strict_booleans: true };
    let value: Value = serde_saphyr::from_str_with_options(text, options).unwrap();
    schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_example_keeps_to_the_schema_of_its_kind() {
    let tenant = schema(&gpu_stacks::schema::tenant());
    let fleet = schema(&gpu_stacks::schema::fleet());
    let catalogue = schema(&gpu_stacks::schema::catalogue());
    for (schema, folders) in [
        (&fleet, &["../stacks", "init", "tests/whole", "tests/review/pull-request/live"][..]),
        (
            &tenant,
            &[
                "../stacks/tenants",
                "init/tenants",
                "tests/whole/tenants",
                "tests/review/pull-request/live/tenants",
            ],
        ),
        (&catalogue, &["catalogue"]),
    ] {
        for path in folders.iter().flat_map(|folder| files(folder)) {
            let text = std::fs::read_to_string(&path).unwrap();
            // The words of `init` that stand for what a person says.
            let text =
                text.replace("MODEL", "T4").replace("ZONE", "UTC").replace("NODE", "n").replace("CARD", "c");
            assert_eq!(complaints(schema, &text), [""; 0], "{}", path.display());
        }
    }
}

#[test]
fn what_the_reader_takes_for_text_the_schema_takes_too() {
    let tenant = schema(&gpu_stacks::schema::tenant());
    let good = "namespace: tts\ncard: c\npeak: 4GiB\nimage: i\nport: 1\nwindows: { n: { start: \"02:00\", end: \"06:00\" } }\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    let fleet = "cards: { c: { node: n, index: 0, source: { dcgm: \"http://x\" } } }\ndefaults: { headroom: 1GiB, time_zone: UTC }\n";
    std::fs::write(folder.path().join("fleet.yaml"), fleet).unwrap();
    for line in [
        "env: { PORT: 8004, DEBUG: true, RATIO: 0.5 }",
        "args: [--port, 8004, true]",
        "command: [1]",
        "requests: { cpu: 4, memory: 1.5 }",
        "labels: { Pod: { example.org/rank: 1, example.org/on: true } }",
        "annotations: { Pod: { example.org/rank: 1 } }",
        "config: { /app/x: 1 }",
        "node_selector: { example.org/rank: 1 }",
    ] {
        let text = format!("{good}{line}\n");
        std::fs::write(folder.path().join("tenants/t.yaml"), &text).unwrap();
        let read = gpu_stacks::load(folder.path());
        read.unwrap_or_else(|problems| panic!("{line}: {}", problems[0].line()));
        assert_eq!(complaints(&tenant, &text), [""; 0], "{line}");
    }
}

#[test]
fn what_the_reader_refuses_the_schema_refuses_too() {
    let tenant = schema(&gpu_stacks::schema::tenant());
    let good = "namespace: tts\ncard: c\npeak: 4GiB\nimage: i\nport: 1\n";
    assert_eq!(complaints(&tenant, good), [""; 0]);
    for wrong in ["imge: x\n", "always: \"yes\"\n", "args: x\n", "device: tpu\n", "slices: -1\n"] {
        assert_eq!(complaints(&tenant, &format!("{good}{wrong}")).len(), 1, "{wrong}");
    }
    assert_eq!(complaints(&tenant, "namespace: tts\nport: 70000\n").len(), 1);
    assert_eq!(complaints(&tenant, "card: c\n").len(), 1, "a namespace must be given");
}
