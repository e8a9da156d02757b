//! The exporter on a fake NVML: what it says of cards and containers, and what
//! becomes of it when the driver is away.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gpu_agent::exporter::page::page;
use gpu_agent::exporter::sampler::Sampler;
use gpu_agent::observe::scrape;
use tenancy::exposition;

use crate::fake_nvml::{FakeNode, T4};

const GIB: u64 = 1 << 30;

/// The page after one more reading.
fn turn(sampler: &mut Sampler) -> String {
    let snapshot = Arc::new(sampler.turn().clone());
    page("gpu-1", snapshot, Instant::now())
}

/// The values of a metric's series whose labels contain some text.
fn values(page: &str, name: &str, labels: &str) -> Vec<f64> {
    page.lines()
        .filter(|line| line.starts_with(&format!("gpu_tenancy_{name}{{")) && line.contains(labels))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn the_page_tells_cards_containers_and_who_belongs_to_nobody() {
    let node = FakeNode::new(&format!(
        "{T4}\
         process 0 g 100 4294967296\n\
         process 0 c 101 1073741824\n\
         process 0 m 200 2147483648\n\
         process 0 g 300 1048576\n\
         card 1 0 GPU-77aa 25769803776 603979776 0 -1 NVIDIA \"A10\"\n"
    ));
    let page = turn(&mut Sampler::new(node.settings()));
    exposition::parse(&page).expect("the gate's own reader reads it");
    crate::monitoring::is_documented(&page);
    let stable: String = page
        .lines()
        .map(|line| {
            let moves = ["age_seconds{", "duration_seconds{", "timestamp_seconds{"];
            match moves.iter().any(|it| line.contains(it)) {
                true => format!("{} …\n", line.rsplit_once(' ').unwrap().0),
                false => format!("{line}\n"),
            }
        })
        .collect();
    insta::assert_snapshot!(stable);
}

#[test]
fn a_peak_stays_when_its_container_lets_go() {
    let node = FakeNode::new(T4);
    let mut sampler = Sampler::new(node.settings());
    turn(&mut sampler);
    node.state(&T4.replace("process 0 c 100 4294967296", "process 0 c 100 6442450944"));
    turn(&mut sampler);
    node.state(&T4.replace("process 0 c 100 4294967296\n", ""));
    let page = turn(&mut sampler);
    assert_eq!(values(&page, "container_memory_peak_bytes", "pod=\"llama-0\""), [(6 * GIB) as f64]);
    assert_eq!(values(&page, "container_readings_total", "pod=\"llama-0\""), [2.0]);
    assert!(values(&page, "container_memory_used_bytes", "").is_empty());
    assert_eq!(values(&page, "card_processes", ""), [0.0]);
}

#[test]
fn mig_instances_are_told_and_their_processes_counted_once() {
    let node = FakeNode::new(
        "card 0 0 GPU-a100 42949672960 1073741824 5368709120 -1 NVIDIA A100\n\
         mig 0 1 MIG-one 10737418240 4294967296\n\
         mig 0 2 MIG-two 10737418240 1073741824\n\
         process 0 c 100 4294967296 1\n\
         process 0 c 200 1073741824 2\n",
    );
    let page = turn(&mut Sampler::new(node.settings()));
    crate::monitoring::is_documented(&page);
    assert_eq!(values(&page, "mig_instance_memory_used_bytes", "MIG-one"), [(4 * GIB) as f64]);
    assert_eq!(values(&page, "mig_instance_memory_free_bytes", "MIG-two"), [(9 * GIB) as f64]);
    assert_eq!(values(&page, "container_memory_used_bytes", "pod=\"llama-0\""), [(4 * GIB) as f64]);
    assert_eq!(values(&page, "card_processes", ""), [2.0]);
    assert_eq!(values(&page, "card_info", "mig=\"on\""), [1.0]);
    assert!(values(&page, "card_utilisation_ratio", "").is_empty(), "not supported is no figure");
}

#[test]
fn a_process_of_unknown_size_makes_no_sum_and_no_list_no_containers() {
    let node = FakeNode::new(&format!("{T4}process 0 c 101 -1\nprocess 0 c 200 7\n"));
    let page = turn(&mut Sampler::new(node.settings()));
    assert!(values(&page, "container_memory_used_bytes", "llama").is_empty());
    assert_eq!(values(&page, "container_memory_used_bytes", "speech"), [7.0]);

    node.state(&format!("{T4}lists 0 3\n"));
    let page = turn(&mut Sampler::new(node.settings()));
    assert!(values(&page, "card_processes", "").is_empty(), "nothing listed is not nobody there");
    assert_eq!(values(&page, "card_memory_free_bytes", ""), [11_339_300_864.0]);
}

#[test]
fn a_driver_that_comes_late_dies_and_returns_is_read_again() {
    let node = FakeNode::new("init 9\n");
    let mut sampler = Sampler::new(node.settings());
    let up = |page: &str| values(page, "exporter_up", "");
    let page = turn(&mut sampler);
    assert_eq!((up(&page), values(&page, "exporter_reading_failures_total", "")), (vec![0.0], vec![1.0]));
    assert!(!page.contains("card_memory") && !page.contains("age_seconds{"), "{page}");

    node.state(T4);
    let page = turn(&mut sampler);
    assert_eq!((up(&page), values(&page, "card_up", "GPU-6d5c")), (vec![1.0], vec![1.0]));

    // DRIVER_NOT_LOADED from an initialised library: somebody ran rmmod.
    node.state(&format!("fail 9\n{T4}"));
    let page = turn(&mut sampler);
    assert_eq!((up(&page), values(&page, "card_up", "GPU-6d5c")), (vec![0.0], vec![0.0]));
    assert!(
        values(&page, "card_memory_free_bytes", "").is_empty(),
        "figures of before are not shown as of now"
    );
    assert_eq!(values(&page, "container_memory_peak_bytes", "llama"), [(4 * GIB) as f64]);
    assert_eq!(values(&page, "exporter_reading_age_seconds", "").len(), 1, "their age is");

    node.state(T4);
    assert_eq!(up(&turn(&mut sampler)), [1.0]);
}

#[test]
fn a_lost_card_is_told_and_does_not_take_the_others_with_it() {
    let both = format!("{T4}card 1 0 GPU-77aa 25769803776 603979776 0 5 NVIDIA A10\n");
    let node = FakeNode::new(&both);
    let mut sampler = Sampler::new(node.settings());
    turn(&mut sampler);
    node.state(&both.replace("card 0 0", "card 0 15"));
    let page = turn(&mut sampler);
    assert_eq!(values(&page, "card_up", "GPU-6d5c"), [0.0]);
    assert_eq!(values(&page, "card_up", "GPU-77aa"), [1.0]);
    assert!(values(&page, "card_memory_free_bytes", "GPU-6d5c").is_empty());
    assert_eq!(values(&page, "card_memory_free_bytes", "GPU-77aa").len(), 1);
    node.state(&both);
    assert_eq!(values(&turn(&mut sampler), "card_up", "GPU-6d5c"), [1.0]);
}

#[test]
fn a_missing_library_and_a_changed_driver_need_another_container() {
    let node = FakeNode::new(T4);
    std::fs::remove_file(node.library()).unwrap();
    let mut sampler = Sampler::new(node.settings());
    let failure = sampler.turn().failure.clone().unwrap();
    assert!(failure.needs_new_container && failure.to_string().contains("runtime class"), "{failure}");
    node.install();
    assert_eq!(sampler.turn().failure, None);
    node.state("fail 18\n");
    assert!(sampler.turn().failure.clone().unwrap().needs_new_container, "LIB_RM_VERSION_MISMATCH");
    node.state("fail 999\n");
    assert!(!sampler.turn().failure.clone().unwrap().needs_new_container);
}

/// The program, killed when dropped.
struct Program {
    child: Child,
    url: String,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Program {
    fn start(node: &FakeNode) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gpu-agent"))
            .env_clear()
            .env("NODE_NAME", "gpu-1")
            .args(["exporter", "--port", &port.to_string(), "--library"])
            .arg(node.library())
            .arg("--proc")
            .arg(node.path("proc"))
            .arg("--containers")
            .arg(node.path("links"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = std::sync::mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, url: format!("http://127.0.0.1:{port}"), lines }
    }

    /// Waits for a line that contains some text.
    fn says(&self, text: &str) {
        let patience = Instant::now() + Duration::from_secs(30);
        while let Ok(line) = self.lines.recv_timeout(patience.saturating_duration_since(Instant::now())) {
            if line.contains(text) {
                return;
            }
        }
        panic!("the exporter never said {text:?}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_its_node_and_goes_when_told_to() {
    let node = FakeNode::new(T4);
    let mut program = Program::start(&node);
    program.says("driver 570.124.06 answers; cards: 1");
    let get = async |path: &str| scrape::page(&format!("{}{path}", program.url)).await;
    assert!(get("/metrics").await.unwrap().contains("# EOF"));
    assert!(get("/metrics?node=gpu-1").await.unwrap().contains("node=\"gpu-1\""));
    assert!(get("/metrics?node=gpu-2").await.unwrap_err().contains("421"));
    assert_eq!(get("/livez").await.unwrap(), "ok\n");
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_lives_without_a_driver_until_one_has_answered_and_left() {
    let node = FakeNode::new(T4);
    std::fs::remove_file(node.library()).unwrap();
    let program = Program::start(&node);
    program.says("cannot be loaded");
    let get = async |path: &str| scrape::page(&format!("{}{path}", program.url)).await;
    assert_eq!(values(&get("/metrics").await.unwrap(), "exporter_up", "node=\"gpu-1\""), [0.0]);
    assert_eq!(get("/livez").await.unwrap(), "ok\n", "it is asked again, and no restart would help");
    assert_eq!(get("/healthz").await.unwrap(), "ok\n");
    node.install();
    program.says("driver 570.124.06 answers");
    assert_eq!(get("/livez").await.unwrap(), "ok\n");
    node.state("fail 18\n");
    program.says("a new container gets the new one");
    assert!(get("/livez").await.unwrap_err().contains("503"));
    assert_eq!(get("/healthz").await.unwrap(), "ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_does_not_wait_for_a_driver_that_blocks() {
    let node = FakeNode::new(T4);
    let program = Program::start(&node);
    program.says("answers");
    node.state(&format!("hang 20000\n{T4}"));
    // By now the reading thread is inside the call that blocks.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let asked = Instant::now();
    let page = scrape::page(&format!("{}/metrics", program.url)).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let age = values(&page, "exporter_reading_age_seconds", "");
    assert!(age[0] > 1.0, "the figures say how old they are: {age:?}");
}
