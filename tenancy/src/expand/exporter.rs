//! An exporter's objects: one pod a node, and a Service that has them all.
//!
//! What a pod is given, and why:
//! - `hostPID`: the driver names processes by ids of the asker's own PID
//!   namespace and leaves out those of others, and `/proc/<pid>/cgroup` says
//!   whose they are;
//! - `/var/log/containers`, read-only: the names of the kubelet's links tell
//!   each container's pod. The logs they point to are not mounted;
//! - `NVIDIA_VISIBLE_DEVICES=all` with the capability `utility`: the runtime
//!   mounts the devices and the driver's library, and no slice is taken;
//! - no token and no right in the cluster, no capability, no root.

use serde_json::{Value, json};

use super::deployment::toleration;
use super::labels::{EXPORTER_LABEL, Labels, NAME_LABEL};
use super::{agent, labels, object};
use crate::defaults::{EXPORTER_LIMITS, EXPORTER_REQUESTS, REVISION_HISTORY};
use crate::exporter::{Exporter, ServiceMonitor};
use crate::names::Namespace;
use crate::objects::{Kind, Object, Objects, Tenure, identity};

/// Name of the port in pod, Service and ServiceMonitor.
const PORT: &str = "metrics";
/// Where the kubelet keeps its links, on the node and in the pod.
const LINKS: &str = "/var/log/containers";

/// Every object of an exporter, all in the system namespace.
pub fn exporter(exporter: &Exporter) -> Objects {
    let namespace = Namespace::system();
    let mut ground = identity(Kind::Namespace, None, namespace.as_str());
    labels::decorate(&mut ground, labels::shared_by_tenants(), None);
    let own = |kind: Kind, content: Value| -> Object {
        let name = exporter.name.as_str();
        let mut body = identity(kind, Some(&namespace), name);
        labels::decorate(&mut body, of_exporter(exporter), None);
        crate::leaves::merge(&mut body, &content);
        object(kind, Some(&namespace), name, Tenure::Own, body)
    };
    let mut objects = vec![
        object(Kind::Namespace, None, namespace.as_str(), Tenure::Ground, ground),
        own(Kind::ServiceAccount, json!({"automountServiceAccountToken": false})),
        own(Kind::DaemonSet, daemon_set(exporter)),
        own(Kind::Service, service(exporter)),
    ];
    if let Some(monitor) = &exporter.service_monitor {
        let mut object = own(Kind::ServiceMonitor, service_monitor(exporter, monitor));
        for (key, value) in &monitor.labels {
            object.body["metadata"]["labels"][key.as_str()] = json!(value.as_str());
        }
        objects.push(object);
    }
    objects.into_iter().collect()
}

/// The labels by which Service and DaemonSet know the pods. They can never change.
fn selector(exporter: &Exporter) -> Labels {
    [NAME_LABEL, EXPORTER_LABEL].map(|label| (label.to_owned(), exporter.name.to_string())).into()
}

fn of_exporter(exporter: &Exporter) -> Labels {
    let mut labels = selector(exporter);
    labels.extend(labels::shared_by_tenants());
    labels
}

fn daemon_set(exporter: &Exporter) -> Value {
    json!({"spec": {
        "revisionHistoryLimit": REVISION_HISTORY,
        "selector": {"matchLabels": selector(exporter)},
        "template": {"metadata": {"labels": of_exporter(exporter)}, "spec": pod(exporter)},
    }})
}

fn pod(exporter: &Exporter) -> Value {
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "containers": [container(exporter)],
        "hostPID": true,
        "serviceAccountName": exporter.name.as_str(),
        "terminationGracePeriodSeconds": 5,
        "volumes": [{"name": "containers", "hostPath": {"path": LINKS}}],
    });
    if !exporter.node_selector.is_empty() {
        let labels = exporter.node_selector.iter();
        pod["nodeSelector"] = labels.map(|(key, value)| (key.to_string(), json!(value.as_str()))).collect();
    }
    if !exporter.tolerations.is_empty() {
        pod["tolerations"] = exporter.tolerations.iter().map(toleration).collect();
    }
    for (field, name) in
        [("runtimeClassName", &exporter.runtime_class), ("priorityClassName", &exporter.priority_class)]
    {
        if let Some(name) = name {
            pod[field] = json!(name.as_str());
        }
    }
    if !exporter.image_pull_secrets.is_empty() {
        let secrets = exporter.image_pull_secrets.iter();
        pod["imagePullSecrets"] = secrets.map(|name| json!({"name": name.as_str()})).collect();
    }
    pod
}

fn container(exporter: &Exporter) -> Value {
    let (port, interval) = (exporter.port.to_string(), exporter.interval_s.to_string());
    let args = ["exporter", "--port", &port, "--interval", &interval];
    let mut container = agent::container("exporter", &exporter.image, &args);
    container["resources"] = agent::resources(EXPORTER_REQUESTS, EXPORTER_LIMITS);
    container["env"] = json!([
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}},
        {"name": "NVIDIA_DRIVER_CAPABILITIES", "value": "utility"},
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
    ]);
    container["ports"] = json!([{"name": PORT, "containerPort": exporter.port, "protocol": "TCP"}]);
    container["readinessProbe"] = json!({"httpGet": {"path": "/healthz", "port": PORT}});
    // It fails only while a driver that has answered was changed under the container, which keeps the old
    // one's library; ten minutes are longer than any installation of a driver.
    container["livenessProbe"] =
        json!({"httpGet": {"path": "/livez", "port": PORT}, "periodSeconds": 60, "failureThreshold": 10});
    container["volumeMounts"] = json!([{"name": "containers", "mountPath": LINKS, "readOnly": true}]);
    container
}

/// Headless: its name has the addresses of all pods, and a gate asks them for
/// the page of its card's node. One address would be that of any node.
fn service(exporter: &Exporter) -> Value {
    json!({"spec": {
        "clusterIP": "None",
        "ports": [{"name": PORT, "port": exporter.port, "protocol": "TCP", "targetPort": PORT}],
        "selector": selector(exporter),
    }})
}

/// The page's own labels `namespace`, `pod` and `container` say who holds memory;
/// without `honorLabels` Prometheus would put the exporter's own in their place.
fn service_monitor(exporter: &Exporter, monitor: &ServiceMonitor) -> Value {
    let interval = format!("{}s", monitor.interval_s);
    json!({"spec": {
        "endpoints": [{"honorLabels": true, "interval": interval, "port": PORT}],
        "selector": {"matchLabels": selector(exporter)},
    }})
}
