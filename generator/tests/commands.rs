//! The commands around `generate`: what they print, write and refuse.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

struct Folder(tempfile::TempDir);

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A live repository made by `init`.
    fn begun() -> Self {
        let folder = Self::new();
        let run = folder.run(&["init"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-stacks"));
        let output =
            command.args(arguments).current_dir(self.0.path()).stdin(std::process::Stdio::null()).output();
        let output = output.unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        std::fs::write(self.path(path), text.replace(from, to)).unwrap();
    }
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn init_makes_a_repository_that_is_checked_and_fits() {
    let folder = Folder::begun();
    assert_eq!(folder.run(&["check"]).code, 0);
    let fit = folder.run(&["fit", "--from", "2026-11-23"]);
    assert_eq!(fit.code, 0, "{}", fit.out);
    insta::assert_snapshot!(fit.out);
    let again = folder.run(&["init"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("fleet.yaml is there already, so nothing was written"), "{}", again.err);
}

#[test]
fn init_names_the_node_the_card_and_the_zone_it_was_told() {
    let folder = Folder::new();
    let run = folder.run(&[
        "init",
        "live",
        "--node",
        "a.example.org",
        "--model",
        "NVIDIA L4",
        "--time-zone",
        "Europe/London",
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.out.contains("\n  gpu-stacks fit live\n  cd live && terragrunt run --all -- plan\n"),
        "{}",
        run.out
    );
    let here = Folder::new().run(&["init"]).out;
    assert!(here.contains("\n  gpu-stacks fit\n  terragrunt run --all -- plan\n"), "{here}");
    let fleet = folder.read("live/fleet.yaml");
    assert_eq!(folder.run(&["check", "live"]).code, 0);
    for said in ["  a-0:", "node: a.example.org", "model: L4", "time_zone: Europe/London"] {
        assert!(fleet.contains(said), "{said}: {fleet}");
    }
    // What is known of a T4 alone is no fact about another card.
    assert!(!fleet.contains("\n    reserved:") && fleet.contains("has read it of this model"), "{fleet}");
    let wrong = folder.run(&["init", "other", "--model", "T5"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("`T4` is the nearest") && !folder.path("other").exists(), "{}", wrong.err);
}

#[test]
fn explain_says_where_each_value_comes_from() {
    let folder = Folder::begun();
    insta::assert_snapshot!(folder.run(&["explain", "tenants/narrator.yaml"]).out);
    insta::assert_snapshot!("one_line", folder.run(&["explain", "tenants/narrator.yaml:11"]).out);
    let json: serde_json::Value =
        serde_json::from_str(&folder.run(&["explain", "tenants/narrator.yaml", "--format", "json"]).out)
            .unwrap();
    let values = json["values"].as_array().unwrap();
    let of = |key: &str| values.iter().find(|value| value["key"] == key).unwrap();
    assert_eq!(of("image")["from"]["what"], "catalogue");
    assert_eq!(of("image")["from"]["verified"], "source");
    assert_eq!(of("storage.size")["from"]["verified"], serde_json::Value::Null);
    assert_eq!(of("peak")["from"]["what"], "file");
    assert_eq!(of("headroom")["from"]["path"], "fleet.yaml");
    assert_eq!(of("guard_interval")["from"]["what"], "default");
    for wrong in ["tenants/narrator.yaml:1", "tenants/nobody.yaml", "fleet.yaml:3", "root.hcl"] {
        let refused = folder.run(&["explain", wrong]);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{wrong}");
    }
}

#[test]
fn explain_says_of_the_fleet_what_it_says_of_a_tenant() {
    let folder = Folder::begun();
    insta::assert_snapshot!(folder.run(&["explain", "fleet.yaml"]).out);
    insta::assert_snapshot!("line_of_a_card", folder.run(&["explain", "fleet.yaml:7"]).out);
    let json: serde_json::Value =
        serde_json::from_str(&folder.run(&["explain", "fleet.yaml", "--format", "json"]).out).unwrap();
    let values = json["values"].as_array().unwrap();
    let of = |key: &str| values.iter().find(|value| value["key"] == key).unwrap();
    assert_eq!(of("cards.gpu-1-0.memory")["from"]["what"], "follows");
    assert_eq!(of("exporters.gpu-exporter.port")["from"]["what"], "default");
}

/// As somebody types it who stands in the folder, or anywhere.
#[test]
fn explain_finds_the_repository_from_wherever_its_file_is_named() {
    let folder = Folder::begun();
    let asked = folder.run(&["explain", "tenants/narrator.yaml"]).out;
    let whole = folder.path("tenants/narrator.yaml");
    assert_eq!(folder.run(&["explain", whole.to_str().unwrap()]).out, asked);
    for (inside, file) in
        [("tenants", "narrator.yaml"), ("tenants", "./narrator.yaml"), ("schema", "../tenants/narrator.yaml")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-stacks"));
        let output = command.args(["explain", file]).current_dir(folder.path(inside)).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), asked, "{file} from {inside}");
    }
}

#[test]
fn new_writes_from_flags_and_never_over_a_file() {
    let folder = Folder::begun();
    let flags = [
        "new",
        "voice",
        "--server",
        "kokoro",
        "--namespace",
        "tts",
        "--card",
        "gpu-1-0",
        "--peak",
        "2GiB",
        "--window",
        "noon=12:00-13:00",
        "--set",
        "env.LOG=debug",
    ];
    let dry = folder.run(&[&flags[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 0, "{}", dry.err);
    assert!(!folder.path("tenants/voice.yaml").exists());
    assert_eq!(folder.run(&flags).code, 0);
    assert_eq!(folder.read("tenants/voice.yaml"), dry.out);
    insta::assert_snapshot!(dry.out);
    assert_eq!(folder.run(&["generate"]).code, 0);
    let again = folder.run(&flags);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("tenants/voice.yaml is there already"), "{}", again.err);
}

#[test]
fn new_without_a_terminal_names_what_is_missing_and_wrong_and_writes_nothing() {
    let folder = Folder::begun();
    let before = files_below(folder.0.path());
    insta::assert_snapshot!(folder.run(&["new", "voice", "--server", "piper"]).err, @"error: there is no terminal to ask at, and no flag says --namespace, --card (or --device cpu), --peak, --window, --always or --on-demand. Nothing was written");
    let wrong = folder.run(&["new", "v", "--server", "pipr", "--namespace", "tts", "--device", "cpu"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("`piper` is the nearest"), "{}", wrong.err);
    assert_eq!(files_below(folder.0.path()), before);
    // A tenant on the CPU needs neither card nor peak nor schedule.
    assert_eq!(
        folder.run(&["new", "v", "--server", "piper", "--namespace", "tts", "--device", "cpu"]).code,
        0
    );
    assert_eq!(folder.run(&["generate"]).code, 0);
}

#[test]
fn what_cannot_fit_is_not_generated_unless_told() {
    let folder = Folder::begun();
    folder.edit("tenants/narrator.yaml", "7GiB", "12GiB");
    let refused = folder.run(&["generate"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.err);
    let json: serde_json::Value =
        serde_json::from_str(&folder.run(&["generate", "--format", "json"]).out).unwrap();
    assert_eq!(json["cards"][0]["card"], "gpu-1-0", "{json}");
    assert_eq!(folder.run(&["generate", "--allow-overcommit"]).code, 0);
    assert_eq!(folder.run(&["fit"]).code, 2);
    // Who was told once still sees what it is that was let through, or the next shortage hides behind it.
    let told = folder.run(&["generate", "--allow-overcommit", "--dry-run"]).out;
    assert!(
        told.contains("note: not everybody fits, and the gate refuses the last to ask:\ncard gpu-1-0"),
        "{told}"
    );
}

#[test]
fn more_slices_than_the_plugin_offers_do_not_fit() {
    let folder = Folder::begun();
    folder.edit("fleet.yaml", "    index: 0\n", "    index: 0\n    slices: 1\n");
    let fit = folder.run(&["fit"]);
    assert_eq!(fit.code, 2);
    assert!(fit.out.contains("want 2 slices and the device plugin offers 1"), "{}", fit.out);
    folder.edit("fleet.yaml", "slices: 1", "slices: 2");
    assert_eq!(folder.run(&["fit"]).code, 0);
}

#[test]
fn programs_get_json() {
    let folder = Folder::begun();
    folder.edit("tenants/narrator.yaml", "02:00", "03:00");
    let check = folder.run(&["check", "--format", "json"]);
    assert_eq!(check.code, 2);
    let json: serde_json::Value = serde_json::from_str(&check.out).unwrap();
    let paths: Vec<&str> =
        json["changes"].as_array().unwrap().iter().map(|change| change["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["narrator/main.tf", ".gpu-stacks.manifest"]);
    folder.edit("tenants/narrator.yaml", "03:00", "3:00");
    let wrong = folder.run(&["check", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&wrong.out).unwrap();
    assert_eq!((wrong.code, json["problems"][0]["line"].as_u64()), (1, Some(12)), "{json}");
}

#[test]
fn an_export_holds_every_object_and_no_replica_count_but_the_first() {
    let folder = Folder::begun();
    let run = folder.run(&["export", "kustomize", "out"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let names: Vec<String> = files_below(&folder.path("out"))
        .iter()
        .map(|path| path.split("/out/").nth(1).unwrap().to_owned())
        .collect();
    insta::assert_snapshot!(names.join("\n"));
    insta::assert_snapshot!(
        "declared",
        folder.read("out/fleet/configmap_gpu-tenancy_card.gpu-1-0.declared.yaml")
    );
    let deployment = "deployment_tts_narrator.yaml";
    assert!(!folder.read(&format!("out/tenants/narrator/{deployment}")).contains("replicas:"));
    assert!(folder.read(&format!("out/once/{deployment}")).contains("replicas: 0"));
    assert_eq!(folder.run(&["export", "kustomize", "out"]).code, 1);
}

#[test]
fn what_is_not_generated_is_not_exported() {
    let folder = Folder::begun();
    folder.edit("tenants/narrator.yaml", "7GiB", "12GiB");
    let refused = folder.run(&["export", "kustomize", "out"]);
    assert_eq!((refused.code, refused.err), (1, folder.run(&["generate"]).err));
    assert!(!folder.path("out").exists());
    assert_eq!(folder.run(&["export", "kustomize", "out", "--allow-overcommit"]).code, 0);
}

/// By `check` as a pull request sees it, and by `generate` as its author did.
#[test]
fn what_the_next_apply_deletes_is_said_before() {
    let folder = Folder::begun();
    let storage = "storage: { size: 1Gi, mount_path: /d, deletion_policy: delete }\n";
    let narrator = folder.read("tenants/narrator.yaml");
    std::fs::write(folder.path("tenants/narrator.yaml"), narrator.clone() + storage).unwrap();
    assert_eq!(folder.run(&["generate"]).code, 0);
    let existing = "storage: { existing_claim: theirs, mount_path: /d }\n";
    std::fs::write(folder.path("tenants/narrator.yaml"), narrator + existing).unwrap();
    let note = "note: tts/narrator has no storage of its own any more: the next apply DELETES its claim";
    let check = folder.run(&["check"]);
    assert!(check.code == 2 && check.out.contains(note), "{}", check.out);
    let generated = folder.run(&["generate"]).out;
    assert!(generated.contains(note), "{generated}");
}

#[test]
fn the_file_that_is_a_person_s_own_is_written_once_and_stays_theirs() {
    let folder = Folder::begun();
    let written = folder.read("own.hcl");
    assert!(written.starts_with("# Yours."), "{written}");
    let mine = "# Mine alone.\n";
    std::fs::write(folder.path("own.hcl"), mine).unwrap();
    std::fs::remove_file(folder.path("tenants/narrator.yaml")).unwrap();
    assert_eq!(folder.run(&["generate"]).code, 0);
    assert!(!folder.path("narrator").exists());
    assert_eq!(folder.run(&["generate", "--overwrite"]).code, 0);
    assert_eq!(folder.read("own.hcl"), mine);
    assert_eq!(folder.run(&["check"]).code, 0);
    // Where it is missing no stack can be read.
    std::fs::remove_file(folder.path("own.hcl")).unwrap();
    assert_eq!(folder.run(&["check"]).code, 2);
    assert_eq!(folder.run(&["generate"]).out, "create own.hcl\n");
    assert_eq!(folder.read("own.hcl"), written);
}

#[test]
fn a_config_file_is_read_from_the_tenants_folder_and_nowhere_else() {
    let folder = Folder::begun();
    let narrator = folder.read("tenants/narrator.yaml") + "config: { /app/c.yaml: { file: c.txt } }\n";
    std::fs::write(folder.path("tenants/narrator.yaml"), narrator).unwrap();
    let inside = folder.path("tenants/inside.txt");
    std::fs::write(&inside, "a: b\n").unwrap();
    let at = folder.path("tenants/c.txt");
    std::os::unix::fs::symlink(&inside, &at).unwrap();
    assert_eq!(folder.run(&["generate"]).code, 0);
    std::fs::remove_file(&at).unwrap();
    let refused = |what: &str| {
        let run = folder.run(&["generate"]);
        assert!(run.code == 1 && run.err.contains(what), "{what}: {}", run.err);
        std::fs::remove_file(&at).unwrap();
    };
    for outside in [folder.path("fleet.yaml"), "/etc/hostname".into()] {
        std::os::unix::fs::symlink(outside, &at).unwrap();
        refused("leads out of the tenants' folder");
    }
    std::fs::create_dir(folder.path("tenants/d")).unwrap();
    std::os::unix::fs::symlink(folder.path("tenants/d"), &at).unwrap();
    refused("it is not a file");
    std::fs::write(&at, vec![b'a'; (1 << 20) + 1]).unwrap();
    refused("larger than 1 MiB");
}

#[test]
fn fit_draws_the_week() {
    let folder = Folder::begun();
    let svg = folder.run(&["fit", "--from", "2026-11-23", "--format", "svg"]).out;
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!(svg.matches("tts/narrator 7,168 MiB, a guess").count(), 7);
    assert_eq!(svg.matches("llm/writer 7,168 MiB, a guess").count(), 5);
}

#[test]
fn completions_name_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.run(&["completions", shell]).out;
        assert!(script.contains("explain") && script.contains("allow-overcommit"), "{shell}");
    }
}

#[test]
fn the_layout_of_units_keeps_the_places_of_states() {
    let folder = Folder::begun();
    folder.edit("fleet.yaml", "defaults:\n", "layout: stack\ndefaults:\n");
    let refused = folder.run(&["generate"]);
    assert!(refused.err.contains("which `terragrunt stack clean` deletes"), "{}", refused.err);
    folder.edit("fleet.yaml", "layout: stack\n", "layout: stack\nbackend: { local: { path: states } }\n");
    let told = folder.run(&["generate"]).out;
    assert!(!told.contains("destroy") && !told.contains("state"), "{told}");
    assert!(!folder.path("narrator").exists() && !folder.path("fleet").exists());
    insta::assert_snapshot!("stack_hcl", folder.read("terragrunt.stack.hcl"));
    insta::assert_snapshot!("unit_hcl", folder.read("units/narrator/terragrunt.hcl"));
    assert!(
        folder.read("root.hcl").contains(
            "path = \"${get_parent_terragrunt_dir()}/states/${replace(path_relative_to_include(), \".terragrunt-stack/\", \"\")}/terraform.tfstate\""
        ),
        "{}",
        folder.read("root.hcl")
    );
    assert_eq!(folder.run(&["check"]).code, 0);

    // Terragrunt would run what it made of a unit that is no more.
    for unit in ["narrator", "writer"] {
        let made = folder.path(&format!(".terragrunt-stack/{unit}"));
        std::fs::create_dir_all(&made).unwrap();
        std::fs::write(made.join("terragrunt.hcl"), "").unwrap();
    }
    std::fs::remove_file(folder.path("tenants/narrator.yaml")).unwrap();
    assert_eq!(folder.run(&["generate"]).code, 0);
    let is_a_unit = |unit: &str| folder.path(&format!(".terragrunt-stack/{unit}/terragrunt.hcl")).exists();
    assert_eq!((is_a_unit("narrator"), is_a_unit("writer")), (false, true));
}

/// A slice of MIG is a device of its own, and its model says how large the whole card is.
#[test]
fn a_slice_of_mig_is_not_as_large_as_its_card() {
    let folder = Folder::begun();
    let slice = "uuid: MIG-41b35147-b2b1-5d2c-a5f6-ffe6f4f8a1d1\n    model: A100-40";
    folder.edit("fleet.yaml", "index: 0\n    model: T4", slice);
    // dcgm-exporter's page has the slice under its card's UUID, and the gate would find no such device on it.
    let refused = folder.run(&["fit"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(
        refused.err.contains("nobody would ever be admitted to it. Give `prometheus`"),
        "{}",
        refused.err
    );
    let series =
        |of: &str| format!("'gpu_tenancy_mig_instance_memory_{of}_bytes{{instance_uuid=\"MIG-1\"}}'");
    let source = format!(
        "prometheus: {{ url: \"http://prometheus.monitoring:9090\", free: {}, used: {}, total: {}, unit: bytes }}",
        series("free"),
        series("used"),
        series("total")
    );
    folder.edit("fleet.yaml", "      exporter: gpu-exporter", &format!("      {source}"));
    let fit = folder.run(&["fit"]).out;
    assert!(fit.contains("card gpu-1-0 (size not declared)") && !fit.contains("usually has"), "{fit}");
    assert!(fit.contains("nobody can say without `memory:` of the card"), "{fit}");
    let explained = folder.run(&["explain", "fleet.yaml:7"]).out;
    assert!(explained.contains("a MIG slice has only part of what an A100-40 has"), "{explained}");
    folder.edit("fleet.yaml", "model: A100-40", "model: A100-40\n    memory: 20GiB");
    assert!(folder.run(&["fit"]).out.contains("card gpu-1-0 (20,480 MiB, "));
    folder.edit("tenants/writer.yaml", "server: llama-cpp", "server: llama-cpp\nprecision: fp8");
    let refused = folder.run(&["check"]).err;
    assert!(refused.contains("fp8"), "the model still says what it computes in: {refused}");
}

#[test]
fn new_makes_a_tenant_on_demand() {
    let folder = Folder::begun();
    let new =
        ["new", "helper", "--server", "ollama", "--namespace", "llm", "--card", "gpu-1-0", "--peak", "4GiB"];
    let refused = folder.run(&new);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("--window, --always or --on-demand"), "{}", refused.err);
    let queue = ["--set", "demand.http.url=http://queue.llm/depth", "--set", "demand.http.json_path=$.depth"];
    for on_demand in [&["--on-demand"][..], &["--set", "on_demand=true"]] {
        let made = folder.run(&[&new[..], on_demand, &queue, &["--dry-run"]].concat());
        assert_eq!((made.code, made.err.as_str()), (0, ""));
        assert!(made.out.contains("\non_demand: true\n"), "{}", made.out);
    }
    let blind = folder.run(&[&new[..], &["--on-demand"]].concat());
    assert_eq!(blind.code, 1);
    assert!(blind.err.contains("Nothing tells the gate whether there is work"), "{}", blind.err);
    assert!(!folder.path("tenants/helper.yaml").exists());
}

/// A disk that is full, or a quota: what cannot be told is an error, and no file stays half.
#[test]
fn what_could_not_be_written_is_an_error() {
    let folder = Folder::begun();
    let full = |arguments: &[&str]| {
        let out = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-stacks"));
        let output = command.args(arguments).current_dir(folder.0.path()).stdout(out).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for asked in
        [&["fit"][..], &["fit", "--format", "json"], &["schema", "fleet"], &["explain", "fleet.yaml"]]
    {
        let (code, err) = full(asked);
        assert_eq!(code, 1, "{asked:?}");
        assert!(err.contains("error: standard output cannot be written: No space left on device"), "{err}");
    }
    // No file may grow beyond nothing, and a write that tries is refused rather than killed.
    let limited = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    let new = ["new", "reader", "--server", "piper", "--device", "cpu", "--namespace", "tts"];
    let mut command = Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_gpu-stacks")]).args(new);
    let output = command.current_dir(folder.0.path()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(
        err.contains("tenants/reader.yaml: cannot be written") && err.contains("Nothing was written"),
        "{err}"
    );
    assert!(!folder.path("tenants/reader.yaml").exists(), "half a file stays");
    assert_eq!(folder.run(&new).code, 0);
}

/// The zone of the fleet's windows is the one that its people read.
#[test]
fn fit_tells_times_in_the_zone_of_the_fleet() {
    let folder = Folder::begun();
    folder.edit("fleet.yaml", "time_zone: UTC", "time_zone: Europe/London");
    let summer = folder.run(&["fit", "--from", "2027-07-05"]).out;
    assert!(summer.contains("times in Europe/London\n  daily 02:00-06:00: "), "{summer}");
    let utc = folder.run(&["fit", "--from", "2027-07-05", "--time-zone", "UTC"]).out;
    assert!(utc.contains("times in UTC\n  daily 01:00-05:00: "), "{utc}");
}

/// A window that the clocks jump over.
#[test]
fn fit_says_of_a_window_that_does_not_open_how_long_it_is_on_other_days() {
    let folder = Folder::begun();
    folder.edit("fleet.yaml", "time_zone: UTC", "time_zone: Europe/London");
    folder.edit("tenants/narrator.yaml", "\"02:00\", end: \"06:00\"", "\"01:10\", end: \"01:40\"");
    let fit = folder.run(&["fit", "--from", "2027-03-22"]).out;
    let note = "clocks change in the night of tts/narrator that starts on 2027-03-28: it does not open, on other days it lasts 0h30";
    assert!(fit.contains(note), "{fit}");
}
