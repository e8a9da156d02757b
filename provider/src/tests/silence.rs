//! An API server that takes a connection and says nothing: whatever Terraform asks for ends when the user
//! interrupts it.

use std::time::Duration;

use tfplugin::Diagnostics;
use tfplugin::testing::Driver;

use super::{CARD, EXPORTER, FLOOR, SERVICE, claim, told};
use crate::provider::{Gpu, Settings};
use crate::sources::card::CardSourceModel;
use crate::sources::status::StatusModel;

/// A provider of a server that never answers, and what keeps its port.
async fn silent() -> (Driver<Gpu>, tokio::net::TcpListener) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let driver = Driver::new(Gpu);
    let settings = Settings { host: host.as_str().into(), token: "t".into(), ..Settings::default() };
    assert!(driver.configure(&settings).await.is_empty());
    (driver, listener)
}

/// What is said when the user interrupts a moment later.
async fn interrupted(driver: &Driver<Gpu>, asked: impl Future<Output = Diagnostics>) {
    let interrupt = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        driver.stop();
    };
    let both = async { tokio::join!(asked, interrupt).0 };
    let said = tokio::time::timeout(Duration::from_secs(8), both).await.expect("it ends");
    assert!(told(&said).contains("the run was interrupted before its answer came"), "{}", told(&said));
}

#[tokio::test]
async fn an_import_ends_when_it_is_interrupted() {
    for (type_name, id) in [
        (CARD, "gpu-1-0"),
        (FLOOR, "tts/chatterbox-tts"),
        (SERVICE, "tts/chatterbox-tts"),
        (EXPORTER, "gpu-exporter"),
    ] {
        let (driver, _listener) = silent().await;
        interrupted(&driver, async { driver.import(type_name, id).await.diagnostics }).await;
    }
}

#[tokio::test]
async fn a_look_up_ends_when_it_is_interrupted() {
    let (driver, _listener) = silent().await;
    let card = CardSourceModel { name: "gpu-1-0".into(), ..CardSourceModel::default() };
    interrupted(&driver, async { driver.look_up("gpu_card", &card).await.unwrap_err() }).await;
    let (driver, _listener) = silent().await;
    let status = StatusModel { tenant: claim().tenant, ..StatusModel::default() };
    let name = "gpu_windowed_service_status";
    interrupted(&driver, async { driver.look_up(name, &status).await.unwrap_err() }).await;
}

#[tokio::test]
async fn a_new_claim_ends_when_it_is_interrupted() {
    let (driver, _listener) = silent().await;
    interrupted(&driver, async { driver.create(FLOOR, &claim()).await.diagnostics }).await;
}
