//! The rules of `fleet.yaml`: cards, backend, provider.

use std::collections::BTreeMap;

use tenancy::card::{Card, Device, DeviceSource, Prometheus, Resident, Source as CardSource};
use tenancy::names::{CardName, ResidentName};

use super::{FleetFile, exporters, located, of_domain};
use crate::fleet::{Backend, Exec, Provider};
use crate::leaf::Layout;
use crate::problem::{Place, Problem, Problems};
use crate::raw::{RawCard, RawFleet, RawPrometheus, RawSource};
use crate::read::{At, Entries};

/// Every card that has no fault of its own.
pub(super) fn cards(
    raw: &Entries<CardName, RawCard>,
    file: &FleetFile<'_>,
    problems: &mut Problems,
) -> BTreeMap<CardName, Card> {
    let source = file.source;
    if raw.0.is_empty() {
        problems.push(
            Problem::with_path(&*source.path, "the fleet has no card")
                .accepted("Give at least one under `cards:`."),
        );
    }
    let mut cards: BTreeMap<CardName, Card> = BTreeMap::new();
    for (name, raw) in &raw.0 {
        let Some(card) = card(name, raw, file.raw, problems) else { continue };
        for problem in card.check() {
            problems.push(of_domain(&problem, file.node, &["cards", name.as_str()]));
        }
        let twin = cards.values().find(|other| other.node == card.node && other.device == card.device);
        if let Some(twin) = twin {
            let reason = format!("it is the same device of node {} as card {}", card.node, twin.name);
            problems
                .push(Problem::at(name.place.clone(), reason).accepted("Declare each physical GPU once."));
        }
        cards.insert(name.value.clone(), card);
    }
    cards
}

fn card(name: &At<CardName>, raw: &RawCard, fleet: &RawFleet, problems: &mut Problems) -> Option<Card> {
    let mut refuse = |place: &Place, reason: &str, accepted: &str| {
        problems.push(Problem::at(place.clone(), reason).accepted(accepted));
    };
    let device = match (&raw.index, &raw.uuid) {
        (Some(index), None) => Some(Device::Index(index.value)),
        (None, Some(uuid)) => Some(Device::Uuid(uuid.value.clone())),
        (Some(_), Some(uuid)) => {
            refuse(&uuid.place, "the card has both `index` and `uuid`", "Give one of them.");
            None
        }
        (None, None) => {
            refuse(
                &name.place,
                "the card has neither `index` nor `uuid`",
                "Give its position on the node, `index: 0`, or its UUID.",
            );
            None
        }
    };
    let figures = figures(&name.place, &raw.source, fleet, &mut refuse);
    let mut residents: BTreeMap<ResidentName, Resident> = BTreeMap::new();
    for (resident_name, resident) in raw.residents.iter().flat_map(|residents| &residents.0) {
        let resident = Resident {
            namespace: resident.namespace.value.clone(),
            pod_prefix: resident.pod_prefix.as_ref().map(|prefix| prefix.value.clone()),
            peak_mib: resident.peak.as_ref().map(|peak| peak.value),
            protected: resident.protected.as_ref().is_some_and(|protected| protected.value),
        };
        residents.insert(resident_name.value.clone(), resident);
    }
    Some(Card {
        name: name.value.clone(),
        node: raw.node.value.clone(),
        device: device?,
        source: figures?,
        memory_mib: raw.memory.as_ref().map(|memory| memory.value),
        critical_mib: raw.critical.as_ref().map(|critical| critical.value),
        residents,
        watch: raw.watch.as_ref().is_some_and(|watch| watch.value),
    })
}

fn figures(
    card: &Place,
    raw: &RawSource,
    fleet: &RawFleet,
    refuse: &mut impl FnMut(&Place, &str, &str),
) -> Option<CardSource> {
    let mut given: Vec<(&Place, Option<DeviceSource>)> = Vec::new();
    if let Some(named) = &raw.exporter {
        given.push((&named.place, exporters::page(named, fleet, refuse).map(DeviceSource::Exporter)));
    }
    if let Some(url) = &raw.dcgm {
        given.push((&url.place, Some(DeviceSource::Dcgm(url.0.clone()))));
    }
    if let Some(url) = &raw.nvidia_gpu_exporter {
        given.push((&url.place, Some(DeviceSource::NvidiaGpuExporter(url.0.clone()))));
    }
    if let Some(queried) = &raw.prometheus {
        given.push((&queried.url.place, Some(DeviceSource::Prometheus(prometheus(queried)))));
    }
    if let Some((place, _)) = given.get(1) {
        refuse(place, "the card has two device sources", "Give one of them.");
        return None;
    }
    let Some((_, device)) = given.pop() else {
        let span = raw.pods.as_ref().map_or(card, |pods| &pods.place);
        refuse(
            span,
            "the card has no device source",
            "Give `exporter`, `dcgm`, `nvidia_gpu_exporter` or `prometheus`, whose figures are the device's own. \
             A per-pod gauge cannot tell an idle card from a dead collector.",
        );
        return None;
    };
    Some(CardSource {
        device: device?,
        pods: raw.pods.as_ref().map(|pods| pods.0.clone()),
        secret: raw.secret.as_ref().map(|secret| secret.value.clone()),
    })
}

fn prometheus(raw: &RawPrometheus) -> Prometheus {
    let text = |selector: &At<String>| selector.value.clone();
    Prometheus {
        url: raw.url.0.clone(),
        free: text(&raw.free),
        used: text(&raw.used),
        total: raw.total.as_ref().map(text),
        reserved: raw.reserved.as_ref().map(text),
        unit: raw.unit.value,
    }
}

/// The backend; in each stack's folder when none was given.
pub(super) fn backend(file: &FleetFile<'_>, problems: &mut Problems) -> Option<Backend> {
    let raw = file.raw;
    let beside = raw
        .backend
        .as_ref()
        .is_none_or(|backend| backend.local.as_ref().is_some_and(|local| local.path.is_none()));
    if let Some(layout) = raw.layout.as_ref().filter(|layout| beside && layout.value == Layout::Stack) {
        let reason = "the states would lie in .terragrunt-stack, which `terragrunt stack clean` deletes";
        problems.push(
            Problem::at(layout.place.clone(), reason)
                .accepted("Give `backend: { local: { path: states } }`, or another backend."),
        );
    }
    let Some(backend) = &raw.backend else { return Some(Backend::Local { path: None }) };
    let text = |value: &Option<At<String>>| value.as_ref().map(|value| value.value.clone());
    match (&backend.local, &backend.s3, &backend.kubernetes) {
        (Some(local), None, None) => Some(Backend::Local { path: text(&local.path) }),
        (None, Some(s3), None) => Some(Backend::S3 {
            bucket: s3.bucket.value.clone(),
            region: s3.region.value.clone(),
            key_prefix: text(&s3.key_prefix),
            endpoint: s3.endpoint.as_ref().map(|endpoint| endpoint.0.clone()),
        }),
        (None, None, Some(cluster)) => {
            let provider = provider(raw);
            Some(Backend::Kubernetes {
                namespace: cluster.namespace.value.clone(),
                config_path: text(&cluster.config_path).or(provider.config_path),
                config_context: text(&cluster.config_context).or(provider.config_context),
            })
        }
        _ => {
            problems.push(
                Problem::at(located(file.node, &["backend"]), "the backend does not say which one")
                    .accepted("Give exactly one of `local: {}`, `s3` and `kubernetes`."),
            );
            None
        }
    }
}

/// One kubeconfig or several, as the provider has it.
pub(super) fn one_way_to_the_cluster(raw: &RawFleet, problems: &mut Problems) {
    let Some(provider) = &raw.provider else { return };
    if let (Some(path), Some(_)) = (&provider.config_path, &provider.config_paths) {
        let reason = "`config_path` excludes `config_paths`";
        let accepted =
            "Put all kubeconfigs into `config_paths`, which are merged as kubectl does, or keep one.";
        problems.push(Problem::at(path.place.clone(), reason).accepted(accepted));
    }
}

/// The provider's connection.
pub(super) fn provider(raw: &RawFleet) -> Provider {
    let text = |value: &Option<At<String>>| value.as_ref().map(|value| value.value.clone());
    let texts = |list: &Option<Vec<At<String>>>| -> Vec<String> {
        list.iter().flatten().map(|text| text.value.clone()).collect()
    };
    let agent_image = raw.defaults.as_ref().and_then(|defaults| text(&defaults.agent_image));
    let Some(provider) = &raw.provider else { return Provider { agent_image, ..Provider::default() } };
    Provider {
        agent_image,
        plan_objects: provider.plan_objects.as_ref().map(|shown| shown.value),
        config_path: text(&provider.config_path),
        config_paths: texts(&provider.config_paths),
        config_context: text(&provider.config_context),
        config_context_cluster: text(&provider.config_context_cluster),
        config_context_auth_info: text(&provider.config_context_auth_info),
        host: text(&provider.host),
        cluster_ca_certificate: text(&provider.cluster_ca_certificate),
        tls_server_name: text(&provider.tls_server_name),
        insecure: provider.insecure.as_ref().map(|insecure| insecure.value),
        proxy_url: text(&provider.proxy_url),
        exec: provider.exec.as_ref().map(|exec| Exec {
            api_version: exec.api_version.value.clone(),
            command: exec.command.value.clone(),
            args: texts(&exec.args),
            env: super::server::values(&exec.env),
        }),
    }
}
