//! The life of an exporter.

use serde_json::Value;
use tfplugin::Attr;

use super::cluster::FakeCluster;
use super::{EXPORTER, texts, told, without_cluster};
use crate::exporter::{ExporterModel, ServiceMonitorModel};
use crate::service::parts::TolerationModel;

const DAEMON_SET: &str = "/apis/apps/v1/namespaces/gpu-tenancy/daemonsets/gpu-exporter";
const SERVICE: &str = "/api/v1/namespaces/gpu-tenancy/services/gpu-exporter";
const MONITOR: &str = "/apis/monitoring.coreos.com/v1/namespaces/gpu-tenancy/servicemonitors/gpu-exporter";

fn plain() -> ExporterModel {
    ExporterModel { name: "gpu-exporter".into(), ..ExporterModel::default() }
}

pub(super) fn full() -> ExporterModel {
    let toleration = TolerationModel { operator: "Exists".into(), ..TolerationModel::default() };
    ExporterModel {
        runtime_class: "nvidia".into(),
        node_selector: texts(&[("gpu", "yes")]),
        tolerations: Attr::Known(vec![Attr::Known(toleration)]),
        priority_class: "infrastructure".into(),
        agent_image: "registry.example.org/gpu-agent:1".into(),
        image_pull_secrets: Attr::Known(tfplugin::Set(vec!["mirror".into()])),
        port: Attr::Known(9500),
        interval: "5s".into(),
        service_monitor: Attr::Known(ServiceMonitorModel {
            labels: texts(&[("release", "prometheus")]),
            interval: "20s".into(),
        }),
        ..plain()
    }
}

#[tokio::test]
async fn a_new_exporter_and_its_url_are_planned_without_a_cluster() {
    let driver = without_cluster().await;
    let plan = driver.plan(EXPORTER, None, Some(&plain())).await;
    assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
    let planned: ExporterModel = plan.model().unwrap();
    assert_eq!(planned.url.as_str(), Some("http://gpu-exporter.gpu-tenancy:9401/metrics"));
    let objects = planned.objects.known().unwrap();
    let daemon_set: Value =
        serde_json::from_str(objects["DaemonSet/gpu-exporter"].as_str().unwrap()).unwrap();
    assert_eq!(
        daemon_set["spec.template.spec.nodeSelector"],
        serde_json::json!({"nvidia.com/gpu.present": "true"})
    );
    assert_eq!(daemon_set["spec.template.spec.hostPID"], true);
    assert_eq!(objects.len(), 4, "no ServiceMonitor unless asked for");
}

#[tokio::test]
async fn an_exporter_lives_changes_and_goes() {
    let (cluster, driver) = FakeCluster::start().await;
    let made = driver.create(EXPORTER, &full()).await;
    assert!(made.diagnostics.is_empty(), "{}", told(&made.diagnostics));
    let made = made.instance.unwrap();
    assert_eq!(cluster.get(SERVICE).unwrap()["spec"]["clusterIP"], "None");
    assert_eq!(cluster.get(MONITOR).unwrap()["spec"]["endpoints"][0]["honorLabels"], true);
    let read = driver.read(EXPORTER, &made).await;
    assert_eq!(read.instance.as_ref().map(|it| &it.state), Some(&made.state));

    let without = ExporterModel { service_monitor: Attr::Null, runtime_class: "other".into(), ..full() };
    let changed = driver.update(EXPORTER, &made, &without).await;
    assert!(changed.diagnostics.is_empty(), "{}", told(&changed.diagnostics));
    assert!(cluster.get(MONITOR).is_none(), "what is wanted no more is removed");
    let pod = &cluster.get(DAEMON_SET).unwrap()["spec"]["template"]["spec"];
    assert_eq!(pod["runtimeClassName"], "other");

    let gone = driver.destroy(EXPORTER, &changed.instance.unwrap()).await;
    assert!(!gone.diagnostics.has_errors(), "{}", told(&gone.diagnostics));
    assert_eq!(cluster.paths("gpu-"), ["/api/v1/namespaces/gpu-tenancy"], "the cards' ground stays");
}

#[tokio::test]
async fn an_import_writes_what_a_person_would_have_written() {
    for wanted in [plain(), full()] {
        let (_cluster, driver) = FakeCluster::start().await;
        let made = driver.create(EXPORTER, &wanted).await;
        assert!(made.diagnostics.is_empty(), "{}", told(&made.diagnostics));
        let imported = driver.import(EXPORTER, "gpu-exporter").await;
        assert!(imported.diagnostics.is_empty(), "{}", told(&imported.diagnostics));
        let imported: ExporterModel = imported.instance.unwrap().model().unwrap();
        let written = ExporterModel { id: Attr::Null, url: Attr::Null, objects: Attr::Null, ..imported };
        assert_eq!(written, wanted);
    }
    let (_cluster, driver) = FakeCluster::start().await;
    let nobody = driver.import(EXPORTER, "gpu-exporter").await;
    assert!(told(&nobody.diagnostics).contains("There is no exporter"), "{}", told(&nobody.diagnostics));
}

#[tokio::test]
async fn what_cannot_be_is_refused_at_plan() {
    let driver = without_cluster().await;
    let rows = [
        (ExporterModel { name: "Gpu".into(), ..plain() }, "name", "lower-case"),
        (ExporterModel { name: "a".repeat(53).as_str().into(), ..plain() }, "name", "52"),
        (ExporterModel { interval: "31s".into(), ..plain() }, "interval", "30s"),
        (ExporterModel { interval: "0s".into(), ..plain() }, "interval", "1s"),
        (ExporterModel { port: Attr::Known(0), ..plain() }, "port", "1"),
        (ExporterModel { node_selector: texts(&[("a b", "c")]), ..plain() }, "node_selector", "label key"),
    ];
    for (model, path, part) in rows {
        let said = driver.validate(EXPORTER, &model).await;
        let said = told(&said);
        assert!(said.starts_with(path) && said.contains(part), "{path}: {said}");
    }
}
