//! `fleet/main.tf`: our exporters and the cards.

use serde::Serialize;
use tenancy::card::{Card, Device, DeviceSource};

use super::{Attribute, Attributes, exporter, label, map, texts};
use crate::fleet::Fleet;
use crate::hcl::{self, Hcl};
use crate::load::FLEET;

#[derive(Serialize)]
pub(super) struct FleetPage {
    source: &'static str,
    resources: Vec<Resource>,
}

#[derive(Serialize)]
struct Resource {
    kind: &'static str,
    label: String,
    attributes: Vec<Attribute>,
}

pub(super) fn page(fleet: &Fleet) -> FleetPage {
    let exporters = fleet.exporters.iter().map(|(name, own)| Resource {
        kind: "gpu_exporter",
        label: hcl::quoted(name.as_str()),
        attributes: exporter::attributes(own, fleet).lines(1),
    });
    let cards = fleet.cards.values().map(|card| Resource {
        kind: "gpu_card",
        label: hcl::quoted(&label(&card.name)),
        attributes: attributes(card, fleet).lines(1),
    });
    FleetPage { source: FLEET, resources: exporters.chain(cards).collect() }
}

fn attributes(card: &Card, fleet: &Fleet) -> Attributes {
    let mut block = Attributes::default();
    block.set("name", card.name.to_string());
    block.set("node", card.node.to_string());
    match &card.device {
        Device::Index(index) => block.set("index", Hcl::Number((*index).into())),
        Device::Uuid(uuid) => block.set("uuid", uuid.as_str()),
    }
    let mut source = Attributes::default();
    match &card.source.device {
        DeviceSource::Exporter(url) => match fleet.measured_by.get(&card.name) {
            Some(exporter) => source.set("exporter", exporter::url(exporter)),
            None => source.set("exporter", url.as_str()),
        },
        DeviceSource::Dcgm(url) => source.set("dcgm", url.as_str()),
        DeviceSource::NvidiaGpuExporter(url) => source.set("nvidia_gpu_exporter", url.as_str()),
        DeviceSource::Prometheus(prometheus) => {
            let mut object = Attributes::default();
            object.set("url", prometheus.url.as_str());
            object.set("free", prometheus.free.as_str());
            object.set("used", prometheus.used.as_str());
            object.set_some("total", prometheus.total.as_deref());
            object.set_some("reserved", prometheus.reserved.as_deref());
            object.set("unit", prometheus.unit.as_str());
            source.set("prometheus", object.object());
        }
    }
    source.set_some("pods", card.source.pods.as_deref());
    source.set_some("secret", card.source.secret.as_ref().map(ToString::to_string));
    block.set("source", source.object());
    block.set_some("memory", card.memory_mib.map(|memory| memory.spelled()));
    block.set_some("critical", card.critical_mib.map(|critical| critical.spelled()));
    let residents = map(&card.residents, |resident| {
        let mut object = Attributes::default();
        object.set("namespace", resident.namespace.to_string());
        object.set_some("pod_prefix", resident.pod_prefix.as_deref());
        object.set_some("peak", resident.peak_mib.map(|peak| peak.spelled()));
        if resident.protected {
            object.set("protected", Hcl::Bool(true));
        }
        object.object()
    });
    block.set_filled("residents", residents);
    if card.watch {
        block.set("watch", Hcl::Bool(true));
    }
    block.set_filled("adopt", texts(fleet.adopted.get(&card.name).into_iter().flatten()));
    block
}
