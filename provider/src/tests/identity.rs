//! Import by identity, as the examples of the registry's pages write it.

use std::collections::BTreeMap;

use tfplugin::testing::{After, Driver};
use tfplugin::{Model, Path, Value};

use super::cluster::FakeCluster;
use super::flow::with_floor;
use super::{CARD, EXPORTER, FLOOR, SERVICE, chatterbox, told};
use crate::card::CardIdentity;
use crate::exporter::{ExporterIdentity, ExporterModel};
use crate::floor::FloorIdentity;
use crate::provider::Gpu;
use crate::service::ServiceIdentity;

/// The files of an example: how it is imported by id, and by identity.
macro_rules! example {
    ($name:literal) => {
        [
            include_str!(concat!("../../../examples/resources/", $name, "/import.sh")),
            include_str!(concat!("../../../examples/resources/", $name, "/import-by-identity.tf")),
        ]
    };
}

/// What stands in the block of the example, as the type's own identity.
fn identity<M: Model>(block: &str) -> M {
    let (_, inside) = block.split_once("identity = {").unwrap();
    let (inside, _) = inside.split_once('}').unwrap();
    let pairs: BTreeMap<String, Value> = inside
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), Value::String(value.trim().trim_matches('"').to_owned())))
        .collect();
    let asked = Value::Object(pairs);
    let identity = M::from_value(asked.clone(), &Path::root()).unwrap();
    assert_eq!(identity.to_value(), asked, "the example names something else than the identity has");
    identity
}

async fn same<M: Model>(driver: &Driver<Gpu>, type_name: &str, [by_id, by_identity]: [&str; 2]) {
    let words: Vec<&str> = by_id.split_whitespace().collect();
    let [_, _, address, id] = words[..] else { panic!("{by_id}") };
    assert!(by_identity.contains(&format!("to = {address}\n")), "{by_identity}");
    let found = |after: After| {
        assert!(!after.diagnostics.has_errors(), "{type_name}: {}", told(&after.diagnostics));
        after.instance.unwrap()
    };
    let asked: M = identity(by_identity);
    let by_identity = found(driver.import_identity(type_name, &asked).await);
    let by_id = found(driver.import(type_name, id).await);
    assert_eq!(by_identity.state, by_id.state, "{type_name}");
    assert_eq!(by_identity.private, by_id.private, "{type_name}");
    assert_eq!(by_identity.identity, Some(asked.to_value()), "{type_name}");
    assert_eq!(by_id.identity, by_identity.identity, "{type_name}");
}

#[tokio::test]
async fn an_import_by_identity_finds_what_one_by_id_finds() {
    let (_cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &chatterbox()).await;
    assert!(!made.diagnostics.has_errors(), "{}", told(&made.diagnostics));
    same::<CardIdentity>(&driver, CARD, example!("gpu_card")).await;
    same::<FloorIdentity>(&driver, FLOOR, example!("gpu_vram_floor")).await;
    same::<ServiceIdentity>(&driver, SERVICE, example!("gpu_windowed_service")).await;
    let (_cluster, driver) = FakeCluster::start().await;
    let plain = ExporterModel { name: "gpu-exporter".into(), ..ExporterModel::default() };
    let made = driver.create(EXPORTER, &plain).await;
    assert!(!made.diagnostics.has_errors(), "{}", told(&made.diagnostics));
    same::<ExporterIdentity>(&driver, EXPORTER, example!("gpu_exporter")).await;
}
