//! The built binary on real folders: exit codes, refusals, and what it leaves behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of the live repository that is committed with this project.
struct Repository {
    folder: tempfile::TempDir,
}

/// What a run said and did.
struct Run {
    code: i32,
    out: String,
    err: String,
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../stacks")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&committed(), folder.path());
        Self { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        std::fs::write(self.path(path), text.replace(from, to)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Run {
        run(Command::new(env!("CARGO_BIN_EXE_gpu-stacks")).args(arguments).current_dir(self.folder.path()))
    }
}

fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn the_committed_stacks_are_what_their_files_say() {
    let checked =
        run(Command::new(env!("CARGO_BIN_EXE_gpu-stacks")).arg("check").arg("--diff").arg(committed()));
    assert_eq!((checked.code, checked.out.as_str(), checked.err.as_str()), (0, "", ""));
}

#[test]
fn a_wrong_command_line_is_an_error_and_no_difference() {
    let repository = Repository::new();
    for wrong in [&["chekc"][..], &["check", "--dif"], &["fit", "--from", "monday"], &[]] {
        let run = repository.run(wrong);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{wrong:?}");
        assert!(
            run.err.contains("Usage: gpu-stacks") || run.err.contains("--help"),
            "{wrong:?}: {}",
            run.err
        );
    }
    for asked in ["--help", "--version"] {
        let run = repository.run(&[asked]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{asked}");
        assert!(run.out.contains("gpu"), "{asked}: {}", run.out);
    }
}

#[test]
fn generating_again_changes_nothing() {
    let repository = Repository::new();
    std::fs::remove_dir_all(repository.path("chatterbox")).unwrap();
    assert_eq!(repository.run(&["check"]).code, 2);
    assert_eq!(repository.run(&["generate"]).code, 0);
    assert_eq!(repository.run(&["check"]).code, 0);
    let before = std::fs::metadata(repository.path("root.hcl")).unwrap().modified().unwrap();
    insta::assert_snapshot!(repository.run(&["generate"]).out, @"Everything is as it should be.");
    assert_eq!(std::fs::metadata(repository.path("root.hcl")).unwrap().modified().unwrap(), before);
}

#[test]
fn a_dry_run_says_what_check_says_and_writes_nothing() {
    let repository = Repository::new();
    repository.edit("tenants/chatterbox.yaml", "06:00", "05:30");
    let dry = repository.run(&["generate", "--dry-run", "--diff"]);
    let check = repository.run(&["check", "--diff"]);
    assert_eq!((dry.code, check.code), (0, 2));
    assert_eq!(dry.out, check.out.replace("`generate` would", "would"));
    assert!(dry.out.contains("-      end       = \"06:00\"\n+      end       = \"05:30\""), "{}", dry.out);
    assert_eq!(repository.run(&["check"]).code, 2, "the dry run wrote");
    let written = repository.run(&["generate", "--diff"]);
    assert_eq!(written.out, dry.out.replace("would ", ""));
    assert!(written.out.contains("update .gpu-stacks.manifest\n"), "{}", written.out);
}

#[test]
fn a_manifest_whose_heading_was_edited_is_written_anew() {
    let repository = Repository::new();
    repository.edit(".gpu-stacks.manifest", "# What", "# That which");
    assert_eq!(repository.run(&["check"]).code, 2);
    assert_eq!(repository.run(&["generate"]).out, "update .gpu-stacks.manifest\n");
    assert_eq!(repository.run(&["check"]).code, 0);
}

#[test]
fn a_file_that_a_person_edited_is_refused_with_a_diff_and_the_remedy() {
    let repository = Repository::new();
    repository.edit("chatterbox/main.tf", "4GiB", "5GiB");
    repository.edit("tenants/chatterbox.yaml", "06:00", "05:30");
    let refused = repository.run(&["generate"]);
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("-  peak     = \"5GiB\"\n+  peak     = \"4GiB\""), "{}", refused.out);
    insta::assert_snapshot!(refused.err, @r"
    error: nothing was changed, as some files are not as gpu-stacks wrote them
      chatterbox/main.tf: edited since it was generated. Move the edit into fleet.yaml or the tenant's file, then run `gpu-stacks generate --overwrite`
    ");
    assert!(repository.read("chatterbox/main.tf").contains("5GiB"));
    assert!(repository.run(&["check"]).out.contains("chatterbox/main.tf (edited by hand)"));
    assert_eq!(repository.run(&["generate", "--overwrite"]).code, 0);
    assert_eq!(repository.run(&["check"]).code, 0);
}

#[test]
fn a_file_that_was_there_before_is_not_taken() {
    let repository = Repository::new();
    std::fs::rename(repository.path("tenants/chatterbox.yaml"), repository.path("tenants/voice.yaml"))
        .unwrap();
    std::fs::create_dir(repository.path("voice")).unwrap();
    std::fs::write(repository.path("voice/main.tf"), "# somebody's own\n").unwrap();
    let refused = repository.run(&["generate"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.err, @r"
    error: nothing was changed, as some files are not as gpu-stacks wrote them
      voice/main.tf: not written by gpu-stacks. Move it away, or let `gpu-stacks generate --overwrite` replace it
    ");
    assert!(repository.run(&["check"]).out.contains("voice/main.tf (not written by gpu-stacks)"));
    assert_eq!(repository.read("voice/main.tf"), "# somebody's own\n");
}

#[test]
fn an_edited_file_of_a_tenant_that_is_gone_is_refused_with_its_own_remedy() {
    let repository = Repository::new();
    repository.edit("chatterbox/main.tf", "4GiB", "5GiB");
    std::fs::remove_file(repository.path("tenants/chatterbox.yaml")).unwrap();
    let refused = repository.run(&["generate"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.err, @r"
    error: nothing was changed, as some files are not as gpu-stacks wrote them
      chatterbox/main.tf: edited since it was generated, and no tenant needs it any more. Keep elsewhere what you need of it, then let `gpu-stacks generate --overwrite` remove it
    ");
    assert_eq!(repository.run(&["generate", "--overwrite"]).code, 0);
    assert!(!repository.path("chatterbox/main.tf").exists());
}

#[test]
fn a_tenant_that_is_gone_takes_its_stack_and_leaves_its_state() {
    let repository = Repository::new();
    std::fs::write(repository.path("chatterbox/terraform.tfstate"), "{}").unwrap();
    std::fs::write(repository.path("chatterbox/.terraform.lock.hcl"), "").unwrap();
    std::fs::remove_file(repository.path("tenants/chatterbox.yaml")).unwrap();
    let removed = repository.run(&["generate"]);
    assert_eq!(removed.code, 0);
    insta::assert_snapshot!(removed.out, @r"
    remove chatterbox/config/config.yaml
    remove chatterbox/main.tf
    remove chatterbox/terragrunt.hcl
    update .gpu-stacks.manifest
    note: tts/chatterbox-tts leaves its stack, which destroys nothing in the cluster. If it was ever applied, run `terragrunt destroy` in chatterbox on the commit before, then merge its removal. Its claim stays, with its data.
    ");
    let left: Vec<_> =
        std::fs::read_dir(repository.path("chatterbox")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["terraform.tfstate"]);
    assert_eq!(repository.run(&["check"]).code, 0);
}

#[test]
fn a_renamed_tenant_file_is_told_to_move_its_state_and_to_destroy_nothing() {
    let repository = Repository::new();
    std::fs::rename(repository.path("tenants/chatterbox.yaml"), repository.path("tenants/voice.yaml"))
        .unwrap();
    let told = repository.run(&["generate"]).out;
    assert!(told.contains("tts/chatterbox-tts moved from the stack chatterbox to voice"), "{told}");
    assert!(!told.contains("terragrunt destroy"), "{told}");
}

/// `check` in a pull request is where a reviewer meets it.
#[test]
fn check_says_what_becomes_of_a_tenant_that_goes() {
    let repository = Repository::new();
    std::fs::remove_file(repository.path("tenants/chatterbox.yaml")).unwrap();
    let told = repository.run(&["check"]);
    assert!(told.code == 2 && told.out.contains("note: tts/chatterbox-tts leaves its stack"), "{}", told.out);
}

#[test]
fn errors_print_the_line_and_no_colours_into_a_pipe() {
    let repository = Repository::new();
    repository.edit("tenants/chatterbox.yaml", "peak: 4GiB", "peak: 4 GB");
    let refused = repository.run(&["generate"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.err);
    assert_eq!(repository.run(&["check"]).code, 1);
}

#[test]
fn only_a_command_that_writes_says_that_nothing_was_written() {
    let repository = Repository::new();
    std::fs::rename(repository.path("tenants/chatterbox.yaml"), repository.path("tenants/Voice.yaml"))
        .unwrap();
    insta::assert_snapshot!(repository.run(&["generate"]).err, @r"
    error: tenants/Voice.yaml: the file's name cannot be its stack's
    help: Name it with lower-case letters, digits and hyphens, and end it in `.yaml`.

    1 problem; nothing was written
    ");
    for reading in [&["fit"][..], &["check"], &["generate", "--dry-run"]] {
        let refused = repository.run(reading);
        assert_eq!(refused.code, 1, "{reading:?}");
        assert!(refused.err.ends_with("\n\n1 problem\n"), "{reading:?}: {}", refused.err);
    }
}

#[test]
fn a_manifest_with_a_merge_conflict_names_its_line() {
    let repository = Repository::new();
    repository.edit(".gpu-stacks.manifest", "\n", "\n<<<<<<< HEAD\n");
    let refused = repository.run(&["check"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.err, @"error: .gpu-stacks.manifest:2: this is not a line of a manifest. If it is a merge conflict, take either side (`git checkout --theirs .gpu-stacks.manifest`) and run `gpu-stacks generate`");
}

#[test]
fn a_folder_in_the_place_of_a_file_is_named_and_nothing_is_written() {
    let repository = Repository::new();
    repository.edit("tenants/chatterbox.yaml", "06:00", "05:30");
    std::fs::remove_file(repository.path("root.hcl")).unwrap();
    std::fs::create_dir(repository.path("root.hcl")).unwrap();
    let before = repository.read("chatterbox/main.tf");
    let refused = repository.run(&["generate"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("root.hcl: cannot be read: Is a directory"), "{}", refused.err);
    assert_eq!(repository.read("chatterbox/main.tf"), before);
}

/// The folders of a repository, itself first.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next).cloned() {
        next += 1;
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.is_dir()));
    }
    found
}

#[test]
fn a_folder_in_which_nobody_may_write_is_named_with_a_way_out_and_stays_as_it_is() {
    let repository = Repository::new();
    repository.edit("tenants/chatterbox.yaml", "06:00", "05:30");
    // The program lies where a stranger may run it, whom a folder of root's would keep out.
    std::fs::copy(env!("CARGO_BIN_EXE_gpu-stacks"), repository.path("gpu-stacks")).unwrap();
    let before = repository.read("chatterbox/main.tf");
    let may = |mode| {
        for folder in folders(repository.folder.path()) {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    may(0o555);
    let mut command = Command::new(repository.path("gpu-stacks"));
    command.arg("generate").current_dir(repository.folder.path());
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        // Root may write anywhere.
        command.uid(65_534);
    }
    let refused = run(&mut command);
    may(0o755);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{}", refused.err);
    assert!(refused.err.contains("Permission denied (os error 13). Nothing was changed; run as a user who may write there, or generate in a copy"), "{}", refused.err);
    assert_eq!(repository.read("chatterbox/main.tf"), before);
}

#[test]
fn the_committed_schemas_are_printed() {
    let repository = Repository::new();
    assert_eq!(repository.run(&["schema", "tenant"]).out, repository.read("schema/tenant.json"));
    assert_eq!(repository.run(&["schema", "fleet"]).out, repository.read("schema/fleet.json"));
}

#[test]
fn fit_answers_by_its_exit_code_and_in_json() {
    let repository = Repository::new();
    let fits = repository.run(&["fit", "--from", "2026-11-23", "--time-zone", "Europe/London"]);
    assert_eq!(fits.code, 0);
    insta::assert_snapshot!(fits.out);
    repository.edit("fleet.yaml", "peak: 9GiB", "peak: 9GiB\n        protected: true");
    let refused = repository.run(&["fit", "--from", "2026-11-23", "--format", "json"]);
    assert_eq!(refused.code, 2);
    let fit: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(fit["version"], 1);
    assert_eq!(fit["cards"][0]["week"][0]["verdict"], "refuses");
    assert_eq!(fit["cards"][0]["week"][0]["left_mib"], 15360 - 450 - 9216 - 4096);
    let schema = repository.run(&["schema", "fit"]).out;
    assert!(
        std::fs::read_to_string(committed().join("../docs/fit.schema.json")).unwrap() == schema,
        "gpu-stacks schema fit > docs/fit.schema.json"
    );
    let schema = serde_json::from_str(&schema).unwrap();
    assert!(jsonschema::draft7::new(&schema).unwrap().is_valid(&fit));

    let stopped = repository.run(&["generate", "--format", "json"]);
    assert_eq!((stopped.code, stopped.err.as_str()), (1, ""));
    let told: serde_json::Value = serde_json::from_str(&stopped.out).unwrap();
    assert!(told["error"].as_str().unwrap().starts_with("not everybody fits"), "{told}");
    assert_eq!(told["cards"][0]["week"][0]["verdict"], "refuses");
}

#[test]
fn a_program_is_told_which_files_were_edited_and_how() {
    let repository = Repository::new();
    repository.edit("chatterbox/main.tf", "4GiB", "5GiB");
    let refused = repository.run(&["generate", "--format", "json"]);
    assert_eq!((refused.code, refused.err.as_str()), (1, ""));
    let told: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    let change = &told["changes"][0];
    assert_eq!((&change["path"], &change["origin"]), (&"chatterbox/main.tf".into(), &"edited".into()));
    assert!(change["diff"].as_str().unwrap().contains("-  peak     = \"5GiB\""), "{told}");
}

#[test]
fn commands_that_make_files_name_them_to_a_program() {
    let repository = Repository::new();
    let created = |arguments: &[&str]| -> Vec<String> {
        let run = repository.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{arguments:?}: {}", run.out);
        let told: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(told["version"], 1);
        serde_json::from_value(told["created"].clone()).unwrap_or_default()
    };
    for path in created(&["init", "fresh"]) {
        assert!(repository.path("fresh").join(path).is_file());
    }
    let new =
        ["new", "reader", "--server", "piper", "--device", "cpu", "--namespace", "tts", "--path", "fresh"];
    let dry = repository.run(&[&new[..], &["--dry-run", "--format", "json"]].concat());
    let dry: serde_json::Value = serde_json::from_str(&dry.out).unwrap();
    assert_eq!(created(&new), ["tenants/reader.yaml"]);
    assert_eq!(repository.read("fresh/tenants/reader.yaml"), dry["text"]);
    let exported = created(&["export", "kustomize", "out", "--path", "fresh"]);
    assert!(exported.contains(&"README.md".to_owned()));
    for path in exported {
        assert!(repository.path("out").join(path).is_file());
    }
    let again = repository.run(&["init", "fresh", "--format", "json"]);
    assert_eq!((again.code, again.err.as_str()), (1, ""));
    let told: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert!(told["error"].as_str().unwrap().contains("is there already"), "{told}");
}
