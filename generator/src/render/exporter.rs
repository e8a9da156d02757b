//! Our exporters in `fleet/main.tf`.

use std::collections::BTreeMap;

use tenancy::defaults as d;
use tenancy::exporter::ServiceMonitor;
use tenancy::names::{ExporterName, LabelKey, LabelValue};

use super::service::toleration;
use super::{Attributes, map, texts};
use crate::fleet::{Fleet, OwnExporter};
use crate::hcl::Hcl;

/// What Terraform calls the page of an exporter of the same stack.
pub(super) fn url(name: &ExporterName) -> Hcl {
    Hcl::Expression(format!("gpu_exporter.{name}.url"))
}

/// The attributes of an exporter. What is a default stays out.
pub(super) fn attributes(own: &OwnExporter, fleet: &Fleet) -> Attributes {
    let exporter = &own.exporter;
    let mut block = Attributes::default();
    block.set("name", exporter.name.to_string());
    block.set_some("runtime_class", exporter.runtime_class.as_ref().map(ToString::to_string));
    if exporter.node_selector != d::exporter_nodes() {
        block.set("node_selector", labels(&exporter.node_selector));
    }
    if exporter.tolerations != d::exporter_tolerations() {
        block.set("tolerations", Hcl::List(exporter.tolerations.iter().map(toleration).collect()));
    }
    block.set_some("priority_class", exporter.priority_class.as_ref().map(ToString::to_string));
    if fleet.provider.agent_image.as_deref().unwrap_or(d::AGENT_IMAGE) != exporter.image {
        block.set("agent_image", exporter.image.as_str());
    }
    block.set_filled("image_pull_secrets", texts(&exporter.image_pull_secrets));
    if exporter.port != d::EXPORTER_PORT {
        block.set("port", Hcl::Number(exporter.port.into()));
    }
    if exporter.interval_s != d::EXPORTER_INTERVAL_S {
        block.set("interval", seconds(exporter.interval_s));
    }
    block.set_some("service_monitor", exporter.service_monitor.as_ref().map(service_monitor));
    block.set_filled("adopt", texts(&own.adopted));
    block
}

fn service_monitor(monitor: &ServiceMonitor) -> Hcl {
    let mut object = Attributes::default();
    object.set_filled("labels", labels(&monitor.labels));
    if monitor.interval_s != d::EXPORTER_SCRAPE_INTERVAL_S {
        object.set("interval", seconds(monitor.interval_s));
    }
    object.object()
}

fn labels(labels: &BTreeMap<LabelKey, LabelValue>) -> Hcl {
    map(labels, |value| value.to_string().into())
}

fn seconds(seconds: u64) -> Hcl {
    Hcl::Text(format!("{seconds}s"))
}
