//! The exporter against a real driver, for the day on which a machine has one.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gpu_agent::metrics::TOLERANCE_MIB;
use gpu_agent::observe::scrape;
use serde_json::json;

const NODE: &str = "this-machine";

/// What nvidia-smi says of each card: its UUID, and total, free, used and reserved MiB. `None`, with the
/// reason in the log, where there is no driver.
fn by_nvidia_smi() -> Option<Vec<(String, [u64; 4])>> {
    let fields = "--query-gpu=uuid,memory.total,memory.free,memory.used,memory.reserved";
    let asked = Command::new("nvidia-smi").args([fields, "--format=csv,noheader,nounits"]).output();
    let said = match asked {
        Ok(answer) if answer.status.success() => String::from_utf8(answer.stdout).unwrap(),
        Ok(answer) => {
            eprintln!("THE TEST ON A REAL CARD DOES NOT RUN: nvidia-smi ends with {}", answer.status);
            return None;
        }
        Err(why) => {
            eprintln!("THE TEST ON A REAL CARD DOES NOT RUN: nvidia-smi cannot be started: {why}");
            return None;
        }
    };
    let card = |line: &str| {
        let fields: Vec<&str> = line.split(", ").collect();
        (fields[0].to_owned(), [1, 2, 3, 4].map(|field| fields[field].trim().parse().unwrap()))
    };
    Some(said.lines().map(card).collect())
}

/// The program, killed when dropped.
struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_exporter_says_of_a_real_card_what_nvidia_smi_says() {
    let Some(cards) = by_nvidia_smi() else { return };
    assert!(!cards.is_empty(), "nvidia-smi names no card");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut program = Command::new(env!("CARGO_BIN_EXE_gpu-agent"));
    program.env("NODE_NAME", NODE).args(["exporter", "--port", &port.to_string()]);
    let _exporter = Exporter(program.stdout(Stdio::null()).spawn().unwrap());
    let url = format!("http://127.0.0.1:{port}/metrics");
    for (uuid, said) in cards {
        let card = serde_json::from_value(json!({
            "name": "real", "node": NODE, "device": { "uuid": uuid }, "source": { "device": { "exporter": url } },
        }))
        .unwrap();
        let mut told = Err(String::new());
        for _ in 0..30 {
            told = scrape::card(&card, jiff::Timestamp::now()).await.map_err(|why| why.reason);
            if told.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let sample = told.unwrap().sample;
        let ours = [sample.total_mib, sample.free_mib, sample.used_mib, sample.reserved_mib].map(|mib| mib.0);
        let agrees = ours.iter().zip(said).all(|(ours, said)| ours.abs_diff(said) <= TOLERANCE_MIB);
        assert!(agrees, "{uuid}: total, free, used and reserved are {ours:?}, by nvidia-smi {said:?}");
    }
}
