//! A tenant is found again as it is where that is not plain to see: its slices, and its environment.

use tfplugin::Attr;

use super::flow::with_floor;
use super::{SERVICE, chatterbox, texts, told};
use crate::service::ServiceModel;

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
