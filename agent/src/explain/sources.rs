//! Where people can have a card's figures from: through the API server, since
//! they are mostly outside the cluster, and from what else is there.

use jiff::Timestamp;
use serde_json::Value;
use tenancy::card::{Card, DeviceSource};
use tenancy::expand::{EXPORTER_LABEL, NAME_LABEL};
use tenancy::observation::Unknown;

use crate::observe::api::Api;
use crate::observe::object::Object;
use crate::observe::scrape::{self, Told};

/// Asks again through the API server's proxy, where the exporter's name means
/// something. `direct` is why asking directly gave nothing.
pub(super) async fn through_the_api_server(
    api: &Api,
    card: &Card,
    now: Timestamp,
    direct: &Unknown,
) -> Result<Told, Unknown> {
    let Some(object) = proxied(api, card).await else { return Err(direct.clone()) };
    match api.page(&object).await {
        Ok(page) => scrape::read(card, &page, now),
        Err(why) => {
            Err(Unknown { reason: format!("{}; through the API server: {}", direct.reason, why.clause()) })
        }
    }
}

/// The card's page as the proxy has it. Of our own exporter the pod on the
/// card's node is asked, since the Service would choose any.
async fn proxied(api: &Api, card: &Card) -> Option<Object> {
    let url = match &card.source.device {
        DeviceSource::Prometheus(_) => return None,
        DeviceSource::Dcgm(url) | DeviceSource::NvidiaGpuExporter(url) => return Object::proxied(url),
        DeviceSource::Exporter(url) => url,
    };
    let uri: http::Uri = url.parse().ok()?;
    let namespace = uri.host()?.split('.').nth(1)?;
    let pods = api.get(&Object::exporters(namespace, &card.node)).await.ok()?;
    let pod = pods["items"][0]["metadata"]["name"].as_str()?;
    Some(Object::proxied_pod(namespace, pod, uri.port_u16().unwrap_or(80), uri.path()))
}

/// The sources that the cluster seems to have beside the card's own; none where
/// its Services may not be listed.
pub(super) async fn suggestions(api: &Api, card: &Card) -> Vec<String> {
    match api.get(&Object::services()).await {
        Ok(services) => suggested(&services, card.source.device.url()),
        Err(_) => Vec::new(),
    }
}

/// What Services look like a source, the best first.
fn suggested(services: &Value, present: &str) -> Vec<String> {
    let mut found: Vec<(u8, String)> = services["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|service| source_of(service, present))
        .collect();
    found.sort();
    found.into_iter().map(|(_, source)| source).collect()
}

fn source_of(service: &Value, present: &str) -> Option<(u8, String)> {
    let metadata = &service["metadata"];
    let (name, namespace) = (metadata["name"].as_str()?, metadata["namespace"].as_str()?);
    let labels = &metadata["labels"];
    let prometheus =
        labels[NAME_LABEL] == "prometheus" || name == "prometheus" || name == "prometheus-operated";
    let (rank, kind, page) = match name {
        _ if labels[EXPORTER_LABEL].is_string() => (0, "exporter", "/metrics"),
        _ if name.contains("dcgm-exporter") => (1, "dcgm", "/metrics"),
        _ if name.contains("nvidia-gpu-exporter") => (2, "nvidia_gpu_exporter", "/metrics"),
        _ if prometheus => (3, "prometheus", ""),
        _ => return None,
    };
    let port = service["spec"]["ports"][0]["port"].as_u64()?;
    let host = format!("http://{name}.{namespace}");
    if present.starts_with(&format!("{host}:")) || present.starts_with(&format!("{host}.")) {
        return None;
    }
    let url = format!("{host}:{port}{page}");
    Some((
        rank,
        match kind {
            "prometheus" => format!("source = {{ prometheus = {{ url = {url:?}, … }} }}"),
            kind => format!("source = {{ {kind} = {url:?} }}"),
        },
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_looks_like_a_source_is_suggested_and_the_present_one_is_not() {
        let service = |namespace: &str, name: &str, labels: Value, port: u16| {
            json!({ "metadata": { "namespace": namespace, "name": name, "labels": labels },
                    "spec": { "ports": [{ "port": port }] } })
        };
        let services = json!({ "items": [
            service("monitoring", "prometheus-k8s", json!({ "app.kubernetes.io/name": "prometheus" }), 9090),
            service("gpu-operator", "nvidia-dcgm-exporter", json!({}), 9400),
            service("gpu-tenancy", "gpu-exporter", json!({ "gpu-tenancy.dev/exporter": "gpu-exporter" }), 9401),
            service("default", "kubernetes", json!({}), 443),
        ]});
        assert_eq!(
            suggested(&services, "http://nvidia-dcgm-exporter.gpu-operator.svc:9400/metrics"),
            [
                r#"source = { exporter = "http://gpu-exporter.gpu-tenancy:9401/metrics" }"#,
                r#"source = { prometheus = { url = "http://prometheus-k8s.monitoring:9090", … } }"#,
            ]
        );
        assert_eq!(suggested(&services, "http://other:1/metrics").len(), 3);
        assert!(suggested(&json!({}), "").is_empty());
    }
}
