//! The workflows of `examples/ci` and the script that they run, with stand-ins for terragrunt and gh.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A checkout with a live repository, and programs that stand in for others.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Self { folder };
        checkout.gpu_stacks(&["init", "live"]);
        for arguments in [&["init", "-q", "-b", "main"][..], &["add", "-A"], &["commit", "-qm", "begin"]] {
            checkout.git(arguments);
        }
        checkout
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn gpu_stacks(&self, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-stacks"));
        let output = command.args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    fn git(&self, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        let output = command.args(who).args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Puts a program in front of all others.
    fn stand_in(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/usr/bin/env bash\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A command that finds the stand-ins and gpu-stacks first.
    fn command(&self, program: &str) -> Command {
        let ours = Path::new(env!("CARGO_BIN_EXE_gpu-stacks")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let all = [self.path("bin"), ours.to_owned()].into_iter().chain(std::env::split_paths(&path));
        let mut command = Command::new(program);
        command.env("PATH", std::env::join_paths(all).unwrap()).current_dir(self.folder.path());
        command
    }

    fn review(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("bash");
        command.arg(project("examples/ci/review.sh")).args(["live", "out"]).args(arguments).output().unwrap()
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A stand-in that keeps its arguments, and writes a plan where it is told to.
const PLANS: &str = r#"
printf '%s\n' "$@" > "$OLDPWD/arguments"
while [ "$1" != -- ]; do
  case $1 in
    --json-out-dir) plans=$2 ;;
    --report-file) echo '[]' > "$2" ;;
  esac
  shift
done
mkdir -p "$plans/writer"
echo '{"format_version":"1.2","resource_changes":[]}' > "$plans/writer/tfplan.json"
exit 2
"#;

#[test]
fn the_script_reviews_what_was_planned_now_and_nothing_older() {
    let checkout = Checkout::new();
    checkout.stand_in("terragrunt", PLANS);
    let old = checkout.path("out/plans/old");
    std::fs::create_dir_all(&old).unwrap();
    let deletes = r#"{"format_version":"1.2","resource_changes":[{"address":"x.y","type":"x","change":{"actions":["delete"],"before":{},"after":null}}]}"#;
    std::fs::write(old.join("tfplan.json"), deletes).unwrap();
    let reviewed = checkout.review(&[]);
    assert_eq!(reviewed.status.code(), Some(0), "{}", said(&reviewed));
    let review: Value = serde_json::from_str(&checkout.read("out/review.json")).unwrap();
    assert_eq!(review["counts"]["stacks"], 1);

    checkout.stand_in("terragrunt", "echo 'no provider' >&2; exit 1");
    let failed = checkout.review(&[]);
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("no provider"), "{}", said(&failed));
    for name in ["review.md", "review.html", "review.json", "report.json", "plans"] {
        assert!(!checkout.path("out").join(name).exists(), "{name} is an older run's");
    }
}

#[test]
fn only_what_the_branch_itself_changes_is_planned_with_what_it_removes() {
    let checkout = Checkout::new();
    checkout.stand_in("terragrunt", PLANS);
    let begun = checkout.git(&["rev-parse", "HEAD"]);
    checkout.git(&["switch", "-qc", "work"]);
    checkout.git(&["commit", "-qm", "work", "--allow-empty"]);
    checkout.git(&["switch", "-q", "main"]);
    checkout.git(&["commit", "-qm", "of others", "--allow-empty"]);
    checkout.git(&["switch", "-q", "work"]);
    let reviewed = checkout.review(&["--since", "main", "--parallelism", "2"]);
    assert_eq!(reviewed.status.code(), Some(0), "{}", said(&reviewed));
    let arguments = checkout.read("arguments");
    let filter = format!("--filter\n[{begun}...HEAD]\n--filter-allow-destroy\n--parallelism\n2\n--\nplan\n");
    assert!(arguments.contains(&filter), "{arguments}");

    let unknown = checkout.review(&["--since", "elsewhere"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("fetch the whole history"), "{}", said(&unknown));

    checkout.stand_in("terragrunt", "exit 0");
    let untouched = checkout.review(&["--since", "main"]);
    assert_eq!(untouched.status.code(), Some(0), "{}", said(&untouched));
    assert_eq!(checkout.read("out/review.md"), "No stack is touched.\n");
}

#[test]
fn stacks_that_are_not_what_their_files_say_are_not_planned() {
    let checkout = Checkout::new();
    checkout.stand_in("terragrunt", PLANS);
    std::fs::write(checkout.path("live/root.hcl"), "# by hand\n").unwrap();
    assert_eq!(checkout.review(&[]).status.code(), Some(1));
    assert!(!checkout.path("arguments").exists());
}

fn yaml(path: &str) -> Value {
    let text = std::fs::read_to_string(project(path)).unwrap();
    // By YAML 1.2: `on` is a word.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// A script that bash can read.
fn parses(checkout: &Checkout, name: &str, script: &str) {
    std::fs::write(checkout.path("script"), script).unwrap();
    let read = checkout.command("bash").args(["-n", "script"]).output().unwrap();
    assert!(read.status.success(), "{name}: {}\n{script}", said(&read));
}

#[test]
fn the_workflows_are_yaml_and_their_scripts_are_of_bash() {
    let checkout = Checkout::new();
    let github = yaml("examples/ci/github-actions.yml");
    let steps = github["jobs"]["review"]["steps"].as_array().unwrap();
    let scripts: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert_eq!(scripts.len(), 3);
    for script in scripts {
        parses(&checkout, "github-actions.yml", script);
    }
    let gitlab = yaml("examples/ci/gitlab-ci.yml");
    let lines = gitlab["gpu-review"]["script"].as_array().unwrap();
    let script: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    parses(&checkout, "gitlab-ci.yml", &script.join("\n"));
    for (name, text) in [("GitHub", github.to_string()), ("GitLab", gitlab.to_string())] {
        assert!(text.contains("examples/ci/review.sh stacks review --since"), "{name}");
    }
}

/// Answers with the comments of others, and with our own where it is there; keeps what it is told to do.
const GH: &str = r#"
case " $* " in
  *" --jq "*)
    jq=${*: -1}
    echo "[{\"id\": 1, \"body\": \"of another workflow\"} $OURS]" | jq -r "$jq"
    ;;
  *) echo "$*" >> did; cp review/comment.md sent ;;
esac
"#;

#[test]
fn a_comment_takes_the_place_of_our_own_and_of_no_other_workflows() {
    let checkout = Checkout::new();
    checkout.stand_in("gh", GH);
    let github = yaml("examples/ci/github-actions.yml");
    let steps = github["jobs"]["review"]["steps"].as_array().unwrap();
    let comment = steps.iter().find(|step| step["name"] == "Comment").unwrap();
    std::fs::create_dir(checkout.path("review")).unwrap();
    std::fs::write(checkout.path("review/review.md"), "the review\n").unwrap();
    for (ours, did) in [
        ("", "api --silent --method POST comments --field body=@review/comment.md\n"),
        (
            r#", {"id": 7, "body": "<!-- gpu-tenancy-review -->\nolder"}"#,
            "api --silent --method PATCH comment/7 --field body=@review/comment.md\n",
        ),
    ] {
        let _ = std::fs::remove_file(checkout.path("did"));
        let mut command = checkout.command("bash");
        command.args(["-e", "-c", comment["run"].as_str().unwrap()]);
        let ran =
            command.env("OURS", ours).env("COMMENTS", "comments").env("COMMENT", "comment").output().unwrap();
        assert!(ran.status.success(), "{}", said(&ran));
        assert_eq!(checkout.read("did"), did);
        assert_eq!(checkout.read("sent"), "<!-- gpu-tenancy-review -->\nthe review\n");
    }
}
