//! From what a user wrote of an exporter to the domain's, and back for import.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tenancy::declared::SYSTEM_NAMESPACE;
use tenancy::defaults as d;
use tenancy::duration::Seconds;
use tenancy::exporter::{Exporter, LONGEST_INTERVAL_S, ServiceMonitor};
use tenancy::names::ExporterName;
use tenancy::objects::Kind;
use tfplugin::{Attr, Diagnostic, Diagnostics, List, Map, Path, Set};

use super::model::{ExporterModel, ServiceMonitorModel};
use crate::api::{Api, Ref};
use crate::fill::{Fill, Sample};
use crate::service::parts::TolerationModel;
use crate::service::tolerations;

fn convert(model: &ExporterModel, agent_image: &Attr<String>, fill: &mut Fill) -> Option<Exporter> {
    let at = |name: &str| Path::attribute(name);
    fill.adopted(&model.adopt);
    let name = fill.parse(&model.name, &at("name"));
    let image = if model.agent_image.is_null() { agent_image } else { &model.agent_image };
    let image = fill.string(image).unwrap_or_else(|| d::AGENT_IMAGE.to_owned());
    let runtime_class = fill.parse(&model.runtime_class, &at("runtime_class"));
    let priority_class = fill.parse(&model.priority_class, &at("priority_class"));
    let node_selector = match &model.node_selector {
        Attr::Null => d::exporter_nodes(),
        written => fill.typed(written, &at("node_selector")),
    };
    let tolerations = match &model.tolerations {
        Attr::Null => d::exporter_tolerations(),
        written => tolerations(written, &at("tolerations"), fill),
    };
    let path = at("image_pull_secrets");
    let image_pull_secrets = match &model.image_pull_secrets {
        Attr::Null => BTreeSet::new(),
        Attr::Unknown => fill.parse(&Attr::Unknown, &path).into_iter().collect(),
        Attr::Known(set) => set.0.iter().filter_map(|one| fill.parse(one, &path)).collect(),
    };
    let port = fill.number(&model.port, &at("port")).unwrap_or(d::EXPORTER_PORT);
    let interval = seconds(&model.interval, &at("interval"), fill).unwrap_or(d::EXPORTER_INTERVAL_S);
    let service_monitor = monitor(&model.service_monitor, fill);
    Some(Exporter {
        name: name?,
        image,
        runtime_class,
        node_selector,
        tolerations,
        priority_class,
        image_pull_secrets,
        port,
        interval_s: interval,
        service_monitor,
    })
}

fn monitor(attr: &Attr<ServiceMonitorModel>, fill: &mut Fill) -> Option<ServiceMonitor> {
    let stand_in = ServiceMonitorModel { labels: Attr::Unknown, interval: Attr::Unknown };
    let model = fill.any(attr, &stand_in, &stand_in)?;
    let path = Path::attribute("service_monitor");
    Some(ServiceMonitor {
        labels: fill.typed(&model.labels, &path.field("labels")),
        interval_s: seconds(&model.interval, &path.field("interval"), fill)
            .unwrap_or(d::EXPORTER_SCRAPE_INTERVAL_S),
    })
}

/// From a second to half a minute.
fn seconds(attr: &Attr<String>, path: &Path, fill: &mut Fill) -> Option<u64> {
    let Seconds(seconds) = fill.parse(attr, path)?;
    if seconds == 0 || seconds > LONGEST_INTERVAL_S {
        fill.wrong(
            path,
            "Interval out of range",
            format!(
                "{path} is {}. Write one from `1s` to `{LONGEST_INTERVAL_S}s`: figures that are older than a \
                 minute admit nobody.",
                Seconds(seconds)
            ),
        );
    }
    Some(seconds.into())
}

/// The exporter with either sample in the place of what is unknown.
///
/// # Errors
/// Everything that is wrong with what is known.
pub(super) fn both(
    model: &ExporterModel,
    agent_image: &Attr<String>,
) -> Result<Option<(Exporter, Exporter)>, Diagnostics> {
    let mut fill = Fill::new(Sample::A);
    let a = convert(model, agent_image, &mut fill);
    fill.problems.into_result()?;
    Ok(a.zip(convert(model, agent_image, &mut Fill::new(Sample::B))))
}

/// The exporter of a model that is wholly known.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn exporter(model: &ExporterModel, agent_image: &Attr<String>) -> Result<Exporter, Diagnostics> {
    let mut fill = Fill::new(Sample::A);
    let exporter = convert(model, agent_image, &mut fill);
    fill.problems.into_result()?;
    exporter.ok_or_else(|| Diagnostic::error("Incomplete exporter", "name must be set.").into())
}

/// The model of the exporter that is in the cluster under this name, read from its objects.
///
/// # Errors
/// No legal name, no such DaemonSet, or one that is none of ours.
pub(super) async fn found(api: &Api, name: &str) -> Result<ExporterModel, Diagnostic> {
    let at = Path::attribute("name");
    let legal: ExporterName = name.parse().map_err(|invalid: tenancy::Invalid| {
        Diagnostic::error("Not an exporter's import id", format!("{invalid} The id is the exporter's name."))
            .at(at.clone())
    })?;
    let get = async |kind: Kind| {
        let namespace = Some(SYSTEM_NAMESPACE);
        let object = Ref::new(kind.api_version(), kind.as_str(), namespace, legal.as_str());
        api.get(&object).await.map_err(|failure| failure.diagnostic(at.clone()))
    };
    let missing = || {
        Diagnostic::error(
            format!("There is no exporter {name}"),
            format!(
                "Namespace gpu-tenancy has no DaemonSet {name} with a container `exporter`. Look at what `kubectl \
                 -n gpu-tenancy get daemonsets -l gpu-tenancy.dev/exporter` lists."
            ),
        )
        .at(at.clone())
    };
    let daemon_set = get(Kind::DaemonSet).await?.ok_or_else(missing)?.0;
    let monitor = get(Kind::ServiceMonitor).await.ok().flatten();
    let mut model = read(&daemon_set["spec"]["template"]["spec"]).ok_or_else(missing)?;
    model.name = Attr::Known(name.to_owned());
    model.id = model.name.clone();
    model.service_monitor = monitor.map(|monitor| read_monitor(&monitor.0)).into();
    Ok(model)
}

/// Reads a pod back. What is a default stays out of the model, as a person would write it.
fn read(pod: &Value) -> Option<ExporterModel> {
    let container = pod["containers"].as_array()?.iter().find(|it| it["name"] == "exporter")?;
    let argument = |name: &str| {
        let args = container["args"].as_array()?;
        let at = args.iter().position(|it| it == name)?;
        args.get(at + 1)?.as_str()?.parse::<u64>().ok()
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let port = argument("--port").filter(|port| *port != u64::from(d::EXPORTER_PORT));
    let interval = argument("--interval").filter(|interval| *interval != d::EXPORTER_INTERVAL_S);
    let labels = texts(&pod["nodeSelector"]);
    let usual: BTreeMap<String, String> =
        d::exporter_nodes().into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    let secrets: Vec<Attr<String>> = pod["imagePullSecrets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|secret| text(&secret["name"]).map(Attr::Known))
        .collect();
    Some(ExporterModel {
        runtime_class: text(&pod["runtimeClassName"]).into(),
        priority_class: text(&pod["priorityClassName"]).into(),
        node_selector: (labels != usual).then(|| map(labels)).into(),
        tolerations: read_tolerations(&pod["tolerations"]),
        agent_image: text(&container["image"]).filter(|image| image != d::AGENT_IMAGE).into(),
        image_pull_secrets: (!secrets.is_empty()).then_some(Set(secrets)).into(),
        port: port.and_then(|port| i64::try_from(port).ok()).into(),
        interval: interval.and_then(spelled).into(),
        ..ExporterModel::default()
    })
}

fn read_tolerations(list: &Value) -> Attr<List<TolerationModel>> {
    let text = |toleration: &Value, field: &str| Attr::from(toleration[field].as_str().map(str::to_owned));
    let list: Vec<&Value> = list.as_array().into_iter().flatten().collect();
    if let [one] = list[..]
        && one["key"] == d::SLICE_RESOURCE
        && one["operator"] == "Exists"
        && one["effect"].is_null()
    {
        return Attr::Null;
    }
    let models = list.into_iter().map(|one| {
        Attr::Known(TolerationModel {
            key: text(one, "key"),
            operator: text(one, "operator"),
            value: text(one, "value"),
            effect: text(one, "effect"),
        })
    });
    Attr::Known(models.collect())
}

fn read_monitor(monitor: &Value) -> ServiceMonitorModel {
    let mut labels = texts(&monitor["metadata"]["labels"]);
    labels.retain(|key, _| key.parse().is_ok_and(|key| !tenancy::expand::is_ours(&key)));
    let interval = monitor["spec"]["endpoints"][0]["interval"].as_str();
    let interval = interval.and_then(|text| text.parse::<Seconds>().ok()).map(|it| u64::from(it.0));
    ServiceMonitorModel {
        labels: (!labels.is_empty()).then(|| map(labels)).into(),
        interval: interval.filter(|it| *it != d::EXPORTER_SCRAPE_INTERVAL_S).and_then(spelled).into(),
    }
}

fn spelled(seconds: u64) -> Option<String> {
    u32::try_from(seconds).ok().map(|seconds| Seconds(seconds).to_string())
}

fn texts(object: &Value) -> BTreeMap<String, String> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn map(texts: BTreeMap<String, String>) -> Map<String> {
    texts.into_iter().map(|(key, value)| (key, Attr::Known(value))).collect()
}
