//! What works without a cluster, and how the rest refuses.

use tfplugin::testing::Driver;
use tfplugin::{Attr, Severity};

use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, told, without_cluster};
use crate::card::CardModel;
use crate::provider::{Gpu, Settings};
use crate::service::ServiceModel;

#[tokio::test]
async fn a_new_tenant_is_planned_without_a_cluster() {
    let driver = without_cluster().await;
    let card = driver.plan(CARD, None, Some(&t4())).await;
    let floor = driver.plan(FLOOR, None, Some(&claim())).await;
    let tenant = driver.plan(SERVICE, None, Some(&chatterbox())).await;
    for plan in [&card, &floor, &tenant] {
        assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
    }
    let planned: ServiceModel = tenant.model().unwrap();
    let objects = planned.objects.known().unwrap();
    let deployment: serde_json::Value =
        serde_json::from_str(objects["Deployment/chatterbox-tts"].as_str().unwrap()).unwrap();
    assert_eq!(
        deployment["spec.template.spec.containers[server].image"],
        "ghcr.io/example/chatterbox-tts:915ae289"
    );
    assert!(deployment.get("spec.replicas").is_none(), "the replicas are the gate's");
    assert!(!objects["Deployment/chatterbox-tts"].as_str().unwrap().contains("/data/hf_cache"));
}

#[tokio::test]
async fn a_tenant_on_the_cpu_needs_no_claim_and_asks_for_no_slice() {
    let config = ServiceModel {
        vram_floor: Attr::Null,
        slices: Attr::Known(0),
        windows: Attr::Null,
        always: Attr::Known(true),
        ..chatterbox()
    };
    let plan = without_cluster().await.plan(SERVICE, None, Some(&config)).await;
    assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
    let planned: ServiceModel = plan.model().unwrap();
    let objects = planned.objects.known().unwrap();
    let deployment = objects["Deployment/chatterbox-tts"].as_str().unwrap();
    assert!(!deployment.contains("nvidia.com/gpu"), "{deployment}");
    assert!(!objects.keys().any(|key| key.starts_with("CronJob/")));
}

#[tokio::test]
async fn digests_take_the_place_of_fields_where_asked() {
    let driver = Driver::new(Gpu);
    let settings = Settings {
        host: "https://127.0.0.1:1".into(),
        plan_objects: "digests".into(),
        ..Settings::default()
    };
    driver.configure(&settings).await;
    let planned: ServiceModel = driver.plan(SERVICE, None, Some(&chatterbox())).await.model().unwrap();
    for text in planned.objects.known().unwrap().values() {
        assert!(text.as_str().unwrap().starts_with("sha256:"), "{text:?}");
    }
}

#[tokio::test]
async fn an_apply_without_a_cluster_says_so_once() {
    let driver = without_cluster().await;
    let after = driver.create(CARD, &t4()).await;
    assert!(after.instance.is_none());
    assert_eq!(after.diagnostics.iter().count(), 1, "{}", told(&after.diagnostics));
    assert!(told(&after.diagnostics).contains("does not answer"), "{}", told(&after.diagnostics));
}

#[tokio::test]
async fn nothing_configured_is_no_localhost() {
    if std::env::var_os("KUBE_HOST").is_some() || std::env::var_os("KUBE_CONFIG_PATH").is_some() {
        return;
    }
    let driver = Driver::new(Gpu);
    driver.configure(&Settings::default()).await;
    let after = driver.create(CARD, &t4()).await;
    assert!(told(&after.diagnostics).contains("KUBE_CONFIG_PATH"), "{}", told(&after.diagnostics));
}

#[tokio::test]
async fn an_unreadable_kubeconfig_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    std::fs::write(&broken, "clusters: [").unwrap();
    let lacking = folder.path().join("lacking");
    std::fs::write(&lacking, "apiVersion: v1\nkind: Config\ncurrent-context: gone\ncontexts: []\n").unwrap();
    for (path, words) in
        [(folder.path().join("absent"), "absent"), (broken, "broken"), (lacking, "no context \"gone\"")]
    {
        let driver = Driver::new(Gpu);
        let settings =
            Settings { config_path: path.display().to_string().as_str().into(), ..Settings::default() };
        driver.configure(&settings).await;
        let plan = driver.plan(CARD, None, Some(&t4())).await;
        assert!(plan.diagnostics.is_empty(), "a create plan reads no kubeconfig");
        let after = driver.apply(plan).await;
        assert!(told(&after.diagnostics).contains(words), "{words}: {}", told(&after.diagnostics));
    }
}

#[tokio::test]
async fn an_unknown_provider_plans_creates_and_keeps_states() {
    let driver = Driver::new(Gpu);
    let settings = Settings { host: Attr::Unknown, ..Settings::default() };
    let said = driver.configure(&settings).await;
    assert!(said.is_empty(), "{}", told(&said));
    let plan = driver.plan(CARD, None, Some(&t4())).await;
    assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
    let planned: CardModel = plan.model().unwrap();
    let instance = tfplugin::testing::Instance {
        state: tfplugin::Model::to_value(&planned),
        private: br#"{"objects":{"Namespace/gpu-tenancy":{"uid":"1","fields":"x"}}}"#.to_vec(),
        identity: None,
    };
    let read = driver.read(CARD, &instance).await;
    assert_eq!(read.instance.map(|it| it.state), Some(instance.state));
    let warning = read.diagnostics.iter().next().unwrap();
    assert_eq!(warning.severity, Severity::Warning);
    assert!(warning.detail.contains("host"), "{}", warning.detail);
}
