//! fake-card and fake-model as two processes over loopback.

// clippy.toml allows these in test functions; helpers of a test file are not seen
// as such.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use fake_card::client::Client;
use fake_card::wire::{Fault, RefusedCounts, ResidentRequest};

/// More than enough on a machine that does other things; nothing waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process of ours that ends with the test.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(program: &str, env: &[(&str, &str)], args: &[&str]) -> Self {
        let mut command = Command::new(program);
        // Nothing of the tester's environment may set the fakes.
        command.env_clear().envs(env.iter().copied()).args(args).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Process { child, lines }
    }

    /// The rest of the first line that has this text, which every such line puts
    /// behind the program's name.
    fn wait_for_line(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("no line with {text:?}"));
            assert!(line.starts_with("fake-"), "{line}");
            if let Some((_, rest)) = line.split_once(text) {
                return rest.to_owned();
            }
        }
    }

    fn port(&self) -> u16 {
        self.wait_for_line("listening on ").rsplit(':').next().unwrap().parse().unwrap()
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    fn wait_for_end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A fake-card with one T4, and its address.
struct Bench {
    _process: Process,
    url: String,
    card: Client,
}

impl Bench {
    fn start() -> Self {
        let card = "name=t4,uuid=GPU-1,total-mib=15360,reserved-mib=450";
        let args = ["--listen", "127.0.0.1:0", "--card", card];
        let process = Process::start(env!("CARGO_BIN_EXE_fake-card"), &[], &args);
        let url = format!("http://127.0.0.1:{}", process.port());
        Bench { _process: process, card: Client::new(&url), url }
    }

    fn model(&self, env: &[(&str, &str)]) -> Process {
        let common = [
            ("FAKE_CARD_URL", self.url.as_str()),
            ("CARD", "t4"),
            ("LOAD_MIB", "4096"),
            ("LOAD_SECONDS", "0.2"),
            ("PORT", "0"),
            ("POD_NAME", "chatterbox-0"),
            ("POD_NAMESPACE", "tts"),
            ("WORK_MS", "0"),
        ];
        Process::start(env!("CARGO_BIN_EXE_fake-model"), &[&common, env].concat(), &[])
    }

    fn used_mib(&self) -> u64 {
        self.card.state("t4").unwrap().used_mib
    }

    fn wait_for_used_mib(&self, mib: u64) {
        let end = Instant::now() + PATIENCE;
        while self.used_mib() != mib {
            assert!(Instant::now() < end, "{} MiB are used, not {mib}", self.used_mib());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn set_resident(&self, name: &str, mib: u64) {
        let resident =
            ResidentRequest { name: name.into(), mib, scripted: false, hidden: false, owner: None };
        self.card.set_resident("t4", &resident).unwrap();
    }
}

fn post(port: u16, path: &str, body: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://127.0.0.1:{port}{path}");
    let mut answer = agent.post(url).header("content-type", "application/json").send(body).unwrap();
    assert_eq!(answer.headers()["x-fake"], "fake-model");
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
}

fn get(port: u16, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(format!("http://127.0.0.1:{port}{path}")).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn a_model_loads_works_grows_unloads_and_leaves() {
    let bench = Bench::start();
    let mut model = bench.model(&[("GROW_MIB", "100"), ("GROW_UP_TO_MIB", "4250"), ("PENDING", "3")]);
    let port = model.port();
    assert_eq!(bench.used_mib(), 4096, "the port opens after the load");
    assert_eq!(get(port, "/health").0, 200);

    for used_mib in [4196, 4250, 4250] {
        assert_eq!(post(port, "/v1/audio/speech", "{}").0, 200);
        assert_eq!(bench.used_mib(), used_mib);
    }
    let page = bench.card.page("/cards/t4/pods/metrics").unwrap();
    assert!(page.contains(r#"namespace="tts",pod="chatterbox-0",container="server""#), "{page}");

    assert_eq!(get(port, "/queue"), (200, r#"{"pending":3}"#.into()));
    assert_eq!(post(port, "/api/unload", "").0, 200);
    assert_eq!(bench.used_mib(), 0);
    assert_eq!(post(port, "/v1/audio/speech", "{}").0, 503);
    assert_eq!(post(port, "/load", "").0, 200);
    assert_eq!(bench.used_mib(), 4096);
    assert_eq!(post(port, "/drain", "").0, 200);
    assert_eq!(post(port, "/v1/audio/speech", "{}").0, 503);

    model.terminate();
    assert!(model.wait_for_end().success());
    assert_eq!(bench.used_mib(), 0);
    assert_eq!(bench.card.refusals(None).unwrap().refused, RefusedCounts::default());
}

#[test]
fn a_killed_model_gives_its_memory_back() {
    let bench = Bench::start();
    let mut model = bench.model(&[]);
    model.port();
    assert_eq!(bench.used_mib(), 4096);
    model.child.kill().unwrap();
    model.wait_for_end();
    bench.wait_for_used_mib(0);
}

#[test]
fn a_crash_on_order_gives_it_back_too() {
    let bench = Bench::start();
    let mut model = bench.model(&[]);
    assert_eq!(post(model.port(), "/order/crash", "").0, 202);
    assert_eq!(model.wait_for_end().code(), Some(1));
    bench.wait_for_used_mib(0);
}

#[test]
fn a_model_that_does_not_fit_says_so_in_cuda_s_words_and_ends() {
    let bench = Bench::start();
    bench.set_resident("llama", 12_000);
    let mut model = bench.model(&[("OOM_EXPECTED", "true")]);
    model.wait_for_line("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate ");
    assert_eq!(model.wait_for_end().code(), Some(1));
    bench.wait_for_used_mib(12_000);
    assert_eq!(
        bench.card.refusals(Some("t4")).unwrap().refused,
        RefusedCounts { scripted: 1, unscripted: 0 }
    );
}

#[test]
fn growth_that_does_not_fit_is_an_answer() {
    let bench = Bench::start();
    let model = bench.model(&[]);
    let port = model.port();
    bench.set_resident("llama", 10_000);
    let (status, body) = post(port, "/order/grow", r#"{"mib": 815}"#);
    assert_eq!(status, 507);
    assert!(body.contains("CUDA out of memory. Tried to allocate 815.00 MiB"), "{body}");
    assert_eq!(post(port, "/order/grow", r#"{"mib": 814}"#).0, 200);
    assert_eq!(bench.card.state("t4").unwrap().free_mib, 0);
    assert_eq!(bench.card.refusals(None).unwrap().refused.unscripted, 1);
}

#[test]
fn an_early_port_says_that_nothing_is_loaded_yet() {
    let bench = Bench::start();
    let model = bench.model(&[("OPEN_EARLY", "true"), ("LOAD_SECONDS", "600")]);
    let port = model.port();
    assert_eq!(get(port, "/health").0, 503);
    assert!(get(port, "/api/model-info").1.contains(r#""loaded":false"#));
}

#[test]
fn works_at_once_grow_one_after_the_other() {
    let bench = Bench::start();
    let model = bench.model(&[("GROW_MIB", "10"), ("WORK_MS", "100")]);
    let port = model.port();
    let works: Vec<_> =
        (0..8).map(|_| thread::spawn(move || post(port, "/v1/audio/speech", "{}").0)).collect();
    assert!(works.into_iter().all(|work| work.join().unwrap() == 200));
    assert_eq!(bench.used_mib(), 4096 + 80);
}

#[test]
fn an_unload_stops_a_load() {
    let bench = Bench::start();
    let mut model = bench.model(&[("OPEN_EARLY", "true"), ("LOAD_SECONDS", "3")]);
    let port = model.port();
    bench.wait_for_used_mib(4096 - 9 * 409);
    assert_eq!(post(port, "/unload", "").0, 200);
    assert_eq!(bench.used_mib(), 0);
    model.wait_for_line("it was unloaded while it loaded");
    assert_eq!(get(port, "/health").0, 503);
    assert_eq!(bench.used_mib(), 0);
    assert!(model.child.try_wait().unwrap().is_none(), "it stays up");
}

#[test]
fn grace_keeps_the_memory_after_sigterm() {
    let bench = Bench::start();
    let mut model = bench.model(&[("GRACE_S", "1")]);
    let port = model.port();
    let told = Instant::now();
    model.terminate();
    model.wait_for_line("told to stop");
    assert_eq!(post(port, "/v1/audio/speech", "{}").0, 200);
    assert!(model.wait_for_end().success());
    assert!(told.elapsed() >= Duration::from_secs(1));
    assert_eq!(bench.used_mib(), 0);
}

#[test]
fn a_leak_outlives_its_process() {
    let bench = Bench::start();
    let mut model = bench.model(&[("LEAVES_LEAK", "true")]);
    model.port();
    model.terminate();
    assert!(model.wait_for_end().success());
    assert_eq!(bench.used_mib(), 4096);
    bench.card.clear_leaks("t4").unwrap();
    assert_eq!(bench.used_mib(), 0);
}

#[test]
fn a_configuration_that_cannot_be_rewritten_is_the_end() {
    let bench = Bench::start();
    // /proc/version can be read and by nobody be written.
    let mut model = bench.model(&[("CONFIG_PATH", "/proc/version"), ("CONFIG_REWRITE", "true")]);
    model.wait_for_line("needs a writable copy");
    assert_eq!(model.wait_for_end().code(), Some(1));
}

#[test]
fn faults_are_of_the_page_and_not_of_the_card() {
    let bench = Bench::start();
    let page = || bench.card.page("/cards/t4/dcgm/metrics");
    assert!(page().unwrap().contains("} 14910\n"));
    bench.card.set_fault("t4", Fault::Http500).unwrap();
    assert!(page().unwrap_err().to_string().contains("answered 500"));
    bench.card.set_fault("t4", Fault::Empty200).unwrap();
    assert_eq!(page().unwrap(), "");
    bench.set_resident("llama", 1000);
    bench.card.set_fault("t4", Fault::None).unwrap();
    assert!(page().unwrap().contains("} 13910\n"));
}

#[test]
fn a_hanging_page_hangs_and_nothing_else_does() {
    let bench = Bench::start();
    bench.card.set_fault("t4", Fault::Hang).unwrap();
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_millis(300)));
    let agent: ureq::Agent = config.build().into();
    let outcome = agent.get(format!("{}/metrics", bench.url)).call();
    assert!(matches!(outcome, Err(ureq::Error::Timeout(_))), "{outcome:?}");
    assert_eq!(bench.card.state("t4").unwrap().fault, Fault::Hang);
}
