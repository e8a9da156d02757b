//! Where people can have a card's figures from: through the API server, since
//! they are mostly outside the cluster, and from what else is there.

use jiff::Timestamp;
use serde_json::Value;
use tenancy::card::{Card, Device, DeviceSource, Prometheus, Unit};
use tenancy::expand::{EXPORTER_LABEL, NAME_LABEL};
use tenancy::observation::Unknown;

use crate::observe::api::{Api, ApiError};
use crate::observe::object::Object;
use crate::observe::scrape::{self, Told};
use crate::observe::{fetch, sources};

/// What came of asking through the API server.
pub(super) enum Through {
    /// The card's figures, or why its source gives none.
    Asked(Result<Told, Unknown>),
    /// From here nobody can ask the source, which says nothing of the card.
    NoWay(Unknown),
}

/// Asks again through the API server's proxy, where the source's name means
/// something. `direct` is why asking directly gave nothing.
pub(super) async fn through_the_api_server(
    api: &Api,
    card: &Card,
    now: Timestamp,
    direct: &Unknown,
) -> Through {
    let told = match &card.source.device {
        DeviceSource::Prometheus(source) => sources::prometheus_through(api, source)
            .await
            .map(|answers| scrape::read_prometheus(card, source, &answers, now)),
        _ => page(api, card).await.map(|page| scrape::read(card, &page, now)),
    };
    let because = |why: &str| Unknown { reason: format!("{}; {why}", direct.reason) };
    match told {
        Ok(told) => Through::Asked(told),
        Err(None) if fetch::lacks_its_secret(scrape::url(card)) => Through::NoWay(because(
            "nor can the API server ask it, which knows no authority and has no token",
        )),
        Err(None) => Through::Asked(Err(direct.clone())),
        Err(Some(why)) => {
            let unknown = because(&format!("through the API server: {}", why.clause()));
            match why {
                ApiError::Forbidden { .. } => Through::NoWay(unknown),
                _ => Through::Asked(Err(unknown)),
            }
        }
    }
}

/// The card's page as the proxy has it; `None` where its address names no Service.
async fn page(api: &Api, card: &Card) -> Result<String, Option<ApiError>> {
    let object = proxied(api, card).await?;
    api.page(&object).await.map_err(Some)
}

/// Of our own exporter the pod on the card's node is asked, since the Service would choose any.
async fn proxied(api: &Api, card: &Card) -> Result<Object, Option<ApiError>> {
    let url = scrape::url(card);
    let service = Object::proxied(url).ok_or(None)?;
    let DeviceSource::Exporter(_) = &card.source.device else { return Ok(service) };
    let uri: http::Uri = url.parse().map_err(|_| None)?;
    let namespace = uri.host().and_then(|host| host.split('.').nth(1)).ok_or(None)?;
    let exporters = Object::exporters(namespace, &card.node);
    let pods = api.get(&exporters).await.map_err(Some)?;
    let pod = pods["items"][0]["metadata"]["name"].as_str().ok_or_else(|| ApiError::Away {
        asked: exporters.told().to_owned(),
        cause: format!("no pod of the exporter is on node {}", card.node),
    });
    Ok(Object::proxied_pod(namespace, pod.map_err(Some)?, uri.port_u16().unwrap_or(80), uri.path()))
}

/// The sources that the cluster seems to have beside the card's own; none where
/// its Services may not be listed.
pub(super) async fn suggestions(api: &Api, card: &Card) -> Vec<String> {
    match api.get(&Object::services()).await {
        Ok(services) => suggested(&services, card),
        Err(_) => Vec::new(),
    }
}

/// What Services look like a source, the best first.
fn suggested(services: &Value, card: &Card) -> Vec<String> {
    let mut found: Vec<(u8, String)> = services["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|service| source_of(service, card))
        .collect();
    found.sort();
    found.into_iter().map(|(_, source)| source).collect()
}

fn source_of(service: &Value, card: &Card) -> Option<(u8, String)> {
    let present = card.source.device.url();
    let metadata = &service["metadata"];
    let (name, namespace) = (metadata["name"].as_str()?, metadata["namespace"].as_str()?);
    let labels = &metadata["labels"];
    let prometheus =
        labels[NAME_LABEL] == "prometheus" || name == "prometheus" || name == "prometheus-operated";
    let (rank, kind, page) = match name {
        _ if labels[EXPORTER_LABEL].is_string() => (0, "exporter", "/metrics"),
        _ if name.contains("dcgm-exporter") => (1, "dcgm", "/metrics"),
        // Its page names no node, so a card's position alone is refused there.
        _ if name.contains("nvidia-gpu-exporter") && matches!(card.device, Device::Uuid(_)) => {
            (2, "nvidia_gpu_exporter", "/metrics")
        }
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
            "prometheus" => by_prometheus(&url, card),
            kind => format!("source = {{ {kind} = {url:?} }}"),
        },
    ))
}

/// The whole block for a Prometheus, to be pasted: the card's present series where it has some,
/// and otherwise those of dcgm-exporter, which most clusters scrape.
fn by_prometheus(url: &str, card: &Card) -> String {
    let series = match (&card.source.device, &card.device) {
        (DeviceSource::Prometheus(present), _) => present.clone(),
        (DeviceSource::NvidiaGpuExporter(_), Device::Uuid(uuid)) => {
            let bare = uuid.trim_start_matches("GPU-").to_lowercase();
            let series = |name: &str| format!("nvidia_smi_memory_{name}_bytes{{uuid={bare:?}}}");
            Prometheus {
                url: String::new(),
                free: series("free"),
                used: series("used"),
                total: Some(series("total")),
                reserved: None,
                unit: Unit::Bytes,
            }
        }
        (_, device) => {
            let which = match device {
                Device::Uuid(uuid) => format!("UUID={uuid:?}"),
                Device::Index(index) => format!("gpu=\"{index}\", hostname=\"{}\"", card.node),
            };
            let series = |name: &str| format!("DCGM_FI_DEV_FB_{name}{{{which}}}");
            Prometheus {
                url: String::new(),
                free: series("FREE"),
                used: series("USED"),
                total: None,
                reserved: Some(series("RESERVED")),
                unit: Unit::Mib,
            }
        }
    };
    let optional = [("total", &series.total), ("reserved", &series.reserved)];
    let fields = [("url", url), ("free", &series.free), ("used", &series.used)]
        .into_iter()
        .chain(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))))
        .chain([("unit", series.unit.as_str())]);
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name} = {value:?}")).collect();
    format!("source = {{ prometheus = {{ {} }} }}", fields.join(", "))
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
            service("monitoring", "nvidia-gpu-exporter", json!({}), 9835),
            service("gpu-tenancy", "gpu-exporter", json!({ "gpu-tenancy.dev/exporter": "gpu-exporter" }), 9401),
            service("default", "kubernetes", json!({}), 443),
        ]});
        let card = |device: Value, source: Value| -> Card {
            serde_json::from_value(json!({
                "name": "t4", "node": "gpu-1", "device": device, "source": { "device": source },
            }))
            .unwrap()
        };
        let dcgm = json!({ "dcgm": "http://nvidia-dcgm-exporter.gpu-operator.svc:9400/metrics" });
        assert_eq!(
            suggested(&services, &card(json!({ "uuid": "GPU-6D5C" }), dcgm)),
            [
                r#"source = { exporter = "http://gpu-exporter.gpu-tenancy:9401/metrics" }"#,
                r#"source = { nvidia_gpu_exporter = "http://nvidia-gpu-exporter.monitoring:9835/metrics" }"#,
                r#"source = { prometheus = { url = "http://prometheus-k8s.monitoring:9090", free = "DCGM_FI_DEV_FB_FREE{UUID=\"GPU-6D5C\"}", used = "DCGM_FI_DEV_FB_USED{UUID=\"GPU-6D5C\"}", reserved = "DCGM_FI_DEV_FB_RESERVED{UUID=\"GPU-6D5C\"}", unit = "mib" } }"#,
            ]
        );
        let smi = json!({ "nvidia_gpu_exporter": "http://other:1/metrics" });
        let all = suggested(&services, &card(json!({ "uuid": "GPU-6D5C" }), smi.clone()));
        assert_eq!(all.len(), 4);
        let paste = r#"free = "nvidia_smi_memory_free_bytes{uuid=\"6d5c\"}""#;
        assert!(all[3].contains(paste), "{}", all[3]);
        let by_index = card(json!({ "index": 0 }), smi);
        let paste = r#"free = "DCGM_FI_DEV_FB_FREE{gpu=\"0\", hostname=\"gpu-1\"}""#;
        let all = suggested(&services, &by_index);
        assert_eq!(all.len(), 3, "a page that names no node is no source by index: {all:?}");
        assert!(all[2].contains(paste), "{}", all[2]);
        assert!(suggested(&json!({}), &by_index).is_empty());
    }
}
