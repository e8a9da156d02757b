//! From what a user wrote of a card to the domain's card, and back for import.

use std::collections::BTreeMap;

use tenancy::card::{Card, Device, DeviceSource, Prometheus, Resident, Source};
use tenancy::declared::CARD_KEY;
use tenancy::quantity::Mib;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::model::{CardModel, PrometheusModel, ResidentModel, SourceModel};
use crate::api::Api;
use crate::fill::{Fill, Sample};

/// The card of a model, and whether everything in it was known.
fn convert(model: &CardModel, fill: &mut Fill) -> Option<Card> {
    let at = |name: &str| Path::attribute(name);
    fill.adopted(&model.adopt);
    let name = fill.parse(&model.name, &at("name"));
    let node = fill.parse(&model.node, &at("node"));
    let device = match (&model.index, &model.uuid) {
        (Attr::Null, Attr::Null) => None,
        (index, Attr::Null) => fill.number(index, &at("index")).map(Device::Index),
        (_, uuid) => fill.string(uuid).map(Device::Uuid),
    };
    let source = source(model, fill);
    let memory_mib: Option<Mib> = fill.parse(&model.memory, &at("memory"));
    let critical_mib: Option<Mib> = fill.parse(&model.critical, &at("critical"));
    let stand_in = ResidentModel { namespace: Attr::Unknown, ..ResidentModel::default() };
    let watch = fill.flag(&model.watch).unwrap_or(false);
    let mut residents = BTreeMap::new();
    for (key, resident) in fill.map(&model.residents) {
        let path = at("residents").key(key);
        let key = fill.text(key, &path);
        let resident = match resident {
            Attr::Known(resident) => convert_resident(resident, &path, fill),
            Attr::Null => None,
            Attr::Unknown => fill.perhaps(&stand_in).and_then(|it| convert_resident(it, &path, fill)),
        };
        if let (Some(key), Some(resident)) = (key, resident) {
            residents.insert(key, resident);
        }
    }
    if let Some(resident) = fill.element_of(&model.residents, &stand_in) {
        let path = at("residents");
        let pair = fill.text("unknown", &path).zip(convert_resident(resident, &path, fill));
        residents.extend(pair);
    }
    Some(Card {
        name: name?,
        node: node?,
        device: device?,
        source: source?,
        memory_mib,
        critical_mib,
        residents,
        watch,
    })
}

fn source(model: &CardModel, fill: &mut Fill) -> Option<Source> {
    let path = Path::attribute("source");
    let stand_in = SourceModel { dcgm: Attr::Unknown, ..SourceModel::default() };
    let other = SourceModel { secret: Attr::Unknown, ..stand_in.clone() };
    let source = fill.any(&model.source, &stand_in, &other)?;
    let pages = [
        ("exporter", &source.exporter, DeviceSource::Exporter as fn(String) -> DeviceSource),
        ("dcgm", &source.dcgm, DeviceSource::Dcgm),
        ("nvidia_gpu_exporter", &source.nvidia_gpu_exporter, DeviceSource::NvidiaGpuExporter),
    ];
    let mut device = None;
    for (name, attr, kind) in pages {
        url(attr, &path.field(name), fill);
        device = device.or(fill.string(attr).map(kind));
    }
    if let Some(prometheus) = prometheus(&source.prometheus, &path.field("prometheus"), fill) {
        device = device.or(Some(DeviceSource::Prometheus(prometheus)));
    }
    url(&source.pods, &path.field("pods"), fill);
    let pods = fill.string(&source.pods);
    let secret = fill.parse(&source.secret, &path.field("secret"));
    Some(Source { device: device?, pods, secret })
}

fn prometheus(attr: &Attr<PrometheusModel>, path: &Path, fill: &mut Fill) -> Option<Prometheus> {
    let stand_in = PrometheusModel {
        url: Attr::Unknown,
        free: Attr::Unknown,
        used: Attr::Unknown,
        total: Attr::Unknown,
        reserved: Attr::Null,
        unit: Attr::Unknown,
    };
    let model = fill.any(attr, &stand_in, &stand_in)?;
    url(&model.url, &path.field("url"), fill);
    let (url, free, used) = (fill.string(&model.url), fill.string(&model.free), fill.string(&model.used));
    let (total, reserved) = (fill.string(&model.total), fill.string(&model.reserved));
    let unit = fill.parse(&model.unit, &path.field("unit"));
    Some(Prometheus { url: url?, free: free?, used: used?, total, reserved, unit: unit? })
}

fn url(attr: &Attr<String>, path: &Path, fill: &mut Fill) {
    let usable = |url: &str| {
        url.parse::<http::Uri>()
            .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
    };
    if let Some(url) = attr.as_str().filter(|url| !usable(url)) {
        fill.wrong(
            path,
            "Not a URL",
            format!("{path} is {url:?}. Write it with scheme and port, such as `http://dcgm-exporter.gpu-operator:9400/metrics`."),
        );
    }
}

fn convert_resident(model: &ResidentModel, path: &Path, fill: &mut Fill) -> Option<Resident> {
    let namespace = fill.parse(&model.namespace, &path.field("namespace"));
    let pod_prefix = fill.string(&model.pod_prefix);
    let peak_mib = fill.parse(&model.peak, &path.field("peak"));
    let protected = fill.flag(&model.protected).unwrap_or(false);
    Some(Resident { namespace: namespace?, pod_prefix, peak_mib, protected })
}

fn checked(model: &CardModel, sample: Sample) -> (Option<Card>, Fill) {
    let mut fill = Fill::new(sample);
    let card = convert(model, &mut fill);
    if let Some(card) = &card
        && !fill.unknown
    {
        fill.check(card.check());
    }
    (card, fill)
}

/// The card with either sample in the place of what is unknown; nothing where
/// too much is unknown to say.
///
/// # Errors
/// Everything that is wrong with what is known.
pub(super) fn both(model: &CardModel) -> Result<Option<(Card, Card)>, Diagnostics> {
    let (a, fill) = checked(model, Sample::A);
    fill.problems.into_result()?;
    let (b, _) = checked(model, Sample::B);
    Ok(a.zip(b))
}

/// The card of a model that is wholly known.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn card(model: &CardModel) -> Result<Card, Diagnostics> {
    let (card, fill) = checked(model, Sample::A);
    fill.problems.into_result()?;
    card.ok_or_else(|| {
        Diagnostic::error("Incomplete card", "name, node, source and one of index and uuid must be set.")
            .into()
    })
}

/// The card that is declared in the cluster under this name.
///
/// # Errors
/// No legal name, no such card, or one that cannot be read.
pub(super) async fn declared(api: &Api, name: &str) -> Result<Card, Diagnostic> {
    let at = Path::attribute("name");
    let card = name.parse().map_err(|invalid: tenancy::Invalid| {
        Diagnostic::error("Not a card's import id", format!("{invalid} The id is the card's name."))
            .at(at.clone())
    })?;
    let data = super::declared_data(api, &card).await.map_err(|failure| failure.diagnostic(at.clone()))?;
    let text = data.and_then(|mut data| data.remove(CARD_KEY)).ok_or_else(|| {
        Diagnostic::error(
            format!("There is no card {name}"),
            "The namespace gpu-tenancy holds no declared object of that name. Look at what `kubectl -n gpu-tenancy \
             get configmaps` lists as card.<name>.declared.",
        )
        .at(at.clone())
    })?;
    serde_json::from_str(&text).map_err(|why| {
        Diagnostic::error(
            format!("The declared object of card {name} cannot be read"),
            format!("Its key `card`: {why}. Apply the configuration that made it again."),
        )
        .at(at)
    })
}

/// The model of a card that was found.
pub(super) fn model(card: &Card) -> CardModel {
    let spelled = |mib: Option<Mib>| Attr::from(mib.map(Mib::spelled));
    let secret = card.source.secret.as_ref().map(ToString::to_string);
    let mut source = SourceModel {
        pods: card.source.pods.clone().into(),
        secret: secret.into(),
        ..SourceModel::default()
    };
    match &card.source.device {
        DeviceSource::Exporter(url) => source.exporter = Attr::Known(url.clone()),
        DeviceSource::Dcgm(url) => source.dcgm = Attr::Known(url.clone()),
        DeviceSource::NvidiaGpuExporter(url) => source.nvidia_gpu_exporter = Attr::Known(url.clone()),
        DeviceSource::Prometheus(it) => {
            source.prometheus = Attr::Known(PrometheusModel {
                url: Attr::Known(it.url.clone()),
                free: Attr::Known(it.free.clone()),
                used: Attr::Known(it.used.clone()),
                total: it.total.clone().into(),
                reserved: it.reserved.clone().into(),
                unit: Attr::Known(it.unit.as_str().to_owned()),
            });
        }
    }
    let (index, uuid) = match &card.device {
        Device::Index(index) => (Attr::Known(i64::from(*index)), Attr::Null),
        Device::Uuid(uuid) => (Attr::Null, Attr::Known(uuid.clone())),
    };
    let resident = |resident: &Resident| ResidentModel {
        namespace: Attr::Known(resident.namespace.to_string()),
        pod_prefix: resident.pod_prefix.clone().into(),
        peak: spelled(resident.peak_mib),
        protected: resident.protected.then_some(true).into(),
    };
    let residents = card.residents.iter().map(|(name, it)| (name.to_string(), Attr::Known(resident(it))));
    CardModel {
        name: Attr::Known(card.name.to_string()),
        node: Attr::Known(card.node.to_string()),
        index,
        uuid,
        source: Attr::Known(source),
        memory: spelled(card.memory_mib),
        critical: spelled(card.critical_mib),
        residents: if card.residents.is_empty() { Attr::Null } else { Attr::Known(residents.collect()) },
        watch: card.watch.then_some(true).into(),
        adopt: Attr::Null,
        id: Attr::Known(card.name.to_string()),
        objects: Attr::Null,
    }
}
