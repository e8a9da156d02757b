//! The seed's tenant as a person writes it in HCL, with what a test varies.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::card::NODE;
use crate::{FakeCard, Scratch};

/// The tenant `chatterbox-tts` on a card, in a namespace of its own.
#[derive(Debug, Clone)]
pub struct Example {
    /// The tenant's namespace.
    pub namespace: String,
    /// The tenant's name.
    pub name: String,
    /// The card's name.
    pub card: String,
    /// By what the card is known on its node, as HCL.
    pub device: String,
    /// Where the card's figures are.
    pub source: String,
    /// The image of the server.
    pub image: String,
    /// Its only window, start and end as `HH:MM` in UTC.
    pub window: (String, String),
    /// Its peak, as a person writes it.
    pub peak: String,
    /// Whether the card has a watcher.
    pub watch: bool,
    /// Lines added to the service's block.
    pub more: String,
    /// Attributes of the service that differ from the example's, as HCL expressions.
    pub settings: BTreeMap<&'static str, String>,
}

/// The expression of an attribute that is left out.
pub const UNSET: &str = "";

/// Tells the fake model which pod it is: a real server's memory is attributed
/// by the driver, a fake one has to say whose it is.
const WHO_AM_I: &str = r#"  pod_patch = jsonencode({ containers = [{ name = "server", env = [
    { name = "POD_NAME", valueFrom = { fieldRef = { fieldPath = "metadata.name" } } },
    { name = "POD_NAMESPACE", valueFrom = { fieldRef = { fieldPath = "metadata.namespace" } } },
  ] }] })"#;

/// The port that fake-model listens on.
pub const PORT: u16 = 8004;

impl Example {
    /// Asleep for hours to come.
    pub fn asleep(scratch: &Scratch, card: &str, source: &str) -> Self {
        Self {
            namespace: scratch.namespace.clone(),
            name: "chatterbox-tts".to_owned(),
            card: card.to_owned(),
            device: "index = 0".to_owned(),
            source: source.to_owned(),
            image: "gpu-tenancy.local/fake-model:dev".to_owned(),
            window: (in_minutes(360), in_minutes(600)),
            peak: "4GiB".to_owned(),
            watch: false,
            more: String::new(),
            settings: BTreeMap::new(),
        }
    }

    /// In the middle of its window, on a fake card.
    pub fn in_window(scratch: &Scratch, card: &FakeCard) -> Self {
        let mut example = Self::asleep(scratch, &card.name, &card.dcgm());
        example.window = (in_minutes(-5), in_minutes(240));
        example
    }

    /// The card alone.
    pub fn card_hcl(&self) -> String {
        self.card_hcl_as("t4")
    }

    /// The card's resource under another label, where a state has several.
    pub fn card_hcl_as(&self, label: &str) -> String {
        let Self { card, device, source, .. } = self;
        let watch = if self.watch { "\n  watch  = true" } else { "" };
        format!(
            r#"
resource "gpu_card" "{label}" {{
  name   = "{card}"
  node   = "{NODE}"
  {device}
  source = {{ dcgm = "{source}" }}{watch}
}}
"#
        )
    }

    /// The floor and the tenant, for a card of this or another state.
    pub fn tenant_hcl(&self, label: &str, card: &str) -> String {
        let Self { namespace, name, image, window: (start, end), peak, more, .. } = self;
        let mut attributes = BTreeMap::from([
            ("port", PORT.to_string()),
            ("service", "{ port = 8000 }".to_owned()),
            (
                "windows",
                format!(r#"{{ night = {{ start = "{start}", end = "{end}", time_zone = "UTC" }} }}"#),
            ),
            ("storage", r#"{ size = "1Gi", class = "local-stand-in", mount_path = "/data" }"#.to_owned()),
            ("config", format!(r#"{{ "/app/config.yaml" = "server:\n  port: {PORT}\n" }}"#)),
            ("env", r#"{ TTS_BF16 = "off", HF_HOME = "/data/hf_cache" }"#.to_owned()),
        ]);
        for (attribute, expression) in &self.settings {
            attributes.insert(attribute, expression.clone());
        }
        let lines: String = attributes
            .iter()
            .filter(|(_, expression)| *expression != UNSET)
            .map(|(attribute, expression)| format!("  {attribute} = {expression}\n"))
            .collect();
        format!(
            r#"
resource "gpu_vram_floor" "{label}" {{
  card     = {card}
  tenant   = "{namespace}/{name}"
  peak     = "{peak}"
  headroom = "2GiB"
}}

resource "gpu_windowed_service" "{label}" {{
  namespace  = "{namespace}"
  name       = "{name}"
  vram_floor = gpu_vram_floor.{label}.id
  image      = "{image}"
{lines}{more}
}}
"#
        )
    }

    /// Card, floor and tenant.
    pub fn hcl(&self) -> String {
        format!("{}{}", self.card_hcl(), self.tenant_hcl("chatterbox", "gpu_card.t4.id"))
    }

    /// The same with another line in the service's block.
    pub fn with(&self, line: &str) -> Self {
        let mut other = self.clone();
        other.more = format!("{}\n{line}", self.more);
        other
    }

    /// The same with one attribute as `expression`, or without it when that is [`UNSET`].
    pub fn set(&self, attribute: &'static str, expression: &str) -> Self {
        let mut other = self.clone();
        other.settings.insert(attribute, expression.to_owned());
        other
    }

    /// Lines that make the server a fake model of `load_mib` on `card`.
    pub fn loads(&self, card: &FakeCard, load_mib: u64) -> Self {
        let mut other = self.clone();
        other.more = format!(
            "{}\n  args = [\"--card-url\", \"{}\", \"--card\", \"{}\", \"--load-mib\", \"{load_mib}\", \"--load-seconds\", \"5\", \"--port\", \"{PORT}\"]\n{WHO_AM_I}",
            self.more,
            card.base(),
            card.name
        );
        other
    }
}

/// The time of day in so many minutes, `HH:MM` in UTC.
pub fn in_minutes(minutes: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()) as i64;
    let minute = (now / 60 + minutes).rem_euclid(1440);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
