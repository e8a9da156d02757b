//! The server's container, its pod, Service, storage and config files.

use std::collections::BTreeSet;

use serde_json::Value;
use tenancy::defaults as d;
use tenancy::duration::Seconds;
use tenancy::leaves::from_fields_v1;
use tenancy::tenant::ServiceType;
use tfplugin::{Attr, List, Map, Set};

use super::{Found, volumes};
use crate::service::model::ServiceModel;
use crate::service::parts::{
    FrontModel, FrontPortModel, HttpModel, InitModel, NfsModel, ProbeModel, SecretKeyModel, SidecarModel,
    StorageModel, TcpModel, TolerationModel, TopologySpreadModel,
};

/// Init containers that are ours and not a person's.
const OURS: [&str; 2] = ["admit", "copy-config"];

pub(super) fn fill(model: &mut ServiceModel, found: &Found) {
    let pod = &found.deployment["spec"]["template"]["spec"];
    let nothing = Value::Null;
    let server = items(&pod["containers"]).find(|it| it["name"] == "server").unwrap_or(&nothing);
    model.image = text(&server["image"]);
    model.image_pull_policy = text(&server["imagePullPolicy"]);
    model.command = list(&server["command"]);
    model.args = list(&server["args"]);
    model.security_context = json(&server["securityContext"]);
    model.pod_security_context = json(&pod["securityContext"]);
    model.affinity = json(&pod["affinity"]);
    model.topology_spread = filled_map(items(&pod["topologySpreadConstraints"]).filter_map(spread).collect());
    model.runtime_class = text(&pod["runtimeClassName"]);
    let alias = |it: &Value| Some((it["ip"].as_str()?.to_owned(), list(&it["hostnames"])));
    model.host_aliases = filled_map(items(&pod["hostAliases"]).filter_map(alias).collect());
    model.priority_class = text(&pod["priorityClassName"]);
    model.node_selector = texts(&pod["nodeSelector"]);
    model.tolerations = filled(items(&pod["tolerations"]).map(|it| Attr::Known(toleration(it))).collect());
    let secrets: Vec<Attr<String>> = items(&pod["imagePullSecrets"]).map(|it| text(&it["name"])).collect();
    model.image_pull_secrets = if secrets.is_empty() { Attr::Null } else { Attr::Known(Set(secrets)) };
    ports(model, server);
    env(model, server);
    resources(model, server, found.gate.is_some());
    let main = main_port(server);
    model.startup_probe = probe(&server["startupProbe"], &main);
    let readiness = probe(&server["readinessProbe"], &main).into_known();
    model.readiness_probe = readiness.filter(|it| !is_default_readiness(it)).into();
    model.liveness_probe = probe(&server["livenessProbe"], &main);
    init_containers(model, pod);
    sidecars(model, pod);
    service(model, found);
    storage(model, found, pod, server);
    config(model, found, server);
    volumes::fill(model, pod, server);
}

pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> Attr<String> {
    value.as_str().map(str::to_owned).into()
}

pub(super) fn number(value: &Value) -> Attr<i64> {
    value.as_i64().into()
}

fn filled<T>(list: Vec<T>) -> Attr<Vec<T>> {
    if list.is_empty() { Attr::Null } else { Attr::Known(list) }
}

pub(super) fn filled_map<T>(map: Map<T>) -> Attr<Map<T>> {
    if map.is_empty() { Attr::Null } else { Attr::Known(map) }
}

fn list(value: &Value) -> Attr<List<String>> {
    filled(items(value).map(text).collect())
}

pub(super) fn texts(value: &Value) -> Attr<Map<String>> {
    let entries = value.as_object().into_iter().flatten();
    filled_map(entries.map(|(key, value)| (key.clone(), text(value))).collect())
}

fn json(value: &Value) -> Attr<String> {
    let object = value.as_object().filter(|object| !object.is_empty());
    object.map(|_| value.to_string()).into()
}

fn seconds(value: &Value, default: u32) -> Attr<String> {
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    seconds.filter(|seconds| *seconds != default).map(|seconds| Seconds(seconds).to_string()).into()
}

fn toleration(it: &Value) -> TolerationModel {
    TolerationModel {
        key: text(&it["key"]),
        operator: text(&it["operator"]),
        value: text(&it["value"]),
        effect: text(&it["effect"]),
    }
}

/// A constraint with the key of its label; nothing where it says more than an attribute can.
fn spread(it: &Value) -> Option<(String, Attr<TopologySpreadModel>)> {
    let labels = texts(&it["labelSelector"]["matchLabels"]);
    let spread = TopologySpreadModel {
        max_skew: it["maxSkew"].as_i64().filter(|skew| *skew != i64::from(d::MAX_SKEW)).into(),
        when_unsatisfiable: text(&it["whenUnsatisfiable"])
            .into_known()
            .filter(|when| when != "DoNotSchedule")
            .into(),
        match_labels: labels,
    };
    (!spread.match_labels.is_null()).then_some((it["topologyKey"].as_str()?.to_owned(), Attr::Known(spread)))
}

fn ports(model: &mut ServiceModel, server: &Value) {
    let ports: Vec<(&str, Attr<i64>)> = items(&server["ports"])
        .filter_map(|it| Some((it["name"].as_str()?, number(&it["containerPort"]))))
        .collect();
    match ports.as_slice() {
        [(name, port)] if *name == d::PORT_NAME => model.port = *port,
        _ => {
            model.ports = filled_map(ports.into_iter().map(|(name, port)| (name.to_owned(), port)).collect())
        }
    }
}

fn env(model: &mut ServiceModel, server: &Value) {
    let (mut plain, mut secret) = (Map::new(), Map::new());
    for one in items(&server["env"]) {
        let Some(name) = one["name"].as_str() else { continue };
        let from = &one["valueFrom"];
        let reference = &from["secretKeyRef"];
        // What the pod says of itself comes by `pod_patch`: as plain text it would be empty.
        if reference.is_null() && !from.is_null() {
            continue;
        }
        if reference.is_null() {
            let value = one["value"].as_str().unwrap_or_default();
            plain.insert(name.to_owned(), Attr::Known(value.to_owned()));
        } else {
            let key = SecretKeyModel {
                secret: text(&reference["name"]),
                key: text(&reference["key"]),
                optional: reference["optional"].as_bool().filter(|flag| *flag).into(),
            };
            secret.insert(name.to_owned(), Attr::Known(key));
        }
    }
    model.env = filled_map(plain);
    model.env_from_secrets = filled_map(secret);
}

/// Which of the limits counts the slices: the usual one, else another of the same device plugin. A tenant
/// with a gate has slices of something, so there it is also the only device of another plugin.
fn slice_resource(limits: &Map<String>, is_gated: bool) -> Option<String> {
    let vendor = d::SLICE_RESOURCE.split('/').next().unwrap_or_default();
    let of_vendor = |name: &&String| name.split_once('/').is_some_and(|(domain, _)| domain == vendor);
    let devices: Vec<&String> = limits.keys().filter(|name| name.contains('/')).collect();
    let usual = devices.iter().find(|name| *name == &d::SLICE_RESOURCE);
    let found = usual.or_else(|| devices.iter().find(|name| of_vendor(name)));
    let only = || devices.first().filter(|_| is_gated && devices.len() == 1);
    found.or_else(only).map(|name| (*name).clone())
}

/// Slices stand among the limits, and scratch space that nobody declared is our default.
fn resources(model: &mut ServiceModel, server: &Value, is_gated: bool) {
    const SCRATCH: &str = "ephemeral-storage";
    let resources = &server["resources"];
    let mut limits = texts(&resources["limits"]).into_known().unwrap_or_default();
    let mut requests = texts(&resources["requests"]).into_known().unwrap_or_default();
    let resource = slice_resource(&limits, is_gated);
    let slices = resource.as_ref().and_then(|name| limits.remove(name));
    let slices: i64 = slices.and_then(|it| it.as_str().and_then(|text| text.parse().ok())).unwrap_or(0);
    model.slice_resource = resource.filter(|name| name != d::SLICE_RESOURCE).into();
    model.slices = (slices != i64::from(d::SLICES)).then_some(slices).into();
    if requests.get(SCRATCH).and_then(Attr::as_str) == Some("0") {
        limits.remove(SCRATCH);
        requests.remove(SCRATCH);
    }
    model.limits = filled_map(limits);
    model.requests = filled_map(requests);
}

/// The main port's name, as it is when nobody names one: the first.
pub(super) fn main_port(server: &Value) -> Attr<String> {
    items(&server["ports"]).filter_map(|it| it["name"].as_str()).min().map(str::to_owned).into()
}

fn probe(it: &Value, main: &Attr<String>) -> Attr<ProbeModel> {
    let port = |port: &Value| if text(port) == *main { Attr::Null } else { text(port) };
    if it.is_null() {
        return Attr::Null;
    }
    let http = &it["httpGet"];
    let tcp = &it["tcpSocket"];
    let threshold = it["failureThreshold"].as_i64();
    Attr::Known(ProbeModel {
        tcp: (!tcp.is_null()).then(|| TcpModel { port: port(&tcp["port"]) }).into(),
        http: (!http.is_null())
            .then(|| HttpModel { port: port(&http["port"]), path: text(&http["path"]) })
            .into(),
        exec: list(&it["exec"]["command"]),
        period: seconds(&it["periodSeconds"], d::PROBE_PERIOD_S),
        timeout: seconds(&it["timeoutSeconds"], d::PROBE_TIMEOUT_S),
        failure_threshold: threshold.filter(|it| *it != i64::from(d::PROBE_FAILURE_THRESHOLD)).into(),
        initial_delay: seconds(&it["initialDelaySeconds"], 0),
    })
}

/// Whether a probe is the one that a tenant without a readiness probe is given.
fn is_default_readiness(probe: &ProbeModel) -> bool {
    *probe == ProbeModel { tcp: Attr::Known(TcpModel { port: Attr::Null }), ..ProbeModel::default() }
}

fn init_containers(model: &mut ServiceModel, pod: &Value) {
    let containers = items(&pod["initContainers"]).filter_map(|it| {
        let name = it["name"].as_str().filter(|name| !OURS.contains(name))?;
        let mut inner = ServiceModel::default();
        env(&mut inner, it);
        let init = InitModel {
            image: text(&it["image"]),
            command: list(&it["command"]),
            args: list(&it["args"]),
            env: inner.env,
        };
        Some((name.to_owned(), Attr::Known(init)))
    });
    model.init_containers = filled_map(containers.collect());
}

fn sidecars(model: &mut ServiceModel, pod: &Value) {
    let containers = items(&pod["containers"]).filter_map(|it| {
        let name = it["name"].as_str().filter(|name| *name != "server")?;
        let mut inner = ServiceModel::default();
        env(&mut inner, it);
        let ports = items(&it["ports"]);
        let ports =
            ports.filter_map(|it| Some((it["name"].as_str()?.to_owned(), number(&it["containerPort"]))));
        let sidecar = SidecarModel {
            image: text(&it["image"]),
            command: list(&it["command"]),
            args: list(&it["args"]),
            env: inner.env,
            env_from_secrets: inner.env_from_secrets,
            ports: filled_map(ports.collect()),
            requests: texts(&it["resources"]["requests"]),
            limits: texts(&it["resources"]["limits"]),
        };
        Some((name.to_owned(), Attr::Known(sidecar)))
    });
    model.sidecars = filled_map(containers.collect());
}

fn service(model: &mut ServiceModel, found: &Found) {
    let Some(service) = &found.service else { return };
    let spec = &service["spec"];
    let ports: Vec<&Value> = items(&spec["ports"]).collect();
    let owned = applied(service);
    // One that Kubernetes chose is nobody's choice.
    let node_port = |it: &Value| -> Attr<i64> {
        let path = format!("spec.ports[{}/TCP].nodePort", it["port"]);
        if owned.contains(&path) { number(&it["nodePort"]) } else { Attr::Null }
    };
    let is_plain = |it: &Value| it["name"] == it["targetPort"] && it["name"] == d::PORT_NAME;
    let front = match ports.as_slice() {
        [one] if is_plain(one) && !model.port.is_null() => {
            FrontModel { port: number(&one["port"]), node_port: node_port(one), ..FrontModel::default() }
        }
        _ => {
            let named = ports.iter().filter_map(|it| {
                let name = it["name"].as_str()?;
                let target = it["targetPort"].as_str().filter(|target| *target != name).map(str::to_owned);
                let (port, node_port) = (number(&it["port"]), node_port(it));
                let port = FrontPortModel { port, target: target.into(), node_port };
                Some((name.to_owned(), Attr::Known(port)))
            });
            FrontModel { ports: filled_map(named.collect()), ..FrontModel::default() }
        }
    };
    let ranges: Vec<Attr<String>> = items(&spec["loadBalancerSourceRanges"]).map(text).collect();
    model.service = Attr::Known(FrontModel {
        r#type: text(&spec["type"]).into_known().filter(|it| it != ServiceType::default().as_str()).into(),
        load_balancer_class: text(&spec["loadBalancerClass"]),
        load_balancer_source_ranges: if ranges.is_empty() { Attr::Null } else { Attr::Known(Set(ranges)) },
        ..front
    });
}

/// The leaves that were applied, by us or whoever else applies.
fn applied(live: &Value) -> BTreeSet<String> {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let applied = entries.filter(|entry| entry["operation"] == "Apply");
    applied.flat_map(|entry| from_fields_v1(&entry["fieldsV1"])).collect()
}

fn storage(model: &mut ServiceModel, found: &Found, pod: &Value, server: &Value) {
    let mount = items(&server["volumeMounts"]).find(|it| it["name"] == "storage");
    let Some(mount_path) = mount.map(|it| text(&it["mountPath"])) else { return };
    let mut storage = StorageModel { mount_path, ..StorageModel::default() };
    match (&found.claim, &found.volume) {
        (Some(claim), volume) => {
            let spec = &claim["spec"];
            storage.size = text(&spec["resources"]["requests"]["storage"]);
            match volume {
                Some(volume) => {
                    let nfs = &volume["spec"]["nfs"];
                    storage.nfs = Attr::Known(NfsModel {
                        server: text(&nfs["server"]),
                        path: text(&nfs["path"]),
                        mount_options: list(&volume["spec"]["mountOptions"]),
                    });
                }
                None => {
                    let mode = items(&spec["accessModes"]).next().and_then(Value::as_str);
                    storage.access_mode = mode.filter(|it| *it != "ReadWriteOnce").map(str::to_owned).into();
                    storage.class = owned_class(claim);
                }
            }
        }
        _ => {
            let volume = items(&pod["volumes"]).find(|it| it["name"] == "storage");
            storage.existing_claim =
                volume.map(|it| text(&it["persistentVolumeClaim"]["claimName"])).unwrap_or_default();
        }
    }
    model.storage = Attr::Known(storage);
}

/// The class that we set; one that the cluster filled in is nobody's choice.
fn owned_class(claim: &Value) -> Attr<String> {
    let entries = claim["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut applied = entries.filter(|entry| entry["operation"] == "Apply");
    let ours = applied.any(|entry| !entry["fieldsV1"]["f:spec"]["f:storageClassName"].is_null());
    if ours { text(&claim["spec"]["storageClassName"]) } else { Attr::Null }
}

/// Files by the path at which the server has each of them.
fn config(model: &mut ServiceModel, found: &Found, server: &Value) {
    let Some(config) = &found.config else { return };
    let mut files = Map::new();
    for mount in items(&server["volumeMounts"]) {
        let volume = mount["name"].as_str().unwrap_or_default();
        let (Some(key), Some(path)) = (mount["subPath"].as_str(), mount["mountPath"].as_str()) else {
            continue;
        };
        if !matches!(volume, "config" | "config-copy") {
            continue;
        }
        if volume == "config-copy" {
            model.config_mode = Attr::Known("copy".to_owned());
        }
        files.insert(path.to_owned(), text(&config["data"][key]));
    }
    model.config = filled_map(files);
}
