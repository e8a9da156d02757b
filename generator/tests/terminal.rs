//! `gpu-stacks new` at a terminal: what it asks, what it offers, and that who leaves has written nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use rexpect::process::WaitStatus;
use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};

/// The keys that a terminal sends.
const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const DOWN: &str = "\x1b[B";

/// A live repository in which somebody types.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let begun = gpu_stacks(folder.path(), &["init"]).output().unwrap();
        assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
        Self { folder }
    }

    /// `gpu-stacks new` with these arguments, which asks its first question.
    fn asked(&self, arguments: &[&str]) -> PtySession {
        let command = gpu_stacks(self.folder.path(), &[&["new"], arguments].concat());
        let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(true);
        spawn_with_options(command, options).unwrap()
    }

    fn tenants(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("tenants")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).unwrap()
    }
}

/// The files that `init` wrote, and no others.
const BEGUN: [&str; 3] = ["narrator.yaml", "transcriber.yaml", "writer.yaml"];

fn gpu_stacks(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-stacks"));
    command.args(arguments).current_dir(folder).env("TERM", "xterm-256color").env("NO_COLOR", "1");
    command
}

/// Waits for a question and answers it.
fn answer(terminal: &mut PtySession, question: &str, keys: &str) {
    terminal.exp_string(question).unwrap_or_else(|why| panic!("{question}: {why}"));
    terminal.send(keys).unwrap();
    terminal.flush().unwrap();
}

/// What is said to the end, and the exit code.
fn ended(mut terminal: PtySession) -> (String, i32) {
    let said = terminal.exp_eof().unwrap();
    match terminal.process().wait().unwrap() {
        WaitStatus::Exited(_, code) => (said, code),
        other => panic!("{other:?}: {said}"),
    }
}

#[test]
fn whoever_only_presses_enter_gets_a_tenant_that_is_checked() {
    let desk = Desk::new();
    let mut terminal = desk.asked(&[]);
    answer(&mut terminal, "Which model server?", ENTER);
    for question in ["Its name?", "Its namespace?", "On what does it compute?", "Which card?"] {
        answer(&mut terminal, question, ENTER);
    }
    // The most that anybody saw, and not less.
    answer(&mut terminal, "(6964MiB)", ENTER);
    for question in ["When may it be awake?", "The window's name?", "It opens at?", "It closes at?"] {
        answer(&mut terminal, question, ENTER);
    }
    answer(&mut terminal, "Write it?", ENTER);
    let (said, code) = ended(terminal);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("create tenants/chatterbox.yaml"), "{said}");
    insta::assert_snapshot!(desk.read("tenants/chatterbox.yaml"), @r#"
    # yaml-language-server: $schema=../schema/tenant.json

    namespace: tts
    server: chatterbox
    card: gpu-1-0
    peak: 6964MiB # a guess; say `measured:` when you have seen it

    windows:
      night: { start: "02:00", end: "06:00" }
    "#);
    let generated = gpu_stacks(desk.folder.path(), &["generate", "--allow-overcommit"]).output().unwrap();
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
}

#[test]
fn only_what_no_flag_says_is_asked_and_wrong_answers_are_asked_again() {
    let desk = Desk::new();
    let mut terminal = desk.asked(&["--server", "piper"]);
    answer(&mut terminal, "Its name?", "Narrator\r");
    answer(&mut terminal, "is not a tenant name", &"\x7f".repeat(8));
    answer(&mut terminal, "Its name?", "narrator\r");
    answer(&mut terminal, "tenants/narrator.yaml is there already", &"\x7f".repeat(8));
    answer(&mut terminal, "Its name?", "reader\r");
    // Piper knows no card, so neither card nor peak nor windows are asked for.
    answer(&mut terminal, "Its namespace?", ENTER);
    answer(&mut terminal, "Write it?", ENTER);
    let (said, code) = ended(terminal);
    assert_eq!(code, 0, "{said}");
    assert!(desk.read("tenants/reader.yaml").contains("device: cpu"));
}

#[test]
fn a_choice_is_made_with_the_arrows_and_a_dry_run_asks_for_no_consent() {
    let desk = Desk::new();
    let flags = ["voice", "--server", "kokoro", "--namespace", "tts", "--dry-run"];
    let mut terminal = desk.asked(&flags);
    answer(&mut terminal, "On what does it compute?", &format!("{DOWN}{ENTER}"));
    let (said, code) = ended(terminal);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("device: cpu") && !said.contains("Write it?"), "{said}");
    assert_eq!(desk.tenants(), BEGUN);
}

#[test]
fn a_tenant_on_demand_is_asked_where_its_work_is_seen() {
    let desk = Desk::new();
    let flags = ["helper", "--server", "ollama", "--namespace", "llm", "--card", "gpu-1-0", "--peak", "2GiB"];
    let mut terminal = desk.asked(&flags);
    answer(&mut terminal, "When may it be awake?", &format!("{DOWN}{DOWN}{ENTER}"));
    answer(&mut terminal, "Where does the gate see whether there is work?", ENTER);
    answer(&mut terminal, "Its address?", "http://prometheus.monitoring:9090\r");
    answer(&mut terminal, "The query?", "sum(queue{model=\"x\"})\r");
    answer(&mut terminal, "Write it?", ENTER);
    let (said, code) = ended(terminal);
    assert_eq!(code, 0, "{said}");
    insta::assert_snapshot!(desk.read("tenants/helper.yaml"), @r#"
    # yaml-language-server: $schema=../schema/tenant.json

    namespace: llm
    server: ollama
    card: gpu-1-0
    peak: 2GiB # a guess; say `measured:` when you have seen it
    on_demand: true

    demand:
      prometheus:
        url: http://prometheus.monitoring:9090
        query: sum(queue{model="x"})
    "#);
}

/// Leaves at each question in turn.
fn leaves(keys: impl Fn(&mut PtySession)) {
    let desk = Desk::new();
    let questions = ["Its name?", "Its namespace?", "Write it?"];
    for (answered, last) in questions.into_iter().enumerate() {
        let mut terminal = desk.asked(&["--server", "piper"]);
        for question in &questions[..answered] {
            answer(&mut terminal, question, ENTER);
        }
        terminal.exp_string(last).unwrap_or_else(|why| panic!("{last}: {why}"));
        keys(&mut terminal);
        terminal.flush().unwrap();
        let (said, code) = ended(terminal);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("Nothing was written."), "{said}");
        assert_eq!(desk.tenants(), BEGUN, "at {last}");
    }
}

#[test]
fn escape_at_any_question_writes_nothing() {
    leaves(|terminal| {
        terminal.send(ESCAPE).unwrap();
    });
}

#[test]
fn an_interrupt_at_any_question_writes_nothing() {
    leaves(|terminal| terminal.send_control('c').unwrap());
}

#[test]
fn whoever_says_no_at_the_end_has_written_nothing() {
    let desk = Desk::new();
    let mut terminal = desk.asked(&["reader", "--server", "piper", "--namespace", "tts"]);
    answer(&mut terminal, "Write it?", "n\r");
    let (said, code) = ended(terminal);
    assert_eq!((code, desk.tenants()), (1, BEGUN.map(str::to_owned).to_vec()), "{said}");
}

/// What a refusal looks like to somebody at a terminal, with or without `NO_COLOR`.
fn refused(no_color: Option<&str>) -> String {
    let desk = Desk::new();
    std::fs::write(desk.folder.path().join("tenants/wrong.yaml"), "namespace: Wrong\n").unwrap();
    let mut command = gpu_stacks(desk.folder.path(), &["check"]);
    command.env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
    command.envs(no_color.map(|value| ("NO_COLOR", value)));
    let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(false);
    let (said, code) = ended(spawn_with_options(command, options).unwrap());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("wrong.yaml"), "{said}");
    said
}

#[test]
fn a_terminal_gets_colours_unless_somebody_wants_none() {
    assert!(refused(None).contains("\x1b["));
    assert!(refused(Some("")).contains("\x1b["), "an empty NO_COLOR is none");
    let plain = refused(Some("1"));
    assert!(!plain.contains('\x1b'), "{plain:?}");
}
