//! The resources that go through the matrix, each in two shapes that an update leads between.

use serde_json::json;
use tfplugin::testing::Driver;
use tfplugin::{Attr, DataSource as _, Diagnostics, Model, Set};

use super::super::{CARD, EXPORTER, FLOOR, SERVICE, chatterbox, claim, t4, texts, window};
use crate::card::{CardModel, ResidentModel};
use crate::exporter::ExporterModel;
use crate::floor::FloorModel;
use crate::provider::Gpu;
use crate::service::ServiceModel;
use crate::service::parts::{FrontModel, NetworkModel, PeerModel, StorageModel, TimeoutsModel, WindowModel};
use crate::sources::card::{CardSource, CardSourceModel};
use crate::sources::status::{StatusModel, StatusSource};

/// How long an operation may take that nothing hinders: a namespace with a claim took eleven seconds to go
/// on an idle machine.
const PATIENCE: &str = "90s";
/// How long one may take in which a call hangs.
const HURRY: &str = "3s";

/// Names that no other circle and no other run uses.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The tenant's namespace, and the exporter's name.
    pub(super) namespace: String,
    pub(super) card: String,
    pub(super) other_card: String,
}

impl Names {
    /// What stands for them in calls.
    pub(super) fn stands(&self) -> [(&str, &'static str); 3] {
        [(&self.namespace, "NAMESPACE"), (&self.card, "CARD"), (&self.other_card, "OTHER")]
    }
}

/// A resource type in the matrix.
pub(super) trait Subject: Send + Sync + 'static {
    type Model: Model + Clone + Send + Sync;
    const TYPE: &'static str;

    /// Its id, by which its field manager is named.
    fn id(names: &Names) -> String;
    fn first(names: &Names) -> Self::Model;
    fn second(names: &Names) -> Self::Model;

    /// The same with little time, where the resource has a say in that.
    fn hurried(model: Self::Model) -> Self::Model {
        model
    }

    /// The first shape, put to sleep by hand; nothing of what cannot sleep.
    fn suspended(_names: &Names) -> Option<Self::Model> {
        None
    }

    /// What its data source says, and nothing where it has none.
    async fn look_up(_driver: &Driver<Gpu>, _names: &Names) -> Option<Diagnostics> {
        None
    }

    /// Its data source, as written into a configuration.
    fn data(_names: &Names) -> Option<serde_json::Value> {
        None
    }
}

async fn looked_up<M: Model>(driver: &Driver<Gpu>, type_name: &str, asked: &M) -> Diagnostics {
    match driver.look_up(type_name, asked).await {
        Ok((_, remarks)) => remarks,
        Err(refused) => refused,
    }
}

fn timeouts(length: &str) -> Attr<TimeoutsModel> {
    Attr::Known(TimeoutsModel { create: length.into(), update: length.into(), delete: length.into() })
}

/// `gpu_windowed_service`.
pub(super) struct Tenant;

impl Subject for Tenant {
    type Model = ServiceModel;
    const TYPE: &'static str = SERVICE;

    fn id(names: &Names) -> String {
        format!("{}/chatterbox-tts", names.namespace)
    }

    fn first(names: &Names) -> ServiceModel {
        let storage = StorageModel {
            mount_path: "/data".into(),
            size: "1Gi".into(),
            class: "local-stand-in".into(),
            deletion_policy: "delete".into(),
            ..StorageModel::default()
        };
        ServiceModel {
            namespace: names.namespace.as_str().into(),
            vram_floor: Self::id(names).as_str().into(),
            storage: Attr::Known(storage),
            timeouts: timeouts(PATIENCE),
            // Nothing of it ever runs: one that is awake has a pod that waits for a node.
            node_selector: texts(&[("gpu-tenancy.dev/matrix", "nowhere")]),
            ..chatterbox()
        }
    }

    /// Another pod, another CronJob in the place of one, and kinds that the first has not.
    fn second(names: &Names) -> ServiceModel {
        let peer = PeerModel { namespace: "chat".into(), ..PeerModel::default() };
        let network = NetworkModel {
            callers: Attr::Known([("chat".to_owned(), Attr::Known(peer))].into()),
            ..NetworkModel::default()
        };
        let Attr::Known(night) = window("02:00", "05:00", "Europe/London") else { unreachable!() };
        let windows = night.into_values().map(|it: Attr<WindowModel>| ("late".to_owned(), it)).collect();
        ServiceModel {
            image: "ghcr.io/example/chatterbox-tts:2".into(),
            config: texts(&[("/app/config.yaml", "server:\n  port: 8005\n")]),
            env: texts(&[("TTS_BF16", "on")]),
            service: Attr::Known(FrontModel { port: Attr::Known(9000), ..FrontModel::default() }),
            windows: Attr::Known(windows),
            quota: texts(&[("pods", "9")]),
            network: Attr::Known(network),
            ..Self::first(names)
        }
    }

    fn hurried(model: ServiceModel) -> ServiceModel {
        ServiceModel { timeouts: timeouts(HURRY), ..model }
    }

    fn suspended(names: &Names) -> Option<ServiceModel> {
        Some(ServiceModel { suspend: Attr::Known(true), ..Self::first(names) })
    }

    async fn look_up(driver: &Driver<Gpu>, names: &Names) -> Option<Diagnostics> {
        let asked = StatusModel { tenant: Self::id(names).as_str().into(), ..StatusModel::default() };
        Some(looked_up(driver, StatusSource::TYPE_NAME, &asked).await)
    }

    fn data(names: &Names) -> Option<serde_json::Value> {
        Some(json!({StatusSource::TYPE_NAME: {"looked": {"tenant": Self::id(names)}}}))
    }
}

/// `gpu_card`.
pub(super) struct Card;

impl Subject for Card {
    type Model = CardModel;
    const TYPE: &'static str = CARD;

    fn id(names: &Names) -> String {
        names.card.clone()
    }

    fn first(names: &Names) -> CardModel {
        CardModel { name: names.card.as_str().into(), ..t4() }
    }

    fn second(names: &Names) -> CardModel {
        let llama = ResidentModel {
            namespace: "llama".into(),
            pod_prefix: "llama-".into(),
            peak: "9GiB".into(),
            protected: Attr::Known(true),
        };
        CardModel {
            memory: "15GiB".into(),
            residents: Attr::Known([("llama".to_owned(), Attr::Known(llama))].into()),
            ..Self::first(names)
        }
    }

    async fn look_up(driver: &Driver<Gpu>, names: &Names) -> Option<Diagnostics> {
        let asked = CardSourceModel { name: names.card.as_str().into(), ..CardSourceModel::default() };
        Some(looked_up(driver, CardSource::TYPE_NAME, &asked).await)
    }

    fn data(names: &Names) -> Option<serde_json::Value> {
        Some(json!({CardSource::TYPE_NAME: {"looked": {"name": names.card}}}))
    }
}

/// `gpu_vram_floor`, which moves from one card to the other.
pub(super) struct Floor;

impl Subject for Floor {
    type Model = FloorModel;
    const TYPE: &'static str = FLOOR;

    fn id(names: &Names) -> String {
        Tenant::id(names)
    }

    fn first(names: &Names) -> FloorModel {
        FloorModel { card: names.card.as_str().into(), tenant: Self::id(names).as_str().into(), ..claim() }
    }

    fn second(names: &Names) -> FloorModel {
        FloorModel {
            card: names.other_card.as_str().into(),
            peak: "3GiB".into(),
            priority: Attr::Known(3),
            ..Self::first(names)
        }
    }
}

/// `gpu_exporter`, for nodes that no cluster has.
pub(super) struct Exporter;

impl Subject for Exporter {
    type Model = ExporterModel;
    const TYPE: &'static str = EXPORTER;

    fn id(names: &Names) -> String {
        names.namespace.clone()
    }

    fn first(names: &Names) -> ExporterModel {
        ExporterModel {
            name: names.namespace.as_str().into(),
            node_selector: texts(&[("gpu-tenancy.dev/matrix", "nowhere")]),
            ..ExporterModel::default()
        }
    }

    fn second(names: &Names) -> ExporterModel {
        ExporterModel {
            port: Attr::Known(9500),
            image_pull_secrets: Attr::Known(Set(vec!["mirror".into()])),
            ..Self::first(names)
        }
    }
}
