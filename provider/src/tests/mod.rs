//! The provider as Terraform sees it, without Terraform.

mod bad_input;
mod bedtime;
mod cluster;
mod drifting;
mod exporter;
mod floors;
mod flow;
mod foreseen;
mod functions;
mod half_way;
mod hand;
mod identity;
mod importing;
mod matrix;
mod measured;
mod messages;
mod moving;
mod offline;
mod older;
mod pains;
mod rights;
mod rollout;
mod silence;
mod sources;
mod unknown;
mod upgrade;

use tfplugin::testing::Driver;
use tfplugin::{Attr, Diagnostics, Map};

use crate::card::CardModel;
use crate::floor::FloorModel;
use crate::provider::{Gpu, Settings};
use crate::service::ServiceModel;
use crate::service::parts::{FrontModel, WindowModel};

pub(crate) const CARD: &str = "gpu_card";
pub(crate) const EXPORTER: &str = "gpu_exporter";
pub(crate) const FLOOR: &str = "gpu_vram_floor";
pub(crate) const SERVICE: &str = "gpu_windowed_service";

/// A provider whose cluster does not exist: the port is reserved and answers nobody.
pub(crate) async fn without_cluster() -> Driver<Gpu> {
    let driver = Driver::new(Gpu);
    let settings =
        Settings { host: "https://127.0.0.1:1".into(), token: "none".into(), ..Settings::default() };
    let said = driver.configure(&settings).await;
    assert!(said.is_empty(), "{said:?}");
    driver
}

pub(crate) fn texts(pairs: &[(&str, &str)]) -> Attr<Map<String>> {
    Attr::Known(pairs.iter().map(|(key, value)| ((*key).to_owned(), Attr::from(*value))).collect())
}

/// The card of the first seed.
pub(crate) fn t4() -> CardModel {
    let source = crate::card::SourceModel {
        dcgm: "http://dcgm-exporter.gpu-operator:9400/metrics".into(),
        ..Default::default()
    };
    CardModel {
        name: "gpu-1-0".into(),
        node: "gpu-1".into(),
        index: Attr::Known(0),
        source: Attr::Known(source),
        ..CardModel::default()
    }
}

/// The claim of the first seed.
pub(crate) fn claim() -> FloorModel {
    FloorModel {
        card: "gpu-1-0".into(),
        tenant: "tts/chatterbox-tts".into(),
        peak: "4GiB".into(),
        headroom: "2GiB".into(),
        ..FloorModel::default()
    }
}

pub(crate) fn window(start: &str, end: &str, zone: &str) -> Attr<Map<WindowModel>> {
    let window = WindowModel {
        start: start.into(),
        end: end.into(),
        time_zone: zone.into(),
        ..WindowModel::default()
    };
    Attr::Known([("night".to_owned(), Attr::Known(window))].into())
}

/// The tenant of the first seed.
pub(crate) fn chatterbox() -> ServiceModel {
    ServiceModel {
        namespace: "tts".into(),
        name: "chatterbox-tts".into(),
        vram_floor: "tts/chatterbox-tts".into(),
        image: "ghcr.io/example/chatterbox-tts:915ae289".into(),
        port: Attr::Known(8004),
        service: Attr::Known(FrontModel { port: Attr::Known(8000), ..FrontModel::default() }),
        windows: window("02:00", "06:00", "Europe/London"),
        config: texts(&[("/app/config.yaml", "server:\n  port: 8004\n")]),
        env: texts(&[("TTS_BF16", "off"), ("HF_HOME", "/data/hf_cache")]),
        ..ServiceModel::default()
    }
}

/// All messages as `path | summary | detail`, one a line.
pub(crate) fn told(diagnostics: &Diagnostics) -> String {
    let lines: Vec<String> =
        diagnostics.iter().map(|it| format!("{} | {} | {}", it.path, it.summary, it.detail)).collect();
    lines.join("\n")
}
