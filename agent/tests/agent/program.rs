//! The program itself: exit codes, what it prints, and that it goes when told to.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::fake_api::{FakeApi, Scenario};
use crate::gate::config;

/// A folder with a kubeconfig for the fake and the tenant's gate configuration.
pub(crate) fn folder(fake: &FakeApi) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{ "name": "fake", "cluster": { "server": fake.url() } }],
        "users": [{ "name": "fake", "user": {} }],
        "contexts": [{ "name": "fake", "context": { "cluster": "fake", "user": "fake" } }],
    });
    write(&folder.path().join("kubeconfig"), &kubeconfig.to_string());
    write(&folder.path().join("gate.json"), &serde_json::to_string(&config(json!({}))).unwrap());
    folder
}

fn write(path: &PathBuf, text: &str) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-agent"));
    command
        .env_clear()
        .env("KUBECONFIG", folder.join("kubeconfig"))
        .env("POD_NAME", "a-pod")
        .env("POD_UID", "p-1");
    command
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_made_by_hand_at_noon_says_why_it_does_nothing() {
    let fake = FakeApi::start(Scenario::Fine).await;
    fake.world(|world| world.now = "2026-11-21T12:00:00Z".parse().unwrap());
    let folder = folder(&fake);
    let mut command = program(folder.path());
    command.args(["gate", "--trigger", "up", "--config"]).arg(folder.path().join("gate.json"));
    let output = run(command).await;
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.starts_with("2026-11-21T12:00:00Z tts/speech rule "), "{printed}");
    assert!(printed.contains("(outside window): No window is open"), "{printed}");
    assert_eq!(printed.lines().count(), 1);
    assert_eq!(fake.world(|world| world.replicas), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_that_cannot_decide_fails_its_job() {
    let fake = FakeApi::start(Scenario::Away).await;
    let folder = folder(&fake);
    let mut command = program(folder.path());
    command.args(["gate", "--trigger", "guard", "--config"]).arg(folder.path().join("gate.json"));
    let output = run(command).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("the API server did not answer to reading"), "{told}");
    assert!(told.contains("503: etcd is leaderless"), "{told}");
    assert!(output.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_configuration_is_named() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let folder = folder(&fake);
    let mut command = program(folder.path());
    command.args(["gate", "--trigger", "guard", "--config", "/nowhere/gate.json"]);
    let output = run(command).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("/nowhere/gate.json cannot be read: No such file"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_pod_goes_at_once_when_told_to() {
    let fake = FakeApi::start(Scenario::Fine).await;
    let folder = folder(&fake);
    let mut command = program(folder.path());
    command.args(["admit", "--format", "json", "--config"]).arg(folder.path().join("gate.json"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while fake.deeds().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told_to_go = Instant::now();
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let status =
        tokio::task::spawn_blocking(move || (child.wait().unwrap(), child.wait_with_output().unwrap())).await;
    let (status, output) = status.unwrap();
    assert_eq!(status.code(), Some(143));
    assert!(told_to_go.elapsed() < Duration::from_secs(1), "{:?}", told_to_go.elapsed());
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((line["name"].as_str(), line["tenant"].as_str()), (Some("waiting"), Some("tts/speech")));
}

#[test]
fn files_are_copied_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("from")).unwrap();
    write(&folder.path().join("from/__app__config.yaml"), "a: 1\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-agent"));
    let output =
        command.arg("copy").args([folder.path().join("from"), folder.path().join("to")]).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("1 files copied to "));
    assert_eq!(std::fs::read_to_string(folder.path().join("to/__app__config.yaml")).unwrap(), "a: 1\n");
}
