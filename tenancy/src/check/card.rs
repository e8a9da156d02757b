//! Cards and floors.

use std::collections::BTreeMap;

use super::Problem;
use crate::card::{Card, Device, DeviceSource, Prometheus, Resident};
use crate::floor::Floor;
use crate::quantity::Mib;

impl Card {
    /// Everything that is wrong between the card's parts.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        device(&self.device, &mut problems);
        source(self, &mut problems);
        memory(self, &mut problems);
        residents(self, &mut problems);
        problems
    }
}

impl Floor {
    /// Everything that is wrong with the floor by itself.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.peak_mib == Mib(0) {
            let message = "A tenant that holds no video memory needs no floor. Write what it holds at most, such as `4GiB`.";
            problems.push(Problem::at("peak", message));
        }
        problems
    }

    /// Why the floor can never fit a card, as far as the card's size is declared.
    pub fn check_on(&self, card: &Card) -> Vec<Problem> {
        let Some(memory) = card.memory_mib.filter(|memory| self.floor_mib() > *memory) else {
            return Vec::new();
        };
        let message = format!(
            "Peak {} and headroom {} are {} together, and the card {} has {memory}: the tenant would never be \
             admitted. Lower the peak or the headroom, or choose a larger card.",
            self.peak_mib,
            self.headroom_mib,
            self.floor_mib(),
            card.name
        );
        vec![Problem::at("peak", message)]
    }
}

fn device(device: &Device, problems: &mut Vec<Problem>) {
    if let Device::Uuid(uuid) = device
        && !(uuid.starts_with("GPU-") || uuid.starts_with("MIG-"))
    {
        let message = format!(
            "{uuid:?} is not the UUID of a card. Copy it from `nvidia-smi -L`; it begins with `GPU-`."
        );
        problems.push(Problem::at("uuid", message));
    }
}

fn source(card: &Card, problems: &mut Vec<Problem>) {
    if card.device.is_mig_slice() && !matches!(card.source.device, DeviceSource::Prometheus(_)) {
        let message = "No exporter's page has the figures of a MIG slice as those of a card, so nobody would ever be \
                       admitted to it. Give `prometheus` with the series of the slice, such as \
                       `gpu_tenancy_mig_instance_memory_free_bytes{instance_uuid=\"MIG-…\"}` of our exporter, or turn MIG off and name the \
                       whole card by its `GPU-…`.";
        problems.push(Problem::at("source", message));
    }
    if let (DeviceSource::NvidiaGpuExporter(_), Device::Index(index)) = (&card.source.device, &card.device) {
        let message = format!(
            "The page of nvidia_gpu_exporter names no node, and each GPU node has a device {index}: another node's card \
             would be taken for this one. Give the card's `uuid` instead, as `nvidia-smi -L` prints it."
        );
        problems.push(Problem::at("index", message));
    }
    let device = card.source.device.url();
    for url in std::iter::once(device).chain(card.source.pods.as_deref()) {
        if let Some(reason) = url_problem(url) {
            let message = format!(
                "{url:?} is not the URL of a metrics page: {reason}. Write one such as `http://exporter.monitoring:9400/metrics`."
            );
            problems.push(Problem::at("source", message));
        }
    }
    if card.source.pods.as_deref() == Some(device) || is_per_pod(device) {
        let message = format!(
            "{device:?} is a gauge per pod: an idle card and a dead collector look the same in it, so nothing can be \
             admitted by it. Give a source that reports the device, such as `exporter` or `dcgm`, and this as `pods`."
        );
        problems.push(Problem::at("source", message));
    }
    let is_https = device.starts_with("https://");
    if is_https && card.watch && card.source.secret.is_none() {
        let message = format!(
            "{device:?} is https, and the card's watcher knows no authority to believe. Name in `secret` a Secret of \
             the namespace gpu-tenancy that has the authority's certificate as `ca.crt`, and the token, where one \
             is asked for, as `token`."
        );
        problems.push(Problem::at("source", message));
    }
    if !is_https && card.source.secret.is_some() {
        let message = format!(
            "{device:?} is not https, and a token is not sent where everybody could read it. Write the https \
             address, or take `secret` away."
        );
        problems.push(Problem::at("source", message));
    }
    if let DeviceSource::Prometheus(prometheus) = &card.source.device {
        problems.extend(prometheus_problems(prometheus).into_iter().map(|text| Problem::at("source", text)));
    }
}

fn prometheus_problems(prometheus: &Prometheus) -> Vec<String> {
    let Prometheus { url, free, used, total, reserved, unit: _ } = prometheus;
    let mut problems = Vec::new();
    if url.contains("/api/v1") {
        problems.push(format!(
            "{url:?} is a page of Prometheus' API. Write its address alone, such as `http://prometheus.monitoring:9090`."
        ));
    }
    let selectors = [
        ("free", Some(free)),
        ("used", Some(used)),
        ("total", total.as_ref()),
        ("reserved", reserved.as_ref()),
    ];
    for (name, selector) in selectors {
        if let Some(reason) = selector.and_then(|selector| selector_problem(selector)) {
            problems.push(format!(
                "prometheus.{name} {reason}. Write a selector of one series, such as `DCGM_FI_DEV_FB_FREE{{UUID=\"GPU-…\"}}`; \
                 what has to be calculated belongs into a recording rule of Prometheus."
            ));
        }
    }
    if total.is_none() && reserved.is_none() {
        problems.push(
            "prometheus has neither `total` nor `reserved`, so the card's size is not known. Give the series that \
             the exporter has: with dcgm-exporter `reserved`, with others `total`."
                .to_owned(),
        );
    }
    problems
}

/// Why a text can be no selector, as far as that shows without Prometheus.
fn selector_problem(selector: &str) -> Option<&'static str> {
    // What stands in quotes is a label's value and may be anything.
    let bare: String = selector.split('"').step_by(2).collect();
    if selector.trim().is_empty() {
        Some("is empty")
    } else if bare.contains(['[', '(', '*', '/', '@']) || bare.contains(" offset ") {
        Some("calculates something, and what is calculated has no age of its own")
    } else {
        None
    }
}

fn url_problem(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Some("it does not begin with `http://` or `https://`");
    };
    if rest.is_empty() || rest.starts_with(['/', ':']) {
        Some("it names no host")
    } else if url.contains(char::is_whitespace) {
        Some("it contains white space")
    } else {
        None
    }
}

/// Whether a URL is recognisably that of an exporter that counts by pod. Others
/// are found out by what they answer.
fn is_per_pod(url: &str) -> bool {
    url.contains("gpu-pod-exporter") || url.contains("gpu_pod_memory")
}

fn memory(card: &Card, problems: &mut Vec<Problem>) {
    let Some(memory) = card.memory_mib else {
        return;
    };
    if memory == Mib(0) {
        let message = "A card without memory is none. Leave it out, or write what `nvidia-smi` reports.";
        problems.push(Problem::at("memory", message));
    }
    if let Some(critical) = card.critical_mib.filter(|critical| *critical >= memory) {
        let message = format!(
            "{critical} is the whole card of {memory}, so every tenant would yield at once. Write less."
        );
        problems.push(Problem::at("critical", message));
    }
}

fn residents(card: &Card, problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut protected = 0u64;
    for (name, resident) in &card.residents {
        if let Some(message) = resident_problem(card, resident) {
            problems.push(Problem::at_key("residents", name, message));
        }
        if resident.protected {
            protected = protected.saturating_add(resident.peak_mib.unwrap_or_default().0);
        }
        let pods = (resident.namespace.as_str(), resident.pod_prefix.as_deref().unwrap_or_default());
        let overlap = seen.iter().find(|((namespace, prefix), _)| {
            *namespace == pods.0 && (prefix.starts_with(pods.1) || pods.1.starts_with(prefix))
        });
        if let Some((_, other)) = overlap {
            let message = format!(
                "Some of its pods are those of {other:?} as well, and would be counted twice. Tell them apart with `pod_prefix`."
            );
            problems.push(Problem::at_key("residents", name, message));
        }
        seen.insert(pods, name.as_str());
    }
    if let Some(memory) = card.memory_mib.filter(|memory| Mib(protected) > *memory) {
        let message = format!(
            "The protected residents may grow to {} together, and the card has {memory}. Lower a peak, or protect fewer.",
            Mib(protected)
        );
        problems.push(Problem::at("residents", message));
    }
}

fn resident_problem(card: &Card, resident: &Resident) -> Option<String> {
    match (resident.protected, resident.peak_mib, card.memory_mib) {
        (true, None, _) => Some(
            "It is protected, and nobody can keep room for a peak that is not known. Write its `peak`."
                .to_owned(),
        ),
        (_, Some(Mib(0)), _) => {
            Some("Its peak is 0. Write what it holds at most, or leave the peak out.".to_owned())
        }
        (_, Some(peak), Some(memory)) if peak > memory => {
            Some(format!("Its peak {peak} is more than the card's {memory}. Correct one of the two."))
        }
        _ => None,
    }
}
