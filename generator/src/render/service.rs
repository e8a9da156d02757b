//! `<tenant>/main.tf`: the service. What equals a default is left out, so that
//! a default keeps its one home and a stack says only what its tenant's file says.

use tenancy::defaults as d;
use tenancy::demand::{DemandProbe, DemandSource};
use tenancy::duration::Seconds;
use tenancy::gate::{Timing, UnloadCall};
use tenancy::tenant::{
    AccessMode, Backing, ConfigMode, DeletionPolicy, HandedOver, InitContainer, Metadata, Network,
    ObjectKind, Peer, Prefetch, Probe, ProbeAction, PullPolicy, SecretKey, Server, Service, ServiceType,
    Sidecar, Storage, Tenant, Toleration, TopologySpread, Volume, VolumeSource,
};
use tenancy::window::{Day, Schedule, Window};

use super::{Attributes, map, texts};
use crate::fleet::{Fleet, Stack};
use crate::hcl::{self, Hcl};

/// The attributes of `gpu_windowed_service` in groups that belong together.
pub(super) fn groups(stack: &Stack, fleet: &Fleet, label: &str) -> Vec<Attributes> {
    let tenant = &stack.tenant;
    vec![
        identity(stack, label),
        schedule(tenant, fleet),
        server(&tenant.server),
        network(tenant),
        environment(&tenant.server),
        files(stack),
        pod(tenant),
        metadata(tenant),
        lifecycle(stack),
    ]
}

fn identity(stack: &Stack, label: &str) -> Attributes {
    let mut group = Attributes::default();
    group.set("namespace", stack.tenant.id.namespace.to_string());
    group.set("name", stack.tenant.id.name.to_string());
    if stack.claim.is_some() {
        group.set("vram_floor", Hcl::Expression(format!("gpu_vram_floor.{label}.id")));
    }
    group
}

fn schedule(tenant: &Tenant, fleet: &Fleet) -> Attributes {
    let mut group = Attributes::default();
    match &tenant.schedule {
        Schedule::Windows(windows) => group.set("windows", map(windows, window)),
        Schedule::OnDemand => group.set("on_demand", Hcl::Bool(true)),
        Schedule::Always => group.set("always", Hcl::Bool(true)),
    }
    if tenant.suspend {
        group.set("suspend", Hcl::Bool(true));
    }
    let gate = &tenant.gate;
    let timing = Timing::default();
    if gate.timing.guard_interval_s != timing.guard_interval_s {
        group.set("guard_interval", seconds(gate.timing.guard_interval_s));
    }
    if gate.timing.grace_period_s != timing.grace_period_s {
        group.set("grace_period", seconds(gate.timing.grace_period_s));
    }
    group.set_filled("timing", bounds(&gate.timing).object());
    let pauses = gate.pauses.iter().map(|target| format!("{}/{}", target.namespace, target.deployment));
    group.set_filled("pauses", texts(pauses));
    group.set_some("unload", gate.unload.as_ref().map(|call| unload(call, &tenant.server)));
    group.set_some("demand", gate.demand.as_ref().map(demand));
    if fleet.provider.agent_image.as_deref().unwrap_or(d::AGENT_IMAGE) != gate.image {
        group.set("agent_image", gate.image.as_str());
    }
    group
}

/// The bounds that differ from their defaults.
fn bounds(timing: &Timing) -> Attributes {
    let mut object = Attributes::default();
    let default = Timing::default();
    for (name, given, default) in [
        ("start_estimate", timing.start_estimate_s, default.start_estimate_s),
        ("useful_minimum", timing.useful_minimum_s, default.useful_minimum_s),
        ("shortage_grace", timing.shortage_grace_s, default.shortage_grace_s),
        ("unknown_hold", timing.unknown_hold_s, default.unknown_hold_s),
        ("pending_limit", timing.pending_limit_s, default.pending_limit_s),
        ("loading_limit", timing.loading_limit_s, default.loading_limit_s),
        ("backoff", timing.backoff_s, default.backoff_s),
    ] {
        if given != default {
            object.set(name, seconds(given));
        }
    }
    object
}

fn window(window: &Window) -> Hcl {
    let mut object = Attributes::default();
    object.set("start", window.start().to_string());
    object.set("end", window.end().to_string());
    if window.days().len() < Day::ALL.len() {
        object.set("days", texts(window.days().iter().map(|day| day.as_str())));
    }
    object.set("time_zone", window.time_zone().to_string());
    object.object()
}

fn unload(call: &UnloadCall, server: &Server) -> Hcl {
    let mut object = Attributes::default();
    if call.method != d::UNLOAD_METHOD {
        object.set("method", call.method.as_str());
    }
    object.set("path", call.path.as_str());
    if server.ports.get(&server.main_port) != Some(&call.port) {
        object.set("port", Hcl::Number(call.port.into()));
    }
    object.set_some("body", call.body.as_ref().map(json));
    if call.timeout_s != d::UNLOAD_TIMEOUT_S {
        object.set("timeout", seconds(call.timeout_s));
    }
    object.object()
}

fn demand(probe: &DemandProbe) -> Hcl {
    let mut object = Attributes::default();
    let mut source = Attributes::default();
    match &probe.source {
        DemandSource::Http { url, json_path } => {
            source.set("url", url.as_str());
            source.set("json_path", json_path.as_str());
            object.set("http", source.object());
        }
        DemandSource::Prometheus { url, query } => {
            source.set("url", url.as_str());
            source.set("query", query.as_str());
            object.set("prometheus", source.object());
        }
    }
    if probe.idle_after_s != d::IDLE_AFTER_S {
        object.set("idle_after", seconds(probe.idle_after_s));
    }
    object.object()
}

fn server(server: &Server) -> Attributes {
    let mut group = Attributes::default();
    group.set("image", server.image.as_str());
    group.set_some("image_pull_policy", server.image_pull_policy.map(pull_policy));
    group.set_filled("command", texts(&server.command));
    group.set_filled("args", texts(&server.args));
    group.set_filled("requests", map(&server.requests, |amount| amount.to_string().into()));
    group.set_filled("limits", map(&server.limits, |amount| amount.to_string().into()));
    if server.slices != d::SLICES {
        group.set("slices", Hcl::Number(server.slices.into()));
    }
    if server.slice_resource != d::SLICE_RESOURCE {
        group.set("slice_resource", server.slice_resource.as_str());
    }
    group.set_some("startup_probe", server.startup_probe.as_ref().map(|probe| self::probe(probe, server)));
    group
        .set_some("readiness_probe", server.readiness_probe.as_ref().map(|probe| self::probe(probe, server)));
    group.set_some("liveness_probe", server.liveness_probe.as_ref().map(|probe| self::probe(probe, server)));
    group.set_some("security_context", server.security_context.as_ref().map(json));
    group
}

fn network(tenant: &Tenant) -> Attributes {
    let mut group = Attributes::default();
    let server = &tenant.server;
    let only = server.ports.len() == 1 && server.main_port.as_str() == d::PORT_NAME;
    match server.ports.get(&server.main_port) {
        Some(port) if only => group.set("port", Hcl::Number((*port).into())),
        _ => {
            group.set("ports", map(&server.ports, |port| Hcl::Number((*port).into())));
            if server.ports.keys().next() != Some(&server.main_port) {
                group.set("main_port", server.main_port.to_string());
            }
        }
    }
    group.set_some("service", tenant.service.as_ref().map(|service| self::service(service, server)));
    group
}

fn service(service: &Service, server: &Server) -> Hcl {
    let mut object = Attributes::default();
    match service.ports.get(&server.main_port) {
        Some(port) if service.ports.len() == 1 && port.target == server.main_port => {
            object.set("port", Hcl::Number(port.port.into()));
            object.set_some("node_port", port.node_port.map(|number| Hcl::Number(number.into())));
        }
        _ => {
            let ports = service.ports.iter().map(|(name, port)| (name, (name, port)));
            object.set(
                "ports",
                map(ports, |(name, port)| {
                    let mut entry = Attributes::default();
                    entry.set("port", Hcl::Number(port.port.into()));
                    if port.target != *name {
                        entry.set("target", port.target.to_string());
                    }
                    entry.set_some("node_port", port.node_port.map(|number| Hcl::Number(number.into())));
                    entry.object()
                }),
            );
        }
    }
    if service.service_type != ServiceType::default() {
        object.set("type", service.service_type.as_str());
    }
    object.set_some("load_balancer_class", service.load_balancer_class.as_ref().map(ToString::to_string));
    object.set_filled("load_balancer_source_ranges", texts(&service.load_balancer_source_ranges));
    object.object()
}

fn probe(probe: &Probe, server: &Server) -> Hcl {
    let mut object = Attributes::default();
    let port = |action: &mut Attributes, port: &tenancy::names::PortName| {
        if *port != server.main_port {
            action.set("port", port.to_string());
        }
    };
    match &probe.action {
        ProbeAction::Tcp { port: name } => {
            let mut tcp = Attributes::default();
            port(&mut tcp, name);
            object.set("tcp", tcp.object());
        }
        ProbeAction::Http { port: name, path } => {
            let mut http = Attributes::default();
            port(&mut http, name);
            http.set("path", path.as_str());
            object.set("http", http.object());
        }
        ProbeAction::Exec { command } => object.set("exec", texts(command)),
    }
    if probe.period_s != d::PROBE_PERIOD_S {
        object.set("period", seconds(probe.period_s));
    }
    if probe.timeout_s != d::PROBE_TIMEOUT_S {
        object.set("timeout", seconds(probe.timeout_s));
    }
    if probe.failure_threshold != d::PROBE_FAILURE_THRESHOLD {
        object.set("failure_threshold", Hcl::Number(probe.failure_threshold.into()));
    }
    if probe.initial_delay_s != 0 {
        object.set("initial_delay", seconds(probe.initial_delay_s));
    }
    object.object()
}

fn environment(server: &Server) -> Attributes {
    let mut group = Attributes::default();
    group.set_filled("env", map(&server.env, |value| value.as_str().into()));
    group.set_filled("env_from_secrets", map(&server.env_from_secrets, secret_key));
    group
}

fn secret_key(key: &SecretKey) -> Hcl {
    let mut object = Attributes::default();
    object.set("secret", key.secret.to_string());
    object.set("key", key.key.to_string());
    if key.optional {
        object.set("optional", Hcl::Bool(true));
    }
    object.object()
}

fn files(stack: &Stack) -> Attributes {
    let mut group = Attributes::default();
    let tenant = &stack.tenant;
    group.set_some("storage", tenant.storage.as_ref().map(storage));
    group.set_some("prefetch", tenant.prefetch.as_ref().map(prefetch));
    group.set_filled("volumes", map(&tenant.volumes, volume));
    group.set_some("shm_size", tenant.shm_size.map(|size| size.to_string()));
    let config = map(&stack.config_files, |file| {
        Hcl::Expression(format!("file(\"${{path.module}}/config/{}\")", hcl::escaped(file)))
    });
    group.set_filled("config", config);
    if tenant.config_mode == ConfigMode::Copy {
        group.set("config_mode", "copy");
    }
    group.set_filled(
        "init_containers",
        map(&tenant.init_containers, |container: &InitContainer| {
            let mut object = Attributes::default();
            object.set("image", container.image.as_str());
            object.set_filled("command", texts(&container.command));
            object.set_filled("args", texts(&container.args));
            object.set_filled("env", map(&container.env, |value| value.as_str().into()));
            object.object()
        }),
    );
    group.set_filled("sidecars", map(&tenant.sidecars, sidecar));
    group
}

fn prefetch(prefetch: &Prefetch) -> Hcl {
    let mut object = Attributes::default();
    object.set_some("image", prefetch.image.clone());
    object.set_filled("command", texts(&prefetch.command));
    object.set_filled("args", texts(&prefetch.args));
    object.set_filled("env", map(&prefetch.env, |value| value.as_str().into()));
    object.set_filled("env_from_secrets", map(&prefetch.env_from_secrets, secret_key));
    object.object()
}

fn sidecar(sidecar: &Sidecar) -> Hcl {
    let mut object = Attributes::default();
    object.set("image", sidecar.image.as_str());
    object.set_filled("command", texts(&sidecar.command));
    object.set_filled("args", texts(&sidecar.args));
    object.set_filled("env", map(&sidecar.env, |value| value.as_str().into()));
    object.set_filled("env_from_secrets", map(&sidecar.env_from_secrets, secret_key));
    object.set_filled("ports", map(&sidecar.ports, |port| Hcl::Number((*port).into())));
    object.set_filled("requests", map(&sidecar.requests, |amount| amount.to_string().into()));
    object.set_filled("limits", map(&sidecar.limits, |amount| amount.to_string().into()));
    object.object()
}

fn storage(storage: &Storage) -> Hcl {
    let mut object = Attributes::default();
    match &storage.backing {
        Backing::Class { size, class, access_mode } => {
            object.set("size", size.to_string());
            object.set("mount_path", storage.mount_path.to_string());
            object.set_some("class", class.as_ref().map(ToString::to_string));
            if *access_mode != AccessMode::ReadWriteOnce {
                object.set("access_mode", self::access_mode(*access_mode));
            }
        }
        Backing::ExistingClaim(claim) => {
            object.set("existing_claim", claim.to_string());
            object.set("mount_path", storage.mount_path.to_string());
        }
        Backing::Nfs { size, server, path, mount_options } => {
            object.set("size", size.to_string());
            object.set("mount_path", storage.mount_path.to_string());
            let mut nfs = Attributes::default();
            nfs.set("server", server.as_str());
            nfs.set("path", path.to_string());
            nfs.set_filled("mount_options", texts(mount_options));
            object.set("nfs", nfs.object());
        }
    }
    if storage.deletion_policy == DeletionPolicy::Delete {
        object.set("deletion_policy", "delete");
    }
    object.object()
}

fn volume(volume: &Volume) -> Hcl {
    let mut object = Attributes::default();
    let mut optional = false;
    match &volume.source {
        VolumeSource::EmptyDir { size, in_memory } => {
            let mut dir = Attributes::default();
            dir.set("size", size.to_string());
            if *in_memory {
                dir.set("in_memory", Hcl::Bool(true));
            }
            object.set("empty_dir", dir.object());
        }
        VolumeSource::Claim(name) => object.set("claim", name.to_string()),
        VolumeSource::ConfigMap { name, optional: may_lack } => {
            object.set("config_map", name.to_string());
            optional = *may_lack;
        }
        VolumeSource::Secret { name, optional: may_lack } => {
            object.set("secret", name.to_string());
            optional = *may_lack;
        }
    }
    object.set("mount_path", volume.mount_path.to_string());
    object.set_some("sub_path", volume.sub_path.as_deref());
    for (name, is_set) in [("read_only", volume.read_only), ("optional", optional)] {
        if is_set {
            object.set(name, Hcl::Bool(true));
        }
    }
    object.object()
}

fn pod(tenant: &Tenant) -> Attributes {
    let mut group = Attributes::default();
    let pod = &tenant.pod;
    group.set_filled("node_selector", map(&pod.node_selector, |value| value.to_string().into()));
    group.set_filled("tolerations", Hcl::List(pod.tolerations.iter().map(toleration).collect()));
    group.set_some("affinity", pod.affinity.as_ref().map(json));
    group.set_filled("topology_spread", map(&pod.topology_spread, topology_spread));
    group.set_some("runtime_class", pod.runtime_class.as_ref().map(ToString::to_string));
    group.set_filled("host_aliases", map(&pod.host_aliases, texts));
    group.set_some("priority_class", pod.priority_class.as_ref().map(ToString::to_string));
    group.set_filled("image_pull_secrets", texts(&pod.image_pull_secrets));
    if !tenant.evictable {
        group.set("evictable", Hcl::Bool(false));
    }
    group.set_filled("quota", map(&tenant.quota, |amount| amount.to_string().into()));
    group.set_some("network", tenant.network.as_ref().map(tenant_network));
    group.set_some("pod_security_context", pod.security_context.as_ref().map(json));
    group.set_some("pod_patch", tenant.pod_patch.as_ref().map(json));
    group
}

pub(super) fn toleration(toleration: &Toleration) -> Hcl {
    let mut object = Attributes::default();
    object.set_some("key", toleration.key.as_ref().map(ToString::to_string));
    object.set_some("operator", toleration.operator.as_deref());
    object.set_some("value", toleration.value.as_deref());
    object.set_some("effect", toleration.effect.as_deref());
    object.object()
}

fn tenant_network(network: &Network) -> Hcl {
    let mut object = Attributes::default();
    for (side, peers) in [("callers", &network.callers), ("destinations", &network.destinations)] {
        // An empty map is nobody, and none at all is everybody.
        object.set_some(side, peers.as_ref().map(|peers| map(peers, peer)));
    }
    object.object()
}

fn peer(peer: &Peer) -> Hcl {
    let mut object = Attributes::default();
    object.set_some("namespace", peer.namespace.as_ref().map(ToString::to_string));
    object.set_filled("labels", map(&peer.labels, |value| value.to_string().into()));
    object.set_some("range", peer.range.map(|range| range.to_string()));
    let ports = peer.ports.iter().map(|port| Hcl::Number((*port).into()));
    object.set_filled("ports", Hcl::List(ports.collect()));
    object.object()
}

fn topology_spread(spread: &TopologySpread) -> Hcl {
    let mut object = Attributes::default();
    if spread.max_skew != d::MAX_SKEW {
        object.set("max_skew", Hcl::Number(spread.max_skew.into()));
    }
    if !spread.required {
        object.set("when_unsatisfiable", "ScheduleAnyway");
    }
    object.set("match_labels", map(&spread.match_labels, |value| value.to_string().into()));
    object.object()
}

fn metadata(tenant: &Tenant) -> Attributes {
    let mut group = Attributes::default();
    let labels = tenant.metadata.iter().filter(|(_, metadata)| !metadata.labels.is_empty());
    group.set_filled(
        "labels",
        map(labels.map(|(kind, metadata)| (kind_name(*kind), metadata)), |metadata: &Metadata| {
            map(&metadata.labels, |value| value.to_string().into())
        }),
    );
    let annotations = tenant.metadata.iter().filter(|(_, metadata)| !metadata.annotations.is_empty());
    group.set_filled(
        "annotations",
        map(annotations.map(|(kind, metadata)| (kind_name(*kind), metadata)), |metadata: &Metadata| {
            map(&metadata.annotations, |value| value.as_str().into())
        }),
    );
    group
}

fn lifecycle(stack: &Stack) -> Attributes {
    let mut group = Attributes::default();
    let handed_over = stack.tenant.handed_over.iter().map(|field| match field {
        HandedOver::Image => "image",
        HandedOver::Leaf(path) => path.as_str(),
    });
    group.set_filled("hand_over", texts(handed_over));
    group.set_filled("adopt", texts(&stack.lifecycle.adopt));
    group.set_some("wait", stack.lifecycle.wait.map(Hcl::Bool));
    group.set_filled("timeouts", map(&stack.lifecycle.timeouts, |length| length.to_string().into()));
    group
}

fn seconds(seconds: u32) -> Hcl {
    Hcl::Text(Seconds(seconds).to_string())
}

/// What Kubernetes defines and no schema of ours repeats.
fn json(fields: &serde_json::Map<String, serde_json::Value>) -> Hcl {
    Hcl::Call("jsonencode", Box::new(Hcl::from(&serde_json::Value::Object(fields.clone()))))
}

fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    }
}

fn access_mode(mode: AccessMode) -> &'static str {
    match mode {
        AccessMode::ReadWriteOnce => "ReadWriteOnce",
        AccessMode::ReadWriteMany => "ReadWriteMany",
        AccessMode::ReadOnlyMany => "ReadOnlyMany",
        AccessMode::ReadWriteOncePod => "ReadWriteOncePod",
    }
}

fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Namespace => "Namespace",
        ObjectKind::ResourceQuota => "ResourceQuota",
        ObjectKind::NetworkPolicy => "NetworkPolicy",
        ObjectKind::PodDisruptionBudget => "PodDisruptionBudget",
        ObjectKind::PersistentVolume => "PersistentVolume",
        ObjectKind::PersistentVolumeClaim => "PersistentVolumeClaim",
        ObjectKind::ConfigMap => "ConfigMap",
        ObjectKind::ServiceAccount => "ServiceAccount",
        ObjectKind::Role => "Role",
        ObjectKind::RoleBinding => "RoleBinding",
        ObjectKind::Deployment => "Deployment",
        ObjectKind::Pod => "Pod",
        ObjectKind::Service => "Service",
        ObjectKind::CronJob => "CronJob",
        ObjectKind::Job => "Job",
    }
}
