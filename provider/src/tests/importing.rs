//! What is imported is found again as it is, also where that is not plain to see: changed fields, slices, and the
//! environment.

use serde_json::json;
use tfplugin::testing::{Driver, Instance};
use tfplugin::{Attr, Model};

use super::cluster::FakeCluster;
use super::flow::with_floor;
use super::{CARD, EXPORTER, FLOOR, SERVICE, chatterbox, claim, exporter, t4, texts, told};
use crate::card::CardModel;
use crate::exporter::ExporterModel;
use crate::floor::FloorModel;
use crate::lifecycle::Shows;
use crate::provider::Gpu;
use crate::service::ServiceModel;

/// An import, with the refresh that Terraform puts behind it.
async fn imported(driver: &Driver<Gpu>, type_name: &str, id: &str) -> Instance {
    let found = driver.import(type_name, id).await;
    assert!(found.diagnostics.is_empty(), "{}", told(&found.diagnostics));
    driver.read(type_name, &found.instance.unwrap()).await.instance.unwrap()
}

/// The objects that an import finds changed by a hand, and that its first apply puts back.
async fn put_back<M: Model + Shows>(
    cluster: &FakeCluster,
    (type_name, id): (&str, &str),
    config: &M,
    (key, path, by_hand): (&str, &str, serde_json::Value),
) {
    let driver = cluster.another_run().await;
    let as_made = imported(&driver, type_name, id).await;
    let plan = driver.plan(type_name, Some(&as_made), Some(config)).await;
    assert!(plan.is_empty(), "{type_name} was not changed: {}", told(&plan.diagnostics));
    let url = cluster.url(key);
    let before = tenancy::leaves::get_leaf(&cluster.get(&url).unwrap(), path);
    cluster.by_hand(&url, path, Some(&by_hand));

    let found = imported(&driver, type_name, id).await;
    let plan = driver.plan(type_name, Some(&found), Some(config)).await;
    let objects = |instance: &Instance| {
        let mut model: M = instance.model().unwrap();
        model.objects().known().cloned().unwrap()
    };
    let (had, wants) = (objects(&found), plan.model::<M>().unwrap().objects().known().cloned().unwrap());
    let differing: Vec<&String> = wants.keys().filter(|key| had.get(*key) != wants.get(*key)).collect();
    assert_eq!(differing, [key], "{type_name}");
    let done = driver.apply(plan).await;
    assert!(done.diagnostics.is_empty(), "{}", told(&done.diagnostics));
    assert_eq!(tenancy::leaves::get_leaf(&cluster.get(&url).unwrap(), path), before, "{type_name}");
}

/// A state made of what we would apply would say that nothing is to be done, for ever.
#[tokio::test]
async fn what_differs_from_what_we_would_apply_is_in_the_plan_after_an_import() {
    let (cluster, driver) = FakeCluster::start().await;
    let watched = CardModel { watch: Attr::Known(true), ..t4() };
    driver.create(CARD, &watched).await;
    driver.create(FLOOR, &claim()).await;
    driver.create(EXPORTER, &exporter::full()).await;
    let rules = json!({"rules": []});
    let of_card = ("Role/card.gpu-1-0.watcher", "rules", rules.clone());
    put_back::<CardModel>(&cluster, (CARD, "gpu-1-0"), &watched, of_card).await;
    let of_floor = ("Role/tenant.tts.chatterbox-tts", "rules", rules);
    put_back::<FloorModel>(&cluster, (FLOOR, "tts/chatterbox-tts"), &claim(), of_floor).await;
    let port = json!({"spec": {"clusterIP": "10.0.0.7"}});
    let of_exporter = ("Service/gpu-exporter", "spec.clusterIP", port);
    put_back::<ExporterModel>(&cluster, (EXPORTER, "gpu-exporter"), &exporter::full(), of_exporter).await;
}

#[tokio::test]
async fn slices_of_another_resource_are_read_back() {
    let usual = chatterbox();
    let split = ServiceModel { slice_resource: "nvidia.com/mig-1g.5gb".into(), ..chatterbox() };
    let always = ServiceModel {
        slices: Attr::Known(2),
        windows: Attr::Null,
        always: Attr::Known(true),
        wait: Attr::Known(false),
        ..split.clone()
    };
    let of_others = ServiceModel { slice_resource: "amd.com/gpu".into(), ..chatterbox() };
    let beside = ServiceModel { limits: texts(&[("rdma/hca", "1")]), ..split.clone() };
    for config in [usual, split, always, of_others, beside] {
        let (_cluster, driver, ..) = with_floor().await;
        let made = driver.create(SERVICE, &config).await;
        assert!(!made.diagnostics.has_errors(), "{}", told(&made.diagnostics));
        let found = driver.import(SERVICE, "tts/chatterbox-tts").await;
        assert!(found.diagnostics.is_empty(), "{}", told(&found.diagnostics));
        let model: ServiceModel = found.model().unwrap();
        assert_eq!(model.slice_resource, config.slice_resource);
        assert_eq!(model.slices, config.slices);
        assert_eq!(model.limits, config.limits);
        assert_eq!(model.vram_floor, config.vram_floor);
    }
}

/// What a `pod_patch` sets from the pod's own fields is no plain text: written down as such it would be empty.
#[tokio::test]
async fn environment_from_the_pod_s_own_fields_is_not_read_back_as_plain_text() {
    let patch = r#"{"containers": [{"name": "server", "env": [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    ]}]}"#;
    let config = ServiceModel { pod_patch: patch.into(), env: texts(&[("A", "b")]), ..chatterbox() };
    let (_cluster, driver, ..) = with_floor().await;
    let made = driver.create(SERVICE, &config).await;
    assert!(!made.diagnostics.has_errors(), "{}", told(&made.diagnostics));
    let found = driver.import(SERVICE, "tts/chatterbox-tts").await;
    let model: ServiceModel = found.model().unwrap();
    assert_eq!(model.env, config.env);
}
