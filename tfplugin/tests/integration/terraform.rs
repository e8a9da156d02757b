//! The example providers under real terraform and real tofu.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::example::{greeting, program};

/// A directory with a configuration, and a host for it.
struct Workspace {
    provider: &'static str,
    cli: Cli,
    directory: TempDir,
}

/// What the host said.
struct Said {
    code: i32,
    text: String,
}

/// A host of providers.
#[derive(Clone, Copy)]
enum Cli {
    Terraform,
    Tofu,
}

impl Cli {
    /// The program, of `GPU_TENANCY_TOOLS` or else of the path.
    fn program(self) -> PathBuf {
        let (name, install) = match self {
            Cli::Terraform => {
                ("terraform", "1.11 or newer from https://developer.hashicorp.com/terraform/install")
            }
            Cli::Tofu => ("tofu", "1.12 or newer from https://opentofu.org/docs/intro/install"),
        };
        let tools = std::env::var_os("GPU_TENANCY_TOOLS").map(|tools| PathBuf::from(tools).join(name));
        let found = tools.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(name));
        let version = Command::new(&found).arg("version").output();
        assert!(
            version.is_ok_and(|version| version.status.success()),
            "{name} was not found: install {install} on PATH, or name its folder in GPU_TENANCY_TOOLS"
        );
        found
    }
}

impl Workspace {
    fn new(resource: &str) -> Workspace {
        Workspace::under(Cli::Terraform, resource)
    }

    fn under(cli: Cli, resource: &str) -> Workspace {
        let workspace = Workspace::with("greeting", "greeting", cli);
        fs::create_dir(workspace.path("out")).unwrap();
        workspace.write(resource);
        workspace
    }

    /// A directory for the provider of that name, which that example is.
    fn with(provider: &'static str, example: &str, cli: Cli) -> Workspace {
        let directory = TempDir::new().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("bin")).unwrap();
        let link = at("bin").join(format!("terraform-provider-{provider}"));
        std::os::unix::fs::symlink(program(example), link).unwrap();
        let overrides = format!("dev_overrides {{ \"examples/{provider}\" = \"{}\" }}", at("bin").display());
        fs::write(at("terraformrc"), format!("provider_installation {{\n  {overrides}\n  direct {{}}\n}}\n"))
            .unwrap();
        Workspace { provider, cli, directory }
    }

    /// Replaces the configuration.
    fn write(&self, resource: &str) {
        let provider = self.provider;
        let source = format!("{provider} = {{ source = \"examples/{provider}\" }}");
        let head = format!("terraform {{\n  required_providers {{\n    {source}\n  }}\n}}\n");
        let settings = match provider {
            "greeting" => "provider \"greeting\" {\n  directory = \"${path.module}/out\"\n}\n",
            _ => "",
        };
        fs::write(self.path("main.tf"), format!("{head}{settings}{resource}")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        said(self.command(arguments).envs(environment.iter().copied()).output().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.cli.program());
        command
            .args(arguments)
            .arg("-no-color")
            .current_dir(self.directory.path())
            .env("TF_CLI_CONFIG_FILE", self.path("terraformrc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1");
        command
    }

    /// Runs until the log has `part`, then interrupts as a user in a terminal does.
    fn interrupted_when(&self, arguments: &[&str], part: &str) -> Said {
        use std::os::unix::process::CommandExt;
        let log = self.path("interrupt.log");
        let mut command = self.command(arguments);
        command.env("TF_LOG_PROVIDER", "INFO").env("TF_LOG_PATH", &log).process_group(0);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begin = Instant::now();
        while !fs::read_to_string(&log).is_ok_and(|log| log.contains(part)) {
            assert!(begin.elapsed() < Duration::from_secs(60), "{part:?} is not in the log");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The whole foreground group gets it, the provider too.
        Command::new("kill").args(["-INT", "--", &format!("-{}", child.id())]).status().unwrap();
        said(child.wait_with_output().unwrap())
    }

    fn apply(&self) -> String {
        let said = self.run(&["apply", "-auto-approve"]);
        assert_eq!(said.code, 0, "{}", said.text);
        said.text
    }

    /// The plan, which must have changes (2) or none (0).
    fn plan(&self, code: i32) -> String {
        let said = self.run(&["plan", "-detailed-exitcode"]);
        assert_eq!(said.code, code, "{}", said.text);
        said.text
    }
}

fn said(output: Output) -> Said {
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    Said { code: output.status.code().unwrap_or(-1), text }
}

const TWO_GUESTS: &str = r#"
    resource "terraform_data" "late" { input = "later" }
    resource "greeting_file" "a" {
      name   = "a.txt"
      times  = 2
      guests = { ann = {}, cy = { title = terraform_data.late.output } }
    }
"#;

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn a_resource_lives_and_dies_under_terraform() {
    a_resource_lives_and_dies(Cli::Terraform);
}

#[test]
fn a_resource_lives_and_dies_under_tofu() {
    a_resource_lives_and_dies(Cli::Tofu);
}

fn a_resource_lives_and_dies(cli: Cli) {
    let workspace = Workspace::under(cli, TWO_GUESTS);
    let plan = workspace.plan(2);
    // A single element of a computed map is unknown, its neighbour is not.
    assert_has(&plan, &[r#"+ "ann" = "hello hello friend""#, r#"+ "cy"  = (known after apply)"#]);

    workspace.apply();
    let file = workspace.path("out/a.txt");
    assert_eq!(fs::read_to_string(&file).unwrap(), "ann: hello hello friend\ncy: hello hello later\n");
    workspace.plan(0);

    workspace.write(&TWO_GUESTS.replace("times  = 2", "times = 3"));
    let plan = workspace.plan(2);
    assert_has(&plan, &["= 2 -> 3", r#"~ "ann" = "hello hello friend" -> "hello hello hello friend""#]);
    assert_has(&plan, &["1 to change", "updated in-place"]);
    workspace.apply();
    workspace.plan(0);

    let said = workspace.run(&["destroy", "-auto-approve"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(!file.exists());
}

#[test]
fn another_spelling_plans_nothing_and_another_name_replaces() {
    let workspace = Workspace::new(r#"resource "greeting_file" "a" { name = "a.txt" }"#);
    workspace.apply();
    workspace.write("resource \"greeting_file\" \"a\" {\n  name = \"a.txt\"\n  word = \"HELLO\"\n}");
    workspace.plan(0);
    workspace.write(r#"resource "greeting_file" "a" { name = "b.txt" }"#);
    let plan = workspace.plan(2);
    assert_has(&plan, &["must be replaced", r#""a.txt" -> "b.txt" # forces replacement"#]);
}

#[test]
fn a_data_source_is_looked_up() {
    let look = |name: &str| {
        let output = "output \"lines\" { value = data.greeting_count.a.lines }";
        format!("data \"greeting_count\" \"a\" {{ name = \"{name}\" }}\n{output}\n")
    };
    let workspace = Workspace::new(&look("a.txt"));
    fs::write(workspace.path("out/a.txt"), "ann: hello\nbob: hello\n").unwrap();
    assert_has(&workspace.apply(), &["lines = 2"]);
    workspace.write(&look("b.txt"));
    let said = workspace.run(&["plan"]);
    assert_has(&said.text, &["Not found", "There is no greeting_count of this description."]);
}

#[test]
fn a_function_is_called_under_terraform() {
    a_function_is_called(Cli::Terraform);
}

#[test]
fn a_function_is_called_under_tofu() {
    a_function_is_called(Cli::Tofu);
}

fn a_function_is_called(cli: Cli) {
    let say = |arguments: &str| format!("output \"said\" {{ value = provider::greeting::say({arguments}) }}");
    let workspace = Workspace::under(cli, &say(r#""hello", 2, "ann", "bob""#));
    assert_has(&workspace.apply(), &[r#""hello hello ann","#, r#""hello hello bob","#]);
    workspace.write(&say(r#""hello", null, "ann""#));
    assert_has(&workspace.apply(), &[r#""hello ann","#]);
    // What is not known before apply is not known of the result.
    let late = "resource \"terraform_data\" \"late\" { input = \"cy\" }\n";
    workspace.write(&format!("{late}{}", say(r#""hello", 1, terraform_data.late.output"#)));
    assert_has(&workspace.plan(2), &["(known after apply)", "1 to add"]);
    assert_has(&workspace.apply(), &[r#""hello cy","#]);

    let said = |arguments: &str| {
        workspace.write(&say(arguments));
        let said = workspace.run(&["plan"]);
        assert_eq!(said.code, 1, "{}", said.text);
        said.text
    };
    assert_has(&said(r#""hello", 10"#), &["times", "must be from 1 to 9, but is 10"]);
    assert_has(&said(r#""hello", 1, "ann", """#), &["guests", "must have a name"]);
    assert_has(&said(r#"null, 1"#), &["word", "must not be null"]);
}

const SECRET: &str = r#"
    ephemeral "greeting_secret" "s" { name = "ann" }
    resource "greeting_file" "a" {
      name            = "a.txt"
      whisper         = ephemeral.greeting_secret.s.secret
      whisper_version = 1
    }
"#;

#[test]
fn what_is_ephemeral_is_written_and_not_kept_under_terraform() {
    what_is_ephemeral_is_written_and_not_kept(Cli::Terraform);
}

#[test]
fn what_is_ephemeral_is_written_and_not_kept_under_tofu() {
    what_is_ephemeral_is_written_and_not_kept(Cli::Tofu);
}

fn what_is_ephemeral_is_written_and_not_kept(cli: Cli) {
    let workspace = Workspace::under(cli, SECRET);
    let said = workspace.run(&["plan", "-out", "planned"]);
    assert_has(&said.text, &["(write-only attribute)", "1 to add"]);
    assert!(!workspace.path("out/ann.lease").exists(), "the plan closed what it opened");
    workspace.apply();
    let whispered = workspace.path("out/a.whisper");
    assert_eq!(fs::read_to_string(&whispered).unwrap(), "ann knows it");
    assert!(!workspace.path("out/ann.lease").exists(), "the apply closed what it opened");
    for kept in ["terraform.tfstate", "planned"] {
        let kept = fs::read(workspace.path(kept)).unwrap();
        assert!(!String::from_utf8_lossy(&kept).contains("knows it"));
    }
    workspace.plan(0);
    fs::remove_file(&whispered).unwrap();
    workspace.write(&SECRET.replace("whisper_version = 1", "whisper_version = 2"));
    assert_has(&workspace.apply(), &["1 changed"]);
    assert_eq!(fs::read_to_string(&whispered).unwrap(), "ann knows it");
}

#[test]
fn what_a_hand_changed_is_in_the_plan() {
    let workspace = Workspace::new(TWO_GUESTS);
    workspace.apply();
    fs::write(workspace.path("out/a.txt"), "ann: go away\ncy: hello hello later\n").unwrap();
    let plan = workspace.plan(2);
    assert_has(&plan, &[r#"~ "ann" = "go away" -> "hello hello friend""#]);
    fs::remove_file(workspace.path("out/a.txt")).unwrap();
    assert_has(&workspace.plan(2), &["greeting_file.a will be created"]);
}

#[test]
fn import_by_id_brings_a_file_under_terraform() {
    import_brings_a_file(Cli::Terraform, r#"id = "a.txt""#);
}

#[test]
fn import_by_identity_brings_a_file_under_tofu() {
    import_brings_a_file(Cli::Tofu, r#"identity = { name = "a.txt" }"#);
}

fn import_brings_a_file(cli: Cli, by: &str) {
    let resource = r#"
        resource "greeting_file" "a" {
          name   = "a.txt"
          guests = { ann = {} }
        }
    "#;
    let import = format!("import {{\n  to = greeting_file.a\n  {by}\n}}\n");
    let workspace = Workspace::under(cli, &format!("{import}{resource}"));
    fs::write(workspace.path("out/a.txt"), "ann: hello friend\n").unwrap();
    let plan = workspace.plan(2);
    assert_has(&plan, &["1 to import, 0 to add", "0 to destroy"]);
    assert!(!plan.contains("forces replacement"), "{plan}");
    workspace.apply();
    workspace.plan(0);
}

#[test]
fn a_resource_moves_to_another_type_under_terraform() {
    a_resource_moves_to_another_type(Cli::Terraform);
}

#[test]
fn a_resource_moves_to_another_type_under_tofu() {
    a_resource_moves_to_another_type(Cli::Tofu);
}

fn a_resource_moves_to_another_type(cli: Cli) {
    let workspace = Workspace::with("town", "moving", cli);
    workspace.write(r#"resource "town_kiosk" "a" { title = "News" }"#);
    workspace.apply();
    let moved = "moved {\n  from = town_kiosk.a\n  to   = town_shop.a\n}\n";
    let shop = r#"resource "town_shop" "a" { name = "News" }"#;
    workspace.write(&format!("{moved}{shop}"));
    let plan = workspace.plan(2);
    assert_has(&plan, &["has moved to", "0 to add, 0 to change, 0 to destroy"]);
    workspace.apply();
    workspace.plan(0);

    // The other direction nobody declared.
    let back = "moved {\n  from = town_shop.a\n  to   = town_kiosk.a\n}\n";
    workspace.write(&format!("{back}resource \"town_kiosk\" \"a\" {{ title = \"News\" }}"));
    let said = workspace.run(&["plan"]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_has(&said.text, &["town_kiosk cannot take over the state of town_shop."]);
}

#[test]
fn a_state_of_an_older_version_is_carried_over_under_terraform() {
    a_state_of_an_older_version_is_carried_over(Cli::Terraform);
}

#[test]
fn a_state_of_an_older_version_is_carried_over_under_tofu() {
    a_state_of_an_older_version_is_carried_over(Cli::Tofu);
}

fn a_state_of_an_older_version_is_carried_over(cli: Cli) {
    let workspace = Workspace::with("town", "moving", cli);
    workspace.write(r#"resource "town_shop" "a" { name = "News" }"#);
    workspace.apply();
    // What a provider of version 0 would have written.
    let mut state: serde_json::Value =
        serde_json::from_slice(&fs::read(workspace.path("terraform.tfstate")).unwrap()).unwrap();
    let instance = &mut state["resources"][0]["instances"][0];
    instance["schema_version"] = 0.into();
    instance["attributes"] = serde_json::json!({ "label": "News" });
    // OpenTofu keeps no identities.
    if instance.get("identity").is_some() {
        instance["identity_schema_version"] = 0.into();
        instance["identity"] = serde_json::json!({ "label": "News" });
    }
    fs::write(workspace.path("terraform.tfstate"), state.to_string()).unwrap();
    workspace.plan(0);
}

#[test]
fn errors_point_at_the_line() {
    let workspace = Workspace::new(
        "resource \"greeting_file\" \"a\" {\n  name = \"a/b\"\n  times = 10\n  guests = {\n    ann = { title = \"\" }\n  }\n}",
    );
    let said = workspace.run(&["validate"]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_has(
        &said.text,
        &[r#"name = "a/b""#, "has a slash", "times = 10", "times must be from 1 to 9, but is 10."],
    );
    assert_has(&said.text, &[r#"guests["ann"].title must have a length"#, r#"ann = { title = "" }"#]);
}

#[test]
fn a_failed_create_says_why() {
    let workspace = Workspace::new(r#"resource "greeting_file" "a" { name = "a.txt" }"#);
    fs::remove_dir(workspace.path("out")).unwrap();
    let said = workspace.run(&["apply", "-auto-approve"]);
    assert_eq!(said.code, 1);
    assert_has(&said.text, &["File not written", "Create its directory."]);
}

#[test]
fn an_interrupt_ends_an_apply_under_terraform() {
    an_interrupt_ends_an_apply(Cli::Terraform);
}

#[test]
fn an_interrupt_ends_an_apply_under_tofu() {
    an_interrupt_ends_an_apply(Cli::Tofu);
}

fn an_interrupt_ends_an_apply(cli: Cli) {
    let resource = |pause: i64| {
        format!("resource \"greeting_file\" \"a\" {{\n  name = \"a.txt\"\n  pause = {pause}\n}}")
    };
    let workspace = Workspace::under(cli, &resource(600));
    let begin = Instant::now();
    let said = workspace.interrupted_when(&["apply", "-auto-approve"], "hesitating");
    assert_eq!(said.code, 1, "{}", said.text);
    assert_has(&said.text, &["Interrupted", "The greeting was not written."]);
    assert!(begin.elapsed() < Duration::from_secs(90));
    assert!(!workspace.path("out/a.txt").exists());
    // Nothing was made, so nothing is tainted, and the next apply starts over.
    workspace.write(&resource(0));
    assert_has(&workspace.apply(), &["1 added, 0 changed, 0 destroyed"]);
}

#[test]
fn log_lines_have_their_level() {
    let workspace = Workspace::new(r#"resource "greeting_file" "a" { name = "a.txt" }"#);
    let log = workspace.path("log");
    let environment = [("TF_LOG_PROVIDER", "DEBUG"), ("TF_LOG_PATH", log.to_str().unwrap())];
    let said = workspace.run_with(&["apply", "-auto-approve"], &environment);
    assert_eq!(said.code, 0, "{}", said.text);
    let log = fs::read_to_string(&log).unwrap();
    let line = log.lines().find(|line| line.contains("wrote a greeting")).unwrap_or_else(|| panic!("{log}"));
    // A line that the host cannot read is logged at another level, as JSON text.
    assert!(line.contains("[DEBUG]") && !line.contains("@message"), "{line}");
}

#[test]
fn terraform_attaches_to_a_provider_that_runs_already() {
    let workspace = Workspace::new(r#"resource "greeting_file" "a" { name = "a.txt" }"#);
    let mut provider = Command::new(greeting())
        .arg("-debug")
        .current_dir(workspace.directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(provider.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let attach = line.trim().trim_start_matches("TF_REATTACH_PROVIDERS=").trim_matches('\'');
    fs::remove_file(workspace.path("bin/terraform-provider-greeting")).unwrap();
    for _ in 0..2 {
        let arguments = ["apply", "-auto-approve"];
        let said = workspace.run_with(&arguments, &[("TF_REATTACH_PROVIDERS", attach)]);
        assert_eq!(said.code, 0, "{}", said.text);
    }
    assert_eq!(provider.try_wait().unwrap(), None, "terraform leaves it running");
    // As a person would end it, so that it removes its socket.
    Command::new("kill").args(["-INT", &provider.id().to_string()]).status().unwrap();
    provider.wait().unwrap();
    assert!(workspace.path("out/a.txt").exists());
}

#[test]
fn sockets_do_not_stay_behind() {
    let workspace = Workspace::new(r#"resource "greeting_file" "a" { name = "a.txt" }"#);
    let sockets = workspace.path("sockets");
    fs::create_dir(&sockets).unwrap();
    let environment = [("TMPDIR", sockets.to_str().unwrap())];
    assert_eq!(workspace.run_with(&["plan"], &environment).code, 0);
    let left: Vec<_> = sockets_in(&sockets);
    assert!(left.is_empty(), "{left:?}");
}

fn sockets_in(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with(".sock")).collect()
}
